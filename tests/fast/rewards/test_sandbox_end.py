"""A sandbox is closed once, by whoever had it built, and where it ran."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest

from stagerl_plugins.config import Judging
from stagerl_plugins.errors import UserError
from stagerl_plugins.hookspecs import hookimpl
from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.rewards import loop
from stagerl_plugins.rewards.judge import Judge, check_rewards
from stagerl_plugins.types import Execution, Limits, Outcome, Response

RIGHT = Response("```python\nprint(1)\n```", '{"inputs": ["1"], "outputs": ["1"]}', "code")
REWARDS = {"code": {"code": {"sandbox": "echo"}}}


class Echo(Sandbox):
    """Prints its input, and notes where it ran and was closed."""

    def __init__(self, options: Any, setup: Any) -> None:
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.closed: list[asyncio.AbstractEventLoop] = []
        built.append(self)

    async def run(self, program: str, inputs: Sequence[str], limits: Limits) -> list[Execution]:
        self.loops.append(asyncio.get_running_loop())
        return [Execution("exited", text, exit_code=0) for text in inputs]

    async def close(self) -> None:
        self.closed.append(asyncio.get_running_loop())


class ClosesBadly(Echo):
    async def close(self) -> None:
        await super().close()
        raise RuntimeError("still busy")


class NeverCloses(Echo):
    async def close(self) -> None:
        await super().close()
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                continue


class BlocksItsLoop(Echo):
    async def close(self) -> None:
        await super().close()
        ended.wait()


built: list[Echo] = []
ended = threading.Event()


def plugins_with(factory: type[Sandbox]) -> Plugins:
    module = ModuleType("echo")
    vars(module)["stagerl_contract"] = 1
    vars(module)["register_sandboxes"] = hookimpl(
        lambda register: register("echo", factory), specname="register_sandboxes"
    )
    plugins = load_plugins()
    plugins.add(module, "echo-package", "1.0")
    return plugins


@pytest.fixture(autouse=True)
def nothing_built() -> None:
    built.clear()


def test_it_is_closed_once_with_its_judge_in_the_loop_that_it_ran_in() -> None:
    with Judge(REWARDS, plugins_with(Echo), Judging()) as judge:
        assert asyncio.run(judge.judge(RIGHT)).outcome is Outcome.CORRECT
        (sandbox,) = built
        assert not sandbox.closed
    judge.close()
    assert sandbox.closed == sandbox.loops


def test_one_that_never_ran_is_closed_too() -> None:
    Judge(REWARDS, plugins_with(Echo), Judging()).close()
    assert [len(sandbox.closed) for sandbox in built] == [1]


def test_one_below_another_reward_is_closed() -> None:
    rewards = {"default": {"weighted": {"rewards": {"a": {"reward": REWARDS["code"]}}}}}
    with Judge(rewards, plugins_with(Echo), Judging()) as judge:
        assert asyncio.run(judge.judge(RIGHT)).outcome is Outcome.CORRECT
    assert [len(sandbox.closed) for sandbox in built] == [1]


def test_one_whose_judge_cannot_be_built_is_closed() -> None:
    rewards = {**REWARDS, "other": {"code": {"sandbox": {"echo": {"no_such_option": 1}}}}}
    with pytest.raises(UserError):
        Judge(rewards, plugins_with(Echo), Judging())
    assert [len(sandbox.closed) for sandbox in built] == [1]


def test_one_that_was_built_to_be_checked_is_closed() -> None:
    check_rewards(REWARDS, plugins_with(Echo))
    assert [len(sandbox.closed) for sandbox in built] == [1]


@pytest.mark.parametrize("factory", [ClosesBadly, NeverCloses, BlocksItsLoop])
def test_one_that_cannot_be_closed_holds_up_nobody_for_long(
    factory: type[Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CLOSE_SECONDS", 0.5)
    ended.clear()
    began = time.monotonic()
    with Judge(REWARDS, plugins_with(factory), Judging()) as judge:
        asyncio.run(judge.judge(RIGHT))
    assert len(built[0].closed) == 1
    assert time.monotonic() - began < 20
    ended.set()
