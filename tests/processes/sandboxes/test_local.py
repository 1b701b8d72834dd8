"""The sandbox `local`: many programs at a time, each once, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from stagerl_plugins.errors import UserError
from stagerl_plugins.sandboxes.local import LocalOptions, LocalSandbox
from stagerl_plugins.sandboxes.warm import WarmInterpreter
from stagerl_plugins.types import Ended, Limits

ECHO = "print(input())"


@pytest.fixture
def sandbox():
    one = LocalSandbox(LocalOptions(workers=2), None)
    yield one
    asyncio.run(one.close())


def run(sandbox, program, inputs, **limits):
    return asyncio.run(sandbox.run(program, inputs, Limits(**limits)))


def interpreters() -> list[psutil.Process]:
    children = psutil.process_iter(["ppid", "cmdline"])
    return [
        child
        for child in children
        if child.info["ppid"] == os.getpid() and "zygote" in " ".join(child.info["cmdline"] or [])
    ]


def test_executions_come_in_the_order_of_their_inputs(sandbox):
    executions = run(sandbox, ECHO, [str(number) for number in range(50)])
    assert [execution.stdout for execution in executions] == [f"{number}\n" for number in range(50)]
    assert len(interpreters()) == 2


def test_the_same_execution_is_done_once_also_while_it_is_under_way(sandbox):
    program = "import time; time.sleep(0.3); print(time.time_ns())"
    first = run(sandbox, program, [""] * 6)
    assert len({execution.stdout for execution in first}) == 1
    assert run(sandbox, program, [""]) == first[:1]
    assert run(sandbox, program, [""], memory_mb=100) != first[:1]


def test_one_that_hit_a_limit_is_done_again(sandbox):
    slow = "import time; time.sleep(9)"
    assert [execution.ended for execution in run(sandbox, slow, [""], seconds=0.2)] == [Ended.TIMED_OUT]
    began = time.monotonic()
    assert [execution.ended for execution in run(sandbox, slow, [""], seconds=0.2)] == [Ended.TIMED_OUT]
    assert time.monotonic() - began > 0.2


def test_little_is_remembered_where_little_may_be():
    small = LocalSandbox(LocalOptions(workers=1, remember_mb=0), None)
    program = "import time; print(time.time_ns())"
    assert run(small, program, [""]) != run(small, program, [""])
    asyncio.run(small.close())


def test_an_idle_interpreter_that_is_killed_is_soon_no_zombie(sandbox):
    assert run(sandbox, ECHO, ["1"])[0].stdout == "1\n"
    killed = interpreters()
    for process in killed:
        process.kill()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{process.pid}").exists() for process in killed):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert run(sandbox, ECHO, ["2"])[0].stdout == "2\n"


def test_its_tier_is_looked_for_and_told_once_also_by_two_at_a_time(caplog):
    def build():
        return LocalSandbox(LocalOptions(workers=1, modules=["wave"]), None)

    with ThreadPoolExecutor(2) as threads:
        built = [one.result() for one in [threads.submit(build), threads.submit(build)]]
    for one in [*built, build()]:
        asyncio.run(one.close())
    assert len([record for record in caplog.records if "sandbox 'local': tier" in record.message]) == 1


def test_kills_at_random_make_no_execution_wrong(sandbox):
    """Of interpreters, of those that wait for them, and of programs."""

    async def kill_now_and_then(done, rng):
        while not done.is_set():
            await asyncio.sleep(rng.random() * 0.2)
            with suppress(psutil.Error):
                below = [one for first in interpreters() for one in [first, *first.children(recursive=True)]]
                if below:
                    rng.choice(below).kill()

    async def both():
        done = asyncio.Event()
        killer = asyncio.create_task(kill_now_and_then(done, random.Random(0)))
        program = "import time; time.sleep(0.02); print(input()); raise SystemExit(3)"
        executions = await sandbox.run(program, [str(number) for number in range(300)], Limits())
        done.set()
        await killer
        return executions

    executions = asyncio.run(both())
    lost = [execution for execution in executions if execution.ended is Ended.LOST]
    assert len(lost) <= 30  # one may be hit twice in a row
    for number, execution in enumerate(executions):
        assert execution in lost or (execution.stdout, execution.exit_code) == (f"{number}\n", 3), execution


def test_whatever_goes_wrong_with_a_run_nobody_waits_for_ever(sandbox, monkeypatch):
    def fails(*_):
        raise RuntimeError("of an unforeseen kind")

    monkeypatch.setattr(WarmInterpreter, "run", fails)
    (lost,) = run(sandbox, ECHO, ["1"])
    assert (lost.ended, lost.detail) == (Ended.LOST, "RuntimeError('of an unforeseen kind')")
    monkeypatch.undo()
    assert run(sandbox, ECHO, ["1"])[0].stdout == "1\n"


def test_closing_it_loses_what_waits_and_leaves_no_process():
    async def run_and_close(sandbox):
        running = asyncio.gather(*(sandbox.run(f"import time; time.sleep(5) #{n}", [""], Limits()) for n in range(6)))
        await asyncio.sleep(0.5)
        closing = asyncio.create_task(sandbox.close())
        executions = [one for (one,) in await running]
        await closing
        (after,) = await sandbox.run(ECHO, ["1"], Limits())
        return executions, after

    executions, after = asyncio.run(run_and_close(LocalSandbox(LocalOptions(workers=1), None)))
    assert sum(execution.ended is Ended.LOST for execution in executions) >= 5
    assert after.ended is Ended.LOST
    assert after.detail == "the sandbox was closed"
    assert interpreters() == []


def test_a_process_that_was_forked_has_interpreters_of_its_own(sandbox):
    assert run(sandbox, ECHO, ["1"])[0].stdout == "1\n"
    ours, theirs = multiprocessing.Pipe()
    forked = multiprocessing.get_context("fork").Process(target=lambda: theirs.send(run(sandbox, ECHO, ["2"])[0]))
    forked.start()
    answered = ours.poll(30)
    if not answered:
        forked.kill()
    forked.join()
    assert answered
    assert ours.recv().stdout == "2\n"
    assert run(sandbox, ECHO, ["3"])[0].stdout == "3\n"


def test_one_that_nobody_holds_any_more_leaves_no_process():
    assert run(LocalSandbox(LocalOptions(workers=1), None), ECHO, ["1"])[0].stdout == "1\n"
    assert interpreters() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"python": "/nowhere/python"}, "python: '/nowhere/python' is no Python interpreter that can be started"),
        ({"modules": ["no_such_module"]}, "modules: no module 'no_such_module' is installed"),
        pytest.param(
            {"tier": "C"},
            "no sandbox on this machine: tier C: PermissionError: ",
            marks=pytest.mark.skipif(os.getuid() != 0, reason="another user may have tier C"),
        ),
    ],
)
def test_what_cannot_be_is_one_line(options, said):
    with pytest.raises(UserError) as error:
        LocalSandbox(LocalOptions(**options), None)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_numpy_can_be_there():
    sandbox = LocalSandbox(LocalOptions(workers=1, modules=["numpy"]), None)
    (seen,) = run(sandbox, "import numpy; print(numpy.arange(5).sum())", [""])
    asyncio.run(sandbox.close())
    assert seen.stdout == "10\n"
