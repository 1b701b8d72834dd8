"""Ending sandboxes that nobody uses any more: one's own at the end, and those that an earlier crash left over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stagerl_plugins.sandboxes.e2b.service import BusyError, Service

_ATTEMPTS = 6
_Answer = TypeVar("_Answer")
_FIRST_PAUSE = 0.2  # seconds; doubled after each attempt


async def kill(service: Service, sandbox: str) -> None:
    """End a sandbox, however busy the service is.

    Raises:
        RefusedError: The service refuses the key.
        BusyError: It could not be ended.
    """
    await _insist(lambda: service.kill(sandbox))


async def kill_all(
    service: Service, metadata: dict[str, str], which: Callable[[dict[str, str]], bool] = lambda _: True
) -> int:
    """End all sandboxes that have this metadata.

    Args:
        service: Where they are.
        metadata: What all of them have.
        which: Says from the whole metadata of one whether it is to be ended.

    Returns:
        How many there were.

    Raises:
        RefusedError: The service refuses the key.
        BusyError: Some could not be ended.
    """
    found = await _insist(lambda: service.find(metadata))
    ended = [kill(service, one.sandbox) for one in found if which(one.metadata)]
    await asyncio.gather(*ended)
    return len(ended)


async def _insist(action: Callable[[], Awaitable[_Answer]]) -> _Answer:
    pause = _FIRST_PAUSE
    for _ in range(_ATTEMPTS - 1):
        try:
            return await action()
        except BusyError:
            await asyncio.sleep(pause)
            pause *= 2
    return await action()
