"""`stagerl score`: a malformed row, or a mistake in the command, is one line and status 2 before anything is judged."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from scored import Same, read_lines, row, write_lines

IN, OUT = Path("in.jsonl"), Path("out.jsonl")
Score = Callable[..., Result]
GOOD = row("a")


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in GOOD.items() if key != name}


MALFORMED = {
    b"{": "is no JSON: Expecting property name enclosed in double quotes at column 2",
    b'"a\xff"': "is not UTF-8 text",
    b"[1]": "expected a JSON object, got [1]",
    json.dumps(GOOD)[:-1].encode() + b', "response": "b"}': "has the key 'response' twice",
    json.dumps({**GOOD, "x": {"a": 1, "b": 2}}).replace("b", "a").encode(): "has the key 'a' twice",
    b"null": "expected a JSON object, got None",
    b"[" * 100_000: "is no JSON that can be read: ",
    b"1" * 5000: "is no JSON that can be read: ",
}
WRONG = [
    (without("response"), "has no response"),
    (row(None), "has no response"),
    (row(["a"]), "response: expected text, got ['a']"),
    (without("data_source"), "has no data_source"),
    ({**GOOD, "data_source": 1}, "data_source: expected text, got 1"),
    (without("reward_model"), "has no reward_model.ground_truth"),
    (row("a", None), "has no reward_model.ground_truth"),
    ({**GOOD, "reward_model": "a"}, "reward_model: expected keys and values, got 'a'"),
    ({**GOOD, "data_source": "mth"}, "no reward for data source 'mth': did you mean 'math'?"),
    ({**GOOD, "extra_info": "x"}, "extra_info: expected keys and values, got 'x'"),
]
EVERY = [*MALFORMED.items(), *WRONG]


@pytest.mark.parametrize(("bad", "reason"), EVERY, ids=[reason for _, reason in EVERY])
def test_a_malformed_row_is_told_with_its_number(score: Score, bad: dict[str, object] | bytes, reason: str) -> None:
    write_lines(IN, GOOD, b"", GOOD, bad, GOOD)
    done = score(IN, "--out", OUT)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"stagerl: in.jsonl, row 4: {reason}")
    assert done.stderr.count("\n") == 1
    assert Same.asked == []
    assert list(Path().iterdir()) == [IN]


@pytest.mark.parametrize(("bad", "reason"), EVERY, ids=[reason for _, reason in EVERY])
def test_malformed_rows_can_be_left_out_and_are_counted(
    score: Score, bad: dict[str, object] | bytes, reason: str
) -> None:
    write_lines(IN, GOOD, bad, row("b"), bad)
    done = score(IN, "--out", OUT, "--skip-bad")
    assert done.exit_code == 0
    assert f"2 malformed rows are left out; the first: in.jsonl, row 2: {reason}" in done.stderr
    assert [one["response"] for one in read_lines(OUT)] == ["a", "b"]


def test_two_columns_of_one_name_are_refused(score: Score) -> None:
    table = pa.Table.from_pylist([row("a")])
    pq.write_table(table.append_column("response", pa.array(["b"])), "in.parquet")
    done = score("in.parquet", "--out", "out.parquet")
    line = "stagerl: in.parquet: has two columns 'response': rename or remove one of them\n"
    assert (done.exit_code, done.stderr) == (2, line)


def test_rows_of_parquet_are_counted_across_groups(score: Score) -> None:
    rows = [row("a") for _ in range(1500)]
    rows[1234] = row(None)
    pq.write_table(pa.Table.from_pylist(rows), "in.parquet", row_group_size=500)
    done = score("in.parquet", "--out", "out.parquet")
    assert (done.exit_code, done.stderr) == (2, "stagerl: in.parquet, row 1235: has no response\n")
    assert score("in.parquet", "--out", "out.parquet", "--skip-bad").exit_code == 0
    assert len(pq.read_table("out.parquet")) == 1499


NO_TEXT = pa.Array.from_buffers(pa.string(), 3, pa.array([b"a", b"\xff", b"b"]).buffers())
NO_DATE = pa.array([0, 2**62, 0], pa.timestamp("us"))


@pytest.mark.parametrize(
    ("name", "column", "reason"),
    [
        ("response", NO_TEXT, "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ("extra_info", pa.StructArray.from_arrays([NO_DATE], ["made"]), "date value out of range"),
        ("made", NO_DATE, "date value out of range"),  # as JSON lines it cannot be written
    ],
)
def test_a_value_of_parquet_that_cannot_be_read_is_its_row_s(
    score: Score, name: str, column: pa.Array, reason: str
) -> None:
    table = pa.Table.from_pylist([row("a"), row("b"), row("a")])
    table = table.drop_columns([name] if name in table.column_names else []).append_column(name, column)
    pq.write_table(table, "in.parquet")
    done = score("in.parquet", "--out", OUT)
    line = f"in.parquet, row 2: {name}: cannot be read: {reason}"
    assert (done.exit_code, done.stderr, Same.asked) == (2, f"stagerl: {line}\n", [])
    done = score("in.parquet", "--out", OUT, "--skip-bad")
    assert done.exit_code == 0
    assert f"1 malformed rows are left out; the first: {line}" in done.stderr
    assert len(read_lines(OUT)) == 2


def test_what_no_line_can_hold_stays_in_parquet(score: Score) -> None:
    table = pa.Table.from_pylist([row("a")] * 3).append_column("made", NO_DATE).append_column("raw", NO_TEXT)
    pq.write_table(table, "in.parquet")
    assert score("in.parquet", "--out", "out.parquet").exit_code == 0
    assert pq.read_table("out.parquet").select(table.column_names).equals(table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.jsonl"], "--out is missing: name a file, or - for standard output"),
        (["none.jsonl", "--out", "out.jsonl"], "no such file: none.jsonl"),
        (["folder.jsonl", "--out", "out.jsonl"], "folder.jsonl: is a folder"),
        (["pipe.jsonl", "--out", "out.jsonl"], "pipe.jsonl: is no file: name a file, or - for standard input"),
        (["in.csv", "--out", "out.jsonl"], "in.csv: expected a .parquet or .jsonl file, or -"),
        (["in.jsonl", "--out", "out.csv"], "--out: out.csv: expected a .parquet or .jsonl file, or -"),
        (["in.jsonl", "--out", "folder.jsonl"], "--out folder.jsonl: is a folder"),
        (["in.jsonl", "--out", "./in.jsonl"], "--out in.jsonl: is the input: choose another name"),
        (["in.jsonl", "--out", "in.jsonl/out.jsonl"], "--out in.jsonl/out.jsonl: "),
        (["-", "--out", "out.parquet"], "--out out.parquet: the columns of standard input are not known ahead"),
        (["broken.parquet", "--out", "out.parquet"], "broken.parquet: cannot be read: "),
        (["in.jsonl", "--out", "out.jsonl", "--reward", "x=nothing"], "rewards.x: no reward is called 'nothing'"),
        (["in.jsonl", "--out", "out.jsonl", "--reward", "x=same"], "rewards.x: no problem has the data source 'x'"),
        (["in.jsonl", "--out", "out.jsonl", "--compare", "[1"], "--compare [1: is no valid YAML"),
        (
            ["in.jsonl", "--compare", "{same: {lowr: true}}"],
            "--compare: rewards.default.same.lowr: unknown key; did you",
        ),
        (["in.jsonl", "--compare", "x=same"], "--compare: rewards.x: no problem has the data source 'x'"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(score: Score, arguments: list[str], message: str) -> None:
    write_lines(IN, GOOD)
    Path("folder.jsonl").mkdir()
    os.mkfifo("pipe.jsonl")
    Path("broken.parquet").write_text("PAR1 or not")
    done = score(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"stagerl: {message}")
    assert done.stderr.count("\n") == 1
    assert Same.asked == []
    assert sorted(path.name for path in Path().iterdir()) == [
        "broken.parquet",
        "folder.jsonl",
        "in.jsonl",
        "pipe.jsonl",
    ]


def test_a_mistake_in_a_reward_that_another_asks_is_one_line_however_many_rows_wait_for_it(score: Score) -> None:
    write_lines(IN, *[GOOD] * 20)
    reward = "{weighted: {rewards: {answer: {reward: {same: {lowr: true}}}}}}"
    done = score(IN, "--out", OUT, math=reward)
    path = "rewards.math.weighted.rewards.answer.reward.same.lowr"
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"stagerl: {path}: unknown key; did you mean 'lower'?"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", [f"{'a' * 250}.jsonl", f"{'a' * 300}.jsonl", f"{'a' * 300}.parquet"])
def test_a_name_that_is_too_long_is_one_line(score: Score, name: str) -> None:
    write_lines(IN, GOOD)
    done = score(IN, "--out", name)
    assert (done.exit_code, done.stderr) == (2, f"stagerl: --out {name}: File name too long\n")
    if len(name) > 256:
        done = score(name, "--out", OUT)
        assert (done.exit_code, done.stderr) == (2, f"stagerl: {name}: cannot be read: File name too long\n")
    assert list(Path().iterdir()) == [IN]


@pytest.mark.parametrize("text", ["a" * 300, "~nobody-here/a"])
def test_an_option_s_text_that_could_be_no_file_is_a_text(score: Score, text: str) -> None:
    done = score(write_lines(IN, GOOD), "--out", OUT, math=f"{{format: {{pattern: '{text}'}}}}")
    assert (done.exit_code, [one["outcome"] for one in read_lines(OUT)]) == (0, ["bad_format"])
