"""Limits that all processes of a machine keep together: verl judges in several, and the service counts them all.

What is limited has names, and who holds one holds an abstract socket of that name: the kernel takes it back however
its process ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket

from pydantic import SecretStr

_LOOK_AGAIN = 0.1  # seconds


class Turns:
    """Sandboxes and creations that one key may have on this machine.

    Args:
        key: The key whose limits these are.
        sandboxes: How many there may be at a time.
        creations_per_second: How many may be created in a second.
    """

    def __init__(self, key: SecretStr, sandboxes: int, creations_per_second: float) -> None:
        self._prefix = "stagerl-e2b-" + hashlib.sha256(key.get_secret_value().encode()).hexdigest()[:16]
        self._sandboxes = sandboxes
        self._pause = 1 / creations_per_second

    def sandbox(self) -> socket.socket | None:
        """The right to one more sandbox, as long as the socket is open; None where there are enough."""
        names = (f"{self._prefix}-{number}" for number in range(self._sandboxes))
        return next((held for name in names if (held := _hold(name)) is not None), None)

    async def creation(self) -> None:
        """Wait until one more sandbox may be created."""
        while (held := _hold(f"{self._prefix}-creation")) is None:
            await asyncio.sleep(min(_LOOK_AGAIN, self._pause))
        asyncio.get_running_loop().call_later(self._pause, held.close)


def _hold(name: str) -> socket.socket | None:
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0{name}")
    except OSError:
        held.close()
        return None
    return held
