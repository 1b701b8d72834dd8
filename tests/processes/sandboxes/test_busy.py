"""On a busy machine a program's time is what it takes less what it waits for a processor, whichever thread works."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from stagerl_plugins.types import Ended, Limits

WORK = "def work(seconds=0.8):\n    while time.thread_time() < seconds: pass\n"
PLACES = {
    "its main thread": "work()",
    "a thread": "thread = threading.Thread(target=work); thread.start(); thread.join()",
    "one thread after the other": "for _ in '12':\n    t = threading.Timer(0, work, (0.4,)); t.start(); t.join()",
    "a process": "pid = os.fork()\nif pid: os.wait()\nelse: work()",
}
SLEEPERS = """
import threading, time
threads = [threading.Thread(target=time.sleep, args=(20,)) for _ in range(30)]
for thread in threads: thread.start()
"""

PINNED = """
import os, threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()  # seen from outside: it has begun
while len(os.sched_getaffinity(0)) > 1: time.sleep(0.01)
print("handed over", time.monotonic(), flush=True)
time.sleep(0.2)
print("slept", time.monotonic(), flush=True)
while time.thread_time() < 0.15: pass
"""

ORPHANS = """
import os
read, write = os.pipe()
for _ in range(60):
    if not os.fork():
        if not os.fork():
            os.close(write)
            os.read(read, 1)
            while True: pass
        os._exit(0)
    os.wait()
os.close(write)
while True: pass
"""


@pytest.fixture
def busy():
    """Three processes for each processor that never stop, in sessions of their own, as the kernel shares by session."""
    burn = [sys.executable, "-S", "-c", "while True: pass"]
    burners = [subprocess.Popen(burn, start_new_session=True) for _ in range(3 * len(os.sched_getaffinity(0)))]
    yield
    for burner in burners:
        burner.kill()
        burner.wait()


@pytest.mark.parametrize("where", PLACES)
def test_what_it_waits_for_a_processor_does_not_count(warm, busy, where):
    program = f"import os, threading, time\n{WORK}{PLACES[where]}"
    began = time.monotonic()
    seen = warm.run(program, "", Limits(seconds=1.5, processes=4 if "fork" in program else 1))
    took = time.monotonic() - began
    assert seen.ended is Ended.EXITED, seen
    assert took > 1.5
    assert 0.7 < seen.seconds < 1.5


@pytest.fixture
def starve():
    """Hands one processor for 2.5 seconds to a process of real time: others there run for 50 ms each second."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        pytest.skip("processes of real time are not ours to start here")
    places = os.sched_getaffinity(0)
    place = min(places)
    hog = "import time\nend = time.monotonic() + 2.5\nwhile time.monotonic() < end: pass"
    hogs = []

    def starve() -> int:
        hogs.append(subprocess.Popen([sys.executable, "-S", "-c", hog]))
        os.sched_setaffinity(hogs[-1].pid, {place})
        os.sched_setscheduler(hogs[-1].pid, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setaffinity(0, places - {place})  # or this test may have to wait there
        return place

    yield starve
    os.sched_setaffinity(0, places)
    for process in hogs:
        process.kill()
        process.wait()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the interpreter needs a processor beside that one")
def test_one_long_wait_for_a_processor_does_not_count(warm, starve):
    assert warm.run("print(1)", "", Limits(seconds=5)).stdout == "1\n"
    outside = psutil.Process(warm.pid)  # in tier A it waits for the interpreter, else it is that
    interpreter = (outside.children() or [outside])[0]
    place = starve()
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        running = pool.submit(warm.run, PINNED, "", Limits(seconds=1))
        while not (programs := interpreter.children()) or programs[0].num_threads() == 1:
            assert time.monotonic() - began < 30
            time.sleep(0.01)
        os.sched_setaffinity(programs[0].pid, {place})
        seen = running.result(60)
    assert seen.ended is Ended.EXITED, seen
    assert time.monotonic() - began > 1.5
    assert 0.3 < seen.seconds < 1


def test_what_passes_while_all_is_stopped_does_not_count(warm):
    """A job that its cluster suspends, or a container that is paused."""
    assert warm.run("print(1)", "", Limits(seconds=5)).stdout == "1\n"
    outside = psutil.Process(warm.pid)
    idle = len(outside.children(recursive=True))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(warm.run, "import time; time.sleep(0.8); print(2)", "", Limits(seconds=1.5))
        while len(family := outside.children(recursive=True)) == idle:
            time.sleep(0.01)
        for process in [outside, *family]:
            process.suspend()
        time.sleep(3)
        for process in [*reversed(family), outside]:
            process.resume()
        seen = running.result(60)
    assert (seen.ended, seen.stdout) == (Ended.EXITED, "2\n"), seen


@pytest.mark.parametrize("many", [1, 8])
def test_processes_that_wait_for_each_other_gain_no_time(warm, many):
    program = f"import os\nfor _ in range({many - 1}):\n    if not os.fork(): break\nwhile True: pass"
    assert warm.run(program, "", Limits(seconds=1, processes=max(2, many))).ended is Ended.TIMED_OUT


def test_processes_that_nobody_waits_for_gain_no_time_for_another(warm):
    begun = time.monotonic()
    assert warm.run(ORPHANS, "", Limits(seconds=1, processes=64)).ended is Ended.TIMED_OUT
    assert time.monotonic() - begun < 9  # else it is called lost at 10


def test_threads_that_only_sleep_are_timed_out(warm, busy):
    assert warm.run(SLEEPERS, "", Limits(seconds=1)).ended is Ended.TIMED_OUT
