"""One spelling of LaTeX for what has several, of which Math-Verify reads one."""

from __future__ import annotations

import re
import unicodedata

from stagerl_plugins.rewards.math.answers import MINUS, elements
from stagerl_plugins.rewards.math.boxed import last_boxed
from stagerl_plugins.rewards.math.units import CURRENCIES

_SIGNS = str.maketrans(
    MINUS
    | {
        "\u221e": r"\infty ",
        "\u2248": r"\approx ",
        "\u222a": r"\cup ",
        "\u2229": r"\cap ",
        "\u2264": r"\le ",
        "\u2265": r"\ge ",
        "\u2208": r"\in ",
    }
    | {"\u00b0": r"^\circ ", "\u00d7": r"\times ", "\u00b7": r"\cdot ", "\u2205": r"\emptyset ", "\u00b1": r"\pm "}
    | {"\u2044": "/", "\u2215": "/", **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", "")}
    | dict.fromkeys("\u00a0\u2007\u2009\u202f", " ")
    | {chr(0xFEE0 + ord(sign)): sign for sign in "()[]+-=,.;:/<>"}  # of the width of Chinese characters
    | {"\u3001": ","}
)
_RAISED = re.compile("[\u207a\u207b]?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+")
_PARTS = re.compile("[\u00bc-\u00be\u2150-\u215e]")  # one sign for a fraction
_ROOT = re.compile(r"\u221a\s*(?:(?=\{)|\(([^()]*)\)|([0-9]+(?:\.[0-9]+)?|[A-Za-z]))")
_LOOKS = re.compile(
    r"\\(?:big|Big|bigg|Bigg)[lrm]?(?![A-Za-z])\s*"
    r"|\\(?:displaystyle|textstyle|underline|bf|rm|it|tiny|small|large|Large|LARGE|huge|Huge)(?![A-Za-z])\s*"
    r"|\\(?:text)?color\s*\{[^{}]*\}\s*"
)
_GAP = re.compile(r"\\(?:[hv]space\*?|[hv]?phantom)\s*\{[^{}]*\}\s*")  # between digits: they are two numbers
_NAMES = {
    r"\degree": r"^\circ ",
    r"\varnothing": r"\emptyset",
    r"\backslash": r"\setminus",
    r"\nicefrac": r"\frac",
    r"\sfrac": r"\frac",
    r"\ast": r"\cdot",
    **dict.fromkeys([r"\Pr", r"\mathbb{P}"], "P"),
    **dict.fromkeys([r"\boldsymbol", r"\bm", r"\mathsf", r"\mathtt"], r"\mathbf"),
    **dict.fromkeys([r"\texttt", r"\textsf", r"\emph", r"\hbox", r"\textup"], r"\text"),
}
_NAME = re.compile("(?:" + "|".join(map(re.escape, _NAMES)) + ")(?![A-Za-z])")
_UNIT_VECTOR = re.compile(r"\\(?:mathbf|mathrm)\s*\{\s*([ijk])\s*\}")  # or the imaginary unit: not centimetres
_BRACKET = re.compile(r"\\[lr](brace|brack|paren|angle)(?![A-Za-z])\s*")
_BRACKETS = {"brace": (r"\{", r"\}"), "brack": ("[", "]"), "paren": ("(", ")"), "angle": ("(", ")")}
_ROW_END = re.compile(r"\\\\\s*\[\s*-?[0-9.]+\s*(?:pt|ex|em|mm|cm)\s*\]")
_THIN_THOUSANDS = re.compile(  # 2^3\,125 is a product, 0{,}125 a decimal
    r"(?<![0-9.^])[1-9][0-9]{0,2}(?:(?:\\[,;:! ]|~|\{,\}|\\text\{,\})[0-9]{3})+(?![0-9])"
)
_WIDE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?: [0-9]{3})+(?:\.[0-9]+)?")
_NAMED_THOUSANDS = re.compile(
    r"(?:[A-Za-z]\s*=\s*)?[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?(?:\s*\\(?:pi|sqrt)(?![A-Za-z])[^,;]*)?"
)
_INNER_THOUSANDS = re.compile(r"(?:(?<=frac)|(?<=sqrt)|(?<=\}))\{[1-9][0-9]{0,2}(?:,[0-9]{3})+\}")
_BASED = re.compile(r"\(?([0-9]+)\)?_(?:([0-9]+)|\{\(?([0-9]+)\)?\})")
_SO = re.compile(r"\A(?:\\(?:approx|simeq|sim|therefore|Rightarrow|implies)(?![A-Za-z])\s*)+")
_REPEATING = re.compile(  # to base ten
    r"(?<![0-9.})])([1-9][0-9]{0,2}(?:,[0-9]{3}){1,4}|[0-9]{0,15})\.([0-9]{0,15})"
    r"\\(?:overline|bar)\s*\{([0-9]{1,15})\}(?!\s*_)"
)
_MIXED = re.compile(r"([+-]?[0-9]+) ([0-9]+)/([0-9]+)")
_POWER_OF_TEN = re.compile(  # 2e-3 may be a number less than twice e
    r"([+-]?(?:[0-9]*\.[0-9]+|1))[eE]([+-]?[0-9]{1,3})|([+-]?[0-9]+)(?:e|E\+?)([0-9]{1,3})"
)
_DOTTED = re.compile(  # 0.\\dot{1}4\\dot{2} repeats 142
    r"(?<=[0-9.])\\dot\s*(?:\{([0-9])\}|([0-9]))(?:([0-9]*)\\dot\s*(?:\{([0-9])\}|([0-9])))?"
)
_SCIENTIFIC = re.compile(
    r"(?<![0-9.}^_])(?<![0-9],)([0-9]+)\.([0-9]+)\s*(?:\\times|\\cdot|\*)\s*10\s*\^\s*"
    r"(?:\{\s*\+?([0-9]{1,3})\s*\}|([0-9]{1,3}))(?![0-9.!^])"
)
_MONEY = re.compile(r"([+-]?)(\u20ac|\u00a3|\\(?:euro|pounds)(?![A-Za-z]))\s*([0-9][0-9.,]*)")
_TEXT = re.compile(r"\\(?:text|textbf|mathbf|mathrm|mbox)\s*(?=\{)")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]|\\text")
_BUILT_SET = re.compile(
    r"(?:\\left\s*)?\\\{\s*[A-Za-z]\s*(?:\\in\s*\\mathbb\s*\{R\}\s*)?(?:\\(?:mid|vert)(?![A-Za-z])|[|:])([^,;:|]*?)"
    r"(?:\\right\s*)?\\\}"
)
_RELATION = re.compile(r"[<>]|\\(?:[lg]eq?(?:slant)?|neq?)(?![A-Za-z])")
_MORE_RELATIONS = re.compile(r"\\text|\\[{}]|and|or")
_BOTH_SIGNS = re.compile(r"\\pm(?![A-Za-z])")
_BARE_UNIT = re.compile(
    r"(?:(?<=[0-9}\u03c0])|(?<=\\pi))(?:\s|\\[,;: ])+((?:[cdkm]m|in|ft|yd|mi|units?)\s*\^\s*(?:[23]|\{[23]\}))\Z"
)
_LAST_LETTER = re.compile(r"((?:\\cdot|\\times|\*)\s*)([A-Za-z])\Z")  # without braces a unit, such as m or c
_GAP_OF_UNIT = re.compile(r"(?:(?<=[0-9}\u03c0])|(?<=\\pi))(?:\s*\\[,;: ])+\s*(?=[A-Za-z]{1,4}\Z)")
_NAME_OF_TUPLE = re.compile(
    r"(?:\\left\s*)?\((?:[A-Za-z]\s*,\s*)+[A-Za-z]\s*(?:\\right\s*)?\)\s*=\s*(?=(?:\\left\s*)?\()"
)
_NAME_OF_PROBABILITY = re.compile(r"\AP\s*(?:\\left\s*)?[(\[][^()\[\]=]*[)\]]\s*=")
_ROOT_OF_ONE = re.compile(r"(\\sqrt\s*\[[^\[\]{}]*\]\s*)([0-9A-Za-z])")
_NEEDS_BRACES = re.compile(r"\\(?:choose|over|atop)(?![A-Za-z])")
_END = re.compile(  # from the first of such signs on: time is linear
    r"(?<![,;.\s\\])(?<!\\[:!])(?:(?<!\\right)(?<![.\\])\.|(?<!\\)[,;]|\\\\|\\[,;:! ]|\s)+\Z"
)


