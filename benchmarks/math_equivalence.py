"""The reward `math` beside Math-Verify called directly, in one process: which verdicts differ, and why.

Three kinds of pairs of a ground truth and a response: every answer of `data/math_answers.txt.gz` in many rewritten
forms, and beside other answers; generated expressions; and responses, those of the quickstart's model and answers in
words. Prints counts by reason and, as its last line, one JSON object; raw results of a whole run go to
`results/math_equivalence.json`. A difference without a reason ends it with status 1.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import multiprocessing
import platform
import random
import re
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from stagerl_plugins.rewards.math.answers import (
    other_bases,
    percentage,
    repeats,
    same_text,
    same_time,
    values_of_letters,
)
from stagerl_plugins.rewards.math.boxed import last_boxed
from stagerl_plugins.rewards.math.equality import read_as_a_whole
from stagerl_plugins.rewards.math.notation import spelled
from stagerl_plugins.rewards.math.reward import MathOptions, MathReward
from stagerl_plugins.rewards.math.units import without_words
from stagerl_plugins.types import Response

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "math_equivalence.json"
INTEGER = re.compile(r"-?[0-9]+")
T = TypeVar("T")
FRACTION = re.compile(r"\\[dt]?frac\s*\{(-?[0-9]+)\}\{([0-9]+)\}")


@dataclass(frozen=True)
class Pair:
    """A ground truth and a response; `form` says how the response was made."""

    form: str
    truth: str
    response: str


# -- answers, rewritten -----------------------------------------------------------------------------------------------

Form = Callable[[str], str]  # the same text where a form does not apply

FORMS: dict[str, Form] = {
    "as it is": lambda a: a,
    "dfrac": lambda a: re.sub(r"\\[dt]?frac", r"\\dfrac", a),
    "tfrac": lambda a: re.sub(r"\\[dt]?frac", r"\\tfrac", a),
    "frac": lambda a: re.sub(r"\\[dt]frac", r"\\frac", a),
    "frac without braces": lambda a: re.sub(r"frac\s*\{([0-9])\}\{([0-9])\}", r"frac\1\2", a),
    "slash": lambda a: FRACTION.sub(r"\1/\2", a),
    "left and right": lambda a: re.sub(r"(?<!\\left)\(", r"\\left(", re.sub(r"(?<!\\right)\)", r"\\right)", a)),
    "no left and right": lambda a: re.sub(r"\\(?:left|right)\s*", "", a),
    "no blanks": lambda a: re.sub(r"(?<![A-Za-z]) | (?![A-Za-z])", "", a),
    "blanks around": lambda a: f"  {a} ",
    "blanks within": lambda a: re.sub(r"(?<=[0-9A-Za-z}])([-+=,])(?=[0-9A-Za-z\\])", r" \1 ", a),
    "thin blanks": lambda a: re.sub(r",\s*", r",\\,", a),
    "dollars": lambda a: f"${a}$",
    "displaystyle": lambda a: rf"\displaystyle {a}",
    "text": lambda a: rf"\text{{{a}}}",
    "no text": lambda a: re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", a),
    "mathbf": lambda a: rf"\mathbf{{{a}}}",
    "braces": lambda a: f"{{{a}}}",
    "named": lambda a: f"x = {a}",
    "two equations": lambda a: f"x = y = {a}",
    "approximately": lambda a: rf"\approx {a}",
    "full stop": lambda a: f"{a}.",
    "new line": lambda a: f"\n{a}\n",
    "unit": lambda a: rf"{a} \text{{ cm}}",
    "squared unit": lambda a: rf"{a}\,\mathrm{{m}}^2",
    "unit in words": lambda a: f"{a} dollars",
    "degrees": lambda a: rf"{a}^\circ",
    "money": lambda a: rf"\${a}",
    "percent": lambda a: rf"{a}\%",
    "plain percent": lambda a: f"{a}%",
    "in percent words": lambda a: rf"{a} \text{{ percent}}",
    "no percent": lambda a: re.sub(r"\\?%", "", a),
    "thousands": lambda a: f"{int(a):,}" if INTEGER.fullmatch(a) else a,
    "thousands in braces": lambda a: f"{int(a):,}".replace(",", "{,}") if INTEGER.fullmatch(a) else a,
    "thin thousands": lambda a: f"{int(a):,}".replace(",", r"\,") if INTEGER.fullmatch(a) else a,
    "decimal": lambda a: f"{a}.0" if INTEGER.fullmatch(a) else FRACTION.sub(_decimal, a),
    "leading zero": lambda a: f"0{a}" if a.isdecimal() else a,
    "plus": lambda a: f"+{a}",
    "negated": lambda a: f"-{a}",
    "double negative": lambda a: f"-(-{a})",
    "one more": lambda a: f"{a} + 1",
    "sum": lambda a: f"{int(a) - 1} + 1" if INTEGER.fullmatch(a) else a,
    "times one": lambda a: rf"1 \cdot {a}",
    "set": lambda a: rf"\{{{a}\}}",
    "unset": lambda a: re.sub(r"\\[{}]", "", a),
    "round brackets": lambda a: f"({a})",
    "square brackets": lambda a: f"[{a}]",
    "other way round": lambda a: ", ".join(reversed(re.split(r",\s*", a))),
    "in words": lambda a: re.sub(r",\s*", r" \\text{ and } ", a),
    "unicode minus": lambda a: a.replace("-", "\u2212"),
    "unicode pi": lambda a: a.replace(r"\pi", "π"),
}


def _decimal(fraction: re.Match[str]) -> str:
    above, below = map(int, fraction.groups())
    return f"{above / below:.6f}"


def answers() -> list[str]:
    """The different answers of the data sets."""
    with gzip.open(HERE / "data" / "math_answers.txt.gz", "rt", encoding="utf-8") as file:
        return sorted(set(file.read().splitlines()))


def rewritten(truths: list[str], rng: random.Random) -> Iterator[Pair]:
    """Each answer in every form that changes it, and beside others that are as likely to be mistaken for it."""
    everything = answers()
    for truth in truths:
        yield from (
            Pair(name, truth, rf"\boxed{{{made}}}")
            for name, form in FORMS.items()
            if (made := form(truth)) != truth or name == "as it is"
        )
        yield from (Pair("another answer", truth, rf"\boxed{{{rng.choice(everything)}}}") for _ in range(3))


# -- expressions ------------------------------------------------------------------------------------------------------


def expression(rng: random.Random, depth: int) -> str:
    """A random expression of small numbers and letters, in LaTeX."""
    if depth == 0:
        return rng.choice([str(rng.randrange(13)), rng.choice("abnxy"), f"{rng.randrange(100) / 10}", r"\pi"])
    one, other = expression(rng, depth - 1), expression(rng, depth - 1)
    return rng.choice(
        [
            f"{one} + {other}", f"{one} - {other}", rf"{one} \cdot {other}", rf"\frac{{{one}}}{{{other}}}",
            rf"\sqrt{{{one}}}", f"{one}^{{{rng.randrange(4)}}}", f"({one})", f"-{one}", rf"\left({one}\right){other}",
            rf"{one}\%", f"({one}, {other})", f"[{one}, {other})", rf"\{{{one}, {other}\}}", f"x = {one}",
            f"{one} < x < {other}", rf"{one} \text{{ and }} {other}",
        ]
    )  # fmt: skip


def generated(count: int, rng: random.Random) -> Iterator[Pair]:
    """Random expressions: beside themselves, written otherwise, and beside others."""
    for _ in range(count):
        truth, other = expression(rng, rng.randrange(3)), expression(rng, rng.randrange(3))
        name, form = rng.choice(list(FORMS.items()))
        yield Pair(f"generated, {name}", truth, rf"\boxed{{{form(truth)}}}")
        yield Pair("generated, another answer", truth, rf"\boxed{{{other}}}")


# -- responses --------------------------------------------------------------------------------------------------------

WORDS = {
    "in a sentence": r"So the answer is $\boxed{ANSWER}$.",
    "after a formula": r"We get $17 - x^2 = \frac{3}{4}$, and so $x = 12$. Thus the answer is \boxed{ANSWER}.",
    "a whole formula": r"Therefore $a + b = \boxed{ANSWER}$.",
    "displayed": "Adding up,\n\\[\n\\boxed{ANSWER}\n\\]\nas was to be shown.",
    "final answer": r"Final Answer: The final answer is $\boxed{ANSWER}$. I hope it is correct.",
    "in bold": r"**Answer:** $\boxed{ANSWER}$",
    "working": "48/2 = 24 clips in May.\n48 + 24 = 72 clips altogether.\nb15c10 \\boxed{ANSWER}",
    "box in a box": r"$\boxed{\boxed{ANSWER}}$",
    "two boxes": r"First I thought \boxed{3}, but after a look at all the cases it must be \boxed{ANSWER}",
    "two boxes side by side": r"\boxed{3} or \boxed{ANSWER}",
    "no box": "The answer is ANSWER.",
    "cut": r"So the answer is \boxed{ANSWER",
    "no braces": r"So the answer is \boxed ANSWER",
    "fbox": r"So the answer is \fbox{ANSWER}",
}


def in_words(truths: list[str], rng: random.Random) -> Iterator[Pair]:
    """Each answer in the words around it, some of the time another one."""
    for truth in truths:
        for name, words in WORDS.items():
            answer = truth if rng.random() < 0.7 else rng.choice(truths)
            yield Pair(f"response, {name}", truth, words.replace("ANSWER", answer))


def of_the_demo() -> Iterator[Pair]:
    """What the quickstart's model answers."""
    with gzip.open(HERE / "data" / "demo_responses.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            yield Pair("response, of the demo's model", row["ground_truth"], row["response"])


# -- comparison -------------------------------------------------------------------------------------------------------

REPEATED = "the answer repeats the ground truth, which Math-Verify cannot read"
PERCENT = "a percent sign inside of the box, which Math-Verify does not read there"
NO_BOX = "no whole box: bad_format, where Math-Verify takes any number or formula"
BOXES = "several boxes: the last one alone, where Math-Verify takes neighbours together"
AROUND = "the formula around the box: Math-Verify reads it with the box"
NOTATION = "a spelling of LaTeX that Math-Verify does not read, or takes for something else"
TINY = (
    "numbers below 1e-15, below 5e-7 if one is rounded, below 0.001 if both are: compared, where Math-Verify takes "
    "them for zero, or looks at six decimals"
)
UNREAD = "what is no formula as a whole: wrong, where Math-Verify takes a number that stands somewhere in it"
BASES = "numbers in two bases: wrong, where Math-Verify leaves bases out"
COUNTED = (
    "words after a number, and a ground truth without letters: left out, where Math-Verify multiplies their letters"
)
TIMES = "times of day: compared as they are written, where Math-Verify takes them for ratios"
LETTERS = "values of letters beside a tuple: in order, where Math-Verify takes any"
IMAGINARY = (
    "the letter i: the imaginary unit, where Math-Verify takes it for one variable after a digit, another elsewhere"
)
LATE_SECONDS = 5  # those of Math-Verify's own time limits
LATE = (
    f"more than {LATE_SECONDS} s of processor time: timed_out, where Math-Verify goes on without its time limits, or "
    "says wrong"
)
UNEXPLAINED = "unexplained"


class LateError(BaseException):
    """A judgement takes too long. No Exception: SymPy and Math-Verify catch these."""


def in_time(judge: Callable[[Pair], T], pair: Pair) -> T | None:
    """A judgement, or what else is said about a pair; None where it takes too long."""
    signal.signal(signal.SIGVTALRM, _give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, LATE_SECONDS)
    try:
        return judge(pair)
    except LateError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _give_up(*_: object) -> None:
    raise LateError


@cache
def reward() -> MathReward:
    return MathReward(MathOptions(), None)


def ours(pair: Pair) -> bool:
    try:
        return reward().judge(Response(pair.response, pair.truth)).score == 1
    except ValueError:  # a ground truth that cannot be parsed
        return False


def direct(pair: Pair) -> bool:
    """Math-Verify as its documentation calls it, without time limits."""
    from math_verify import parse, verify

    gold, answer = parse(rf"\boxed{{{pair.truth}}}", parsing_timeout=None), parse(pair.response, parsing_timeout=None)
    return bool(verify(gold, answer, timeout_seconds=None))


def reason(pair: Pair) -> str:
    """Why the verdicts on a pair differ that both can judge in time."""
    answer = (last_boxed(pair.response) or "").strip()
    if not answer:
        return NO_BOX
    if direct(Pair("", pair.truth, rf"\boxed{{{answer}}}")) == ours(pair):
        return BOXES if pair.response.count(r"\boxed") > 1 else AROUND
    truth, spelling = spelled(pair.truth), spelled(answer)
    if (truth, spelling) != (pair.truth, answer) and direct(Pair("", truth, rf"\boxed{{{spelling}}}")) == ours(pair):
        return NOTATION
    number, other = percentage(pair.truth), percentage(answer)
    if number and other and direct(Pair("", number, rf"\boxed{{{other}}}")) == ours(pair):
        return PERCENT
    if not ours(pair):
        return why_wrong(truth, spelling)
    if repeats(answer, pair.truth) or same_text(truth, spelling):
        return REPEATED
    if without_words(truth, spelling) != spelling:
        return COUNTED
    if same_time(truth, spelling):
        return TIMES
    if any(re.search(r"(?<![A-Za-z])i(?![A-Za-z])", spelling) for spelling in (truth, spelling)):
        return IMAGINARY
    return PERCENT if re.search(r"%|percent", answer + pair.truth) else UNEXPLAINED


def why_wrong(truth: str, answer: str) -> str:
    """Why an answer is wrong that Math-Verify takes for right."""
    if other_bases(truth, answer):
        return BASES
    if same_time(truth, answer) is not None:
        return TIMES
    if values_of_letters(truth) and "=" not in answer:
        return LETTERS
    if any(all(isinstance(found, str) for found in read_as_a_whole(text)) for text in (truth, answer)):
        return UNREAD
    return TINY if tiny(truth, answer) else UNEXPLAINED


def tiny(truth: str, answer: str) -> bool:
    """Whether these are numbers of which Math-Verify sees too little: 15 decimals, or 6 if one is rounded."""
    from math_verify import parse
    from sympy import Expr, Float

    numbers = [next(iter(parse(rf"\boxed{{{text}}}", parsing_timeout=None)), None) for text in (truth, answer)]
    if not all(isinstance(number, Expr) and number.is_number for number in numbers):
        return False
    rounded = sum(number.has(Float) for number in numbers)
    return bool(max(abs(number.evalf(15)) for number in numbers) < (1e-15, 5e-7, 1e-3)[rounded])


def compare(pair: Pair) -> tuple[Pair, bool, str]:
    """A pair, our verdict, and why Math-Verify's differs; empty where it does not, nor takes too long."""
    verdict, other = in_time(ours, pair), in_time(direct, pair)
    if verdict is None or other is None:
        return pair, bool(verdict), UNEXPLAINED if other else LATE
    return pair, verdict, "" if other == verdict else in_time(reason, pair) or LATE


def begin() -> None:
    """Make a process ready: quiet, and with all imported that the first pair would else pay for."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    reward()


def pairs(rng: random.Random, sample: int | None, expressions: int) -> Iterator[Pair]:
    truths = answers()
    if sample is not None:
        truths = rng.sample(truths, min(sample, len(truths)))
    yield from rewritten(truths, rng)
    yield from generated(expressions, rng)
    yield from in_words(truths, rng)
    yield from of_the_demo()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sample", type=int, help="so many of the answers; all if left out")
    parser.add_argument("--expressions", type=int, default=10_000, help="generated expressions")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    todo = list(pairs(random.Random(given.seed), given.sample, given.expressions))
    compared: Counter[str] = Counter()
    correct: Counter[str] = Counter()
    differ: dict[str, list[dict[str, str | bool]]] = {}
    with multiprocessing.get_context("spawn").Pool(given.processes, begin, maxtasksperchild=50) as pool:
        for done, (pair, verdict, why) in enumerate(pool.imap_unordered(compare, todo, chunksize=64), 1):
            kind = pair.form.partition(",")[0] if "," in pair.form else "rewritten"
            compared[kind] += 1
            correct[kind] += verdict
            if why:
                differ.setdefault(why, []).append({**asdict(pair), "ours": verdict})
            if done % 5000 == 0:
                print(f"{done:,} of {len(todo):,} pairs", file=sys.stderr, flush=True)
    print("pairs of a ground truth and a response, by kind")
    for kind, count in compared.items():
        print(f"  {kind:<10} {count:8,}   {correct[kind]:8,} correct")
    print("verdicts that differ, by reason")
    for why, found in sorted(differ.items()):
        print(f"  {len(found):8,}   {why}")
        for one in found if why == UNEXPLAINED else []:
            print(f"             {one}")
    about = {
        "seed": given.seed,
        "python": platform.python_version(),
        "math-verify": version("math-verify"),
        "sympy": version("sympy"),
        "latex2sympy2_extended": version("latex2sympy2_extended"),
    }
    counts = {why: len(found) for why, found in sorted(differ.items())}
    examples = {why: sorted(found, key=str)[:: max(1, len(found) // 20)][:20] for why, found in sorted(differ.items())}
    result = {"about": about, "compared": compared, "correct": correct, "differ": counts, "examples": examples}
    if given.sample is None:
        RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({"compared": compared.total(), "differ": counts}))
    sys.exit(UNEXPLAINED in differ)


if __name__ == "__main__":
    main()
