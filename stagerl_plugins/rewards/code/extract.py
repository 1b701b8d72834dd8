"""The program in a response."""

from __future__ import annotations

from typing import Literal

Take = Literal["last_block", "first_block", "whole"]

_PYTHON = frozenset({"", "python", "python3", "py"})


def program_in(text: str, take: Take) -> str | None:
    """The program that a response holds, or None.

    Args:
        text: The response.
        take: A fenced block of Python, or of no language: the last or first one that is closed; or all of the text.
    """
    if take == "whole":
        return text if text.strip() else None
    blocks = [block for block in _fenced_blocks(text) if block.strip()]
    if not blocks:
        return None
    return blocks[-1 if take == "last_block" else 0]


def _fenced_blocks(text: str) -> list[str]:
    """The contents of the closed fenced blocks that are Python or of no language, in order."""
    blocks: list[str] = []
    fence, language = "", ""
    lines: list[str] = []
    for line in text.splitlines():
        mark = line.strip()
        if not fence:
            if mark.startswith(("```", "~~~")):
                fence = mark[: len(mark) - len(mark.lstrip(mark[0]))]
                words = mark[len(fence) :].split()
                language, lines = words[0].lower() if words else "", []
        elif mark.startswith(fence) and not mark.strip(fence[0]):
            if language in _PYTHON:
                blocks.append("\n".join(lines) + "\n")
            fence = ""
        else:
            lines.append(line)
    return blocks
