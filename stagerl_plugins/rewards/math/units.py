"""The unit of an answer: words at its end, or a sign."""

from __future__ import annotations

import re
import unicodedata

from stagerl_plugins.rewards.math.answers import TEXT_COMMAND, percentage, unwrapped

CURRENCIES = {"$": "dollars", "\u20ac": "euros", "\u00a3": "pounds", r"\pounds": "pounds", r"\euro": "euros"}
_MONEY = re.compile(
    rf"(?P<minus>-?)\s*(?:{TEXT_COMMAND}\{{\s*)?\\?(?P<sign>\$|\u20ac|\u00a3|\\pounds|\\euro)\s*(?:\}}\s*)?(?=[-\d.\\])"
)
_DEGREES = re.compile(r"(?:\^\s*(?:\{\s*)?\\circ(?:\s*\})?|\u00b0|\\degree)\s*\Z")
_BRACED = rf"{TEXT_COMMAND}\{{(?P<braced>(?:[^{{}}]|\{{[^{{}}]*\}})*)\}}"
_BARE = r"(?:(?<=[\d\s}~])|(?<=\\[,;:]))(?P<bare>[A-Za-z]+(?:(?:/|[ ~])[A-Za-z]+){0,3}[\u00b2\u00b3]?)"
_POWER = r"\s*(?:\^\s*(?:\{\s*)?(?P<power>-?\d)(?:\s*\})?)?\Z"
_BRACED_UNIT = re.compile(_BRACED + _POWER)
_ANY_UNIT = re.compile(f"(?:{_BRACED}|{_BARE}){_POWER}")
_ANY_BRACED = re.compile(_BRACED)
_COUNTED = re.compile(
    r"([+-]?[0-9][0-9.,/]*|[+-]?\\[dt]?frac\{[0-9]+\}\{[0-9]+\})(?:"
    r"(?:[ ~]|\\[,;: ])+"
    r"(?!(?:hundred|thousand|million|billion|trillion|dozen|squared|cubed|factorial|plus|minus|over)(?![A-Za-z]))"
    r"(?:[A-Za-z]{3,}|[A-Za-z]+/[A-Za-z]+)(?:[ ~]+[A-Za-z]+){0,3}"
    r"|\s*(?![\u5341\u767e\u5343\u4e07\u4ebf\u5146])[\u4e00-\u9fff]+)"  # ten to a trillion are no units
)
_NO_LETTER = re.compile(r"\\[,;: ]|[\s~.^$(){}]")


def without_words(truth: str, answer: str) -> str:
    """The number of `18 eggs`, where the ground truth has no letters that these could be the product of."""
    counted = _COUNTED.fullmatch(unwrapped(answer))
    if counted is None or percentage(answer) or re.search(r"(?<![\\A-Za-z])[A-Za-z]", _ANY_BRACED.sub("", truth)):
        return answer
    return counted[1]


def without_unit(truth: str, answer: str, optional: bool) -> str | None:
    """An answer without its unit; None if that is not the ground truth's.

    That is what stands after a number in `\\text{}` and such, or a sign: of a currency, or of degrees. Whether a number
    is a percentage is another question.

    Args:
        truth: The ground truth; without a unit, the answer comes back as it is.
        answer: The answer; its unit may stand in `\\text{}` or not.
        optional: Whether it may leave the unit out.
    """
    wanted = None if percentage(truth) else _unit_of(truth, _BRACED_UNIT)
    number = percentage(answer)
    found = _unit_of(answer, _ANY_UNIT) if number is None else (number, "percent")
    if wanted is None or (found is None and optional):
        return answer
    return found[0] if found is not None and found[1] == wanted[1] else None


def _unit_of(text: str, pattern: re.Pattern[str]) -> tuple[str, str] | None:
    """A text before its unit, and the unit; None if it has none."""
    text = unwrapped(text).rstrip("\\,~ ")
    found = pattern.search(text)
    if found is not None and re.search(r"[0-9]|\\pi", text[: found.start()]):
        named = found.groupdict()
        unit = unicodedata.normalize("NFKC", named["braced"] or named.get("bare") or "")  # raised digits too
        return text[: found.start()].rstrip("\\,~ "), _NO_LETTER.sub("", unit) + (named["power"] or "")
    if degrees := _DEGREES.search(text):
        return text[: degrees.start()], "degrees"
    if money := _MONEY.match(text):
        return money["minus"] + text[money.end() :], CURRENCIES[money["sign"]]
    return None
