"""However a process ends, its sandboxes end with it; what slips through is found by the next one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from stagerl_plugins.sandboxes.e2b.owner import Owner, is_left_over
from stagerl_plugins.types import Ended, Limits

LIMITS = Limits(seconds=1)
USER = """
import asyncio, os, signal, sys, time
from stagerl_plugins.sandboxes.e2b.plugin import E2BOptions, E2BSandbox
from stagerl_plugins.types import Limits

async def use():
    await asyncio.gather(*(sandbox.run(f"print({n})", [""], Limits()) for n in range(4)))

sandbox = E2BSandbox(E2BOptions(creations_per_second=100.0), None)
asyncio.run(use())
print("used", flush=True)
"""


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def user(service, code):
    return subprocess.Popen(
        [sys.executable, "-c", USER + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **service.environment},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_signal_leaves_no_sandbox(start, number):
    service = start()
    with user(service, "time.sleep(60)") as process:
        assert process.stdout.readline() == "used\n"
        assert service.boxes
        process.send_signal(number)
        process.wait(30)
    wait_for(lambda: not service.boxes)


def test_a_signal_handler_of_the_user_s_stays_his(start):
    service = start()
    with user(service, "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL") as process:
        process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise ValueError", "del sandbox\ntime.sleep(60)"])
def test_a_sandbox_that_is_forgotten_is_ended(start, end):
    service = start()
    with user(service, end) as process:
        wait_for(lambda: service.created and not service.boxes)
        process.kill()


def test_a_forked_process_that_ends_leaves_its_parent_s_sandboxes_alone(start):
    service = start()
    forks = """
        if os.fork() == 0:
            sys.exit()
        os.wait()
        print("ended", flush=True)
        time.sleep(60)
    """
    with user(service, forks) as process:
        assert [process.stdout.readline() for _ in range(2)] == ["used\n", "ended\n"]
        assert service.boxes
        process.kill()
    wait_for(lambda: not service.boxes)


def test_closing_loses_what_runs_and_ends_what_is_being_created(start, build):
    service = start(fault={"create": "slow", "list": "busy"}.get)
    sandbox = build()

    async def close_early():
        runs = [asyncio.create_task(sandbox.run(f"print({n})", [""], LIMITS)) for n in range(5)]
        await asyncio.sleep(0.1)
        await sandbox.close()
        return [one for run in runs for one in await run]

    seen = asyncio.run(close_early())
    assert {(one.ended, one.detail) for one in seen} == {(Ended.LOST, "the sandbox was closed")}
    assert service.boxes == {}
    assert asyncio.run(sandbox.run("print(1)", [""], LIMITS))[0].ended is Ended.LOST


def test_closing_ends_what_was_created_without_our_being_told(start, build):
    service = start(fault={"create": "cut"}.get)
    sandbox = build(patience=0.3)
    assert asyncio.run(sandbox.run("print(1)", [""], LIMITS))[0].ended is Ended.LOST
    assert service.boxes
    asyncio.run(sandbox.close())
    assert service.boxes == {}


@pytest.mark.parametrize("lists_all", [False, True])
def test_what_an_earlier_crash_left_over_is_ended_at_the_next_start(start, build, lists_all):
    service = start(lists_all=lists_all)
    mine = Owner.new()
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    other_start = f"{os.getpid()}-1"  # another process had our id
    owners = {
        "dead": {**mine.metadata, "stagerl_process": f"{dead.pid}-1"},
        "id taken again": {**mine.metadata, "stagerl_process": other_start},
        "alive": mine.metadata,
        "of another machine": {**mine.metadata, "stagerl_place": "elsewhere", "stagerl_process": f"{dead.pid}-1"},
        "of somebody else": {},
    }
    names = {
        service.create({"metadata": metadata, "timeout": 300}, request): request for request, metadata in owners.items()
    }
    sandbox = build()
    assert {names[box] for box in service.boxes} == {"alive", "of another machine", "of somebody else"}
    asyncio.run(sandbox.run("print(1)", [""], LIMITS))
    asyncio.run(sandbox.close())
    assert {names[box] for box in service.boxes} == {"alive", "of another machine", "of somebody else"}


def test_a_clock_that_is_set_makes_no_sandbox_one_that_is_left_over(monkeypatch):
    mine = Owner.new().metadata
    later = psutil.boot_time() + 3600  # the clock's time less what has passed since
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: later)
    assert not is_left_over(mine)
    assert is_left_over({**mine, "stagerl_process": f"{os.getpid()}-1"})
