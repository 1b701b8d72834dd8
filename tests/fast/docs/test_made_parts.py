"""The parts of pages that are made from the code are current, and the site builds without a warning."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from doc_pages import ROOT

from stagerl_plugins.cli import main
from stagerl_plugins.config import Config, Stage
from stagerl_plugins.plugins import load_plugins

DOCS = ROOT / "docs"
MADE = [path for path in sorted(DOCS.glob("*.md")) if "<!-- begin " in path.read_text()]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The module `docs/reference.py`."""
    sys.path.insert(0, str(DOCS))
    try:
        import reference
    finally:
        sys.path.pop(0)
    return reference


@pytest.mark.parametrize("page", MADE, ids=lambda path: path.name)
def test_made_parts_are_current(page: Path, reference: ModuleType) -> None:
    text = page.read_text()
    assert reference.refreshed(text) == text, "run `python docs/reference.py`"


def test_every_part_that_can_be_made_is_on_a_page(reference: ModuleType) -> None:
    used = {name for page in MADE for name in re.findall(r"<!-- begin ([\w-]+) -->", page.read_text())}
    assert used == reference.PARTS.keys()


def test_every_key_and_every_option_is_in_the_configuration_reference() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", (DOCS / "configuration.md").read_text(), re.MULTILINE))
    assert Config.model_fields.keys() | Stage.model_fields.keys() <= rows
    ours = [found for found in load_plugins().registrations.values() if found.distribution == "stagerl-plugins"]
    assert len(ours) > 10
    headings = (DOCS / "configuration.md").read_text()
    for found in ours:
        assert f"#### `{found.name}`" in headings
        assert found.options.model_fields.keys() <= rows


def test_every_command_is_in_the_reference() -> None:
    text = (DOCS / "commands.md").read_text()
    for name, command in main.commands.items():
        assert f"## stagerl {name}" in text
        for parameter in command.params:
            assert max(parameter.opts, key=len) in text or parameter.human_readable_name in text


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    pages = {path.stem for path in tmp_path.glob("*.html")} - {"404"}
    assert pages == {path.stem for path in DOCS.glob("*.md")}
    assert not [path for path in tmp_path.rglob("*.py*") if path.is_file()]
    fetched = re.compile(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)="https?://""")
    for path in tmp_path.glob("*.html"):
        assert not fetched.search(path.read_text()), f"{path.name} fetches something from elsewhere"


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text())
    assert len(links) > 8
    assert [link for link in links if not link.startswith("https:") and not (ROOT / link).exists()] == []
