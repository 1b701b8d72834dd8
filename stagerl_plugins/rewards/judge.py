"""The one path to a verdict: training, grading, evaluation and the command line all go through `Judge`."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import TracebackType
from typing import Any

from stagerl_plugins.config import Judging, parse_options
from stagerl_plugins.errors import PluginError, UserError, nearest, place_of
from stagerl_plugins.plugins import Plugins, Registration
from stagerl_plugins.protocols import Reward, Sandbox
from stagerl_plugins.rewards.call import WorkerSetup, describe, why_unbuilt
from stagerl_plugins.rewards.groups import Ask
from stagerl_plugins.rewards.loop import OwnLoop
from stagerl_plugins.rewards.processes.pool import VerdictPool
from stagerl_plugins.rewards.turns import Turns
from stagerl_plugins.rewards.verifier import Child, Failures, Verifier, ask_here, ask_in_process
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


def check_rewards(rewards: Mapping[str, Any], plugins: Plugins) -> None:
    """Build every reward once, before anything is started: later, one that cannot be built costs every verdict.

    They are built where a judge builds them, so that one that ends its process, or hangs, is told like any other.

    Raises:
        UserError: One cannot be built; names its key.
    """
    try:
        with Judge(rewards, plugins, Judging(processes=1)) as judge:
            judge.check()
    except PluginError as error:
        raise UserError(str(error)) from error


def takes_groups(spec: Any, plugins: Plugins) -> bool:
    """Whether a reward takes whole groups, or asks one that does; so it may be said of one that does not.

    Args:
        spec: Name and options of the reward.
        plugins: Where rewards are found.
    """
    return any(getattr(reward.factory, "takes_group", False) for reward in rewards_in(spec, plugins))


def rewards_in(spec: Any, plugins: Plugins) -> Iterator[Registration]:
    """A reward, and those that it may ask: all whose name stands anywhere in its options, as nothing is built.

    Args:
        spec: Name and options of the reward.
        plugins: Where rewards are found.
    """
    if isinstance(spec, str):
        if spec in plugins.names("reward"):
            yield plugins.find("reward", spec)
        return
    parts = chain(*spec.items()) if isinstance(spec, Mapping) else spec if isinstance(spec, list | tuple) else ()
    for part in parts:
        yield from rewards_in(part, plugins)


class Judge:
    """Judges responses with the reward of their data source; safe to call from any thread and event loop.

    An isolated reward runs in a verdict process that is killed when it takes too long. Any other is built here, once,
    and awaited in an event loop of its own, so many calls at a time. Which of both it is says the attribute `isolated`
    of what was registered: a `Reward` class, or a function that carries it. A reward that raises, hangs, dies or breaks
    the contract costs that response its verdict: it is `not_judged`, and its detail names plugin, distribution and
    version.

    One that takes whole groups (`takes_group`) is called when all rollouts of a response's group are there. A reward
    that is built here may ask others: they are run and bounded as if the configuration had named them itself.

    Args:
        rewards: Name and options of the reward of each data source; `default` for all others.
        plugins: Where the rewards are found.
        judging: Time limits, number of verdict processes and of calls that are waited for.
        report: Called once for each reward that fails, with its first failure.

    Attributes:
        failures: How many responses each reward, by its name, left without a verdict.
        isolated: Name and options of each reward that runs in verdict processes, by its key below `rewards`; those that
            others ask among them.
        started: Done once all rewards are built, or cannot be; why nothing can be started for it, or nothing.

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
        failures = Failures(report)
        self.failures = failures.counts
        bench = _Bench(plugins, judging, failures)
        try:
            self._verifiers = {source: bench.verifier(spec, source) for source, spec in rewards.items()}
        except BaseException:  # what was built before it has an end, too
            _close(bench.pool, bench.loops)
            raise
        self._by_key = bench.verifiers
        self._pool = bench.pool
        self._built = bench.built
        self.isolated: Mapping[str, Any] = bench.isolated
        bench.complete = True
        self.started = bench.pool.started
        if bench.isolated:
            bench.pool.start()
        else:
            self.started.set_result("")
        # also when its owner forgets it, and when the interpreter ends
        self._close = weakref.finalize(self, _close, bench.pool, bench.loops)

    def check(self) -> None:
        """Make sure that the rewards that run in verdict processes can be built there; waits until it has `started`.

        Raises:
            UserError: One cannot be built, with its key; or no process can be started.
        """
        if why_none := self.started.result():
            raise UserError(why_none)
        for key, why in self._pool.broken.items():
            raise UserError(f"rewards.{key}: {self._by_key[key]} cannot be built: {why}")
        for why in self._pool.unbuilt.values():
            raise UserError(why)

    async def judge(self, response: Response) -> Verdict:
        """The verdict on one response. Never raises for what a reward does."""
        verifier = self._verifiers.get(response.data_source) or self._verifiers.get(DEFAULT)
        if verifier is None:
            return Verdict.not_judged(f"no reward for data source '{response.data_source}', and no '{DEFAULT}'")
        return await verifier.judge(response)

    async def judge_all(self, responses: Sequence[Response]) -> list[Verdict]:
        """The verdicts on these responses, in order, made concurrently."""
        return list(await asyncio.gather(*map(self.judge, responses)))

    def abandon(self, group: str) -> None:
        """Tell that a rollout of this group will never come: nobody waits for it, now or later."""
        for verifier in self._by_key.values():
            verifier.abandon(group)

    def close(self) -> None:
        """End verdict processes, sandboxes and what waits: their responses become `not_judged`. May be called twice."""
        self._close()

    def __enter__(self) -> Judge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Bench:
    """All rewards of a judge while they are built, those that others ask among them.

    Attributes:
        verifiers: Each reward by its key below `rewards`, parents after their children.
        isolated: The specs of those that run in verdict processes, by the same keys.
        built: Those that are built here, by the same keys.
        pool: The verdict processes; not started yet.
        loops: Where the others wait.
        complete: No reward is built any more.
    """

    def __init__(self, plugins: Plugins, judging: Judging, failures: Failures) -> None:
        self._plugins = plugins
        self._judging = judging
        self._failures = failures
        self.verifiers: dict[str, Verifier] = {}
        self.isolated: dict[str, Any] = {}
        self.built: dict[str, Reward] = {}
        self.complete = False
        self.pool = VerdictPool(self.isolated, judging.processes, judging.seconds)
        self.loops: list[OwnLoop] = []

    def verifier(self, spec: Any, key: str) -> Verifier:
        """The reward that `spec` names, at work.

        Raises:
            UserError: It is unknown, or its options are wrong.
            PluginError: It cannot be built, two rewards ask for the same key, or a parent asks too late.
        """
        if self.complete:
            raise PluginError(f"rewards.{key}: setup.build may be called in a factory alone")
        name, _ = parse_options(self._plugins, "reward", spec, f"rewards.{key}")
        registration = self._plugins.find("reward", name)
        below = len(self.verifiers)
        if getattr(registration.factory, "isolated", True):
            self.isolated[key] = spec
            ask = ask_in_process(self.pool, key)
        else:
            ask = self._ask_here(spec, key, registration)
        if key in self.verifiers:
            raise PluginError(f"two rewards want the place 'rewards.{key}'")
        verifier = self.verifiers[key] = Verifier(
            registration,
            ask,
            self._failures,
            self._judging.rollout_seconds if getattr(registration.factory, "takes_group", False) else None,
            list(self.verifiers.values())[below:],
        )
        return verifier

    def _ask_here(self, spec: Any, key: str, registration: Registration) -> Ask:
        before = len(self.verifiers)
        setup = _JudgeSetup(self._plugins, self)
        try:
            reward = self.built[key] = setup.build("reward", spec, f"rewards.{key}")
        except UserError:
            raise
        except PluginError as error:
            raise PluginError(why_unbuilt(key, error)) from error
        except Exception as error:
            why = f"{describe(error)}{place_of(error)}"
            raise PluginError(f"rewards.{key}: {registration} cannot be built: {why}") from error
        finally:
            at_end = [sandbox.close for sandbox in setup.sandboxes]
            self.loops.append(OwnLoop(f"reward-{key}", at_end, self._judging.concurrency))
        # one that asks others is not bounded, as they are: a group would wait for rollouts that wait for their turn
        turns = Turns(self._judging.concurrency) if len(self.verifiers) == before else None
        return ask_here(reward, self.loops[-1], self._judging.seconds, turns)


class _JudgeSetup(WorkerSetup):
    """The `setup` of a reward that is built by a judge: its child rewards are the judge's, too.

    Args:
        plugins: Where plugins are found.
        bench: Where the child rewards come in.
        path: The key of the plugin that it is given to; empty for what the configuration names itself.
        sandboxes: Where those that are built come in.
    """

    def __init__(self, plugins: Plugins, bench: _Bench, path: str = "", sandboxes: list[Sandbox] | None = None) -> None:
        super().__init__(plugins, path, sandboxes)
        self._bench = bench

    def build(self, kind: str, spec: Any, name: str) -> Any:
        if kind == "reward" and self._path:
            return Child(self._bench.verifier(spec, f"{self._path}.{name}".removeprefix("rewards.")))
        return super().build(kind, spec, name)

    def _below(self, path: str) -> WorkerSetup:
        return _JudgeSetup(self._plugins, self._bench, path, self.sandboxes)


def _close(pool: VerdictPool, loops: Iterable[OwnLoop]) -> None:
    pool.close()
    for loop in loops:
        loop.close()
