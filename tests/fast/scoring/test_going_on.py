"""`stagerl score`: what was judged before an interruption is not judged again, and the result is the same."""

from __future__ import annotations

import fcntl
import json
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from scored import Same, row, write_lines

from stagerl_plugins.plugins import Plugins
from stagerl_plugins.scoring import journal

IN, OUT = Path("in.jsonl"), Path("out.jsonl")
JOURNAL = Path(".out.jsonl.verdicts")
Score = Callable[..., Result]
TEXTS = [f"text {place:02}" for place in range(50)]


@pytest.fixture
def undisturbed(score: Score) -> bytes:
    """The result of a whole scoring, which is removed."""
    assert score(write_lines(IN, *map(row, TEXTS)), "--out", OUT).exit_code == 0
    Same.asked.clear()
    written = OUT.read_bytes()
    OUT.unlink()
    return written


def stop_after(count: int, score: Score, **math: str) -> Result:
    """Have a scoring interrupted when so many verdicts are kept."""
    append = journal.Journal.append

    def interrupted(self: journal.Journal, verdicts: journal.Verdicts) -> None:
        if self.count == count:
            raise KeyboardInterrupt
        append(self, verdicts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal.Journal, "append", interrupted)
        return score(IN, "--out", OUT, **math)


@pytest.fixture
def stopped(score: Score, undisturbed: bytes) -> bytes:
    """A journal of 20 verdicts; returns what the result is to be."""
    done = stop_after(20, score)
    assert done.exit_code == 130
    kept = f"stagerl: stopped; 20 rows are kept in {JOURNAL}, the same command goes on from there\n"
    assert done.stderr.endswith(kept)
    assert sorted(Path().iterdir()) == [JOURNAL, IN]
    Same.asked.clear()
    return undisturbed


@pytest.mark.parametrize(
    "torn", [b"", b'[["wro', b'[["wrong", 0.0, "sa\n', b"\0\0\0\0\n", b"7\n", b'[["wrong", null, ""]]\n']
)
def test_the_rest_is_judged_and_the_result_is_the_same(score: Score, stopped: bytes, torn: bytes) -> None:
    with JOURNAL.open("ab") as file:
        file.write(torn)
    stop_after(35, score)
    assert JOURNAL.read_bytes().count(b"\n") == 36
    assert score(IN, "--out", OUT).exit_code == 0
    assert OUT.read_bytes() == stopped
    assert set(Same.asked) == set(TEXTS[20:])
    assert sorted(Path().iterdir()) == [IN, OUT]


def test_a_scoring_that_died_before_it_removed_its_journal_judges_nothing(score: Score, stopped: bytes) -> None:
    lines = [json.dumps([["wrong", 0.0, f"said {text}"]]) + "\n" for text in TEXTS[20:]]
    with JOURNAL.open("a") as file:
        file.writelines(lines)
    done = score(IN, "--out", OUT)
    assert (OUT.read_bytes(), Same.asked) == (stopped, [])
    assert "50" in done.stderr


def test_the_summary_counts_all_rows(score: Score, stopped: bytes) -> None:
    assert "math           50       0.000     50" in score(IN, "--out", OUT).stderr


@pytest.mark.parametrize("change", ["input", "reward"])
def test_something_else_is_refused(score: Score, stopped: bytes, change: str) -> None:
    if change == "input":
        write_lines(IN, *map(row, TEXTS[1:]))
    done = score(IN, "--out", OUT, math="{same: {lower: true}}" if change == "reward" else "same")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"stagerl: {JOURNAL} was begun with {change}")
    assert done.stderr.endswith(": repeat that command, or remove the file\n")
    assert JOURNAL.read_bytes().count(b"\n") == 21


def test_another_version_of_a_reward_is_something_else_also_where_another_one_asks_it(
    score: Score, undisturbed: bytes, found: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = "{weighted: {rewards: {answer: {reward: same}}}}"
    stop_after(20, score, math=spec)
    newer = replace(found.find("reward", "same"), version="2")
    monkeypatch.setitem(found.registrations, ("reward", "same"), newer)
    done = score(IN, "--out", OUT, math=spec)
    assert done.exit_code == 2
    change = "plugin same \"reward 'same' of tests 1\" (now \"reward 'same' of tests 2\")"
    assert done.stderr == f"stagerl: {JOURNAL} was begun with {change}: repeat that command, or remove the file\n"


@pytest.mark.parametrize("first", [b"[]\n", b"\0\0\n", b"\xff\n"])
def test_a_journal_that_says_not_what_it_is_of_is_refused(score: Score, stopped: bytes, first: bytes) -> None:
    JOURNAL.write_bytes(first + JOURNAL.read_bytes().partition(b"\n")[2])
    done = score(IN, "--out", OUT)
    line = f"stagerl: {JOURNAL} does not say what it was begun with: remove the file\n"
    assert (done.exit_code, done.stderr) == (2, line)


def test_two_at_once_are_refused(score: Score, undisturbed: bytes) -> None:
    with JOURNAL.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = score(IN, "--out", OUT)
    assert (done.exit_code, done.stderr) == (2, "stagerl: --out out.jsonl: another process is scoring into it\n")


@pytest.mark.parametrize("room", [0, 100, 600, 3000])
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(score: Score, undisturbed: bytes, room: int) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))  # of each file, as it cannot be of a disk
    try:
        done = score(IN, "--out", OUT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    last = done.stderr.splitlines()[-1]
    assert (done.exit_code, last) == (2, "stagerl: --out out.jsonl: cannot be written: File too large")
    assert score(IN, "--out", OUT).exit_code == 0
    assert OUT.read_bytes() == undisturbed
