"""ByteDance's own server, where one runs: `SANDBOX_FUSION_ENDPOINT` is its URL."""

from __future__ import annotations

import asyncio
import os

import pytest

from stagerl_plugins.testing import check_plugin
from stagerl_plugins.types import Ended, Limits

ENDPOINT = os.environ.get("SANDBOX_FUSION_ENDPOINT", "")
pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not ENDPOINT, reason="SANDBOX_FUSION_ENDPOINT is not set"),
]


def test_it_keeps_the_contract(plugins):
    check_plugin("sandbox", "sandbox_fusion", {"endpoints": ENDPOINT}, plugins=plugins)


def test_programs_end_as_they_would_by_themselves(build):
    sandbox = build(endpoints=ENDPOINT, concurrency=2)
    limits = Limits(seconds=5, memory_mb=512, output_bytes=10**6)

    async def use():
        programs = {
            "import sys; print(len(sys.stdin.read()))": "ä" * 500_000,
            "import sys; sys.exit(7)": "",
            "1 / 0": "",
            "import time; time.sleep(60)": "",
            "print('x' * 131_071)": "",
            "print('x' * 400_000)": "",
            "while True: print('x' * 1000)": "",
            "x = bytearray(700 << 20)": "",
            "print('\ud83d\0')": "",
        }
        return [(await sandbox.run(program, [stdin], limits))[0] for program, stdin in programs.items()]

    long, left, raised, slow, whole, much, endless, large, odd = asyncio.run(use())
    assert (long.stdout, long.exit_code) == ("500000\n", 0)
    assert (left.exit_code, raised.exit_code) == (7, 1)
    assert "ZeroDivisionError" in raised.stderr
    assert slow.ended is Ended.TIMED_OUT
    assert (whole.ended, len(whole.stdout)) == (Ended.EXITED, 131_072)
    assert [one.ended for one in (much, endless)] == [Ended.OVER_LIMIT] * 2
    assert "MemoryError" in large.stderr
    assert odd.ended is Ended.EXITED
