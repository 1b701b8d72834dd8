"""A checker is a reward like any other: its author tests it with an input and an output as the ground truth."""

from __future__ import annotations

import pytest

from stagerl_plugins import Outcome, Reward, Verdict, hookimpl
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.testing import ContractError, check_plugin


class AnyDivisor(Reward):
    """Takes any divisor of the input but 1 and itself."""

    def __init__(self, options, setup):
        pass

    async def score(self, responses):
        return [self._verdict(one.text.strip(), int(one.ground_truth["input"])) for one in responses]

    def _verdict(self, printed, number):
        right = printed.isdecimal() and 1 < int(printed[:20]) < number and number % int(printed[:20]) == 0
        return Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right))


class Divisors:
    stagerl_contract = 1

    @hookimpl
    def register_rewards(self, register):
        register("any_divisor", AnyDivisor)


def test_a_checker_keeps_the_contract_of_a_reward():
    plugins = load_plugins()
    plugins.add(Divisors(), "divisors", "1.0")
    check_plugin("reward", "any_divisor", plugins=plugins, ground_truth={"input": "12", "output": "2"})
    with pytest.raises(ContractError, match="string indices must be integers"):
        check_plugin("reward", "any_divisor", plugins=plugins)
