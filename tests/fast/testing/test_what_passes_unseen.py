"""Faults that show in no answer: in options nobody gave, in attributes, and in a reward that judges nothing."""

import pytest
from pydantic import field_validator
from test_broken_plugins_are_found import Admits, Decides, Draws, Judges, check

from stagerl_plugins.plugins import Options
from stagerl_plugins.testing import ContractError, check_plugin
from stagerl_plugins.types import Admission, Decision, Move, Verdict


def found(kind, factory, options=None):
    """What the contract test of this plugin says is wrong, without the plugin's name."""
    with pytest.raises(ContractError) as failure:
        check(kind, factory, options)
    name = f"{kind} 'broken' of broken-package 1.0: "
    assert str(failure.value).startswith(name)
    assert "\n" not in str(failure.value)
    return str(failure.value).removeprefix(name)


# -- options ----------------------------------------------------------------------------------------------------------


class WrongByDefault(Options):
    size: int = "large"


class OnlyInWords(Options):
    words: str = "one two"

    @field_validator("words", mode="before")
    @classmethod
    def _split(cls, words):
        return " ".join(words.split())


def test_a_default_that_nobody_could_give():
    said = found("sampler", Draws, WrongByDefault)
    assert said == "the default of its option 'size' is refused: Input should be a valid integer, got 'large'"


def test_a_validator_that_raises_what_tells_a_user_nothing():
    said = found("sampler", Draws, OnlyInWords)
    assert said.startswith("its options raised AttributeError(\"'object' object has no attribute 'split'\")")
    assert said.endswith("for a 'words' of another type: raise ValueError")


# -- rewards ----------------------------------------------------------------------------------------------------------


class JudgesNothing(Judges):
    def verdict(self, response):
        return Verdict.not_judged("no server")


class BoundInText(Judges):
    cpu_seconds = "1"


class NoBound(Judges):
    cpu_seconds = 0


class IsolatedInText(Judges):
    isolated = "no"


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (JudgesNothing, "judged no response at all, not even the ground truth itself: no server"),
        (BoundInText, "cpu_seconds must be a number above 0 or None, got '1'"),
        (NoBound, "cpu_seconds must be a number above 0 or None, got 0"),
        (IsolatedInText, "isolated must be True or False, got 'no'"),
    ],
)
def test_a_reward(reward, message):
    assert found("reward", reward) == message


# -- answers of wrong types -------------------------------------------------------------------------------------------


class ForNumberThree(Admits):
    def admit(self, context, group):
        return Admission(False, 3)


class OnHearsay(Decides):
    def decide(self, context):
        return Decision(Move.STAY, "", {"rate": "high"})


class FindsItGreat(Judges):
    def verdict(self, response):
        return Verdict("great", 1.0)


@pytest.mark.parametrize(
    ("kind", "factory", "message"),
    [
        ("reward", FindsItGreat, "'great' is not a valid Outcome"),
        ("gate", ForNumberThree, 'ValueError("an admission\'s reason is text, got 3")'),
        ("stage_policy", OnHearsay, "evidence is numbers by name"),
    ],
)
def test_an_answer_is_told_with_the_line_that_made_it(kind, factory, message):
    with pytest.raises(ContractError) as failure:
        check(kind, factory)
    assert message in str(failure.value)
    assert __file__ in str(failure.value)


# -- what check_plugin itself is given --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"options": [1]}, r"^options must be a Mapping, got \[1\]$"),
        ({"plugins": 3}, r"^plugins must be a Plugins, got 3$"),
        ({"problems": []}, r"^problems must be a Problems, got \[\]$"),
    ],
)
def test_arguments_of_other_types_are_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        check_plugin("sampler", "uniform", **arguments)
