"""Levels: the paper's, those of one grader, and what holds for any rules."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagerl_plugins import Problems
from stagerl_plugins.difficulty.level_files import check_apart, write_levels
from stagerl_plugins.difficulty.levels import assign
from stagerl_plugins.difficulty.rule_files import Rules, parse_rules, read_rules
from stagerl_plugins.errors import UserError

NAN = float("nan")
GRADERS = ("p15", "p7", "p32", "r1")


def problems_of(rows: list[dict[str, Any]]) -> Problems:
    graders = sorted({name for row in rows for name in row} - {"id", "domain"})
    return Problems(
        ids=[row.get("id", str(index)) for index, row in enumerate(rows)],
        domains=[row.get("domain", "math") for row in rows],
        features={f"pass_rate_{name}": np.array([row.get(name, NAN) for row in rows]) for name in graders},
    )


def levels_of(rows: list[dict[str, Any]], rules: Rules) -> tuple[list[list[str]], list[str]]:
    """For each row its levels, and the reason why it has none."""
    found = assign(problems_of(rows), rules)
    levels = [[name for name, mask in found.members.items() if mask[index]] for index in range(len(rows))]
    return levels, list(found.reasons)


def graded(p15: float, p7: float, p32: float, r1: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"p15": p15, "p7": p7, "p32": p32, "r1": r1, **more}


@pytest.mark.parametrize(
    ("row", "levels"),
    [
        (graded(0.5, 1, 1, domain="other"), ["1"]),
        (graded(0.5, 0.5, 1, domain="other"), ["1", "2"]),
        (graded(0.5, 0, 1, domain="other"), ["1"]),
        (graded(0, 1, 1, domain="other"), ["2"]),
        (graded(0, 0.25, 1, domain="other"), ["2"]),
        (graded(0, 0, 0), ["3"]),
        (graded(0, 0, 0.5, domain="code"), ["3"]),
        (graded(0.5, 0.5, 0), ["1", "2", "3"]),
        (graded(1, 1, 0.5), ["3"]),
    ],
)
def test_the_papers_levels(row: dict[str, Any], levels: list[str]) -> None:
    assert levels_of([row], read_rules("paper")) == ([levels], [""])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (graded(0.5, 0.5, 0, r1=0), "never solved by r1"),
        (graded(1, 1, 1, domain="other"), "no level's rule holds"),
        (graded(NAN, 0.5, 0.5), "not graded: p15"),
        (graded(0, NAN, 0), "not graded: p7"),
        (graded(0.5, NAN, NAN), "not graded: p7"),
        (graded(0.5, 0.5, NAN), "not graded: p32"),
        (graded(0.5, 0.5, 0.5, r1=NAN), "not graded: r1"),
    ],
)
def test_what_the_papers_rules_drop(row: dict[str, Any], reason: str) -> None:
    assert levels_of([row], read_rules("paper")) == ([[]], [reason])


@pytest.mark.parametrize(("domain", "keep"), [("math", 0.5), ("code", 0.1)])
def test_level_3_keeps_the_papers_share_of_what_the_32b_grader_solves(domain: str, keep: float) -> None:
    rows = [graded(1, 1, 1, id=f"problem {index}", domain=domain) for index in range(4000)]
    levels, reasons = levels_of(rows, read_rules("paper"))
    kept = sum(found == ["3"] for found in levels)
    assert abs(kept - 4000 * keep) < 4 * math.sqrt(4000 * keep * (1 - keep))
    assert reasons.count("not among those that level 3 keeps") == 4000 - kept


def test_another_seed_keeps_others() -> None:
    rows = [{"p": 1.0, "id": str(index)} for index in range(200)]
    kept = [
        levels_of(rows, parse_rules({"seed": seed, "levels": {"solved": {"when": "p == 1", "keep": 0.5}}}, "rules"))[0]
        for seed in (0, 0, 1)
    ]
    assert kept[0] == kept[1] != kept[2]


def test_a_larger_share_keeps_all_that_a_smaller_one_kept() -> None:
    rows = [{"p": 1.0, "id": str(index)} for index in range(200)]
    small, large = (
        levels_of(rows, parse_rules({"levels": {"solved": {"when": "p == 1", "keep": keep}}}, "rules"))[0]
        for keep in (0.2, 0.6)
    )
    assert all(more or not less for less, more in zip(small, large, strict=True))
    assert small != large


def test_one_grader_thresholds_and_thirds() -> None:
    levels = {"easy": "0.5 <= p < 1", "hard": "0 < p < 0.5", "lowest": "quantile(p) < 0.33"}
    rules = parse_rules({"drop": {"never solved": "p == 0"}, "levels": levels}, "rules")
    rows = [{"p": rate} for rate in (0.0, 0.0, 0.0, 0.1, 0.6, 0.9)]
    found, reasons = levels_of(rows, rules)
    assert found == [[], [], [], ["hard", "lowest"], ["easy"], ["easy"]]  # thirds of the three that are left
    assert reasons[:3] == ["never solved"] * 3


def test_each_domain_may_have_graders_of_its_own() -> None:
    rules = parse_rules(
        {"levels": {"some": "(domain == 'math' and 0 < m7 < 1) or (domain == 'code' and 0 < c7 < 1)"}}, "rules"
    )
    rows = [{"m7": 0.5}, {"c7": 0.5, "domain": "code"}, {"m7": 0.5, "domain": "code"}]
    assert levels_of(rows, rules) == ([["some"], ["some"], []], ["", "", "not graded: c7"])


rates = st.sampled_from([0.0, 0.25, 0.5, 1.0, NAN])
any_rows = st.lists(
    st.fixed_dictionaries(dict.fromkeys(GRADERS, rates) | {"domain": st.sampled_from(["math", "code", "logic"])}),
    min_size=1,
    max_size=12,
).map(lambda rows: [{**row, "id": f"problem {index}"} for index, row in enumerate(rows)])
any_rules = st.sampled_from(
    [
        read_rules("paper"),
        parse_rules({"levels": {"a": "p15 > 0 or p7 > 0", "b": {"when": "not p32 == 1", "keep": 0.5}}}, "rules"),
        parse_rules({"levels": {"a": [{"when": "p15 < 1", "keep": 0}, "quantile(p7) >= 0.5"]}}, "rules"),
    ]
)


@settings(deadline=None)
@given(rows=any_rows, rules=any_rules)
def test_every_problem_is_in_a_level_or_dropped_with_a_reason(rows: list[dict[str, Any]], rules: Rules) -> None:
    for levels, reason in zip(*levels_of(rows, rules), strict=True):
        assert bool(levels) != bool(reason)


@settings(deadline=None)
@given(rows=any_rows, rules=any_rules, data=st.data())
def test_the_order_of_the_rows_does_not_matter(rows: list[dict[str, Any]], rules: Rules, data: st.DataObject) -> None:
    def by_id(rows: list[dict[str, Any]]) -> dict[str, tuple[list[str], str]]:
        return {row["id"]: found for row, *found in zip(rows, *levels_of(rows, rules), strict=True)}

    assert by_id(rows) == by_id(data.draw(st.permutations(rows)))


@settings(deadline=None)
@given(rows=any_rows)
def test_other_problems_do_not_matter_to_the_papers_rules(rows: list[dict[str, Any]]) -> None:
    together = levels_of(rows, read_rules("paper"))
    alone = [levels_of([row], read_rules("paper")) for row in rows]
    assert together == ([levels[0] for levels, _ in alone], [reasons[0] for _, reasons in alone])


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    named = [
        {
            "id": row["id"],
            "ability": row.get("domain", "math"),
            "prompt": [{"role": "user", "content": row["id"]}],
            "pass_rate_p": row["p"],
            "samples_p": 8,
        }
        for row in rows
    ]
    return pa.Table.from_pylist(named)


RULES = parse_rules({"drop": {"never solved": "p == 0"}, "levels": {"easy": "0.5 <= p", "all": "p > 0"}}, "mine.yaml")


def test_files_keep_all_columns_and_say_every_level_of_a_problem(tmp_path: Path) -> None:
    table = table_of([{"id": "a", "p": 0.0}, {"id": "b", "p": 0.25}, {"id": "c", "p": 0.75, "domain": "code"}])
    report = write_levels(table, RULES, tmp_path / "new" / "levels")
    easy = pq.read_table(tmp_path / "new" / "levels" / "level_easy.parquet")
    everything = pq.read_table(tmp_path / "new" / "levels" / "level_all.parquet")
    assert easy.to_pylist() == [{**table.to_pylist()[2], "levels": ["easy", "all"]}]
    assert everything["levels"].to_pylist() == [["all"], ["easy", "all"]]
    assert report == json.loads((tmp_path / "new" / "levels" / "levels.json").read_text())
    assert report["levels"] == {"easy": {"code": 1}, "all": {"code": 1, "math": 1}}
    assert report["mean_pass_rate"] == {"easy": {"p": 0.75}, "all": {"p": 0.5}}
    assert report["dropped"] == [{"row": 0, "id": "a", "domain": "math", "reason": "never solved"}]


def test_a_level_file_is_read_back_as_a_stages_problems(tmp_path: Path) -> None:
    write_levels(table_of([{"id": "b", "p": 0.25}, {"id": "c", "p": 0.75}]), RULES, tmp_path)
    tables = [pq.read_table(tmp_path / f"level_{name}.parquet") for name in ("easy", "all")]
    problems = Problems.from_table(pa.concat_tables(tables))
    assert set(problems.ids) == {"b", "c"}
    assert problems.levels["easy"][problems.index_of("c")]
    assert not problems.levels["easy"][problems.index_of("b")]


def test_a_repeated_problem_is_dropped_by_name(tmp_path: Path) -> None:
    report = write_levels(table_of([{"id": "a", "p": 0.5}, {"id": "a", "p": 0.5}]), RULES, tmp_path)
    assert report["dropped"] == [{"row": 1, "id": "a", "domain": "math", "reason": "repeats an earlier problem's id"}]
    assert len(pq.read_table(tmp_path / "level_all.parquet")) == 1


def test_an_empty_level_is_an_empty_file_with_all_columns(tmp_path: Path) -> None:
    report = write_levels(table_of([{"id": "a", "p": 0.25}]), RULES, tmp_path)
    assert report["levels"]["easy"] == {}
    empty = pq.read_table(tmp_path / "level_easy.parquet")
    assert len(empty) == 0
    assert empty.schema == pq.read_schema(tmp_path / "level_all.parquet")


def test_a_level_that_is_empty_for_want_of_its_domain_is_a_misspelt_one(tmp_path: Path) -> None:
    table = table_of([{"id": "a", "p": 0.25}])
    write_levels(
        table, parse_rules({"levels": {"a": ["domain == 'code'", "domain != 'logic'"]}}, "mine.yaml"), tmp_path
    )
    with pytest.raises(UserError) as error:
        write_levels(table, parse_rules({"levels": {"a": "domain == 'maths' and p < 1"}}, "mine.yaml"), tmp_path)
    assert str(error.value).endswith("no problem has the domain 'maths': did you mean 'math'?")


def test_pass_rates_that_are_text_are_told(tmp_path: Path) -> None:
    table = table_of([{"id": "a", "p": "0.25"}])
    with pytest.raises(UserError) as error:
        write_levels(table, RULES, tmp_path)
    line = "mine.yaml: drop.never solved: the column 'pass_rate_p' holds no numbers, but string"
    assert str(error.value) == line


def test_files_of_levels_that_are_gone_are_removed_and_others_stay(tmp_path: Path) -> None:
    table = table_of([{"id": "a", "p": 0.25}])
    write_levels(table, RULES, tmp_path)
    (tmp_path / "level_notes.txt").write_text("mine")
    write_levels(table, parse_rules({"levels": {"all": "p > 0"}}, "rules"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["level_all.parquet", "level_notes.txt", "levels.json"]


def test_the_graded_problems_may_not_lie_among_the_levels(tmp_path: Path) -> None:
    check_apart(tmp_path / "graded.parquet", tmp_path)
    check_apart(tmp_path / "level_all.parquet", tmp_path / "levels")
    with pytest.raises(UserError, match=r"holds .*level_all\.parquet itself"):
        check_apart(tmp_path / "x" / ".." / "level_all.parquet", tmp_path)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "mine.yaml: levels: expected a mapping, name: condition"),
        ({"levels": {}}, "mine.yaml: levels: names no level"),
        ({"level": {"a": "p > 0"}}, "mine.yaml: level: unknown key; did you mean 'levels'?"),
        ({"levels": {"a": 3}}, "mine.yaml: levels.a: expected a condition such as '0 < p15 < 1', got 3"),
        ({"levels": {"a": []}}, "mine.yaml: levels.a: has no condition"),
        ({"levels": {"a/b": "p > 0"}}, "mine.yaml: levels: 'a/b' cannot be part of a file's name"),
        ({"levels": {"..": "p > 0"}}, "mine.yaml: levels: '..' cannot be part of a file's name"),
        ({"levels": {"a": ["p > 0", "p >"]}}, "mine.yaml: levels.a[1]: 'p >': invalid syntax"),
        ({"levels": {"a": {"keep": 0.5}}}, "mine.yaml: levels.a: when: is missing"),
        ({"levels": {"a": {"when": "p > 0", "kep": 0.5}}}, "levels.a: kep: unknown key; did you mean 'keep'?"),
        ({"levels": {"a": {"when": "p > 0", "keep": 50}}}, "levels.a.keep: expected a share between 0 and 1, got 50"),
        ({"levels": {1: "p > 0", "1": "p > 1"}}, "mine.yaml: levels: two keys are the same text"),
        ({"levels": {"a": "p > 0"}, "seed": "x"}, "mine.yaml: seed: expected a whole number, got 'x'"),
        ({"levels": {"a": "p > 0"}, "drop": ["p == 0"]}, "mine.yaml: drop: expected a mapping, reason: condition"),
    ],
)
def test_wrong_rules_are_refused_in_one_line(raw: dict[Any, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        parse_rules(raw, "mine.yaml")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_rules_file_names_those_we_ship() -> None:
    with pytest.raises(UserError, match="no such file: papr"):
        read_rules("papr")


def test_a_problem_that_one_clause_leaves_out_may_still_be_undecided_by_another() -> None:
    rules = parse_rules({"levels": {"a": [{"when": "p15 == 1", "keep": 0}, "p7 > 0"]}}, "rules")
    rows = [{"p15": 1.0, "p7": rate} for rate in (0.0, 0.5, NAN)]
    levels, reasons = levels_of(rows, rules)
    assert levels == [[], ["a"], []]
    assert reasons == ["not among those that level a keeps", "", "not graded: p7"]
