"""The lines that the troubleshooting page explains are lines that the code can print."""

from __future__ import annotations

import ast
import re

import pytest
from doc_pages import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
LINES = re.findall(r"^### `(.+)`$", PAGE.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Every text in the source, an f-string with `…` for what it fills in."""
    found = []
    for path in (ROOT / "stagerl_plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%[sd]", "…", node.value))
    return found


def test_there_are_lines() -> None:
    assert len(LINES) > 15


@pytest.mark.parametrize("line", LINES)
def test_the_line_is_in_the_code(line: str, texts: list[str]) -> None:
    wanted = re.compile(".*".join(re.escape(part) for part in line.split("…")))
    assert any(wanted.search(text) for text in texts)
