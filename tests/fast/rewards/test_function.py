"""A function as a reward: what it is called with, and what its results mean."""

import asyncio
import itertools
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins import Options, Outcome, Response, Reward, UserError, Verdict, reward
from stagerl_plugins.rewards.call import WorkerSetup, call
from stagerl_plugins.rewards.judge import check_rewards


@reward
def short(response):
    """Responses of a few letters."""
    return len(response.text) < 5


class Letter(Options):
    letter: str = "a"


@reward
async def share(response, options):
    """The share of one letter."""
    return response.text.count(options.letter) / len(response.text)


@reward
async def kind(response):
    """Right, whatever it is."""
    return True


@reward(group=True)
def shortest(responses):
    """The shortest of a group."""
    least = min(len(response.text) for response in responses)
    return [len(response.text) == least for response in responses]


def judged(plugins, spec, *texts):
    made = WorkerSetup(plugins).build("reward", spec, "rewards.x")
    return asyncio.run(call(made, [Response(text, "") for text in texts]))


def test_a_function_judges_each_response(registered):
    right, wrong = Verdict(Outcome.CORRECT, 1.0), Verdict(Outcome.WRONG, 0.0)
    assert judged(registered(short=short), "short", "abc", "abcdefg") == [right, wrong]


def test_a_coroutine_with_options(registered):
    plugins = registered(share=(share, Letter))
    assert judged(plugins, "share", "aabb") == [Verdict(Outcome.PARTIAL, 0.5)]
    assert judged(plugins, {"share": {"letter": "b"}}, "bb") == [Verdict(Outcome.CORRECT, 1.0)]
    with pytest.raises(UserError, match=r"^rewards\.x\.share\.lettre: unknown key; did you mean 'letter'\?"):
        check_rewards({"x": {"share": {"lettre": "b"}}}, plugins)


def test_a_function_of_a_group(registered):
    assert [v.score for v in judged(registered(it=shortest), "it", "abc", "a", "b")] == [0.0, 1.0, 1.0]


def test_what_a_function_says_of_itself():
    assert issubclass(short, Reward)
    assert (short.isolated, share.isolated, shortest.isolated) == (True, False, True)
    assert (short.takes_group, shortest.takes_group) == (False, True)
    assert short.__wrapped__(Response("abc", "")) is True  # for its author's own tests


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (True, Verdict(Outcome.CORRECT, 1.0)),
        (np.False_, Verdict(Outcome.WRONG, 0.0)),
        (1, Verdict(Outcome.CORRECT, 1.0)),
        (np.float32(0.5), Verdict(Outcome.PARTIAL, 0.5)),
        (Fraction(1, 4), Verdict(Outcome.PARTIAL, 0.25)),
        (Verdict(Outcome.WRONG, -3.0, "why"), Verdict(Outcome.WRONG, -3.0, "why")),
        (Verdict.not_judged("server down"), Verdict.not_judged("server down")),
    ],
)
def test_results_that_are_understood(registered, result, verdict):
    assert judged(registered(it=reward(lambda response: result)), "it", "") == [verdict]


@given(st.floats(0, 1))
def test_a_number_from_0_to_1_is_the_score(number):
    (made,) = asyncio.run(call(reward(lambda response: number)(Options(), None), [Response("", "")]))
    assert made.score == number
    assert (made.outcome is Outcome.CORRECT, made.outcome is Outcome.WRONG) == (number == 1, number == 0)


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no words")


class Endless:
    def __repr__(self):
        return "x" * 10**6


class Number(float):
    def __float__(self):
        raise RuntimeError("none of yours")


def inside_itself():
    endless = []
    endless.append(endless)
    return endless


def nested(depth):
    inner = []
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    "result", [inside_itself(), nested(100_000), "x" * 10**7, list(range(10**6)), {1: [Endless()]}, iter(int, 1)]
)
def test_what_is_large_deep_or_endless_is_told_in_a_short_line(registered, result):
    (verdict,) = judged(registered(it=reward(lambda response: result)), "it", "")
    assert re.fullmatch(
        r"returned [^\n]{1,200} instead of a Verdict, True or False, or a number from 0 to 1", verdict.detail
    )


class Liar(list):
    def __len__(self):
        return 1

    def __iter__(self):
        return itertools.repeat(Verdict(Outcome.CORRECT, 1.0))


def changed(**fields):
    """A verdict that was changed after it was made, and checked."""
    verdict = Verdict(Outcome.CORRECT, 1.0)
    for name, value in fields.items():
        object.__setattr__(verdict, name, value)
    return verdict


@pytest.mark.parametrize(
    ("returned", "why"),
    [
        (changed(parts={"length": math.nan}), "ValueError: a part must be finite, got nan for 'length'"),
        (changed(parts={"a": 1, "b": -math.inf}), "ValueError: a part must be finite, got -inf for 'b'"),
        (changed(parts={"a": 10**400}), "OverflowError: int too large to convert to float"),
        (changed(parts={"a": Number()}), "RuntimeError: none of yours"),
        (changed(parts=[1.0]), "AttributeError: 'list' object has no attribute 'items'"),
        (Verdict(Outcome.CORRECT, 1.0, parts=dict.fromkeys(range(1001), 0)), "ValueError: it has more than 1000 parts"),
        (Verdict(Outcome.CORRECT, 1.0, Unshowable()), "RuntimeError: no words"),
    ],
)
@pytest.mark.parametrize("waits", [False, True])
def test_a_verdict_of_wrong_types_is_none(registered, court, returned, why, waits):
    async def coroutine(response):
        return returned if response.text == "it" else True

    function = reward(coroutine if waits else lambda response: returned)
    expected = f"returned a verdict of wrong types: {why}"
    assert judged(registered(it=function), "it", "it") == [Verdict.not_judged(expected)]
    if waits:
        lost, fine = court("it", registered(it=function)).verdicts("it", "fine")
        assert lost.detail == f"reward 'it' of acme-rewards 1.2: {expected}"
        assert fine.judged


