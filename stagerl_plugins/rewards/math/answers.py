"""What the text of an answer says before any mathematics: its percent sign, elements, letter and words."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import deque

TEXT_COMMAND = r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mbox|operatorname)(?![A-Za-z])\s*"
_TEXT_COMMAND = re.compile(TEXT_COMMAND)
_ALL_TEXT = re.compile(rf"{TEXT_COMMAND}\{{([^{{}}]*)\}}")
_WORDS = re.compile(rf"{TEXT_COMMAND}\{{[^{{}}]*[A-Za-z][^{{}}]*\}}")
_NOT_PLAIN = re.compile(r"[{}^_*]")
_MIXED = re.compile(r"(?<=[0-9]) (?=[0-9]+/[0-9])")
_SIZE = re.compile(r"\\(?:left|right)(?![A-Za-z])|\\!")
_BLANK = re.compile(r"(?:\s|~|\\[,;: ]|\\q?quad(?![A-Za-z]))+")
_LETTER = re.compile(r"[(\[]?\s*([A-Za-z])\s*(?:[)\]]\s*[.:]?|[.:]|$)\s*(.*)", re.DOTALL)
_MORE_LETTERS = re.compile(r"(?:and|or)\b|[,;/&]")
_PERCENT = re.compile(
    r"(?:\\?%|\{\s*\\?%\s*\}|(?<![A-Za-z\\])(?:percent(?:age)?|pct)"
    rf"|{TEXT_COMMAND}\{{\s*(?:percent(?:age)?|pct|\\?%)\s*(?:\.\s*)?\}})\Z"
)
MINUS = str.maketrans("\u2212\u2013\u2012\ufe63\uff0d", "-----")  # minus signs and short dashes
_NUMBER = re.compile(
    r"(?P<minus>(?<![\w.)}\]$])-\\?\$|(?<![\w.)}\]])-|(?<=[=(:])-\s|(?<=[=(:]\s)-\s)?"  # after a term it subtracts
    r"(?<![A-Za-z0-9._^])(?<![_^]\{)(?<!\^-)(?<!\^\{-)"  # m^2 is a unit
    r"(?P<digits>(?:[0-9]{1,3}(?:(?:,|\{,\}|\\,)[0-9]{3})+(?![0-9])|[0-9]+|(?=\.[0-9]))(?:\.[0-9]+)?)"
    r"(?:[eE](?P<e>[+-]?[0-9]+)(?![A-Za-z0-9])"
    r"|\s?(?:\\times|\\cdot|[\u00d7\u00b7*x])\s?10\s?\^\s?\{?(?P<ten>[+-]?[0-9]+)\}?"
    r"|\s?\^\s?\{?(?P<power>-?[0-9]+)\}?|/(?P<below>[0-9]+))?"
    r"(?P<percent>\s?\\?%)?"
)
_NAME = re.compile(r"(?<![\\<>!])=|\\in(?![A-Za-z])")
_AND = re.compile(r",?\s*(?:\\text\s*\{\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z]))")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")
_BASE = re.compile(r"(?<=[0-9])_\{?([0-9]+)")
_BLANK_OR_ROW = re.compile(r"(\\\\)?" + _BLANK.pattern)
_NOT_BETWEEN_DIGITS = re.compile(r"(?<![0-9]) | (?![0-9])")
_ONE_IN_BRACES = re.compile(r"(?<!\\)\{([0-9A-Za-z])\}")
_NAMED = re.compile(r"([A-Za-z])\s*=([^=<>]+)")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?:([ap])\.?m)?")
_TOKEN = re.compile(r"\\.|[()\[\]{},;]", re.DOTALL)
_OPENING = frozenset({"(", "[", "{", r"\{"})
_CLOSING = frozenset({")", "]", "}", r"\}"})


def words(text: str) -> str:
    """An answer's text without LaTeX's text commands, blanks, capitals and a full stop at the end."""
    return _BLANK.sub("", _MIXED.sub("+", _readable(text))).casefold().rstrip(".")


def repeats(answer: str, truth: str) -> bool:
    """Whether an answer is the words of a ground truth, in text commands or not: `June 5` for `\\text{June 5}`.

    Beside other words both must be plain: without its braces `2^{10}` is `2^10`.
    """
    if words(answer) != words(truth):
        return False
    plain = not any(_NOT_PLAIN.search(_ALL_TEXT.sub("", text)) for text in (answer, truth))
    return _WORDS.fullmatch(truth.strip()) is not None or (
        plain and bool(_WORDS.search(truth) or _WORDS.search(answer))
    )


def same_text(one: str, other: str) -> bool:
    """Whether two answers are the same text but for blanks and the sizes of brackets and fractions."""
    return _bare(one) == _bare(other)


def _bare(text: str) -> str:
    text = _SIZE.sub("", text).replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    text = _ONE_IN_BRACES.sub(r" \1", text)
    return _NOT_BETWEEN_DIGITS.sub("", _BLANK_OR_ROW.sub(r"\1 ", text))


def other_bases(one: str, other: str) -> bool:
    """Whether both of two answers name bases, and not the same: `52_8` and `52_9`."""
    bases, others = set(_BASE.findall(one)), set(_BASE.findall(other))
    return bool(bases and others) and bases != others


def same_time(truth: str, answer: str) -> bool | None:
    """Whether two times of day are the same, as far as both name its half; None if the ground truth is none.

    `4:13` may be a ratio, `10:15` would be one that is not reduced.
    """
    one, other = (_CLOCK.fullmatch(words(_SIZE.sub("", text))) for text in (truth, answer))
    if one is None or other is None:
        return None
    (hours, minutes), others = map(int, one.group(1, 2)), tuple(map(int, other.group(1, 2)))
    if not one[3] and minutes >= 10 and math.gcd(hours, minutes) == 1:
        return None
    return (hours, minutes) == others and (one[3] or other[3]) == (other[3] or one[3])


def values_of_letters(text: str) -> list[list[str]]:
    """The values of `q = 5, p = 2` in the orders that a tuple of them may have: as written, or of their letters."""
    pieces, _, _ = _split(_AND.sub(",", _BLANK.sub(" ", text)), 0)
    named = [_NAMED.fullmatch(piece) for piece in pieces]
    values = {found[1]: found[2].strip() for found in named if found}
    if len(values) < 2 or len(values) != len(named):
        return []
    return [list(values.values()), [values[letter] for letter in sorted(values)]]


def letter(text: str, choices: str) -> str | None:
    """The choice that an answer begins with: `B`, `(B)`, `\\text{b}`, `B. 42`; None where it names none or several."""
    found = _LETTER.fullmatch(_readable(text))
    if found is None or found.group(1).upper() not in choices:
        return None
    rest = found.group(2)
    another = _LETTER.fullmatch(rest)
    several = _MORE_LETTERS.match(rest) or (another and another.group(1).upper() in choices)
    return None if several else found.group(1).upper()


def _readable(text: str) -> str:
    text = _TEXT_COMMAND.sub("", unicodedata.normalize("NFKC", text))
    return _BLANK.sub(" ", re.sub(r"[{}$*]", "", text)).strip()


def last_number(text: str) -> str | None:
    """The last number of a response, such as `-1,234.5`, `3/4`, `2^{10}` or `50%`, as LaTeX; None if there is none.

    It has its sign, also a Unicode one, unless that subtracts it from what stands before. `1e-3` is `1 \\cdot 10^{-3}`.
    """
    last = deque(_NUMBER.finditer(text.translate(MINUS)), maxlen=1)
    if not last:
        return None
    found = last[0]
    digits = re.sub(r"\{,\}|\\,", ",", found["digits"])
    number = ("-" if found["minus"] else "") + digits
    if tens := found["e"] or found["ten"]:
        number = rf"{number} \cdot 10^{{{tens}}}"
    elif found["power"]:
        number = f"{number}^{{{found['power']}}}"
    elif found["below"]:
        number = f"{number.replace(',', '')}/{found['below']}"
    return number + (found["percent"] or "")


def unwrapped(text: str) -> str:
    """An answer without the dollars, the one text command and the full stop that are around all of it."""
    if text.strip().startswith("$") and re.search(r"[^\\]\$\s*(?:\.\s*)?\Z", text):
        text = text.lstrip("$ \n").rstrip("$. \n")
    text = text.strip(" \n").rstrip(". \n")
    whole = _ALL_TEXT.fullmatch(text)
    return text if whole is None else whole.group(1).rstrip(". ")


def percentage(text: str) -> str | None:
    """What stands before the percent sign, or word, at an answer's end: `50` of `50\\%`; None if it ends in none."""
    text = unwrapped(text)
    sign = _PERCENT.search(text)
    number = "" if sign is None else text[: sign.start()].rstrip("\\,~ ")
    return number if number and "%" not in number else None


