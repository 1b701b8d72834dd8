"""`stagerl score`: rows come out in order, as they went in, with their verdicts."""

from __future__ import annotations

import codecs
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from scored import Same, read_lines, row, write_lines

IN, OUT = Path("in.jsonl"), Path("out.jsonl")
Score = Callable[..., Result]


def test_each_row_gets_its_verdict_and_keeps_all_else(score: Score) -> None:
    rows = [row("a", extra={"deep": [1, None]}), row("b", name="é", big=2**70), row("fail", price=1.5)]
    done = score(write_lines(IN, *rows), "--out", OUT)
    assert (done.exit_code, done.stdout) == (0, "")
    right, wrong, failed = read_lines(OUT)
    assert right == {**rows[0], "score": 1.0, "outcome": "correct", "detail": "said a"}
    assert wrong == {**rows[1], "score": 0.0, "outcome": "wrong", "detail": "said b"}
    detail = "reward 'same' of tests 1: raised RuntimeError: no idea"
    assert failed == {**rows[2], "score": None, "outcome": "not_judged", "detail": detail}
    assert "é" in OUT.read_text()
    assert sorted(Path().iterdir()) == [IN, OUT]


def test_the_summary_is_on_standard_error(score: Score) -> None:
    rows = [row("a"), row("b"), row("fail"), {**row("a"), "data_source": "other"}]
    done = score(write_lines(IN, *rows), "--out", OUT, "--reward", "other=same")
    lines = [line.split() for line in done.stderr.splitlines()]
    assert lines[-5:] == [
        ["data", "source", "rows", "mean", "score", "correct", "wrong", "not_judged"],
        ["math", "3", "0.500", "1", "1", "1"],
        ["other", "1", "1.000", "1", "0", "0"],
        ["all", "4", "0.667", "2", "1", "1"],
        ["scores", "are", "in", "out.jsonl"],
    ]


def test_rows_that_take_longer_hold_their_place(score: Score) -> None:
    texts = [f"{'wait' if place % 7 == 0 else 'go'} {place}" for place in range(2500)]
    score(write_lines(IN, *map(row, texts)), "--out", OUT)
    assert [one["response"] for one in read_lines(OUT)] == texts
    assert [one["detail"] for one in read_lines(OUT)] == [f"said {text}" for text in texts]


def test_scores_of_an_earlier_scoring_are_replaced(score: Score) -> None:
    score(write_lines(IN, row("a", score=7, outcome="great", detail=["x"])), "--out", OUT)
    (scored,) = read_lines(OUT)
    assert (scored["score"], scored["outcome"], scored["detail"]) == (1.0, "correct", "said a")


def test_parquet_keeps_its_types(score: Score) -> None:
    rows = [row("a" if place % 2 else "b", made=datetime.datetime(2024, 5, 1), raw=b"\xff") for place in range(2300)]
    table = pa.Table.from_pylist(rows).append_column("small", pa.array(range(2300), pa.int16()))
    table = table.append_column("kind", pa.array(["x", None] * 1150).dictionary_encode())
    pq.write_table(table.replace_schema_metadata({"made_by": "us"}), "in.parquet", row_group_size=700)
    assert score("in.parquet", "--out", "out.parquet").exit_code == 0
    scored = pq.read_table("out.parquet")
    added = scored.select(["score", "outcome", "detail"])
    assert scored.drop_columns(["score", "outcome", "detail"]).equals(table)
    assert scored.schema.metadata[b"made_by"] == b"us"
    assert added.schema.types == [pa.float64(), pa.string(), pa.string()]
    assert added["score"].to_pylist() == [float(place % 2) for place in range(2300)]
    assert score("out.parquet", "--out", "again.parquet").exit_code == 0
    assert pq.read_table("again.parquet").equals(scored)


