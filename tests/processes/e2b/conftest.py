"""Sandboxes of a stand-in for E2B's service, used by E2B's real client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from quick import at_once
from stand_in import StandIn

from stagerl_plugins.sandboxes.e2b import cleaning, pool
from stagerl_plugins.sandboxes.e2b.plugin import E2BOptions, E2BSandbox

pytest.importorskip("e2b_code_interpreter")


@pytest.fixture
def start(monkeypatch) -> Iterator[Callable[..., StandIn]]:
    """Starts a stand-in, which the client then talks to; one that answers at once unless told otherwise."""
    monkeypatch.setattr(pool, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(cleaning, "_FIRST_PAUSE", 0.02)
    with ExitStack() as stack:

        def start(**how: Any) -> StandIn:
            service = stack.enter_context(StandIn(**{"execute": at_once, **how}))
            for name, value in service.environment.items():
                monkeypatch.setenv(name, value)
            return service

        yield start


@pytest.fixture
def build() -> Iterator[Callable[..., E2BSandbox]]:
    """Builds sandboxes that are fast to create, and closes them."""
    built: list[E2BSandbox] = []

    def build(**options: Any) -> E2BSandbox:
        built.append(E2BSandbox(E2BOptions(**{"creations_per_second": 500.0, **options}), None))
        return built[-1]

    yield build
    for sandbox in built:
        asyncio.run(sandbox.close())
