"""Reward `code` as a test calls it."""

from __future__ import annotations

import asyncio
import json

from stagerl_plugins.protocols import Reward, Sandbox
from stagerl_plugins.rewards.code.reward import CodeOptions, CodeReward
from stagerl_plugins.types import Outcome, Response, Verdict

SUMS = {"inputs": ["1 2\n", "3 4\n", "5 6\n", "7 8\n"], "outputs": ["3", "7", "11", "15"]}
ADD = {"inputs": [[1, 2], [3, 4]], "outputs": [3, 7], "fn_name": "add"}
PROMPT = {"test": "def check(f):\n    assert f(1, 2) == 3\n    assert f(3, 4) == 7\n", "entry_point": "add"}
LIST = {"test_list": ["assert add(1, 2) == 3", "assert add(3, 4) == 7"]}


class Setup:
    """What a reward's factory is given: it builds the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def build(self, kind, spec, name):
        return self.sandbox if kind == "sandbox" else Divides()


def judge(sandbox, tests, *programs, **options) -> list[Verdict]:
    reward = CodeReward(CodeOptions(**options), Setup(sandbox))
    responses = [Response(f"```python\n{program}\n```", json.dumps(tests)) for program in programs]
    return asyncio.run(reward.score(responses))


class Divides(Reward):
    """A checker that takes any divisor of the input."""

    async def score(self, responses):
        verdicts = []
        for one in responses:
            given, text = one.ground_truth["input"], one.text.strip()
            right = int(given if isinstance(given, str) else given[0]) % int(text) == 0
            verdicts.append(Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right)))
        return verdicts
