"""The program in a response."""

from __future__ import annotations

import re
from typing import Literal

Take = Literal["last_block", "first_block", "all_blocks", "whole"]

_PYTHON = frozenset({"", "python", "python3", "py"})
_FENCE = re.compile(r"([ \t]*)(`{3,}(?=[^`]*$)|~{3,})(.*)")


def program_in(text: str, take: Take, unclosed: bool = False) -> str | None:
    """The program that a response holds, or None.

    Args:
        text: The response.
        take: A fenced block of Python, or of no language: the last or first one, or all, one after the other; or all
            of the text.
        unclosed: Whether a block that the end of the text cuts off is one.
    """
    if take == "whole":
        return text if text.strip() else None
    blocks = [block for block in _fenced_blocks(text, unclosed) if block.strip()]
    if not blocks:
        return None
    if take == "all_blocks":
        return "".join(blocks)
    return blocks[-1 if take == "last_block" else 0]


def _fenced_blocks(text: str, unclosed: bool) -> list[str]:
    """The contents of the fenced blocks that are Python or of no language, in order, without their fence's indent."""
    blocks: list[str] = []
    fence, indent, language = "", "", ""
    lines: list[str] = []
    for line in text.split("\n"):  # and nowhere else: a text in a program may hold other ends of lines
        mark = line.strip()
        if not fence:
            if found := _FENCE.match(line.rstrip()):
                indent, fence, about = found.groups()
                language, lines = (about.split() or [""])[0].lower(), []
        elif mark.startswith(fence) and not mark.strip(fence[0]):
            blocks += _block(lines, language)
            fence = ""
        else:
            lines.append(line.removeprefix(indent))
    return blocks + (_block(lines, language) if fence and unclosed else [])


def _block(lines: list[str], language: str) -> list[str]:
    return ["\n".join(lines) + "\n"] if language in _PYTHON else []
