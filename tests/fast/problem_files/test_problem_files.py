"""Problem files: verl's rows as they are, simple rows with verl's columns made for them, an id for each."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stagerl_plugins import Problems
from stagerl_plugins.errors import UserError
from stagerl_plugins.problem_files import INSTRUCTION, read_problems, write_table

VERL = {
    "data_source": "sums",
    "prompt": [{"role": "user", "content": "1+1="}],
    "ability": "arithmetic",
    "reward_model": {"style": "rule", "ground_truth": "2"},
}


def jsonl(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_verls_rows_stay_as_they_are_and_get_an_id(tmp_path: Path) -> None:
    (row,) = read_problems(jsonl(tmp_path, VERL)).to_pylist()
    assert {name: row[name] for name in VERL} == VERL
    assert isinstance(row["id"], str)


@pytest.mark.parametrize("text", ["problem", "question"])
def test_simple_rows_get_verls_columns(tmp_path: Path, text: str) -> None:
    (row,) = read_problems(jsonl(tmp_path, {text: "1+1?", "answer": 2, "source": "a book"})).to_pylist()
    assert row["prompt"] == [{"role": "user", "content": f"1+1?\n{INSTRUCTION}"}]
    assert row["reward_model"] == {"style": "rule", "ground_truth": "2"}
    assert (row["data_source"], row["ability"], row["source"]) == ("math", "math", "a book")


def test_of_an_answer_of_gsm8k_the_last_line_counts(tmp_path: Path) -> None:
    (row,) = read_problems(jsonl(tmp_path, {"question": "?", "answer": "16 - 3 = 13\n#### 13"})).to_pylist()
    assert row["reward_model"]["ground_truth"] == "13"


@pytest.mark.parametrize(
    ("answer", "truth"),
    [(7, "7"), (1e-07, "0.0000001"), (2.5, "2.5"), (["3", "5"], ["3", "5"]), ([1e-07], ["0.0000001"])],
)
def test_an_answer_may_be_a_number_or_several(tmp_path: Path, answer: Any, truth: Any) -> None:
    (row,) = read_problems(jsonl(tmp_path, {"question": "?", "answer": answer})).to_pylist()
    assert row["reward_model"]["ground_truth"] == truth


def test_simple_rows_keep_a_data_source_of_their_own(tmp_path: Path) -> None:
    row = {"problem": "?", "answer": "1", "data_source": "mine", "ability": "logic"}
    assert read_problems(jsonl(tmp_path, row)).select(["data_source", "ability"]).to_pylist() == [
        {"data_source": "mine", "ability": "logic"}
    ]


@pytest.mark.parametrize(
    "more", [{}, {"id": 7}, {"id": "seven"}, {"extra_info": {"id": "x"}}, {"extra_info": {"index": 3}}]
)
def test_ids_are_those_of_a_run(tmp_path: Path, more: dict[str, Any]) -> None:
    path = jsonl(tmp_path, {**VERL, **more})
    table = read_problems(path)
    before = pa.Table.from_pylist([{**VERL, **more}])
    assert table["id"].to_pylist() == list(Problems.from_table(table).ids) == list(Problems.from_table(before).ids)


def test_ids_are_the_same_in_parquet_and_jsonl(tmp_path: Path) -> None:
    lines = read_problems(jsonl(tmp_path, VERL))
    pq.write_table(pa.Table.from_pylist([VERL]), tmp_path / "problems.parquet")
    assert read_problems(tmp_path / "problems.parquet")["id"] == lines["id"]


def test_rows_with_an_id_alone_are_enough_to_make_levels(tmp_path: Path) -> None:
    assert read_problems(jsonl(tmp_path, {"id": "a", "pass_rate_p": 0.5}))["id"].to_pylist() == ["a"]


def test_an_id_does_not_depend_on_what_other_rows_have(tmp_path: Path) -> None:
    other = {**VERL, "prompt": [{"role": "user", "content": "hm?", "name": "me"}]}
    alone = read_problems(jsonl(tmp_path, VERL))["id"].to_pylist()
    assert read_problems(jsonl(tmp_path, VERL, other))["id"].to_pylist()[:1] == alone


def test_different_problems_may_not_have_one_id_but_one_problem_may_come_again(tmp_path: Path) -> None:
    one, other = ({**VERL, "id": "7", "prompt": [{"role": "user", "content": text}]} for text in ("1+1?", "1+2?"))
    assert len(Problems.from_table(read_problems(jsonl(tmp_path, one, one)))) == 1
    with pytest.raises(UserError, match="rows 1 and 2 are different problems with the id '7': make ids unique"):
        Problems.from_table(read_problems(jsonl(tmp_path, {**one, "id": "6"}, one, other)))


def test_lines_of_any_length_are_read_and_dates_stay_text(tmp_path: Path) -> None:
    rows = [{"problem": "?" * length, "answer": "2024-05-01"} for length in (10, 3_000_000, 10)]
    truths = read_problems(jsonl(tmp_path, *rows))["reward_model"].to_pylist()
    assert [truth["ground_truth"] for truth in truths] == ["2024-05-01"] * 3


def test_a_single_level_may_stand_without_a_list_and_extra_info_may_be_anything(tmp_path: Path) -> None:
    table = read_problems(jsonl(tmp_path, {**VERL, "extra_info": "none", "levels": "hard"}))
    assert list(Problems.from_table(table).levels) == ["hard"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"id": "a"}\n\n{"id": \n', "line 3: is no JSON"),
        (b'{"id": "a"}\n[1]\n', "line 2: expected a JSON object"),
        (b"\xff\xfe", "is not UTF-8"),
        (b'{"id": 1}\n{"id": "a"}', "its rows do not fit together"),
        (b'{"id": "\\ud800"}', "its rows do not fit together"),
        (b"[" * 100_000, "line 1: is no JSON"),
        (b"", "has no rows"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_problems(path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "1+1"}], "row 0 has neither `prompt` nor `id`: expected verl's columns, or `problem` and `answer`"),
        ([{"problem": "?", "answer": "1"}, {"problem": "?", "answer": None}], "row 1 has no answer"),
        ([{"question": None, "answer": "1"}], "row 0 has no question"),
        ([{"prompt": VERL["prompt"], "reward_model": {}}], "has no column data_source: expected verl's columns"),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_problems(jsonl(tmp_path, *rows))
    assert message in str(error.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder: name the files in it"):
        read_problems(tmp_path)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": pa.array([], pa.string())}), tmp_path / "none.parquet")
    with pytest.raises(UserError, match="has no rows"):
        read_problems(tmp_path / "none.parquet")


def test_a_table_is_written_whole(tmp_path: Path) -> None:
    table = pa.table({"a": [1]})
    write_table(table, tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet") == table
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
