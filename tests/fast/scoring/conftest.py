"""`stagerl score` with the reward `same`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from scored import Same, SamePlugin

from stagerl_plugins import plugins
from stagerl_plugins.cli import main

Score = Callable[..., Result]


@pytest.fixture(scope="session")
def found() -> plugins.Plugins:
    """All plugins, and the reward `same`."""
    found = plugins.load_plugins()
    found.add(SamePlugin(), "tests", "1")
    return found


@pytest.fixture
def score(found: plugins.Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Score:
    """Runs `stagerl score` with the reward `same` in place of math, in a folder of its own."""
    monkeypatch.setattr(plugins, "load_plugins", lambda: found)
    monkeypatch.chdir(tmp_path)
    Same.asked.clear()

    def run(*arguments: object, math: str = "same") -> Result:
        return CliRunner().invoke(main, ["score", *map(str, arguments), "--reward", f"math={math}"])

    return run
