"""Runs on several servers: the least busy one first, and one that fails left out for longer and longer."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from stagerl_plugins.errors import UserError
from stagerl_plugins.sandboxes.sandbox_fusion.address import Address
from stagerl_plugins.sandboxes.sandbox_fusion.client import BusyError, Client, NotNowError, RefusedError
from stagerl_plugins.sandboxes.worker import LostError
from stagerl_plugins.types import Ended, Execution, Limits

_LOOK_AGAIN = 0.05  # seconds
_FIRST_REST, _LONGEST_REST = 0.5, 60.0  # seconds for which a server that fails is left out
_TOLD_AFTER = 3  # failures in a row
_START_LIMITS = Limits()

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Server:
    address: Address
    running: int = 0
    failures: int = 0  # in a row
    not_before: float = 0.0
    reason: str = ""

    def may_run(self, most: int) -> bool:
        """Whether one more may run here; one at a time until a server that failed has answered."""
        return time.monotonic() >= self.not_before and self.running < (1 if self.failures else most)

    def answered(self) -> None:
        if self.failures >= _TOLD_AFTER:
            _log.warning("sandbox 'sandbox_fusion': %s answers again", self.address.url)
        self.failures = 0

    def failed(self, error: Exception) -> None:
        self.reason = str(error)
        now = time.monotonic()
        if now < self.not_before:  # one of several that failed together
            return
        self.failures += 1
        rest = _FIRST_REST * 2 ** min(self.failures - 1, 30) * random.uniform(0.5, 1)
        asked = error.seconds if isinstance(error, BusyError) else 0.0
        self.not_before = now + min(max(rest, asked), _LONGEST_REST)
        if self.failures == _TOLD_AFTER:
            _log.warning("sandbox 'sandbox_fusion': %s is left out while it fails: %s", self.address.url, self.reason)


class Pool:
    """Runs programs. Belongs to one event loop.

    Args:
        addresses: Of the servers.
        client: Asks them.
        concurrency: Runs at a time on each.
        attempts: Servers that may be lost with a run, before it is lost.
        patience: Seconds that a run is kept while no server can take it.
    """

    def __init__(
        self, addresses: Sequence[Address], client: Client, concurrency: int, attempts: int, patience: float
    ) -> None:
        self._servers = [_Server(address) for address in addresses]
        self._client = client
        self._concurrency, self._attempts, self._patience = concurrency, attempts, patience
        self._turns = asyncio.Semaphore(concurrency * len(addresses))
        self._answered_at = 0.0

    async def check(self) -> None:
        """Look for the servers.

        Raises:
            UserError: There is none that runs Python; a busy one may.
        """
        there = await asyncio.gather(*map(self._is_there, self._servers))
        told = "; ".join(f"{server.address.url}: {server.reason}" for server in self._servers if server.reason)
        if not any(there):
            raise UserError(f"no SandboxFusion server runs Python: {told}")
        if told:
            _log.warning("sandbox 'sandbox_fusion': not all servers run Python: %s", told)

    async def _is_there(self, server: _Server) -> bool:
        word = uuid.uuid4().hex
        try:
            seen = await self._client.run(server.address, f"print('{word}')", "", _START_LIMITS)
        except (LostError, NotNowError, RefusedError) as error:
            server.failed(error)
            return isinstance(error, BusyError)
        if seen.ended is Ended.EXITED and seen.stdout.strip() != word:
            last = (seen.stderr.strip().splitlines() or ["nothing"])[-1]
            server.failed(LostError(f"print('…') ended with status {seen.exit_code}: {last[:200]}"))
            return False
        return True

    async def run(self, program: str, stdin: str, limits: Limits) -> Execution:
        """Run a program on one input, on another server where one fails.

        Raises:
            LostError: It was lost again and again, or is refused, or no server can take it.
        """
        lost = 0
        async with self._turns:
            began = time.monotonic()
            while True:
                server = await self._take(began)
                try:
                    execution = await self._client.run(server.address, program, stdin, limits)
                except NotNowError as error:
                    server.failed(error)
                except LostError as error:
                    server.failed(error)
                    lost += 1
                    if lost == self._attempts:
                        raise LostError(f"lost {lost} times, at last by {server.address.url}: {error}") from None
                except RefusedError as error:
                    raise LostError(f"{server.address.url} refuses it: {error}") from None
                else:
                    self._answered_at = time.monotonic()
                    server.answered()
                    return execution
                finally:
                    server.running -= 1

    async def _take(self, began: float) -> _Server:
        """The least busy server that may run one more.

        Raises:
            LostError: All have failed for too long.
        """
        while True:
            free = [server for server in self._servers if server.may_run(self._concurrency)]
            if free:
                server = min(free, key=lambda server: (server.running, random.random()))
                server.running += 1
                return server
            waited = time.monotonic() - max(began, self._answered_at)
            if waited > self._patience and all(server.failures for server in self._servers):
                told = "; ".join(f"{server.address.url}: {server.reason}" for server in self._servers)
                raise LostError(f"no server for {waited:.0f} s: {told}")
            await asyncio.sleep(_LOOK_AGAIN)

    async def close(self) -> None:
        await self._client.close()
