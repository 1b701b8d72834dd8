"""Rewards that harm the process they run in, and what is around it; each function is one, and none takes a response."""

import asyncio
import builtins
import json
import mmap
import os
import pickle
import resource
import signal
import sys
import threading
import time

from stagerl_plugins import Outcome, Verdict

FINE = [Verdict(Outcome.CORRECT, 1.0, "fine")]


def spin():
    while True:
        pass


def leave_a_thread_that_spins():
    threading.Thread(target=spin, daemon=True).start()
    return FINE


def leave_a_thread_that_leaves():
    threading.Thread(target=lambda: (time.sleep(0.01), os._exit(0)), daemon=True).start()
    return FINE


def leave_a_task_that_spins():
    async def task():
        spin()

    leave_a_thread_that_spins.kept = asyncio.ensure_future(task())
    return FINE


def leave_an_alarm():
    def handler(*_):
        raise TimeoutError("an alarm of another's")

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    return FINE


def stop_the_loop():
    asyncio.get_running_loop().stop()
    return FINE


def replace_builtins():
    builtins.len = lambda _: 0
    builtins.str = builtins.float = builtins.sorted = builtins.isinstance = builtins.dict = None
    return FINE


def remove_builtins():
    vars(builtins).clear()
    return FINE


def replace_json():
    json.dumps = json.loads = lambda *_, **__: b"1"
    return FINE


def replace_pickle():
    pickle.loads = pickle.dumps = lambda *_: ("x", [])
    return FINE


def recurse_no_more():
    sys.setrecursionlimit(60)
    return FINE


def close_standard_streams():
    for number in (0, 1, 2):
        os.close(number)
    return FINE


def close_what_prints():
    sys.stdout.close()
    return FINE


def close_everything():
    os.closerange(3, 1000)
    return FINE


def write_everywhere():
    for number in range(3, 30):
        try:
            os.write(number, b"\0\0\0\x02{}")
        except OSError:
            continue
    return FINE


def read_everywhere():
    """Takes the questions that are waiting."""
    for number in range(3, 30):
        try:
            os.set_blocking(number, False)
            os.read(number, 2**20)
        except OSError:
            continue
    return FINE


def stop_itself():
    os.kill(os.getpid(), signal.SIGSTOP)
    return FINE


def leave_its_group():
    os.setpgid(0, os.getpgid(os.getppid()))
    spin()


def kill_its_parent():
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(10)


def end_its_parent():
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(10)


def fork_and_spin():
    if os.fork() == 0:
        os.setsid()
        spin()
    return FINE


def fork_twice_and_come_back():
    """Four of them, in sessions of their own."""
    if os.fork() == 0:
        os.setsid()
    os.fork()
    return FINE


def eat_memory_bit_by_bit():
    eaten = []
    while True:
        eaten.append(bytearray(10**8))


def reserve_memory():
    """All that it may have, and touch none of it."""
    try:
        while True:
            reserved.append(mmap.mmap(-1, 2**20))
    except (MemoryError, OSError):
        return FINE


reserved = []


def leave_files_open():
    left_open.append([open(os.devnull) for _ in range(40)])  # noqa: SIM115  all or none of them
    return FINE


left_open = []


def lower_the_bound_on_memory():
    resource.setrlimit(resource.RLIMIT_AS, (10**8, 10**8))
    return FINE


def return_too_much():
    return [Verdict(Outcome.CORRECT, 1.0, "x" * 10**8, {str(number): 1.0 for number in range(10**5)})]


def cannot_be_told():
    class Silent(Exception):  # noqa: N818
        def __str__(self):
            raise self

    raise Silent


def class_of_its_own():
    class Correct(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            return True

        def encode(self, *_):
            return b"not what it is"

    verdict = Verdict(Outcome.CORRECT, 1.0)
    for name, value in {"outcome": Correct("correct"), "detail": Correct("fine"), "score": True}.items():
        object.__setattr__(verdict, name, value)
    return [verdict]
