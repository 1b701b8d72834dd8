"""The contract test of rewards takes functions and rewards of whole groups, and finds what is wrong with them."""

import time

import pytest
from test_broken_plugins_are_found import Judges, check

from stagerl_plugins.hookspecs import hookimpl
from stagerl_plugins.plugins import Options, load_plugins
from stagerl_plugins.rewards.function import reward
from stagerl_plugins.testing import ContractError, check_plugin, reward_checks
from stagerl_plugins.types import Outcome, Verdict


class Most(Options):
    letters: int = 100


@reward
def short(response, options):
    """Responses of few letters."""
    return len(response.text) <= options.letters


@reward
async def by_length(response):
    """The shorter, the better."""
    return 1 / (1 + len(response.text))


@reward(group=True)
def shortest(responses):
    """The shortest of a group."""
    least = min(len(response.text) for response in responses)
    return [len(response.text) == least for response in responses]


@reward
def by_tokens(response):
    """Not judged where the length is not known."""
    return Verdict.not_judged("no length") if response.tokens is None else response.tokens < response.budget


class RanksGroups(Judges):
    """A class that takes groups."""

    takes_group = True

    async def score(self, responses):
        return [Verdict(Outcome.PARTIAL, float(sum(r.text <= other.text for other in responses))) for r in responses]


@pytest.mark.parametrize(
    ("factory", "options"),
    [(short, Most), (by_length, None), (shortest, None), (by_tokens, None), (RanksGroups, None)],
)
def test_good_ones_pass(factory, options):
    check("reward", factory, options)


def test_one_that_asks_a_reward_of_groups_is_one_of_groups():
    class Package:
        stagerl_contract = 1

        @hookimpl
        def register_rewards(self, register):
            register("shortest", shortest)

    plugins = load_plugins()
    plugins.add(Package(), "acme", "1.2")
    rewards = {"answer": {"reward": "math"}, "length": {"reward": "shortest"}}
    check_plugin("reward", "weighted", {"rewards": rewards}, plugins=plugins)


@reward
def forgets_a_return(response):
    """Has no result for an empty response."""
    if response.text:
        return True
    return None


@reward
def counts(response):
    """A number, but of no score."""
    return len(response.text)


@reward
def divides(response):
    """Raises for an empty response."""
    return response.text.count(" ") / len(response.text)


@reward
def needs_tokens(response):
    """Raises where the length is not known."""
    return response.tokens < 100


@reward
def undocumented(response):
    return True


@reward
def hangs(response):
    """Never answers."""
    time.sleep(3600)


@reward(group=True)
def one_for_all(responses):
    """One result for a group."""
    return True


@reward(group=True)
def in_its_own_order(responses):
    """Scores in another order than that of its responses."""
    ranked = sorted(responses, key=lambda response: len(response.text))
    return [len(response.text) > 10 for response in ranked]


@reward(group=True)
def the_first_wins(responses):
    """What arrived first is right."""
    return [n == 0 for n, _ in enumerate(responses)]


@reward(group=True)
def some_of_them(responses):
    """Leaves out empty ones."""
    return [True for response in responses if response.text]


class GroupsInText(Judges):
    """Its attribute is of another type."""

    takes_group = "yes"


class MisspeltAttribute(Judges):
    """Nobody asks for this attribute."""

    take_group = True


def bare(response):
    """A function without its mark."""
    return True


def bare_with_options(response, options):
    """A function without its mark."""
    return True


EXPECTED = "must return a Verdict, True or False, or a number from 0 to 1, got"


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (forgets_a_return, f"{EXPECTED} None for an empty response"),
        (counts, f"{EXPECTED} 6 for blank space"),
        (divides, "score raised for an empty response: ZeroDivisionError"),
        (needs_tokens, "score raised for a response whose length is not known: TypeError"),
        (undocumented, "needs a docstring"),
        (hangs, "score did not return within 1 s for an empty response"),
        (one_for_all, "must return a list of 1 verdicts for an empty response"),
        (in_its_own_order, "in one order but"),
        (the_first_wins, "an empty response is correct with 1.0 in one order but wrong with 0.0 in another"),
        (some_of_them, "must return a list of 1 verdicts for an empty response"),
        (GroupsInText, "takes_group must be True or False, got 'yes'"),
        (MisspeltAttribute, "nothing calls `take_group`: did you mean `takes_group`?"),
        (bare, "takes 1 positional argument but 2 were given: a function that judges needs @reward"),
        (bare_with_options, "its factory must return a Reward, got True: a function that judges needs @reward"),
    ],
)
def test_a_fault_is_found_and_named(factory, message, monkeypatch):
    monkeypatch.setattr(reward_checks, "SECONDS", 1)
    with pytest.raises(ContractError) as failure:
        check("reward", factory)
    assert message in str(failure.value)
    assert "reward 'broken' of broken-package 1.0" in str(failure.value)
    assert "\n" not in str(failure.value)