def spelled(answer: str) -> str:
    """An answer without what only changes its looks, and in the signs, brackets and numbers that can be read."""
    text = _in_ascii(_plain(answer))
    text = _NAME.sub(lambda found: _NAMES[found[0]], text)
    text = _UNIT_VECTOR.sub(r"{\1}", text)
    text = _BRACKET.sub(lambda found: _BRACKETS[found[1]][found[0].startswith(r"\r")], text)
    text = _ROW_END.sub(r"\\\\", text)
    text = _THIN_THOUSANDS.sub(lambda found: re.sub(r"[^0-9]", "", found[0]), text)
    text = _END.sub("", text.replace("~", " ").strip()).strip()
    text = _SO.sub("", text)
    if (whole := _TEXT.match(text)) and (inside := _inside(text[whole.end() :])) and not _WORD.search(inside):
        text = _END.sub("", inside.strip())
    text = _NAME_OF_PROBABILITY.sub("", _NAME_OF_TUPLE.sub("", text)).strip()
    text = _GAP_OF_UNIT.sub(" ", _BARE_UNIT.sub(r" \\text{ \1}", text))
    text = _LAST_LETTER.sub(r"\1{\2}", _ROOT_OF_ONE.sub(r"\1{\2}", text))
    return _both_signs(_number(_only_tuple(text)))


