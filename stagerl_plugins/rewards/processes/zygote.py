"""The process that verdict processes are forked from, seen from outside: started, asked for more, ended."""

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
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

from stagerl_plugins.protocols import Spec
from stagerl_plugins.rewards.call import describe
from stagerl_plugins.rewards.processes.process import VerdictProcess

START_SECONDS = 60.0  # processes that take longer to start, or to build a reward, are given up
PAUSE_SECONDS = 10.0  # before the next try, so that all who wait learn of it and do not try one after the other
BUFFER = 2**20  # bytes of responses on their way to a process, as far as the operating system lets us
ATTEMPTS = 3  # to start a process
PATIENCE_SECONDS = 0.2  # between two tries
END_SECONDS = 5.0  # for it to end
KILLS = 20  # of processes that start: whoever kills them does not end the verdicts at once
OUTAGE_SECONDS = 90.0  # for which we go on trying where they have started before: the machine may be full for a while,
OUTAGE_PAUSE_SECONDS = 1.0  # so often


class StartError(Exception):
    """No verdict process could be started."""


class _BuildError(Exception):
    """A process ended, or hung, while it built the reward of this key."""

    def __init__(self, key: str, why: str, hangs: bool = False) -> None:
        super().__init__(f"rewards.{key}: {why}")
        self.key = key
        self.why = why
        self.hangs = hangs


class Zygote:
    """The process that verdict processes are forked from, started when first needed and again after it died.

    Args:
        rewards: Name and options of each reward by its key.
        worked: One like it has started before.

    Attributes:
        cpu_seconds: Processor time that a call of each reward may take.
        unbuilt: Rewards that cannot be built, by key, and why, in a line that names the key.
        broken: Rewards that are not built any more, as they end the process in which they are or hang, and which of
            both.
    """

    def __init__(self, rewards: Mapping[str, Spec], worked: bool = False) -> None:
        self._rewards = rewards
        self._worked = worked
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: Connection | None = None
        self._closed = threading.Event()
        self._failed: tuple[float, str] | None = None
        self._ended: Counter[str] = Counter()  # how often we ended while this reward was built
        self.cpu_seconds: dict[str, float | None] = {}
        self.unbuilt: dict[str, str] = {}
        self.broken: dict[str, str] = {}

    def fork(self) -> VerdictProcess:
        """A new verdict process, ready for work. It lives no longer than the thread that first called this.

        Raises:
            StartError: It cannot be started, or could not a short time ago.
        """
        with self._lock:
            if self._failed and time.monotonic() - self._failed[0] < PAUSE_SECONDS:
                raise StartError(self._failed[1])
            until = time.monotonic() + (OUTAGE_SECONDS if self._worked else 0.0)
            while True:
                try:
                    process = self._start_and_fork()
                    self._worked = True
                    return process
                except StartError as error:
                    if self._closed.is_set() or time.monotonic() >= until:
                        self._worked = False
                        self._failed = time.monotonic(), str(error)
                        raise
                    self._closed.wait(OUTAGE_PAUSE_SECONDS)

    def _start_and_fork(self) -> VerdictProcess:
        """A new verdict process, after a few attempts.

        Raises:
            StartError: There is none.
        """
        reason: BaseException | None = None
        failures = kills = 0
        while failures < ATTEMPTS and kills < KILLS:
            if self._closed.is_set():
                raise StartError("the judge was closed")
            try:
                if self._process is None or self._process.poll() is not None:
                    self._start()
                process = self._fork()
                self._ended.clear()
                return process
            except TimeoutError as error:
                reason = error
                break
            except (OSError, EOFError, ValueError, _BuildError) as error:
                reason = error
                if self._was_killed(error):
                    kills += 1
                elif isinstance(error, _BuildError) and self._leave_out(error):
                    failures = 0
                else:
                    failures += 1
        self._stop()
        assert reason is not None
        raise StartError(f"verdict processes cannot be started: {describe(reason)}") from reason

    def _was_killed(self, error: Exception) -> bool:
        """Whether somebody ended it, or one that it had just forked, rather than what is built there."""
        if self._process is None or (isinstance(error, _BuildError) and error.hangs):
            return False
        if self._control is not None and not self._control.poll(0):  # it lives, and has built all that its forks build
            self._wait(PATIENCE_SECONDS)
            return True
        self._wait(END_SECONDS)
        return self._process.returncode in (-signal.SIGKILL, -signal.SIGTERM)

    def _leave_out(self, error: _BuildError) -> bool:
        """Whether this reward is not built any more: it has ended us as often as we try, or hangs."""
        self._ended[error.key] += 1
        if error.hangs or self._ended[error.key] >= ATTEMPTS:
            self.broken[error.key] = error.why
            self._stop()
        return error.key in self.broken

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = self._control = None
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "stagerl_plugins.rewards.processes.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a reward prints must not mix with a command's results
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
            )
        # reaps it as soon as it ends, whoever ends it
        threading.Thread(target=self._process.wait, name="reaps-verdicts", daemon=True).start()
        self._control = Connection(ours.detach())
        self._control.send((self._rewards, self.broken))
        built = _built(self._control)
        self.cpu_seconds, self.unbuilt = built["cpu_seconds"], built["unbuilt"]

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
        started = _built(connection)
        return VerdictProcess(connection, started["pid"], started["cpu"], room, self._control)

    def close(self) -> None:
        """End it and every verdict process. Called twice, in case one was being started meanwhile."""
        self._closed.set()
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()  # it kills and reaps its own, then ends
            self._wait(END_SECONDS)
            self._process.kill()
            self._process.wait()

    def _wait(self, seconds: float) -> None:
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)


def _built(connection: Connection) -> Any:
    """What a process says once it has built all rewards.

    Raises:
        _BuildError: It ended or hung while it built one.
        EOFError: It ended before that.
        TimeoutError: It gave no sign of life.
    """
    key: str | None = None
    while True:
        if not connection.poll(START_SECONDS):
            if key is not None:
                raise _BuildError(key, f"took longer than {START_SECONDS:g} s", hangs=True)
            raise TimeoutError(f"no sign of life within {START_SECONDS:g} s")
        try:
            said = json.loads(connection.recv_bytes())
        except (EOFError, ConnectionError):
            if key is not None:
                raise _BuildError(key, "ended the process in which it was built") from None
            raise EOFError("one ended while it started; why may stand on standard error") from None
        if "building" not in said:
            return said["built"]
        key = said["building"]
