"""Sandboxes of stand-ins for SandboxFusion servers, asked by the real client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fusion_server import FusionServer

from stagerl_plugins.sandboxes.sandbox_fusion import pool
from stagerl_plugins.sandboxes.sandbox_fusion.plugin import SandboxFusionOptions, SandboxFusionSandbox
from stagerl_plugins.types import Execution, Limits


@pytest.fixture
def start() -> Iterator[Callable[..., FusionServer]]:
    """Starts a server, one that answers at once unless told otherwise."""
    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(FusionServer(**how))


@pytest.fixture
def soon(monkeypatch) -> None:
    """A server that failed is tried again soon."""
    monkeypatch.setattr(pool, "_FIRST_REST", 0.02)


@pytest.fixture
def build() -> Iterator[Callable[..., SandboxFusionSandbox]]:
    """Builds sandboxes of servers, and closes them."""
    built: list[SandboxFusionSandbox] = []

    def build(*servers: FusionServer, **options: Any) -> SandboxFusionSandbox:
        urls = {"endpoints": [server.url for server in servers]} if servers else {}
        built.append(SandboxFusionSandbox(SandboxFusionOptions(**urls, **options), None))
        return built[-1]

    yield build
    for sandbox in built:
        asyncio.run(sandbox.close())


@pytest.fixture
def after_start() -> Callable[..., Callable[[], Any]]:
    """A server's faults one by one, after the first request, by which a sandbox looks for it at its start."""

    def after_start(*faults: Any, then: Any = None) -> Callable[[], Any]:
        left, lock = [None, *faults], threading.Lock()

        def fault() -> Any:
            with lock:
                return left.pop(0) if left else then

        return fault

    return after_start


@pytest.fixture
def run() -> Callable[..., Execution]:
    """Runs a program on one input."""

    def run(sandbox: SandboxFusionSandbox, program: str, stdin: str = "", **limits: Any) -> Execution:
        (seen,) = asyncio.run(sandbox.run(program, [stdin], Limits(**{"seconds": 1.0, **limits})))
        return seen

    return run
