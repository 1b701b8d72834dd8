"""Rewards registered for a test, and judges that need no verdict process for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from stagerl_plugins import Response, Verdict
from stagerl_plugins.config import Judging
from stagerl_plugins.hookspecs import hookimpl
from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.rewards.judge import Judge


def registered(**rewards: Any) -> Plugins:
    """All plugins, and these rewards by name as those of `acme-rewards 1.2`; a pair has options with it."""

    def register_rewards(register: Any) -> None:
        for name, factory in rewards.items():
            register(name, *(factory if isinstance(factory, tuple) else [factory]))

    module = ModuleType("acme_rewards")
    module.stagerl_contract = 1  # type: ignore[attr-defined]
    module.register_rewards = hookimpl(register_rewards)  # type: ignore[attr-defined]
    plugins = load_plugins()
    plugins.add(module, "acme-rewards", "1.2")
    return plugins


class Court:
    """A judge of one reward, and what it reports."""

    def __init__(self, spec: Any, plugins: Plugins, judging: Judging) -> None:
        self.reports: list[str] = []
        self.judge = Judge({"default": spec}, plugins, judging, self.reports.append)

    def verdicts(self, *responses: Response | str) -> list[Verdict]:
        """Verdicts on responses, or texts, that are given to it at the same time."""
        given = [Response(one, "42") if isinstance(one, str) else one for one in responses]
        return asyncio.run(self.judge.judge_all(given))


@pytest.fixture
def court() -> Iterator[Callable[..., Court]]:
    """Makes judges: `court(spec, plugins, **judging)`."""
    courts: list[Court] = []

    def make(spec: Any, plugins: Plugins, **judging: Any) -> Court:
        courts.append(Court(spec, plugins, Judging(**judging)))
        return courts[-1]

    yield make
    for made in courts:
        made.judge.close()


@pytest.fixture(name="registered")
def _registered() -> Callable[..., Plugins]:
    return registered
