"""The thread that waits for runs elsewhere: stopped from wherever the garbage collector finds it forgotten."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future

import pytest

from stagerl_plugins.sandboxes.worker import Worker
from stagerl_plugins.types import Ended


def test_a_worker_that_is_forgotten_in_its_own_thread_ends():
    closed = threading.Event()

    async def close():
        closed.set()

    async def forgotten():
        worker.stop()
        return []

    worker = Worker("forgotten", close)
    future = Future()
    worker.submit(forgotten, [future])
    assert closed.wait(10)
    worker.thread.join(10)
    assert not worker.thread.is_alive()
    assert future.result(10).ended is Ended.LOST


def test_a_close_that_fails_ends_the_thread():
    async def close():
        raise OSError("no such service")

    worker = Worker("unlucky", close)
    with pytest.raises(OSError, match="no such service"):
        worker.stop()
    worker.thread.join(10)
    assert not worker.thread.is_alive()


def test_in_a_process_that_was_forked_a_run_is_lost_and_not_waited_for():
    async def nothing():
        return []

    worker = Worker("parent's", nothing)
    pid = os.fork()
    if pid == 0:
        future = Future()
        worker.submit(nothing, [future])
        os._exit(0 if future.done() and future.result().ended is Ended.LOST else 1)
    assert os.waitpid(pid, 0)[1] == 0
    worker.stop()
