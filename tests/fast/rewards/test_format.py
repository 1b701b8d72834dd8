"""The form of a response alone."""

import asyncio

import pytest

from stagerl_plugins import Outcome, Response, UserError, Verdict
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.format import FormatOptions, format_alone
from stagerl_plugins.rewards.judge import check_rewards

PLUGINS = load_plugins()


def judged(text, **options):
    (verdict,) = asyncio.run(format_alone(FormatOptions(**options), None).score([Response(text, "")]))
    return verdict


RIGHT = Verdict(Outcome.CORRECT, 1.0)


def lacking(what):
    return Verdict(Outcome.BAD_FORMAT, 0.0, what)


THINK, NOTHING, BOXED = (
    lacking("no single, closed <think>…</think>"),
    lacking("nothing after </think>"),
    lacking(r"no answer in a whole \boxed{}"),
)


@pytest.mark.parametrize(
    ("text", "think", "boxed", "both"),
    [
        (r"<think>so it is 6 or 7</think> It is \boxed{7}.", RIGHT, RIGHT, RIGHT),
        (r"so it is 6 or 7 </think>\boxed{7}", RIGHT, RIGHT, RIGHT),  # the opening tag stands in the prompt
        ("  <think>hm</think> It is 7.", RIGHT, BOXED, BOXED),
        (r"<think>\boxed{7}</think> It is 7.", RIGHT, RIGHT, BOXED),
        (r"<think>\boxed{7}</think>", NOTHING, RIGHT, NOTHING),
        (r"<think>so it is \boxed{7}", THINK, RIGHT, THINK),
        (r"It is \boxed{7}", THINK, RIGHT, THINK),
        (r"well <think>hm</think> \boxed{7}", THINK, RIGHT, THINK),
        (r"<think>a</think><think>b</think> \boxed{7}", THINK, RIGHT, THINK),
        (r"<think>a</think> b</think> \boxed{7}", THINK, RIGHT, THINK),
        (r"<think>a</think> \boxed{\frac{1}{", RIGHT, BOXED, BOXED),
        (r"<think>a</think> \boxed{ }", RIGHT, BOXED, BOXED),
        ("", THINK, BOXED, THINK),
    ],
)
def test_forms(text, think, boxed, both):
    assert [judged(text, form=form) for form in ("think", "boxed", "think_boxed")] == [think, boxed, both]


def test_a_pattern_is_that_of_the_whole_response():
    assert judged("<answer>4\n2</answer>\n", pattern="<answer>.*</answer>") == RIGHT
    assert judged("well, <answer>42</answer>", pattern="<answer>.*</answer>") == lacking("does not match the pattern")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, r": give it a form or a pattern, and not both"),
        ({"form": "think", "pattern": "x"}, r": give it a form or a pattern, and not both"),
        ({"form": "thin"}, r"\.form: input should be 'boxed', 'think' or 'think_boxed', got 'thin'"),
        ({"pattern": "(a"}, r"\.pattern: is no regular expression: missing \), unterminated subpattern at position 0"),
    ],
)
def test_other_options_are_refused(options, line):
    with pytest.raises(UserError, match=rf"^rewards\.x\.format{line}"):
        check_rewards({"x": {"format": options}}, PLUGINS)
