"""The rewards that judge rows, each started when the first row of its data source comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from stagerl_plugins.config import Judging
from stagerl_plugins.plugins import Plugins
from stagerl_plugins.rewards.judge import DEFAULT, Judge
from stagerl_plugins.types import Response, Verdict


class Verifiers:
    """A judge for each data source: rows of math must not wait for a sandbox, or fail where none can be had.

    Args:
        rewards: Name and options of the reward of each data source; `default` for all others.
        plugins: Where the rewards are found.
        judging: Time limit, and number of verdict processes.
        report: Called once for each reward that fails, with its first failure.
    """

    def __init__(
        self, rewards: Mapping[str, Any], plugins: Plugins, judging: Judging, report: Callable[[str], None]
    ) -> None:
        self._rewards = rewards
        self._plugins = plugins
        self._judging = judging
        self._report = report
        self._starting: dict[str, asyncio.Future[Judge]] = {}
        self._judges: list[Judge] = []

    def know(self, source: str) -> bool:
        """Whether there is a reward for this data source."""
        return reward_of(source, self._rewards) is not None

    async def judge(self, response: Response) -> Verdict:
        """The verdict on one response, whose data source must be known.

        Raises:
            UserError: The reward of its data source cannot be built.
            PluginError: The same, of one that is not isolated.
        """
        source = reward_of(response.data_source, self._rewards)
        assert source is not None
        if source not in self._starting:
            self._starting[source] = asyncio.ensure_future(self._start(source))
        return await (await asyncio.shield(self._starting[source])).judge(response)

    async def _start(self, source: str) -> Judge:
        judge = await asyncio.to_thread(self._build, source)
        await asyncio.shield(asyncio.wrap_future(judge.started))
        judge.check()
        return judge

    def _build(self, source: str) -> Judge:
        rewards = {source: self._rewards[source]}
        judge = Judge(rewards, self._plugins, self._judging, self._report)
        self._judges.append(judge)
        return judge

    def __enter__(self) -> Verifiers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for judge in self._judges:
            judge.close()


def reward_of(source: str, rewards: Mapping[str, Any]) -> str | None:
    """The key of the reward that judges this data source; None if there is none."""
    return next((key for key in (source, DEFAULT) if key in rewards), None)
