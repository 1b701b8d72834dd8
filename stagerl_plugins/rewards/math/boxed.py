"""Find the answer that a response put in its last `\\boxed{}`."""

from __future__ import annotations

import re

_OPENING = re.compile(r"\\boxed\s*\{")
_ESCAPE_OR_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def last_boxed(text: str) -> str | None:
    """The content of the last `\\boxed{...}`, or None if there is none or if it is cut off.

    Braces may be nested; escaped ones (`\\{`) do not count. Time is linear in the length of the text.
    """
    start = _last_opening(text)
    if start is None:
        return None
    depth = 1
    for token in _ESCAPE_OR_BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(token.group(), 0)
        if depth == 0:
            return text[start : token.start()]
    return None


def _last_opening(text: str) -> int | None:
    """Where the content of the last box begins: looked for from the end, as that is where responses have it."""
    place = len(text)
    while (place := text.rfind(r"\boxed", 0, place)) >= 0:
        if opening := _OPENING.match(text, place):
            return opening.end()
    return None