def _plain(text: str) -> str:
    """A text without what changes its looks, and without the braces or signs of a formula around all of it."""
    plain = _LOOKS.sub("", _GAP.sub(" ", text)).strip()
    looks = plain != text
    for _ in range(3):
        plain = _END.sub("", plain).strip()
        inside = _inside(plain)
        if inside and (_NEEDS_BRACES.search(inside) or (_NAMED_THOUSANDS.fullmatch(inside) and not looks)):
            break  # {100,200} is a set, and {\bf 1,000} a number
        peeled = inside or _formula(plain)
        if not peeled:
            break
        plain = peeled.strip()
    return plain


def _formula(text: str) -> str | None:
    """What stands between the signs of one formula around all of a text; None where there are none."""
    for opening, closing in (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
        inside = text[len(opening) : -len(closing)]
        if text.startswith(opening) and text.endswith(closing) and opening not in inside and closing not in inside:
            return inside
    return None


def _inside(text: str) -> str | None:
    """What stands in the braces around all of a text; None where it has none."""
    around = text.startswith("{") and last_boxed(rf"\boxed{text}") == text[1:-1]
    return text[1:-1] if around else None


def _in_ascii(text: str) -> str:
    if text.isascii():
        return text
    text = re.sub(r"\d", lambda found: str(int(found[0])), text.translate(_SIGNS))
    text = _RAISED.sub(lambda found: f"^{{{unicodedata.normalize('NFKC', found[0]).translate(MINUS)}}}", text)
    text = _PARTS.sub(_one_sign, text)
    return _ROOT.sub(lambda found: rf"\sqrt{{{found[1] or found[2]}}}" if found[1] or found[2] else r"\sqrt", text)


def _one_sign(fraction: re.Match[str]) -> str:
    above, below = unicodedata.normalize("NFKC", fraction[0]).split("\u2044")
    return rf"\frac{{{above}}}{{{below}}}"


def _only_tuple(text: str) -> str:
    """The tuple of a set of one tuple, which says the same; any other text as it is."""
    if not ("{" in text and "(" in text):
        return text
    brackets, held = elements(text)
    return held[0] if brackets == "{}" and len(held) == 1 and elements(held[0])[0] == "()" else text


def _number(text: str) -> str:
    """A number as it can be read, where the text is one; repeating decimals wherever they stand."""
    if _WIDE_THOUSANDS.fullmatch(text):
        return text.replace(" ", "")
    if _NAMED_THOUSANDS.fullmatch(text):
        return text.replace(",", "")
    if based := _BASED.fullmatch(text):
        return rf"{based[1]}_{{{based[2] or based[3]}}}"
    text = _INNER_THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    if money := _MONEY.fullmatch(text):
        return rf"{money[1]}{money[3]} \text{{ {CURRENCIES[money[2]]}}}"
    built = _BUILT_SET.fullmatch(text)
    if built and _RELATION.search(built[1]) and not _MORE_RELATIONS.search(built[1]):
        return built[1].strip()  # the numbers for which one inequality holds: it says the same
    if mixed := _MIXED.fullmatch(text):
        return rf"{mixed[1]}\frac{{{mixed[2]}}}{{{mixed[3]}}}"
    if power := _POWER_OF_TEN.fullmatch(text):
        text = rf"{power[1] or power[3]} \cdot 10^{{{int(power[2] or power[4])}}}"
    text = _SCIENTIFIC.sub(_whole, text)
    return _REPEATING.sub(_fraction, _DOTTED.sub(_overlined, text))


def _whole(scientific: re.Match[str]) -> str:
    """Without a point, as numbers with one are rounded: 602 times 10^{21} for 6.02 times 10^{23}."""
    whole, part, braced, bare = scientific.groups()
    tens = int(braced or bare) - len(part)
    return scientific[0] if tens < 0 else rf"{int(whole + part)} \cdot 10^{{{tens}}}"


def _overlined(dotted: re.Match[str]) -> str:
    return rf"\overline{{{''.join(digits or '' for digits in dotted.groups())}}}"


def _fraction(repeating: re.Match[str]) -> str:
    whole, once, again = repeating[1].replace(",", ""), repeating[2], repeating[3]
    above = int(whole + once + again) - int(whole + once or "0")
    return rf"\frac{{{above}}}{{{10 ** len(once) * (10 ** len(again) - 1)}}}"


def _both_signs(text: str) -> str:
    """The two numbers that a formula with `\\pm` inside of a fraction or such stands for."""
    before, *after = _BOTH_SIGNS.split(text)
    inside = before.count("{") > before.count("}")
    if not inside or len(after) != 1 or any(sign in text for sign in (",", r"\{", r"\mp")):
        return text
    return ", ".join(before + sign + after[0] for sign in "+-")