def test_lines_become_parquet_and_parquet_becomes_lines(score: Score) -> None:
    rows = [row("a", only_here=None if place < 1500 else place, **{f"in_{place % 2}": 1}) for place in range(2000)]
    assert score(write_lines(IN, *rows), "--out", "out.parquet").exit_code == 0
    table = pq.read_table("out.parquet")
    assert table["only_here"].to_pylist() == [None] * 1500 + list(range(1500, 2000))
    assert table["in_1"].to_pylist() == [None, 1] * 1000
    assert score("out.parquet", "--out", OUT).exit_code == 0
    assert read_lines(OUT) == table.to_pylist()


UNFIT = {
    "texts and keys": [row("a", "x"), row("a", {"y": 1})],
    "a number that is too large for the fraction far below": [row("a", x=2**60 + 1)] * 1000 + [row("a", x=0.5)],
}


@pytest.mark.parametrize("rows", UNFIT.values(), ids=UNFIT.keys())
def test_lines_that_fit_into_no_columns_are_one_line(score: Score, rows: list[dict[str, Any]]) -> None:
    """Before any is judged."""
    done = score(write_lines(IN, *rows), "--out", "out.parquet")
    assert done.exit_code == 2
    assert done.stderr.startswith("stagerl: in.jsonl: its rows do not fit into columns: ")
    assert done.stderr.endswith(": write a .jsonl file\n")
    assert Same.asked == []


def test_columns_that_parquet_cannot_hold_are_one_line(score: Score) -> None:
    done = score(write_lines(IN, row("a", extra_info={}), row("b", extra_info={})), "--out", "out.parquet")
    assert done.exit_code == 2
    assert done.stderr.startswith("stagerl: in.jsonl: its rows do not fit into columns: Cannot write struct type")
    assert done.stderr.endswith(": write a .jsonl file\n")
    assert list(Path().iterdir()) == [IN]


def test_a_ground_truth_may_be_of_any_form(score: Score) -> None:
    truths: list[Any] = ["text", '{"inputs": ["1"]}', {"inputs": ["1"], "outputs": ["2"]}, ["a", "b"], 0.5, 0]
    score(write_lines(IN, *(row(json.dumps(truth), truth) for truth in truths)), "--out", OUT)
    assert [one["reward_model"]["ground_truth"] for one in read_lines(OUT)] == truths


def test_half_a_surrogate_pair_comes_out_as_it_went_in(score: Score) -> None:
    line = rb'{"data_source": "math", "reward_model": {"ground_truth": "\ud800"}, "response": "\ud800"}'
    assert score(write_lines(IN, line), "--out", OUT).exit_code == 0
    (scored,) = read_lines(OUT)
    assert (scored["response"], scored["score"]) == ("\ud800", 1.0)


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_no_rows_make_a_file_without_rows(score: Score, kind: str) -> None:
    path = Path(f"in.{kind}")
    if kind == "jsonl":
        path.write_text("")
    else:
        pq.write_table(pa.Table.from_pylist([row("a")])[:0], path)
    done = score(path, "--out", f"out.{kind}")
    assert done.exit_code == 0, done.stderr
    if kind == "parquet":
        names = ["data_source", "reward_model", "response", "score", "outcome", "detail"]
        assert pq.read_table("out.parquet").column_names == names
    else:
        assert Path("out.jsonl").read_text() == ""


def test_a_byte_order_mark_is_no_part_of_the_first_row(score: Score) -> None:
    rows = write_lines(IN, row("a"), row("b"))
    rows.write_bytes(codecs.BOM_UTF8 + rows.read_bytes())
    done = score(rows, "--out", OUT)
    assert done.exit_code == 0, done.stderr
    assert [one["score"] for one in read_lines(OUT)] == [1.0, 0.0]


def test_a_reward_without_a_source_is_for_all_rows(score: Score) -> None:
    rows = [row("a"), {**row("a"), "data_source": "chess"}]
    done = score(write_lines(IN, *rows), "--out", OUT, "--reward", "{same: {lower: true}}", math="{same: {}}")
    assert done.exit_code == 0, done.stderr
    assert [one["outcome"] for one in read_lines(OUT)] == ["correct", "correct"]
