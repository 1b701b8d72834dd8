"""Executions that were asked for already: the rollouts of a group often hold the same program."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from concurrent.futures import Future

from stagerl_plugins.types import Ended, Execution, Limits

Key = tuple[str, str, Limits]


class Memory:
    """Futures of executions that are under way, and results of those that ended by themselves.

    One that hit a limit may do better when the machine is less busy, and is run again. A program that uses time or
    chance gives its first answer again.

    Args:
        most: Bytes to take for it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._lock = threading.Lock()
        self._under_way: dict[Key, Future[Execution]] = {}
        self._known: OrderedDict[Key, Execution] = OrderedDict()

    def future_of(self, key: Key) -> tuple[Future[Execution], bool]:
        """A future of this execution, and whether it is a new one, which the caller must have run."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                done: Future[Execution] = Future()
                done.set_result(self._known[key])
                return done, False
            if key in self._under_way:
                return self._under_way[key], False
            future = self._under_way[key] = Future()
        future.set_running_or_notify_cancel()  # nobody may cancel what others wait for
        future.add_done_callback(lambda ended: self._keep(key, ended.result()))
        return future, True

    def _keep(self, key: Key, execution: Execution) -> None:
        with self._lock:
            del self._under_way[key]
            if execution.ended is Ended.EXITED:
                self._known[key] = execution
                self._size += _size(key, execution)
            while self._size > self._most:
                self._size -= _size(*self._known.popitem(last=False))


def _size(key: Key, execution: Execution) -> int:
    return 500 + sum(map(sys.getsizeof, (key[0], key[1], execution.stdout, execution.stderr)))
