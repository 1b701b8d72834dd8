"""What is done with an answer's text before Math-Verify sees it: in no time, once, and alike whatever came before."""

import asyncio
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins import Response
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.call import WorkerSetup
from stagerl_plugins.rewards.math.answers import (
    elements,
    last_number,
    letter,
    percentage,
    repeats,
    same_text,
    same_time,
    values_of_letters,
    words,
)
from stagerl_plugins.rewards.math.notation import spelled
from stagerl_plugins.rewards.math.units import without_unit, without_words

READ: dict[str, Callable[[str], object]] = {
    "spelled": spelled,
    "words": words,
    "letter": lambda text: letter(text, "ABCDE"),
    "last_number": last_number,
    "percentage": percentage,
    "elements": elements,
    "repeats": lambda text: repeats(text, r"\text{June 5}"),
    "same_text": lambda text: same_text(text, "24"),
    "same_time": lambda text: same_time("12:30", text),
    "values_of_letters": values_of_letters,
    "without_words": lambda text: without_words("24", text),
    "without_unit": lambda text: without_unit(r"24 \text{ km}", text, optional=True),
}


HOSTILE = [
    "$5$ x", r"5\text{percent x", r"5\text{cm}^ x1x", "5^ 1", r"5^\circ 1", r"\$ x", "1 1/ 1/", r"\hspace {", "√ (",
    "\\\\ [ 1", r"\bar {1", "000, 000,", "1 x", r"1\, x", "1 cm^ x", "1 1", "x= 1",
]  # fmt: skip


@pytest.mark.parametrize("read", READ)
@pytest.mark.parametrize("run", [" ", "0", r"\,000", r"\text{", "~", ",", ".", r"\\", ", "])
def test_hostile_characters_take_no_time(read: str, run: str) -> None:
    for text in HOSTILE:
        hostile = text.replace(" ", run * (50_000 // len(run)))
        began = time.process_time()
        READ[read](hostile)
        assert time.process_time() - began < 1.0, text


PIECES = [
    *"12038ix+-=()[],;.~ ^_/{}%$", "½", "²", "√2", "√(3)", "−", "€", "\u2009", "４", r"\pm", r"\frac{1}{2}",
    r"\sqrt{3}", r"\,", r"\text{", r"\mathrm{", r"\overline{3}", r"\hspace{1em}", r"\color{red}", r"\bigl", r"\lbrace",
    r"\rangle", r"\{", r"\}", r"\\", r"\degree", r"\bm{4}", r"\displaystyle", r"{\bf", "{,}", "000", "e", "0.", " cm^2",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_is_spelled_stays_so(text: str) -> None:
    assert spelled(spelled(text)) == spelled(text)


def test_a_verdict_does_not_depend_on_those_before() -> None:
    answers = [
        "1.0", "-1", "i^2", "3+4i", "3+4x", r"3+4\mathrm{i}", "50", r"50\%", "0.5", "(1, 2)", r"\{1, 2\}", "1 < x < 2",
        "x = 1", r"\text{June 5}", "1,000",
    ]  # fmt: skip
    pairs = [Response(rf"\boxed{{{answer}}}", truth) for truth in answers for answer in answers]
    verdicts = asyncio.run(WorkerSetup(load_plugins()).build("reward", "math", "rewards.default").score(pairs))
    order = random.Random(0).sample(range(len(pairs)), len(pairs))
    again = WorkerSetup(load_plugins()).build("reward", "math", "rewards.default")
    assert asyncio.run(again.score([pairs[place] for place in order])) == [verdicts[place] for place in order]
