"""Rewards that take whole groups: the rollouts of a prompt group wait for each other, and are judged in one call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field

from stagerl_plugins.types import Response, Verdict

MOST_REMEMBERED = 10_000  # groups that were given up; those before them have long been forgotten by everybody

Ask = Callable[[Sequence[Response]], Awaitable[list[Verdict]]]  # verdicts on responses, in order; never raises


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    response: Response
    future: Future[Verdict] = field(default_factory=Future)

    def give(self, verdict: Verdict) -> None:
        with suppress(InvalidStateError):  # who asked has been cancelled
            self.future.set_result(verdict)


class Groups:
    """Gathers the rollouts of prompt groups; safe to call from any thread and event loop.

    Args:
        ask: Judges all rollouts of a group.
        seconds: How long a rollout waits for the others of its group; then all of it are `not_judged`.
    """

    def __init__(self, ask: Ask, seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._lock = threading.Lock()
        self._open: dict[str, list[_Member]] = {}
        self._given_up: dict[str, None] = {}  # in the order in which they were
        self._judging: set[asyncio.Task[None]] = set()

    async def judge(self, response: Response) -> Verdict:
        """The verdict on one response, once its group is whole; at once where it has none."""
        if not response.group or response.group_size < 2:
            (verdict,) = await self._ask([response])
            return verdict
        member = _Member(response)
        with self._lock:
            if response.group in self._given_up:
                return Verdict.not_judged("its group had been given up")
            members = self._open.setdefault(response.group, [])
            members.append(member)
            whole = len(members) >= response.group_size
            if whole:
                del self._open[response.group]
        if whole:
            task = asyncio.ensure_future(self._judge(members))
            self._judging.add(task)
            task.add_done_callback(self._judging.discard)
        verdict_of_it = asyncio.wrap_future(member.future)
        try:
            await asyncio.wait([verdict_of_it], timeout=self._seconds)
            if not verdict_of_it.done():
                self._end(response.group, member)
            return await verdict_of_it
        finally:
            verdict_of_it.cancel()

    def abandon(self, group: str) -> None:
        """Give a group up: those of it that wait are `not_judged` at once, and so are those that come later."""
        self._end(group)

    def _end(self, group: str, waited: _Member | None = None) -> None:
        """Give a group up; with `waited` only if that one still waits for others."""
        with self._lock:
            members = self._open.get(group, [])
            if waited is not None and waited not in members:
                return
            self._open.pop(group, None)
            self._given_up[group] = None
            while len(self._given_up) > MOST_REMEMBERED:
                del self._given_up[next(iter(self._given_up))]
        for member in members:
            member.give(
                Verdict.not_judged(f"{len(members)} of {member.response.group_size} rollouts of its group arrived")
            )

    async def _judge(self, members: Sequence[_Member]) -> None:
        verdicts = [Verdict.not_judged("the judging of its group was cancelled")] * len(members)
        try:
            verdicts = await self._ask([member.response for member in members])
        finally:  # also when this event loop ends, while others wait in theirs
            for member, verdict in zip(members, verdicts, strict=True):
                member.give(verdict)
