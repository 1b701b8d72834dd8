"""Verdict processes from outside: ask them, kill them, also while they are busy in C code."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

import psutil

from stagerl_plugins.rewards.call import describe
from stagerl_plugins.rewards.processes import message
from stagerl_plugins.types import Outcome, Verdict

LONGEST_WAIT = 3600.0  # in one call: the operating system takes no more than 24 days
SLOW = 0.1  # a call that has used so much of its processor time is slow


class DiedIdleError(Exception):
    """A verdict process ended before it took a response."""


class DiedError(Exception):
    """A verdict process ended while it judged a response, and not by us."""


class VerdictProcess:
    """One verdict process, from outside. Not safe for threads: it belongs to one of the pool's.

    Args:
        connection: To the process.
        pid: Its process id, which is that of its process group too.
        cpu: Seconds of processor time that it has used up to now.
        room: Bytes that the connection holds for sure, so that to send them takes no time.
        forker: To the process that it was forked from, which says nothing any more.
    """

    def __init__(self, connection: Connection, pid: int, cpu: float, room: int, forker: Connection) -> None:
        self._connection = connection
        self._forker = forker
        self._pid = pid
        self._cpu = cpu
        self._room = room
        self._given: deque[tuple[int, int]] = deque()  # numbers and sizes of the questions that it has not answered
        self._asked = 0
        self._alone = True  # nothing that an earlier response began uses its processor time
        self.alive = True

    @property
    def idle(self) -> bool:
        """Whether it has answered all that it was given."""
        return not self._given

    @property
    def forker_ended(self) -> bool:
        """Whether the process that it was forked from has ended, or does so now, and takes all others with it."""
        return self._forker.poll(0)

    def ask(
        self, contents: Sequence[bytes], count: int, seconds: float, cpu_seconds: float | None, slow: Callable[[], None]
    ) -> list[Verdict]:
        """Have the responses of the first of these questions judged in one call.

        Args:
            contents: The reward's key and the responses, packed, for each. Those that follow the first are given to
                the process as far as there is room, and must come first when this is called again.
            count: How many responses the first has.
            seconds: Wall time after which the process is killed and the verdicts are `not_judged`.
            cpu_seconds: Processor time after which the process is killed and the verdict is `timed_out`; of a group it
                is `not_judged`, as nobody knows which response it was.
            slow: Called, once or more, when a tenth of that is used without a verdict.

        Raises:
            DiedIdleError: The process was dead already; the responses can be given to another one.
            DiedError: It died while it judged the first; or was killed for what an earlier response may have done.
        """
        try:
            for content in contents[len(self._given) :]:
                if self._given and sum(size for _, size in self._given) + len(content) > self._room:
                    break
                self._asked += 1
                self._connection.send_bytes(message.question(self._asked, content))
                self._given.append((self._asked, len(content)))
        except OSError as error:
            if not self._given:
                self._close()
                raise DiedIdleError from error
        try:
            return self._answer_within(count, seconds, cpu_seconds, slow)
        except BaseException:  # its answer would be taken for that to the next response
            self.kill()
            raise

    def _answer_within(
        self, count: int, seconds: float, cpu_seconds: float | None, slow: Callable[[], None]
    ) -> list[Verdict]:
        deadline = time.monotonic() + seconds
        wait = LONGEST_WAIT if cpu_seconds is None else cpu_seconds * SLOW
        while not self._connection.poll(max(0.0, min(deadline - time.monotonic(), wait, LONGEST_WAIT))):
            if time.monotonic() >= deadline:
                self.kill()
                return [Verdict.not_judged(f"took longer than {seconds:g} s")] * count
            if cpu_seconds is not None:
                used = self._cpu_now() - self._cpu
                if used >= cpu_seconds:
                    self.kill()
                    if not self._alone:
                        raise DiedError  # an earlier response may have left behind what used it
                    detail = f"took more than {cpu_seconds:g} s of processor time"
                    late = Verdict(Outcome.TIMED_OUT, 0.0, detail) if count == 1 else Verdict.not_judged(detail)
                    return [late] * count
                limit = cpu_seconds * SLOW
                if used >= limit:
                    slow()
                    limit = cpu_seconds
                wait = max(0.02, limit - used)
        return self._receive(count)

    def _receive(self, count: int) -> list[Verdict]:
        try:
            number, _ = self._given.popleft()
            answer = message.answered(self._connection.recv_bytes(), number, count)
            self._cpu, self._alone = answer.cpu, answer.alone
            if answer.last:
                self._close()
            return answer.verdicts
        except (EOFError, OSError):
            self._close()
            raise DiedError from None
        except ValueError as error:
            self.kill()
            return [Verdict.not_judged(f"its verdict process sent nonsense: {describe(error)}")] * count

    def _cpu_now(self) -> float:
        try:
            times = psutil.Process(self._pid).cpu_times()
        except psutil.Error:
            return self._cpu
        return float(times.user + times.system)

    def kill(self) -> None:
        """Kill the process and all that it started; the one that it was forked from reaps it."""
        if self.alive:  # else another process may have its number by now
            for kill in (os.kill, os.killpg):  # it may have left its group
                with suppress(ProcessLookupError):
                    kill(self._pid, signal.SIGKILL)
            self._close()

    def _close(self) -> None:
        self.alive = False
        self._connection.close()
