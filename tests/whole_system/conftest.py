"""Whole-system tests: marked as such, with problem files that all of them share."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import HERE, sums, write_rows

LONGEST = "test_kill_and_resume.py"  # seven starts of verl


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in Path(item.fspath).parents:
            item.add_marker(pytest.mark.whole_system)
    items.sort(key=lambda item: item.path.name != LONGEST)  # or it would be left to run alone


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Problem files: easy and hard ones to train on, held-out ones to validate on."""
    folder = tmp_path_factory.mktemp("problems")
    mixed = {"domain": lambda number: "code" if number % 3 == 0 else "math"}
    return {
        "train": write_rows(folder / "train.parquet", sums(60, (3, 4), "easy") + sums(60, (6, 7), "hard", **mixed)),
        "held_out": write_rows(folder / "held_out.parquet", sums(8, (3,), "held-easy") + sums(8, (7,), "held-hard")),
    }
