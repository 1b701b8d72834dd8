"""`stagerl score --compare`: where two verifiers disagree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from scored import Same, read_lines, row, write_lines

IN, OUT = Path("in.jsonl"), Path("out.jsonl")
Score = Callable[..., Result]
LOWER = "{same: {lower: true}}"
ROWS = [
    row("a"),
    row("A"),
    row("b"),
    row("fail"),
    row("of a long\n way [bold] to " + "say " * 60 + "C", "of a long\n way [bold] to " + "say " * 60 + "c"),
    {**row("A"), "data_source": "other"},
]


@pytest.fixture
def rows() -> Path:
    return write_lines(IN, *ROWS)


def test_a_table_by_data_source_and_examples(score: Score, tmp_path: Path) -> None:
    write_lines(IN, *ROWS)
    done = score(IN, "--compare", LOWER, "--reward", "other=same")
    assert done.exit_code == 0, done.stderr
    table, *examples = done.stdout.split("\n\n")
    assert [line.split() for line in table.splitlines()] == [
        [
            "data",
            "source",
            "rows",
            "both",
            "right",
            "both",
            "wrong",
            "only",
            "first",
            "only",
            "second",
            "not",
            "judged",
        ],
        ["math", "5", "1", "1", "0", "2", "1"],
        ["other", "1", "0", "0", "0", "1", "0"],
        ["all", "6", "1", "1", "0", "3", "1"],
    ]
    assert examples[0].splitlines() == [
        "only second: row 2 (math)",
        "  ground truth   a",
        "  response ends  A",
        "  first          wrong: said A",
        "  second         correct: said A",
    ]
    assert "of a long way [bold] to say say" in examples[1]
    assert "  response ends  " + " ".join(["say"] * 39) + " say C" in examples[1] or "say C" in examples[1]
    assert [example.split(": ")[1].splitlines()[0] for example in examples] == [
        "row 2 (math)",
        "row 5 (math)",
        "row 6 (other)",
    ]
    assert list(Path().iterdir()) == [IN]


def test_both_directions_have_examples_and_no_more_than_asked_for(score: Score) -> None:
    write_lines(IN, *(row("A") for _ in range(9)))
    done = score(IN, "--compare", "same", "--examples", 2, math=LOWER)
    assert done.stdout.count("only first: row") == 2
    assert "only second: row" not in done.stdout
    assert score(IN, "--compare", "same", "--examples", 0, math=LOWER).stdout.count("row ") == 0


def test_one_data_source_alone_can_be_compared(score: Score) -> None:
    write_lines(IN, *ROWS)
    done = score(IN, "--reward", "other=same", "--compare", f"other={LOWER}")
    assert done.stdout.splitlines()[1].split() == ["other", "1", "0", "0", "0", "1", "0"]
    assert Same.asked == ["A", "A"]


def test_both_verdicts_are_written_where_that_is_asked_for(score: Score) -> None:
    write_lines(IN, *ROWS)
    done = score(IN, "--reward", "other=same", "--compare", f"math={LOWER}", "--out", OUT)
    assert done.exit_code == 0, done.stderr
    _, second, *_, last = read_lines(OUT)
    assert (second["outcome"], second["compared_outcome"]) == ("wrong", "correct")
    assert (second["compared_score"], second["compared_detail"]) == (1.0, "said A")
    assert (last["outcome"], last["compared_outcome"]) == ("wrong", None)


def test_with_standard_output_the_table_is_on_standard_error(score: Score) -> None:
    write_lines(IN, ROWS[0])
    done = score(IN, "--compare", LOWER, "--out", "-")
    assert done.stdout.count("\n") == 1
    assert "both right" in done.stderr


NAMES = {"a[/b]": "a[/b]", "[red]": "[red]", ":smile:": ":smile:", "\x1b[2J\x07": "?[2J?", "two\nlines": "two lines"}


def test_what_a_data_set_or_a_model_wrote_is_shown_and_changes_no_terminal(score: Score) -> None:
    write_lines(IN, *[{**row("A \x1b[31m", "a \x1b[31m"), "data_source": name} for name in NAMES], row("a"))
    done = score(IN, "--compare", LOWER, "--reward", "same", "--out", OUT)
    assert done.exit_code == 0, done.stderr
    table, *examples = done.stdout.split("\n\n")
    shown = [line.rpartition(" 1 ")[0].split("  ")[0] for line in table.splitlines()[1:-1]]
    assert sorted(shown) == sorted([*NAMES.values(), "math"])
    assert examples[0].splitlines() == [
        "only second: row 1 (a[/b])",
        "  ground truth   a ?[31m",
        "  response ends  A ?[31m",
        "  first          wrong: said A ?[31m",
        "  second         correct: said A ?[31m",
    ]
    assert read_lines(OUT)[0]["detail"] == "said A \x1b[31m"
    done = score(IN, "--reward", "same", "--out", "other.jsonl")
    assert [name in done.stderr for name in NAMES.values()] == [True] * len(NAMES)
