"""DAPO's soft overlong punishment (arXiv 2503.14476, equation 13)."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins import Outcome, Response, UserError, Verdict
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.judge import check_rewards
from stagerl_plugins.rewards.overlong import OverlongOptions, overlong

PLUGINS = load_plugins()


def judged(tokens, budget=None, **options):
    made = overlong(OverlongOptions(**options), None)
    (verdict,) = asyncio.run(made.score([Response("", "", tokens=tokens, budget=budget)]))
    return verdict


@pytest.mark.parametrize(
    ("tokens", "score", "outcome"),
    [
        (0, 0.0, Outcome.CORRECT),
        (16384, 0.0, Outcome.CORRECT),
        (16385, -1 / 4096, Outcome.PARTIAL),
        (18432, -0.5, Outcome.PARTIAL),
        (20480, -1.0, Outcome.WRONG),
        (20481, -1.0, Outcome.WRONG),
    ],
)
def test_the_paper_s_own_lengths(tokens, score, outcome):
    """16,384 tokens are expected and 4,096 are the cache (section 4.1)."""
    expected = Verdict(outcome, score, f"{tokens} of 20480 tokens")
    assert judged(tokens, most_tokens=20480, cache_tokens=4096) == expected
    assert judged(tokens, budget=20480, cache_tokens=4096) == expected


@given(st.integers(1, 10_000), st.data())
def test_it_falls_along_a_line_and_never_rises(limit, data):
    cache = data.draw(st.integers(1, limit))
    tokens = data.draw(st.integers(0, 2 * limit))
    score = judged(tokens, most_tokens=limit, cache_tokens=cache).score
    assert -1 <= score <= 0
    assert judged(tokens + 1, most_tokens=limit, cache_tokens=cache).score <= score
    if limit - cache < tokens <= limit:
        assert score == pytest.approx(((limit - cache) - tokens) / cache)


@pytest.mark.parametrize(
    ("tokens", "budget", "why"),
    [
        (None, 100, "the response's length in tokens is not known here"),
        (50, None, "the response's budget (set most_tokens) is not known here"),
        (5, 9, "cache_tokens is 10, above the response's budget, 9"),
    ],
)
def test_what_is_not_known_is_not_judged(tokens, budget, why):
    assert judged(tokens, budget, cache_tokens=10) == Verdict.not_judged(why)


def test_a_cache_above_the_limit_is_refused():
    line = r"^rewards\.x\.overlong: cache_tokens is 11, above most_tokens, 10$"
    with pytest.raises(UserError, match=line):
        check_rewards({"x": {"overlong": {"cache_tokens": 11, "most_tokens": 10}}}, PLUGINS)
