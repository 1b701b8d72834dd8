"""Every key of `metrics.jsonl` and every column of `observations/` is documented, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from doc_pages import ROOT, blocks

from stagerl_plugins.run_folder import RunFolder
from stagerl_plugins.training import step_metrics
from stagerl_plugins.training.book import StepBook
from stagerl_plugins.training.stage_settings import Settings
from stagerl_plugins.types import Admission, Group, Outcome, PromptRequest, Rollout, Verdict

PAGE = ROOT / "docs" / "metrics.md"
STAND_INS = ("NAME", "SET", "PATH", "DOMAIN", "REASON", "METHOD")


@pytest.fixture(scope="module")
def book() -> StepBook:
    """A step with one group of one correct and one wrong rollout."""
    book = StepBook(3, "easy")
    entry = book.add(PromptRequest(0), 2, 64)
    verdicts = (Verdict(Outcome.CORRECT, 1.0, "7", {"length": 2.0}), Verdict(Outcome.WRONG, 0.0))
    entry.group = Group(0, "p", "easy", 3, tuple(Rollout(verdict, 5) for verdict in verdicts))
    entry.admission = Admission(True)
    return book


def first_cells(heading: str) -> set[str]:
    """The names in the first column of the table below a heading."""
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_number_of_a_step_is_documented(book: StepBook) -> None:
    settings = Settings(64, 2, 1.0, 0.0, 0.0, 1.0, True)
    written = step_metrics.of_step(book, settings).keys() | set(step_metrics.VERL_NUMBERS)
    shown = {name.replace("reward_part/length", "reward_part/NAME") for name in written}
    documented = first_cells("`metrics.jsonl`")
    assert shown <= documented
    rest = {name for name in documented - shown if not any(word in name for word in STAND_INS)}
    assert rest == {"step", "stage", "transition", "time/step", "curriculum/stage_index"}


def test_every_column_of_observations_is_documented(book: StepBook, tmp_path: Path) -> None:
    RunFolder(tmp_path).write_observations(book.record())
    table = pq.read_table(next((tmp_path / "observations").iterdir()))
    assert set(table.column_names) == first_cells("`observations/`")


def test_the_example_reads_observations(book: StepBook, tmp_path: Path) -> None:
    RunFolder(tmp_path).write_observations(book.record())
    namespace: dict[str, Any] = {}
    exec(next(block.text for block in blocks(PAGE) if block.language == "python"), namespace)  # noqa: S102
    assert namespace["solved_by_stage"](str(tmp_path)) == {"easy": 0.5}