def test_a_list_that_lies_is_counted_by_what_it_holds(registered):
    verdicts = judged(registered(it=reward(group=True)(lambda responses: Liar())), "it", "a")
    assert verdicts == [Verdict.not_judged("returned 0 verdicts for 1 response")]


def test_a_number_that_is_none_costs_its_own_response_and_not_its_group(registered):
    verdicts = judged(registered(it=reward(group=True)(lambda responses: [True, Number(), 0.5])), "it", *"abc")
    assert [verdict.score for verdict in verdicts] == [1.0, None, 0.5]


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (math.nan, "nan"),
        ("1.0", "'1.0'"),
        (7, "7"),
        (None, "None"),
        (-0.5, "-0.5"),
        (math.inf, "inf"),
        ([1.0], "[1.0]"),
        (1j, "1j"),
        (Outcome.CORRECT, "<Outcome.CORRECT: 'correct'>"),
        (Unshowable(), "a Unshowable whose repr raised RuntimeError"),
    ],
)
def test_any_other_result_is_none(registered, result, shown):
    expected = f"returned {shown} instead of a Verdict, True or False, or a number from 0 to 1"
    assert judged(registered(it=reward(lambda response: result)), "it", "") == [Verdict.not_judged(expected)]


def test_one_wrong_result_of_a_group_costs_that_response_alone(registered):
    results = [True, 7, None, 0.5]
    verdicts = judged(registered(it=reward(group=True)(lambda responses: results)), "it", *"abcd")
    assert [verdict.score for verdict in verdicts] == [1.0, None, None, 0.5]
    assert verdicts[1].detail.startswith("returned 7 instead of")


@pytest.mark.parametrize(
    ("results", "why"),
    [
        (7, "returned 7 instead of a list of verdicts"),
        (None, "returned None instead of a list of verdicts"),
        ("ab", "returned 'ab' instead of a list of verdicts"),
        ([True], "returned 1 verdicts for 2 responses"),
    ],
)
def test_a_group_without_a_result_for_each_has_none(registered, results, why):
    verdicts = judged(registered(it=reward(group=True)(lambda responses: results)), "it", "a", "b")
    assert verdicts == [Verdict.not_judged(why)] * 2


def test_a_group_s_results_may_be_an_array(registered):
    verdicts = judged(registered(it=reward(group=True)(lambda responses: np.array([0.0, 0.5]))), "it", "a", "b")
    assert [verdict.score for verdict in verdicts] == [0.0, 0.5]


@pytest.mark.parametrize("function", [lambda: 1, lambda a, b, c: 1, lambda a, *, needed: 1])
def test_a_function_of_other_arguments_is_refused_where_it_is_written(function):
    with pytest.raises(TypeError, match=r"^@reward: <function .*> must take a response, or that and its options$"):
        reward(function)


def test_mistakes_of_registering_are_told_before_a_start(registered):
    def bare(response, options):
        return True

    bare.isolated = False
    with pytest.raises(
        UserError,
        match=r"^rewards\.x: reward 'kind' of acme-rewards 1\.2 cannot be built: TypeError: it is registered with "
        "options: `def",
    ):
        check_rewards({"x": "kind"}, registered(kind=(kind, Letter)))
    with pytest.raises(UserError, match=r"^rewards\.x: reward 'bare' of acme-rewards 1\.2: its factory must return a "):
        check_rewards({"x": "bare"}, registered(bare=bare))


@pytest.mark.parametrize("part", [math.nan, math.inf, -math.inf, np.float32("nan"), 10**400, None, "1", [1.0]])
def test_a_verdict_whose_part_is_no_finite_number_is_none(registered, part):
    @reward
    def odd(response):
        return Verdict(Outcome.CORRECT, 1.0, parts={"length": 2.0, "speed": part})

    (verdict,) = judged(registered(odd=odd), "odd", "abc")
    line = f"raised ValueError: a verdict's part must be a finite number, got {part!r:.200} for 'speed'"
    assert verdict == Verdict.not_judged(line)


@pytest.mark.parametrize("score", [10**400, "1", [1.0]])
def test_a_score_that_is_no_number_is_none(score):
    with pytest.raises(ValueError, match="a score must be finite, got "):
        Verdict(Outcome.CORRECT, score)


@pytest.mark.parametrize("part", [1, True, np.bool_(True), np.float64(0.5), np.int64(3), Fraction(1, 2)])
def test_a_part_may_be_any_finite_number(registered, part):
    @reward
    def even(response):
        return Verdict(Outcome.CORRECT, 1.0, parts={"speed": part})

    assert judged(registered(even=even), "even", "abc")[0].parts == {"speed": float(part)}
