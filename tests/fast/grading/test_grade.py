"""Grading as a whole, with a scripted engine: what it writes, how it goes on, what it refuses."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_engine import Crash, ScriptedEngine

from stagerl_plugins import Problems
from stagerl_plugins.errors import UserError
from stagerl_plugins.grading.grade import Graded, grade
from stagerl_plugins.grading.options import GradeOptions
from stagerl_plugins.grading.partial import PartialGrading
from stagerl_plugins.plugins import Plugins

OPTIONS = GradeOptions(model="org/model", grader="p", samples=4, batch_size=2, rewards={"default": {"scripted": {}}})
Write = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path, plugins: Plugins) -> Callable[..., Graded]:
    """Grades into `out.parquet`, unless told otherwise."""

    def run(problems: Path, engine: ScriptedEngine, out: str = "out.parquet", **changes: Any) -> Graded:
        rollouts = changes.pop("rollouts", None)
        options = replace(OPTIONS, **changes)
        return grade(problems, tmp_path / out, options, plugins, rollouts=rollouts, make_engine=lambda *_: engine)

    return run


def test_columns_of_a_grader(problem_file: Write, run: Callable[..., Graded], tmp_path: Path) -> None:
    scripts = {
        "solved": ["right"] * 4,
        "mixed": ["right", "wrong", "half", "minus"],
        "lost": ["lost", "right", "lost", "wrong"],
        "all lost": ["lost"] * 4,
    }
    engine = ScriptedEngine(scripts)
    graded = run(problem_file(*scripts), engine)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["pass_rate_p"].to_pylist() == [1.0, 0.375, 0.5, None]
    assert table["samples_p"].to_pylist() == [4, 4, 2, 0]
    assert table["successes_p"].to_pylist() == [4, 1, 1, 0]
    mixed = [engine.complete(request) for request in engine.asked[0] if request.problem == "mixed"]
    assert table["response_length_p"][1].as_py() == sum(one.tokens for one in mixed) / 4
    assert table["truncated_p"][1].as_py() == sum(one.truncated for one in mixed) / 4
    assert graded.table.equals(table)
    assert graded.outcomes == {"not_judged": 6, "correct": 6, "wrong": 3, "partial": 1}
    assert not (tmp_path / "out.parquet.partial").exists()
    assert engine.closed == 1


def test_a_reward_may_take_all_rollouts_of_a_problem(problem_file: Write, run: Callable[..., Graded]) -> None:
    engine = ScriptedEngine()
    graded = run(problem_file("a", "b", "c"), engine, rewards={"default": {"shortest_of_four": {}}})
    lengths = [[engine.complete(request).tokens for request in batch] for batch in engine.asked]
    groups = [batch[n : n + 4] for batch in lengths for n in range(0, len(batch), 4)]
    assert graded.table["pass_rate_p"].to_pylist() == [group.count(min(group)) / 4 for group in groups]


def test_batches_and_seeds_of_requests(problem_file: Write, run: Callable[..., Graded]) -> None:
    engine = ScriptedEngine()
    run(problem_file("a", "b", "c"), engine)
    assert [[(r.problem, r.sample) for r in batch] for batch in engine.asked] == [
        [(problem, sample) for problem in batch for sample in range(4)] for batch in ("ab", "c")
    ]
    assert len({request.seed for batch in engine.asked for request in batch}) == 12
    assert engine.started["a"] == [{"role": "user", "content": "problem a"}]


@settings(max_examples=20, deadline=None)
@given(
    count=st.integers(1, 9),
    batch_size=st.integers(1, 4),
    crashes=st.lists(st.integers(0, 3), max_size=4),
)
def test_a_killed_grading_goes_on_and_ends_with_the_same(
    count: int, batch_size: int, crashes: list[int], plugins: Plugins
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        problems = folder / "problems.parquet"
        rows = [
            {
                "id": str(number),
                "data_source": "some",
                "prompt": [{"role": "user", "content": str(number)}],
                "reward_model": {"ground_truth": f"answer {number}"},
            }
            for number in range(count)
        ]
        pq.write_table(pa.Table.from_pylist(rows), problems)
        options = replace(OPTIONS, batch_size=batch_size)

        def run(out: str, engine: ScriptedEngine) -> ScriptedEngine:
            path = folder / f"{out}.parquet"
            grade(problems, path, options, plugins, None, folder / f"{out}.rollouts", lambda *_: engine)
            return engine

        undisturbed = run("undisturbed", ScriptedEngine())
        asked = []
        for crash_in in crashes:
            engine = ScriptedEngine(crash_in=crash_in)
            try:
                run("killed", engine)
            except Crash:
                asked += engine.asked[:-1]  # the last batch was lost
            else:
                asked += engine.asked
        asked += run("killed", ScriptedEngine()).asked
        assert asked == undisturbed.asked
        for suffix in ("parquet", "rollouts"):
            killed, whole = (pq.read_table(folder / f"{out}.{suffix}") for out in ("killed", "undisturbed"))
            assert killed.equals(whole, check_metadata=True)


def test_rollouts_can_be_kept(problem_file: Write, run: Callable[..., Graded], tmp_path: Path) -> None:
    run(problem_file("a"), ScriptedEngine({"a": ["right 1", "lost 2", "wrong 3", "half 4"]}), rollouts=tmp_path / "r")
    kept = pq.read_table(tmp_path / "r").to_pylist()
    assert [(row["id"], row["sample"], row["response"], row["outcome"], row["score"]) for row in kept] == [
        ("a", 0, "right 1", "correct", 1.0),
        ("a", 1, "lost 2", "not_judged", None),
        ("a", 2, "wrong 3", "wrong", 0.0),
        ("a", 3, "half 4", "partial", 0.5),
    ]
    assert kept[1]["detail"].endswith("on purpose")


def test_a_second_grader_keeps_the_columns_of_the_first(
    problem_file: Write, run: Callable[..., Graded], tmp_path: Path
) -> None:
    run(problem_file("a", "b"), ScriptedEngine({"a": ["right"] * 4, "b": ["wrong"] * 4}))
    first = pq.read_table(tmp_path / "out.parquet")
    run(tmp_path / "out.parquet", ScriptedEngine({"a": ["half"] * 4, "b": ["right"] * 4}), grader="q")  # in place
    both = pq.read_table(tmp_path / "out.parquet")
    assert both.select(first.column_names).equals(first)
    assert both["pass_rate_q"].to_pylist() == [0.5, 1.0]
    assert set(Problems.from_table(both).feature_names) >= {"pass_rate_p", "pass_rate_q", "truncated_q"}
    assert both.schema.metadata.keys() == {b"stagerl_grader_p", b"stagerl_grader_q"}


def test_a_grader_may_be_replaced_in_another_file(
    problem_file: Write, run: Callable[..., Graded], tmp_path: Path
) -> None:
    run(problem_file("a"), ScriptedEngine({"a": ["right"] * 4}))
    run(tmp_path / "out.parquet", ScriptedEngine({"a": ["wrong"] * 4}), out="new.parquet", seed=1)
    assert pq.read_table(tmp_path / "new.parquet")["pass_rate_p"].to_pylist() == [0.0]


def test_a_grader_that_ended_before_we_had_the_lock_keeps_its_columns(
    problem_file: Write, run: Callable[..., Graded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(problem_file("a"), ScriptedEngine())
    ours = GradeOptions.fingerprint

    def meanwhile(options: GradeOptions, problems: Any) -> dict[str, Any]:  # the table is read, the lock not yet taken
        if options.grader == "r":
            run(tmp_path / "out.parquet", ScriptedEngine(), grader="q")
        return ours(options, problems)

    monkeypatch.setattr(GradeOptions, "fingerprint", meanwhile)
    run(tmp_path / "out.parquet", ScriptedEngine(), grader="r")
    assert {"pass_rate_p", "pass_rate_q", "pass_rate_r"} <= set(pq.read_schema(tmp_path / "out.parquet").names)


def test_one_file_for_rollouts_and_pass_rates_is_refused(
    problem_file: Write, run: Callable[..., Graded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^--rollouts new/\.\./b\.parquet: is the --out: choose another name$"):
        run(problem_file("a"), ScriptedEngine(), out="b.parquet", rollouts=Path("new/../b.parquet"))
    assert not (tmp_path / "b.parquet").exists()


def test_rollouts_of_what_is_done_are_refused_if_they_were_not_kept(
    problem_file: Write, run: Callable[..., Graded], tmp_path: Path
) -> None:
    run(problem_file("a"), ScriptedEngine(), rollouts=tmp_path / "new" / "r.parquet")
    run(problem_file("a"), ScriptedEngine(), rollouts=tmp_path / "new" / "r.parquet")
    with pytest.raises(UserError, match="is finished and its responses are not kept"):
        run(problem_file("a"), ScriptedEngine(), rollouts=tmp_path / "other.parquet")
    with pytest.raises(UserError, match="exists and holds no rollouts"):
        run(problem_file("b"), ScriptedEngine(), out="b.parquet", rollouts=problem_file("b"))
    with pytest.raises(UserError, match="--rollouts"):
        run(problem_file("b"), ScriptedEngine(), out="b.parquet", rollouts=tmp_path / "out.parquet" / "r.parquet")


def test_a_work_folder_that_a_kill_left_beside_the_result_goes(
    problem_file: Write, run: Callable[..., Graded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(PartialGrading, "remove", lambda _: None)
        run(problem_file("a"), ScriptedEngine())
    assert (tmp_path / "out.parquet.partial").exists()
    run(problem_file("a"), ScriptedEngine())
    assert not (tmp_path / "out.parquet.partial").exists()


def test_another_code_of_the_reward_or_other_extra_info_is_another_grading(
    problem_file: Write, run: Callable[..., Graded], tmp_path: Path
) -> None:
    reward = tmp_path / "reward.py"
    reward.write_text("def compute_score(data_source, solution_str, ground_truth, extra_info): return 1.0")
    rewards = {"default": {"verl_function": {"path": str(reward)}}}
    run(problem_file("a", extra_info={"n": 1}), ScriptedEngine(), rewards=rewards)
    with pytest.raises(UserError, match="made otherwise"):
        run(problem_file("a", extra_info={"n": 2}), ScriptedEngine(), rewards=rewards)
    reward.write_text("def compute_score(data_source, solution_str, ground_truth, extra_info): return 0.0")
    with pytest.raises(UserError, match="made otherwise"):
        run(problem_file("a", extra_info={"n": 1}), ScriptedEngine(), rewards=rewards)


def test_what_is_done_is_not_done_again(problem_file: Write, run: Callable[..., Graded]) -> None:
    problems = problem_file("a")
    first = run(problems, ScriptedEngine())
    engine = ScriptedEngine()
    again = run(problems, engine)
    assert again.table.equals(first.table)
    assert not engine.started


def test_problems_that_leave_no_room_are_not_graded(
    problem_file: Write, run: Callable[..., Graded], capsys: pytest.CaptureFixture[str]
) -> None:
    graded = run(problem_file("a", "long", "b"), ScriptedEngine(too_long=["long"]))
    assert [value is None for value in graded.table["pass_rate_p"].to_pylist()] == [False, True, False]
    assert graded.table["samples_p"].to_pylist()[1] == 0
    assert "1 problems leave no room for a response and are not graded" in capsys.readouterr().err


def test_a_repeated_problem_is_asked_once(problem_file: Write, run: Callable[..., Graded]) -> None:
    engine = ScriptedEngine()
    graded = run(problem_file("a", "a"), engine)
    assert len(engine.asked[0]) == 4
    assert len(set(graded.table["pass_rate_p"].to_pylist())) == 1
    assert len(graded.table) == 2


def test_ctrl_c_says_what_is_kept(problem_file: Write, run: Callable[..., Graded], tmp_path: Path) -> None:
    engine = ScriptedEngine(crash_in=1, crash=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt, match=r"1 of 2 batches are kept in .*out.parquet.partial, the same command"):
        run(problem_file("a", "b", "c"), engine)
    assert engine.closed == 1
    assert not (tmp_path / "out.parquet").exists()


def test_a_changed_option_is_refused(problem_file: Write, run: Callable[..., Graded]) -> None:
    problems = problem_file("a", "b", "c")
    with pytest.raises(Crash):
        run(problems, ScriptedEngine(crash_in=1))
    with pytest.raises(UserError, match=r"was begun with temperature 1.0 \(now 0.5\): repeat that command, or remove"):
        run(problems, ScriptedEngine(), temperature=0.5)
    with pytest.raises(UserError, match="was begun with problems"):
        run(problem_file("a", "b", "c", "d"), ScriptedEngine())
    run(problem_file("a", "b", "c"), ScriptedEngine())


def test_an_option_may_change_as_long_as_nothing_is_finished(problem_file: Write, run: Callable[..., Graded]) -> None:
    with pytest.raises(Crash):
        run(problem_file("a"), ScriptedEngine(crash_in=0))
    run(problem_file("a"), ScriptedEngine(), temperature=0.5)


def test_only_one_process_may_grade_into_a_file(problem_file: Write, run: Callable[..., Graded]) -> None:
    problems = problem_file("a")

    class Second(ScriptedEngine):
        async def start(self, prompts: Any) -> list[str]:
            with pytest.raises(UserError, match="another process is grading into it"):
                run(problems, ScriptedEngine())
            return await super().start(prompts)

    run(problems, Second())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "1+1="}, "row 0: prompt: expected a list of messages with role and content, got '1+1='"),
        ({"reward_model": {"style": "rule"}}, "row 0: reward_model: has no ground_truth"),
        ({"reward_model": None}, "row 0: reward_model: has no ground_truth"),
    ],
)
def test_a_problem_that_cannot_be_graded_is_named(
    problem_file: Write, run: Callable[..., Graded], row: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as error:
        run(problem_file("a", **row), ScriptedEngine())
    assert message in str(error.value)


def test_what_would_be_lost_is_not_overwritten(problem_file: Write, run: Callable[..., Graded], tmp_path: Path) -> None:
    problems = problem_file("a")
    run(problems, ScriptedEngine())
    with pytest.raises(UserError, match=r"has pass rates of 'p' made otherwise: choose another --grader or --out"):
        run(problems, ScriptedEngine(), seed=1)
    with pytest.raises(UserError, match=r"exists: remove it, or choose another name"):
        run(problems, ScriptedEngine(), grader="q")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(UserError, match="exists and is no parquet file"):
        run(problems, ScriptedEngine(), out="text.parquet")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": "out.csv"}, "expected a .parquet file"),
        ({"grader": "qwen-7b"}, "--grader 'qwen-7b': must be a word"),
        ({"grader": "not"}, "--grader 'not': must be a word"),
        ({"grader": "domain"}, "--grader 'domain': must be a word"),
        ({"model": "./nowhere"}, "model ./nowhere: no such folder"),
        ({"rewards": {"other": {"scripted": {}}}}, "no reward for data source 'some'"),
        ({"rewards": {"default": {"scriptd": {}}}}, "did you mean 'scripted'?"),
    ],
)
def test_what_is_refused_before_a_model_is_loaded(
    problem_file: Write, run: Callable[..., Graded], changes: dict[str, Any], message: str
) -> None:
    engine = ScriptedEngine()
    with pytest.raises(UserError) as error:
        run(problem_file("a"), engine, **changes)
    assert message in str(error.value)
    assert not engine.started


def test_a_file_without_verls_columns_is_named(run: Callable[..., Graded], tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": "a", "prompt": [{"role": "user", "content": "?"}]}\n')
    with pytest.raises(UserError, match="has no column data_source or reward_model: expected verl's columns"):
        run(tmp_path / "p.jsonl", ScriptedEngine())
