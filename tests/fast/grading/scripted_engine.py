"""A scripted engine in vLLM's place and a reward that reads its script; the real ones are in the whole-system tests."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from stagerl_plugins import Outcome, Response, Reward, Verdict, hookimpl, reward
from stagerl_plugins.grading.engine import Completion, Messages, Request

OUTCOMES = {
    "right": Verdict(Outcome.CORRECT, 1.0),
    "wrong": Verdict(Outcome.WRONG, 0.0),
    "half": Verdict(Outcome.PARTIAL, 0.5),
    "minus": Verdict(Outcome.WRONG, -1.0),
    "lost": Verdict.not_judged("on purpose"),
}


class ScriptedReward(Reward):
    """The verdict that a response's first word names; it sees the ground truth."""

    isolated = False

    def __init__(self, options: Any, setup: Any) -> None: ...

    async def score(self, responses: Sequence[Response]) -> list[Verdict]:
        assert all(response.ground_truth == f"answer {response.problem}" for response in responses)
        return [OUTCOMES[response.text.split()[0]] for response in responses]


@reward(group=True)
async def shortest_of_four(responses: list[Response]) -> list[bool]:
    """Whether a rollout is the shortest of its problem's four, in tokens."""
    assert len(responses) == 4
    assert len({response.problem for response in responses}) == 1
    lengths = [response.tokens for response in responses if response.tokens is not None and response.budget == 4096]
    return [length == min(lengths) for length in lengths]


class ScriptedPlugin:
    stagerl_contract = 1

    @hookimpl
    def register_rewards(self, register: Any) -> None:
        register("scripted", ScriptedReward)
        register("shortest_of_four", shortest_of_four)


class Crash(BaseException):
    """Stands for the end of the process."""


class ScriptedEngine:
    """Answers by a problem's script, or by chance from the seed; may crash in a batch.

    Args:
        scripts: Responses by problem, one a sample.
        crash_in: The number of the `generate` call that crashes half way.
        too_long: Problems that do not fit.
    """

    def __init__(
        self,
        scripts: Mapping[str, Sequence[str]] | None = None,
        crash_in: int | None = None,
        crash: BaseException | None = None,
        too_long: Sequence[str] = (),
    ) -> None:
        self.scripts, self.crash_in, self.crash, self.too_long = scripts or {}, crash_in, crash or Crash(), too_long
        self.started: dict[str, Messages] = {}
        self.asked: list[list[Request]] = []
        self.closed = 0

    async def start(self, prompts: Mapping[str, Messages]) -> list[str]:
        self.started = dict(prompts)
        return list(self.too_long)

    async def generate(self, requests: Sequence[Request]) -> AsyncIterator[list[Completion]]:
        self.asked.append(list(requests))
        completions = [self.complete(request) for request in reversed(requests)]  # in no helpful order
        middle = len(completions) // 2
        yield completions[:middle]
        if self.crash_in == len(self.asked) - 1:
            raise self.crash
        yield completions[middle:]

    async def close(self) -> None:
        self.closed += 1

    def complete(self, request: Request) -> Completion:
        chance = hashlib.sha256(str(request.seed).encode()).digest()
        script = self.scripts.get(request.problem)
        text = script[request.sample] if script else f"{list(OUTCOMES)[chance[0] % len(OUTCOMES)]} {chance.hex()}"
        return Completion(request.problem, request.sample, text, 1 + chance[1], chance[2] < 64)
