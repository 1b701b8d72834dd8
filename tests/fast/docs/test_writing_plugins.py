"""The package of the page on writing plugins works: found by its entry points, it passes its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from doc_pages import ROOT, blocks, write_titled


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files, made known as an installer would make them."""
    folder = tmp_path_factory.mktemp("my_curriculum")
    write_titled(ROOT / "docs" / "writing-plugins.md", folder)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"my_curriculum-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    entries = "".join(f"{key} = {value}\n" for key, value in project["entry-points"]["stagerl_plugins"].items())
    (info / "entry_points.txt").write_text(f"[stagerl_plugins]\n{entries}")
    return folder


def run(package: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(package)}
    return subprocess.run(
        [sys.executable, *command], cwd=package, env=environment, capture_output=True, text=True, timeout=120
    )


def test_its_plugins_pass_its_contract_tests(package: Path) -> None:
    done = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout


def test_every_file_of_it_is_an_entry_point_or_a_test(package: Path) -> None:
    entries = (package / "my_curriculum-0.1.dist-info" / "entry_points.txt").read_text()
    modules = [path.stem for path in package.glob("*.py")]
    assert len(modules) == 12
    assert all(f"= {name}\n" in entries or name.startswith("test_") for name in modules)


def test_the_first_plugin_has_fifteen_lines(package: Path) -> None:
    lines = (package / "hardest_first.py").read_text().splitlines()
    code = [line for line in lines if line.strip()]
    assert len(code) == 15


def test_the_watcher_writes_what_it_sees(package: Path) -> None:
    program = """
from stagerl_plugins import Move, Transition
from stagerl_plugins.plugins import load_plugins
load_plugins().emit("stage_started", print, transition=Transition(3, "easy", "hard", Move.ADVANCE, "enough"))
"""
    assert run(package, "-c", program).stdout == ""
    assert (package / "stages.jsonl").read_text() == '{"step": 3, "stage": "hard", "why": "enough"}\n'


def test_the_readme_shows_the_same_plugin(package: Path) -> None:
    readme = next(block for block in blocks(ROOT / "README.md") if block.language == "python")
    assert readme.text == (package / "hardest_first.py").read_text()
