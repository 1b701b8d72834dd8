"""ByteDance's own server, where one runs: `SANDBOX_FUSION_ENDPOINT` is its URL.

`SANDBOX_FUSION_ISOLATION` says with which isolation it was started: `none` (default) or `lite`.
"""

from __future__ import annotations

import asyncio
import os

import pytest

from stagerl_plugins.testing import check_plugin
from stagerl_plugins.types import Ended, Limits

ENDPOINT = os.environ.get("SANDBOX_FUSION_ENDPOINT", "")
ISOLATION = os.environ.get("SANDBOX_FUSION_ISOLATION", "none")
LIMITS = Limits(seconds=5, memory_mb=512, output_bytes=10**6)
pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not ENDPOINT, reason="SANDBOX_FUSION_ENDPOINT is not set"),
]


def test_it_keeps_the_contract(plugins):
    check_plugin("sandbox", "sandbox_fusion", {"endpoints": ENDPOINT}, plugins=plugins)


def test_programs_end_as_they_would_by_themselves(build):
    sandbox = build(endpoints=ENDPOINT, concurrency=2)

    async def use():
        programs = {
            "import sys; print(len(sys.stdin.read()))": "ä" * 500_000,
            "import sys; sys.exit(7)": "",
            "1 / 0": "",
            "import time; time.sleep(60)": "",
            "print('x' * 131_071)": "",
            "print('x' * 400_000)": "",
            "while True: print('x' * 1000)": "",
            "print('\ud83d\0')": "",
        }
        return [(await sandbox.run(program, [stdin], LIMITS))[0] for program, stdin in programs.items()]

    long, left, raised, slow, whole, much, endless, odd = asyncio.run(use())
    assert (long.stdout, long.exit_code) == ("500000\n", 0)
    assert (left.exit_code, raised.exit_code) == (7, 1)
    assert "ZeroDivisionError" in raised.stderr
    assert slow.ended is Ended.TIMED_OUT
    assert (whole.ended, len(whole.stdout)) == (Ended.EXITED, 131_072)
    assert [one.ended for one in (much, endless)] == [Ended.OVER_LIMIT] * 2
    assert odd.ended is Ended.EXITED


@pytest.mark.skipif(ISOLATION != "none", reason="with isolation 'lite' the server has a bound of its own")
def test_memory_is_bounded(build):
    (large,) = asyncio.run(build(endpoints=ENDPOINT).run("x = bytearray(700 << 20)", [""], LIMITS))
    assert "MemoryError" in large.stderr


@pytest.mark.skipif(ISOLATION != "lite", reason="with isolation 'none' what a program leaves stays")
def test_nothing_of_a_program_is_left_for_the_next_one(build):
    sandbox = build(endpoints=ENDPOINT)
    leave = "open('/tmp/left_by_a_program', 'w').close()"
    look = "import os; print(os.path.exists('/tmp/left_by_a_program'))"

    async def use():
        return [(await sandbox.run(program, [""], LIMITS))[0] for program in (leave, look)]

    left, looked = asyncio.run(use())
    assert (left.exit_code, looked.stdout) == (0, "False\n")
