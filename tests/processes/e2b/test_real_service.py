"""The real service, where there is a key for it."""

from __future__ import annotations

import asyncio
import os

import pytest

from stagerl_plugins.sandboxes.e2b.plugin import E2BOptions, E2BSandbox
from stagerl_plugins.types import Ended, Limits

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not os.environ.get("E2B_API_KEY"), reason="E2B_API_KEY is not set"),
]


def test_programs_run_are_bounded_and_leave_no_sandbox():
    sandbox = E2BSandbox(E2BOptions(sandboxes=1), None)

    async def use():
        limits = Limits(seconds=2, output_bytes=1000)
        try:
            return [
                *await sandbox.run("print(input()[::-1])", ["abc", "xyz"], limits),
                *await sandbox.run("while True: pass", [""], limits),
                *await sandbox.run("print('x' * 5_000_000)", [""], limits),
                *await sandbox.run("import os; os.kill(os.getppid(), 9)", [""], limits),
                *await sandbox.run("import socket; socket.create_connection(('127.0.0.1', 49999))", [""], limits),
            ]
        finally:
            await sandbox.close()

    forward, backward, endless, loud, kills, connects = asyncio.run(use())
    assert (forward.stdout, backward.stdout) == ("cba\n", "zyx\n")
    assert (endless.ended, loud.ended) == (Ended.TIMED_OUT, Ended.OVER_LIMIT)
    assert (kills.exit_code, connects.exit_code) == (1, 1)

    pool = sandbox._pool
    assert asyncio.run(pool._service.find(pool._owner.of_pool)) == []
