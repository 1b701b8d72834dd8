"""One judge a node: a Ray actor that the reward workers of the node share. Imports no verl, and so no torch."""

from __future__ import annotations

import asyncio
import faulthandler
import hashlib
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorDiedError, ActorUnschedulableError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from stagerl_plugins.config import Judging
from stagerl_plugins.errors import PluginError, UserError
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.protocols import Spec
from stagerl_plugins.rewards.call import describe
from stagerl_plugins.rewards.judge import Judge
from stagerl_plugins.training.log import log_to_stderr
from stagerl_plugins.types import Response, Verdict

logger = logging.getLogger(__name__)

WAITING = 1_000_000  # responses that may be in a judge: a group that waits for its last rollout must not keep it out
PAUSE_SECONDS = 60.0  # until what could not be built is tried again: a server of a sandbox may have been away
HELD = 4.0  # times `judging.seconds` that nothing else of a judge may run, before it ends,
LEAST_HELD = 30.0  # and in seconds: a busy machine may hold up all of it for a while
ATTEMPTS = 2  # at an actor that was there and is no more
_TOLD = frozenset(10**power for power in range(1, 10))  # numbers of lost verdicts that are worth a line


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """What a judge is made of, as plain data that travels.

    Args:
        rewards: Name and options of the reward of each data source; `default` for all others.
        judging: Keys of `Judging`; read on the node itself, where what is left out may differ.
        on_plugin_error: "fail" or "skip".
    """

    rewards: Mapping[str, Spec]
    judging: Mapping[str, Any]
    on_plugin_error: str = "fail"


class NodeJudge:
    """Holds the `Judge` of a node, with its verdict processes and sandboxes; they end with it.

    What cannot be built costs the verdicts and not the actor: Ray would make that again for every response.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        log_to_stderr()
        self._settings = settings
        self._counts: Counter[bool] = Counter()  # of verdicts, by whether they are any
        self._judge: Judge | str = ""  # or why there is none
        self._build()

    def _build(self) -> None:
        settings = self._settings
        try:
            plugins = load_plugins(settings.on_plugin_error, logger.warning)
            judging = Judging.model_validate(settings.judging)
            self._judge = Judge(settings.rewards, plugins, judging, report=logger.warning)
        except (UserError, PluginError) as error:
            self._judge = str(error)
            logger.warning("no response can be judged on this node: %s", error)
        else:
            threading.Thread(target=_end_if_held, args=[max(HELD * judging.seconds, LEAST_HELD)], daemon=True).start()
        finally:
            self._again_at = time.monotonic() + PAUSE_SECONDS

    async def judge(self, response: Response) -> Verdict:
        """The verdict on one response. Never raises for what a reward does."""
        if isinstance(self._judge, str) and time.monotonic() >= self._again_at:
            self._again_at = math.inf  # one builds; the others do not wait
            await asyncio.to_thread(self._build)
        if isinstance(self._judge, str):
            return Verdict.not_judged(self._judge)
        verdict = await self._judge.judge(response)
        self._counts[verdict.judged] += 1
        if not verdict.judged and (lost := self._counts[False]) in _TOLD:
            logger.warning("%d of %d responses were not judged on this node", lost, self._counts.total())
        return verdict

    async def abandon(self, group: str) -> None:
        """A rollout of this group will not come."""
        if isinstance(self._judge, Judge):
            self._judge.abandon(group)


def _end_if_held(seconds: float) -> None:
    """End this process if a coroutine keeps the interpreter to itself for so long, which no thread of Python's can.

    Standard error says which line it was. Ray starts the judge again.
    """
    while True:
        faulthandler.dump_traceback_later(seconds, exit=True, file=2)
        time.sleep(seconds / 8)


class Judges:
    """The judges of a run as one of its processes reaches them, each made by whoever needs it first.

    The rollouts of a group meet in one judge, wherever they were generated: which one follows from the group's id. So a
    reward can take them all at once, and a program that several of them hold runs once. A response without a group goes
    to the judge of this node.

    A judge that dies is started again by Ray, and what it was judging is judged once more. It ends with the job, as all
    actors that are not detached.

    Args:
        settings: What the judges are made of.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        self._settings = settings
        self._actors: dict[str, Any] = {}  # as long as its first maker holds it, it lives
        self._here: str = ray.get_runtime_context().get_node_id()
        self._nodes = _nodes()

    def start(self) -> None:
        """Have this node's judge started, if it is not: plugins and sandboxes take seconds."""
        self._actor(self._here)

    async def judge(self, response: Response) -> Verdict:
        """The verdict on one response; `not_judged` where its judge was lost, twice."""
        reason: Exception | None = None
        for _ in range(ATTEMPTS):
            node = self._node_of(response.group)
            try:
                verdict: Verdict = await self._actor(node).judge.remote(response)
                return verdict
            except (ActorDiedError, ActorUnschedulableError) as error:  # for good: its maker died, or its node
                self._actors.pop(node, None)
                self._nodes = _nodes()
                reason = error
            except RayError as error:
                reason = error
                break
        assert reason is not None
        return Verdict.not_judged(f"the judge of the node was lost: {describe(reason)}")

    def abandon(self, group: str) -> None:
        """Tell the judge where the rollouts of this group meet that one will not come."""
        with suppress(ValueError):  # nobody waits in a judge that is not there
            ray.get_actor(_name(self._node_of(group))).abandon.remote(group)

    def _node_of(self, group: str) -> str:
        """The same node for all who ask, and for most groups still the same when a node comes or goes."""
        if not group:
            return self._here
        return max(self._nodes, key=lambda node: hashlib.sha256(f"{node}\0{group}".encode()).digest())

    def _actor(self, node: str) -> Any:
        if node not in self._actors:
            self._actors[node] = (
                ray.remote(NodeJudge)
                .options(
                    name=_name(node),
                    get_if_exists=True,
                    num_cpus=0,  # it never waits for a place
                    max_concurrency=WAITING,
                    max_restarts=-1,
                    max_task_retries=1,
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
                )
                .remote(self._settings)
            )
        return self._actors[node]


def _name(node: str) -> str:
    """Of the judge of a node; two jobs of one cluster may share a namespace."""
    return f"stagerl_judge_{ray.get_runtime_context().get_job_id()}_{node}"


def _nodes() -> list[str]:
    """All nodes that verl may put workers on."""
    return [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) > 0]