def elements(text: str) -> tuple[str, list[str]]:
    """The brackets around an answer, as two characters, and what they hold: `(1, 2]` is `(]` with `1` and `2`.

    There are no brackets around `1, 2`, nor around one element unless it is a set. What stands before a last `=` or
    `\\in` is left out.
    """
    text = _BLANK.sub(" ", _SIZE.sub("", _NAME.split(text)[-1]))
    text = _AND.sub(",", text).replace("{,}", "").strip(" $")
    if _THOUSANDS.fullmatch(text):
        return "", [text]
    opening = next((one for one in (r"\{", "(", "[") if text.startswith(one)), "")
    held, closing, end = _split(text, len(opening))
    brackets = opening[-1:] + closing[-1:]
    if end == len(text) and len(brackets) == 2 and (len(held) > 1 or brackets == "{}"):
        return brackets, held
    return "", _split(text, 0)[0]


def _split(text: str, start: int) -> tuple[list[str], str, int]:
    """The pieces between commas up to the bracket that closes one more than was opened; that bracket; where it ends."""
    pieces, depth = [], 0
    for token in _TOKEN.finditer(text, start):
        sign = token.group()
        if sign in _OPENING:
            depth += 1
        elif sign in _CLOSING and depth:
            depth -= 1
        elif depth == 0 and (sign in _CLOSING or sign in ",;"):
            pieces.append(text[start : token.start()].strip())
            start = token.end()
            if sign in _CLOSING:
                return pieces, sign, start
    return [*pieces, text[start:].strip()], "", len(text)
