"""The program in a response."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

Take = Literal["last_block", "first_block", "all_blocks", "whole"]

_PYTHON = re.compile(r"[ \t]*(?:\{[ \t]*)?\.?(?:python|py)[0-9.]*(?![\w+#-])", re.IGNORECASE)
_AROUND = r"(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+|<[\w|/]+>[ \t]*)"  # an item of a list, a tag
_FENCE = re.compile(rf"([ \t]*{_AROUND}*)(`{{3,}}(?=[^`]*$)|~{{3,}})(.*)")
_LOOSE = re.compile(rf"```{_PYTHON.pattern}[^\n`]*\n(.*?)(```|\Z)", re.DOTALL | re.IGNORECASE)
_END = re.compile(r"([`~]+)\s*(?:<[\w|/]+>\s*)*")
_THOUGHT = "</think>"  # ends a block that was left open before it
_CODE = re.compile(r"""#.*|\"\"\"|'''|"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?""")
_STRING = {quote: re.compile(rf"\\.|{quote}") for quote in ('"""', "'''")}


def program_in(text: str, take: Take, unclosed: bool = False) -> str | None:
    """The program that a response holds, or None.

    Args:
        text: The response.
        take: The last or first fenced block, or all, one after the other, or all of the text. Blocks that are marked
            as Python count; if there is none, those without a language, else those whose fence stands beside text.
        unclosed: Whether a block that the end of the text cuts off is one.
    """
    if take == "whole":
        return text if text.strip() else None
    found = [(marked, block) for marked, block in _fenced_blocks(text, unclosed) if block.strip()]
    blocks = [block for marked, block in found if marked] or [block for _, block in found]
    if not blocks:  # fences in the middle of lines are none in Markdown, and meant so
        loose = _LOOSE.findall(text)
        blocks = [block for block, fence in loose if block.strip() and (fence or unclosed)]
    if not blocks:
        return None
    if take == "all_blocks":
        return "".join(blocks)
    return blocks[-1 if take == "last_block" else 0]


def _fenced_blocks(text: str, unclosed: bool) -> Iterator[tuple[bool, str]]:
    """The fenced blocks of Python, marked so or of no language, in order, without their fence's indent."""
    lines = text.split("\n")  # and nowhere else: a text in a program may hold other ends of lines
    begin, strings = 0, True
    while begin < len(lines):
        opens = _FENCE.match(lines[begin].rstrip())
        begin += 1
        if not opens:
            continue
        indent, fence, about = opens.groups()
        marked = _PYTHON.match(about) is not None
        python = marked or not about.strip()
        end, ended = _end_of_block(lines, begin, fence, strings and python)
        strings = strings and ended  # after a string without end in a program it is not looked for again
        thought = end < len(lines) and _ends_thought(lines[end])
        closed = end < len(lines) and not thought
        if python and (closed or unclosed):
            yield marked, _without_indent(lines[begin:end], re.sub(r"[^ \t]", " ", indent))
        begin = end if thought else end + 1  # where a thought ends another block may begin


def _without_indent(lines: list[str], indent: str) -> str:
    """A block without its fence's indent, if it has it from its first line on."""
    if not next(filter(str.strip, lines), "").startswith(indent):
        indent = ""
    return "\n".join(line.removeprefix(indent) for line in lines) + "\n"


def _end_of_block(lines: list[str], begin: int, fence: str, strings: bool) -> tuple[int, bool]:
    """Where a block ends: at the first fence that is in none of its strings (looked for if `strings`), if there is one.

    Else at its first fence, or the last line. And whether it ends outside of a string.
    """
    first, quote = len(lines), ""
    for place in range(begin, len(lines)):
        mark = lines[place].strip()
        ends = _END.fullmatch(mark) if mark.startswith(fence) else None
        if _ends_thought(mark) or (ends and not ends[1].strip(fence[0])):
            if not quote:
                return place, True
            first = min(first, place)
        elif strings:
            quote = _quote_after(lines[place], quote)
    return first, False


def _ends_thought(line: str) -> bool:
    """Whether a thought ends where this line begins or ends, as no line of a program does; a fence ends its block."""
    mark = line.strip()
    return mark.startswith(_THOUGHT) or (mark.endswith(_THOUGHT) and not _END.fullmatch(mark))


def _quote_after(line: str, quote: str) -> str:
    """The quotes of the string of many lines that this line ends in, or none; `quote` are those that it begins in."""
    place = 0
    while found := (_STRING[quote] if quote else _CODE).search(line, place):
        place = found.end()
        if found[0] == quote:
            quote = ""
        elif not quote and found[0] in _STRING:
            quote = found[0]
    return quote
