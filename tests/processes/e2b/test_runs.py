"""Programs in a sandbox of E2B's end as they would by themselves, and cannot reach what runs them."""

from __future__ import annotations

import asyncio
import os

import pytest
from stand_in import really

from stagerl_plugins.testing import check_plugin
from stagerl_plugins.types import Ended, Limits

LIMITS = Limits(seconds=10)
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="programs have a user id of their own only where we are root")


@pytest.fixture
def run(start, build):
    service = start(execute=really)
    sandbox = build(sandboxes=2)

    def run(program, *inputs, limits=LIMITS):
        run.service = service
        return asyncio.run(sandbox.run(program, inputs or [""], limits))

    return run


def test_it_keeps_the_contract(start, plugins):
    service = start(execute=really)
    check_plugin("sandbox", "e2b", {"creations_per_second": 500.0}, plugins=plugins)
    assert service.boxes == {}


@pytest.mark.parametrize(
    ("program", "stdin", "stdout", "status"),
    [
        ("print(input()[::-1])", "abc\n", "cba\n", 0),
        ("import sys; print(len(sys.stdin.buffer.read()))", "ä" * 100_000, "200000\n", 0),
        ("print(__name__, end='')", "", "__main__", 0),
        ("import sys; sys.exit(7)", "", "", 7),
        ("1 / 0", "", "", 1),
        ("import os; os.kill(os.getpid(), 9)", "", "", -9),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "", "\udcff", 0),
        ("open('f', 'w').write('kept'); print(open('f').read())", "", "kept\n", 0),
        ("import os; print(sorted(os.environ)[:2])", "", "['HOME', 'LANG']\n", 0),
    ],
)
def test_a_program_runs_as_it_would_by_itself(run, program, stdin, stdout, status):
    (seen,) = run(program, stdin)
    assert (seen.stdout, seen.exit_code, seen.ended) == (stdout, status, Ended.EXITED), seen


def test_all_inputs_of_a_program_run_in_one_call_and_in_order(run):
    seen = run("print(int(input()) ** 2)", *map(str, range(20)))
    assert [int(one.stdout) for one in seen] == [n * n for n in range(20)]
    assert run.service.asked.count("execute") == 1


def test_the_same_program_on_the_same_input_runs_once(run):
    assert run("print(1)", "a", "b", "a")[2].stdout == "1\n"
    assert run("print(1)", "b")[0].stdout == "1\n"
    assert run.service.asked.count("execute") == 1


@pytest.mark.parametrize(
    ("program", "ended", "detail"),
    [
        ("import time; time.sleep(60)", Ended.TIMED_OUT, "longer than 0.5 s"),
        ("while True: print('x' * 1000)", Ended.OVER_LIMIT, "more than 5000 bytes of output"),
        (
            "import time\nfor i in range(9): open(str(i), 'wb').write(b'x' * (1 << 20))\ntime.sleep(9)",
            Ended.OVER_LIMIT,
            "more than 3 MB of files",
        ),
    ],
)
def test_a_limit_ends_a_program_and_costs_no_sandbox(run, program, ended, detail):
    limits = Limits(seconds=0.5 if ended is Ended.TIMED_OUT else 10, output_bytes=5000, disk_mb=3)
    (seen,) = run(program, limits=limits)
    assert (seen.ended, seen.detail) == (ended, detail)
    assert len(run.service.created) == 1


def test_memory_is_limited(run):
    assert "MemoryError" in run("x = bytearray(300 << 20)", limits=Limits(memory_mb=128))[0].stderr
    assert run("x = bytearray(100 << 20)", limits=Limits(memory_mb=128))[0].exit_code == 0


@needs_root
@pytest.mark.parametrize(
    "attack",
    [
        "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
        "import os; open(f'/proc/{os.getppid()}/fd/1', 'w').write('forged')",
        "import os; open(f'/proc/{os.getppid()}/mem', 'rb')",
        "import socket; socket.create_connection(('127.0.0.1', {port}), 1)",
        "import os\nwhile True: os.fork()",
    ],
)
def test_a_program_cannot_reach_what_runs_it(run, attack):
    run("")
    attack = attack.replace("{port}", run.service.url.rpartition(":")[2])
    seen = run(attack, "1", "2", limits=Limits(seconds=3))
    assert [one.ended in (Ended.EXITED, Ended.TIMED_OUT) and one.exit_code != 0 for one in seen] == [True, True]
    assert run("print('well')")[0].stdout == "well\n"
    assert len(run.service.created) == 1


def test_a_program_that_takes_its_runner_down_is_not_lost(start, build):
    def killed(code):
        return really(
            code.replace("subprocess.run([", "subprocess.run([sys.executable, '-c', 'import os; os.abort()', ")
        )

    start(execute=killed)
    (seen,) = asyncio.run(build().run("print(1)", [""], LIMITS))
    assert (seen.ended, seen.detail) == (Ended.OVER_LIMIT, "it took the process down that runs it")


def test_what_a_program_leaves_running_ends_with_it(run):
    stays = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], "
    stays += "start_new_session=True, stdout=-1).pid)"
    (seen,) = run(stays)
    assert not os.path.exists(f"/proc/{int(seen.stdout)}")
