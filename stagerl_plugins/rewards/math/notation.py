"""One spelling of LaTeX for what has several, of which Math-Verify reads one."""

from __future__ import annotations

import re

_SIGNS = str.maketrans(
    {
        "\u221e": r"\infty ",
        "\u222a": r"\cup ",
        "\u2229": r"\cap ",
        "\u2264": r"\le ",
        "\u2265": r"\ge ",
        "\u2208": r"\in ",
    }
    | {"\u00b0": r"^\circ ", "\u00d7": r"\times ", "\u00b7": r"\cdot ", "\u2205": r"\emptyset "}
    | {chr(0xFEE0 + ord(sign)): sign for sign in "0123456789()[]+-=,."}  # of the width of Chinese characters
)
_LOOKS = re.compile(
    r"\\(?:big|Big|bigg|Bigg)[lrm]?(?![A-Za-z])\s*"
    r"|\\(?:displaystyle|textstyle|underline|bf|rm|it|large|Large|LARGE|huge|Huge)(?![A-Za-z])\s*"
    r"|\\(?:text)?color\s*\{[^{}]*\}\s*"
)
_BRACKET = re.compile(r"\\[lr](brace|brack|paren)(?![A-Za-z])\s*")
_BRACKETS = {"brace": (r"\{", r"\}"), "brack": ("[", "]"), "paren": ("(", ")")}
_ROW_END = re.compile(r"\\\\\s*\[\s*-?[0-9.]+\s*(?:pt|ex|em|mm|cm)\s*\]")
_THIN_THOUSANDS = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\\[,;:!][0-9]{3})+(?![0-9])")
_WIDE_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?: [0-9]{3})+(?:\.[0-9]+)?")
_NO_WORDS = re.compile(r"\\(?:text|textbf|mathbf|mathrm|mbox)\s*\{((?:\\[{}]|[^{}\\A-Za-z])*)\}")
_END = re.compile(r"(?<!\\right)(?<![.\\])\.\Z|\\\\\Z")


def spelled(answer: str) -> str:
    """An answer without what only changes its looks, and in the signs, brackets and thousands that can be read."""
    text = _LOOKS.sub("", answer.translate(_SIGNS))
    text = _BRACKET.sub(lambda found: _BRACKETS[found[1]][found[0].startswith(r"\r")], text)
    text = _ROW_END.sub(r"\\\\", text.replace(r"\varnothing", r"\emptyset"))
    text = _THIN_THOUSANDS.sub(lambda found: re.sub(r"\\.", "", found[0]), text)
    text = _END.sub("", text.strip()).strip()
    if whole := _NO_WORDS.fullmatch(text):
        text = whole[1].strip()
    return text.replace(" ", "") if _WIDE_THOUSANDS.fullmatch(text) else text
