"""One reward of a configuration at work: asked here or in a verdict process, alone or with its group."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace

from stagerl_plugins.errors import plain
from stagerl_plugins.plugins import Registration
from stagerl_plugins.protocols import Reward
from stagerl_plugins.rewards.call import call, describe, none_judged
from stagerl_plugins.rewards.groups import Ask, Groups
from stagerl_plugins.rewards.loop import OwnLoop
from stagerl_plugins.rewards.processes.pool import VerdictPool
from stagerl_plugins.rewards.turns import Turns
from stagerl_plugins.types import Response, Verdict


class Failures:
    """Counts responses without a verdict by the reward that owes it, and reports the first of each.

    Args:
        report: Called with one line.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self.counts: Counter[str] = Counter()
        self._report = report
        self._lock = threading.Lock()

    def of(self, registration: Registration, detail: str) -> Verdict:
        """The verdict for a response that this reward left without one, with plugin, distribution and version."""
        detail = f"{registration}: {detail}"
        with self._lock:
            self.counts[registration.name] += 1
            first = self.counts[registration.name] == 1
        if first:
            self._report(f"{plain(detail)} (not_judged; told once, counted from here on)")
        return Verdict.not_judged(detail)


class Verifier:
    """A reward that the configuration names. Safe to call from any thread and event loop.

    Args:
        registration: What it is.
        ask: How it is asked.
        failures: Where responses are counted that it leaves without a verdict.
        group_seconds: How long a rollout waits for the others of its group; None for a reward that takes no groups.
        below: The rewards that it asks itself. What they fail at is not its fault.
    """

    def __init__(
        self,
        registration: Registration,
        ask: Ask,
        failures: Failures,
        group_seconds: float | None,
        below: Sequence[Verifier] = (),
    ) -> None:
        self._registration = registration
        self._ask = ask
        self._failures = failures
        self._groups = None if group_seconds is None else Groups(ask, group_seconds)
        self._below = [str(verifier) for verifier in below]

    def __str__(self) -> str:
        return str(self._registration)

    async def judge(self, response: Response) -> Verdict:
        """The verdict on one response. Never raises for what a reward does."""
        if self._groups is not None:
            verdict = await self._groups.judge(response)
        else:
            (verdict,) = await self._ask([response])
        if verdict.judged or any(name in verdict.detail for name in self._below):
            return verdict
        return self._failures.of(self._registration, verdict.detail)

    def abandon(self, group: str) -> None:
        """Stop waiting for rollouts of this group."""
        if self._groups is not None:
            self._groups.abandon(group)


class Child(Reward):
    """What a reward is given as its child: the way to a reward that may be at work elsewhere."""

    keeps_time = True

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    async def score(self, responses: Sequence[Response]) -> list[Verdict]:
        return list(await asyncio.gather(*map(self._verifier.judge, responses)))


def ask_in_process(pool: VerdictPool, key: str) -> Ask:
    """Ask the reward that the verdict processes know by this key."""

    async def ask(responses: Sequence[Response]) -> list[Verdict]:
        return await asyncio.wrap_future(pool.submit(key, responses))

    return ask


def ask_here(reward: Reward, loop: OwnLoop, seconds: float, turns: Turns | None) -> Ask:
    """Ask a reward that only waits, in an event loop of its own.

    Args:
        reward: The reward.
        loop: Its loop.
        seconds: How long a call may take, unless it keeps its own time.
        turns: How many calls there may be at a time; None for any number.
    """
    limit = None if reward.keeps_time else seconds

    async def ask(responses: Sequence[Response]) -> list[Verdict]:
        try:
            given = [_copy_of(response) for response in responses]
        except Exception as error:  # noqa: BLE001  whatever hangs on a response
            return none_judged(describe(error), responses)
        async with nullcontext() if turns is None else turns.one():
            answer = asyncio.wrap_future(loop.submit(call(reward, given)))
            try:
                # not `asyncio.wait_for`, which waits for a coroutine that ignores its cancellation
                await asyncio.wait([answer], timeout=limit)
            finally:
                finished = answer.done()
                answer.cancel()
            if not finished:
                await loop.renew_if_blocked()
                return none_judged(f"took longer than {seconds:g} s", responses)
        if not answer.cancelled():
            return answer.result()
        return none_judged("the judge was closed" if loop.closed else "cancelled itself", responses)

    return ask


def _copy_of(response: Response) -> Response:
    """The same response, for a reward to change as it likes: others judge it, and its row may be written."""
    return replace(response, ground_truth=deepcopy(response.ground_truth), extra_info=deepcopy(response.extra_info))
