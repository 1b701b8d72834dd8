"""The one path to a verdict: training, grading, evaluation and the command line all go through `Judge`."""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from stagerl_plugins.config import Judging, parse_options
from stagerl_plugins.errors import PluginError, UserError, nearest
from stagerl_plugins.plugins import Plugins, Registration
from stagerl_plugins.protocols import Reward
from stagerl_plugins.rewards.call import WorkerSetup, call, describe
from stagerl_plugins.rewards.pool import VerdictPool
from stagerl_plugins.types import Response, Verdict

DEFAULT = "default"  # the reward of every data source that has none of its own

_log = logging.getLogger(__name__)


def check_data_sources(rewards: Mapping[str, Any], data_sources: Iterable[str]) -> None:
    """Make sure that each of these data sources has a reward, and each reward one of them.

    Raises:
        UserError: Some have none; names them.
    """
    known = set(data_sources)
    missing = [] if DEFAULT in rewards else sorted(known - rewards.keys())
    if missing:
        shown = ", ".join(f"'{source}'" for source in missing[:5]) + (" …" if len(missing) > 5 else "")
        raise UserError(f"rewards: no reward for data source {shown}: add it, or '{DEFAULT}' for all others")
    for source in rewards:
        if source not in known and source != DEFAULT:
            hint = nearest(source, {*known, DEFAULT})
            raise UserError(f"rewards.{source}: no problem has the data source '{source}': {hint}")


class Judge:
    """Judges responses with the reward of their data source; safe to call from any thread and event loop.

    An isolated reward runs in a verdict process that is killed when it takes too long. Any other is built here, once,
    and awaited in the caller's event loop. Which of both it is says the attribute `isolated` of what was registered: a
    `Reward` class, or a function that carries it. A reward that raises, hangs, dies or breaks the contract costs that
    response its verdict: it is `not_judged`, and its detail names plugin, distribution and version.

    Args:
        rewards: Name and options of the reward of each data source; `default` for all others.
        plugins: Where the rewards are found.
        judging: Time limit, and number of verdict processes.
        report: Called once for each reward that fails, with its first failure.

    Attributes:
        failures: How many responses each reward, by its name, left without a verdict.

    Raises:
        UserError: An unknown reward or wrong options.
        PluginError: A reward that is not isolated cannot be built.
    """

    def __init__(
        self,
        rewards: Mapping[str, Any],
        plugins: Plugins,
        judging: Judging,
        report: Callable[[str], None] = _log.warning,
    ) -> None:
        self.failures: Counter[str] = Counter()
        self._report = report
        self._lock = threading.Lock()
        self._seconds = judging.seconds
        self._registrations: dict[str, Registration] = {}
        self._built: dict[str, Reward] = {}
        isolated: dict[str, Any] = {}
        setup = WorkerSetup(plugins)
        for source, spec in rewards.items():
            name, _ = parse_options(plugins, "reward", spec, f"rewards.{source}")
            registration = self._registrations[source] = plugins.find("reward", name)
            if getattr(registration.factory, "isolated", True):
                isolated[source] = spec
            else:
                self._built[source] = _build(setup, spec, source, registration)
        self._pool = VerdictPool(isolated, judging.processes, judging.seconds) if isolated else None
        # also when its owner forgets it, and when the interpreter ends
        self._close = weakref.finalize(self, self._pool.close if self._pool else _nothing)

    async def judge(self, response: Response) -> Verdict:
        """The verdict on one response. Never raises for what a reward does."""
        source = response.data_source if response.data_source in self._registrations else DEFAULT
        if source not in self._registrations:
            return Verdict.not_judged(f"no reward for data source '{response.data_source}', and no '{DEFAULT}'")
        if source in self._built:
            verdict = await self._await(self._built[source], response)
        else:
            assert self._pool is not None
            verdict = await asyncio.wrap_future(self._pool.submit(source, response))
        return verdict if verdict.judged else self._failed(self._registrations[source], verdict)

    async def judge_all(self, responses: Sequence[Response]) -> list[Verdict]:
        """The verdicts on these responses, in order, made concurrently."""
        return list(await asyncio.gather(*map(self.judge, responses)))

    def abandon(self, group: str) -> None:
        """A rollout of this group will not come."""

    def close(self) -> None:
        """End the verdict processes. Responses that wait become `not_judged`. May be called twice."""
        self._close()

    def __enter__(self) -> Judge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _await(self, reward: Reward, response: Response) -> Verdict:
        """Not `asyncio.wait_for`, which waits for a coroutine that ignores its cancellation."""
        task = asyncio.ensure_future(call(reward, response))
        try:
            await asyncio.wait([task], timeout=None if reward.keeps_time else self._seconds)
        finally:
            finished = task.done()
            task.cancel()
        if not finished:
            return Verdict.not_judged(f"took longer than {self._seconds:g} s")
        return Verdict.not_judged("cancelled itself") if task.cancelled() else task.result()

    def _failed(self, registration: Registration, verdict: Verdict) -> Verdict:
        """Count and, the first time, report; the verdict with the plugin named."""
        detail = f"{registration}: {verdict.detail}"
        with self._lock:
            self.failures[registration.name] += 1
            first = self.failures[registration.name] == 1
        if first:
            self._report(f"{detail} (not_judged; told once, counted from here on)")
        return Verdict.not_judged(detail)


def _build(setup: WorkerSetup, spec: Any, source: str, registration: Registration) -> Reward:
    try:
        reward: Reward = setup.build("reward", spec, f"rewards.{source}")
    except UserError:
        raise
    except Exception as error:
        raise PluginError(f"rewards.{source}: {registration} cannot be built: {describe(error)}") from error
    return reward


def _nothing() -> None:
    """What there is to close when no reward is isolated."""
