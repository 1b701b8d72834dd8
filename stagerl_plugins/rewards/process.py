"""Verdict processes from outside: start them, ask them, kill them, also while they are busy in C code."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import reduction
from multiprocessing.connection import Connection

import psutil

from stagerl_plugins.protocols import Spec
from stagerl_plugins.rewards.call import describe, from_json
from stagerl_plugins.types import Outcome, Verdict

START_SECONDS = 60.0  # processes that take longer to start are given up
PAUSE_SECONDS = 10.0  # before the next try, so that all who wait learn of it and do not try one after the other
LONGEST_WAIT = 3600.0  # in one call: the operating system takes no more than 24 days
BUFFER = 2**20  # bytes of responses on their way to a process, as far as the operating system lets us
SLOW = 0.1  # a call that has used so much of its processor time is slow
ATTEMPTS = 3  # to start a process
KILLS = 20  # of processes that start: whoever kills them does not end the verdicts at once


class StartError(Exception):
    """No verdict process could be started."""


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
    """

    def __init__(self, connection: Connection, pid: int, cpu: float, room: int) -> None:
        self._connection = connection
        self._pid = pid
        self._cpu = cpu
        self._room = room
        self._given: deque[int] = deque()  # sizes of the messages that it has not answered
        self.alive = True

    @property
    def idle(self) -> bool:
        """Whether it has answered all that it was given."""
        return not self._given

    def ask(
        self, messages: Sequence[bytes], count: int, seconds: float, cpu_seconds: float | None, slow: Callable[[], None]
    ) -> list[Verdict]:
        """Have the responses of the first of these messages judged in one call.

        Args:
            messages: The reward's key and the responses, pickled, for each. Those that follow the first are given to
                the process as far as there is room, and must come first when this is called again.
            count: How many responses the first has.
            seconds: Wall time after which the process is killed and the verdicts are `not_judged`.
            cpu_seconds: Processor time after which the process is killed and the verdict is `timed_out`; of a group it
                is `not_judged`, as nobody knows which response it was.
            slow: Called, once or more, when a tenth of that is used without a verdict.

        Raises:
            DiedIdleError: The process was dead already; the responses can be given to another one.
            DiedError: It died while it judged the first.
        """
        try:
            for message in messages[len(self._given) :]:
                if self._given and sum(self._given) + len(message) > self._room:
                    break
                self._connection.send_bytes(message)
                self._given.append(len(message))
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
            answer = json.loads(self._connection.recv_bytes())
            self._cpu = answer["cpu"]
            self._given.popleft()
            if answer["last"]:
                self._close()
            verdicts = [from_json(verdict) for verdict in answer["verdicts"]]
            if len(verdicts) not in (1, count):
                raise ValueError(f"{len(verdicts)} verdicts for {count} responses")
            return verdicts if len(verdicts) == count else verdicts * count
        except (EOFError, OSError):
            self._close()
            raise DiedError from None
        except (KeyError, TypeError, ValueError) as error:
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
            with suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
            self._close()

    def _close(self) -> None:
        self.alive = False
        self._connection.close()


class Zygote:
    """The process that verdict processes are forked from, started when first needed and again after it died.

    Args:
        rewards: Name and options of each reward by its key.
    """

    def __init__(self, rewards: Mapping[str, Spec]) -> None:
        self._rewards = rewards
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: Connection | None = None
        self._closed = False
        self._failed: tuple[float, str] | None = None
        self.cpu_seconds: dict[str, float | None] = {}

    def fork(self) -> VerdictProcess:
        """A new verdict process, ready for work. It lives no longer than the thread that first called this.

        Raises:
            StartError: It cannot be started, or could not a short time ago.
        """
        with self._lock:
            if self._failed and time.monotonic() - self._failed[0] < PAUSE_SECONDS:
                raise StartError(self._failed[1])
            reason: BaseException | None = None
            failures = kills = 0
            while failures < ATTEMPTS and kills < KILLS:
                if self._closed:
                    raise StartError("the judge was closed")
                try:
                    if self._process is None or self._process.poll() is not None:
                        self._start()
                    return self._fork()
                except TimeoutError as error:
                    reason = error
                    break
                except (OSError, EOFError, ValueError) as error:
                    reason = error
                    self._wait(0.2)  # it may be ending, or have lost only the one that it had forked
                    was_killed = self._process is not None and self._process.poll() == -signal.SIGKILL
                    kills += was_killed
                    failures += not was_killed
            self._stop()
            assert reason is not None
            self._failed = time.monotonic(), f"verdict processes cannot be started: {describe(reason)}"
            raise StartError(self._failed[1]) from reason

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "stagerl_plugins.rewards.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a reward prints must not mix with a command's results
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
            )
        self._control = Connection(ours.detach())
        self._control.send(self._rewards)
        self.cpu_seconds = json.loads(_receive_within(self._control, START_SECONDS))

    def _fork(self) -> VerdictProcess:
        assert self._control is not None
        assert self._process is not None
        ours, theirs = socket.socketpair()
        bound = struct.pack("ll", int(START_SECONDS), 0)  # a stopped process must not hold us for ever
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, bound)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bound)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        room = ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 4  # the kernel counts more than our bytes
        with theirs:
            reduction.send_handle(self._control, theirs.fileno(), self._process.pid)
        connection = Connection(ours.detach())
        started = json.loads(_receive_within(connection, START_SECONDS))
        return VerdictProcess(connection, started["pid"], started["cpu"], room)

    def close(self) -> None:
        """End it and every verdict process. Called twice, in case one was being started meanwhile."""
        self._closed = True
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()  # it kills and reaps its own, then ends
            self._wait(5)
            self._process.kill()
            self._process.wait()

    def _wait(self, seconds: float) -> None:
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)


def _receive_within(connection: Connection, seconds: float) -> bytes:
    if not connection.poll(seconds):
        raise TimeoutError(f"no sign of life within {seconds:g} s")
    try:
        return connection.recv_bytes()
    except EOFError:
        raise EOFError("one ended while it started; why may stand on standard error") from None
