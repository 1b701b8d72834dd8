"""One program run from outside: forked, bounded, ended with all that it started."""

from __future__ import annotations

import math
import os
import select
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from . import kernel, program
from .box import Bounds, Box, end_all_below
from .clock import Clock
from .disk import MOST_FILES
from .output import Output

EXITED, TIMED_OUT, OVER_LIMIT, LOST = "exited", "timed_out", "over_limit", "lost"
_PATIENCE = 10.0  # times the limit that a program may wait for a processor before the machine is called too busy
_LOOK_AT_CLOCK, _LOOK_AT_DISK = 0.25, 0.02  # seconds
_READY = b"\1"
_STDERR_BYTES = 16_384


@dataclass(frozen=True)
class Files:
    """Descriptors of files in memory, which this process hands on and never reads: others' programs are forked from it.

    Args:
        program: The program's text, UTF-8.
        stdin: What it reads as standard input.
        stdout: What it writes is moved there,
        stderr: and there.
    """

    program: int
    stdin: int
    stdout: int
    stderr: int


def execute(box: Box, files: Files, bounds: Bounds) -> dict[str, Any]:
    """Run a program once and say how it ended, as JSON values. The box is not clean afterwards."""
    outputs = Output(files.stdout, bounds.output_bytes), Output(files.stderr, _STDERR_BYTES)
    status_read, status_write = os.pipe()
    pid = kernel.fork_into(box.namespaces)
    if pid == 0:
        _become_program(box, files.program, bounds, (files.stdin, *(one.write for one in outputs)), status_write)
    for descriptor in (status_write, *(one.write for one in outputs)):
        os.close(descriptor)
    try:
        with _Watch(box, pid, bounds) as watch:
            setup = _read_all(status_read)
            if setup == _READY:
                watch.follow(*outputs)
            else:
                watch.how, watch.detail = LOST, f"the sandbox failed: {setup.decode(errors='replace')[:300]}"
        return {
            "ended": watch.how,
            "exit_code": watch.exit_code if watch.how == EXITED else None,
            "seconds": round(watch.seconds, 6),
            "detail": watch.detail,
        }
    finally:
        for descriptor in (status_read, *(one.read for one in outputs)):
            os.close(descriptor)


def _become_program(box: Box, text: int, bounds: Bounds, streams: tuple[int, ...], status: int) -> None:
    """Confine this process and go on as the program. What fails before that is told through a pipe of its own."""
    try:
        source = os.read(text, os.fstat(text).st_size).decode()
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
        box.confine(bounds)
        os.closerange(3, status)
        os.closerange(status + 1, 4096)
        os.write(status, _READY)
        os.close(status)
    except BaseException as error:  # noqa: BLE001
        os.write(status, repr(error).encode()[:500])
        os._exit(1)
    try:
        program.run(source, box.work)
    finally:  # never back into the zygote's own code
        os._exit(1)


def _read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 4096):
        parts.append(part)
    return b"".join(parts)


class _Watch:
    """Watches over a forked program and leaves nothing of it behind.

    Args:
        box: What it is confined to.
        pid: Its process id.
        bounds: Its limits.
    """

    def __init__(self, box: Box, pid: int, bounds: Bounds) -> None:
        self.how, self.detail = EXITED, ""
        self.exit_code: int | None = None
        self._box, self._pid, self._bounds = box, pid, bounds
        self._clock = Clock()
        self._clock_due = self._disk_due = math.inf
        self._ended = os.pidfd_open(pid)

    @property
    def seconds(self) -> float:
        """Seconds that it took, less what it waited for a processor."""
        return self._clock.seconds

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        os.close(self._ended)

    def follow(self, stdout: Output, stderr: Output) -> None:
        """Move the outputs until the program ends or passes a limit; of standard error, what is too much is dropped."""
        self._start_clocks()
        reading = {output.read: output for output in (stdout, stderr)}
        poll = select.poll()
        for descriptor in (*reading, self._ended):
            poll.register(descriptor, select.POLLIN)
        while self.how == EXITED:
            ready = dict(poll.poll(self._patience()))
            for descriptor in reading.keys() & ready.keys():
                if not reading[descriptor].move():
                    del reading[descriptor]
                    poll.unregister(descriptor)
            self._check_output(stdout)
            if self._ended in ready:
                break
            self._check_bounds()
        self._end()
        for output in reading.values():  # nobody writes any more
            while output.move() and self.how == EXITED:
                self._check_output(stdout)

    def _start_clocks(self) -> None:
        self._clock.start()
        now = time.monotonic()
        self._clock_due = now + min(_LOOK_AT_CLOCK, self._bounds.seconds)
        if not self._box.is_a:
            self._disk_due = now + _LOOK_AT_DISK

    def _check_output(self, stdout: Output) -> None:
        if self.how == EXITED and stdout.too_much:
            self.how, self.detail = OVER_LIMIT, f"more than {self._bounds.output_bytes} bytes of output"

    def _patience(self) -> float:
        """Milliseconds until something has to be looked at."""
        return max(0.0, min(self._clock_due, self._disk_due) - time.monotonic()) * 1000 + 1

    def _check_bounds(self) -> None:
        now = time.monotonic()
        if now >= self._disk_due:
            self._disk_due = now + _LOOK_AT_DISK
            if self._box.has_more_files(self._bounds.disk_mb):
                self.how = OVER_LIMIT
                self.detail = f"more than {self._bounds.disk_mb} MB of files, or {MOST_FILES} files"
        if now >= self._clock_due and self.how == EXITED:
            self._check_clock(now)

    def _check_clock(self, now: float) -> None:
        self._clock.look()
        if self._clock.seconds >= self._bounds.seconds:
            self.how, self.detail = TIMED_OUT, f"longer than {self._bounds.seconds:g} s"
        elif self._clock.elapsed >= _PATIENCE * self._bounds.seconds:
            self.how, self.detail = LOST, "the machine was too busy to run it"
        self._clock_due = now + min(_LOOK_AT_CLOCK, self._bounds.seconds - self._clock.seconds)

    def _end(self) -> None:
        """Kill the program and all that it started, and reap it."""
        if self.exit_code is not None:
            return
        self._clock.look()
        if self._box.is_a:  # its namespace of processes ends with it
            os.kill(self._pid, signal.SIGKILL)
        else:
            with suppress(ProcessLookupError):  # a program and what it starts cannot leave its group
                os.killpg(self._pid, signal.SIGKILL)
        _, status, used = os.wait4(self._pid, 0)
        self.exit_code = os.waitstatus_to_exitcode(status)
        if not self._box.is_a:
            end_all_below()
        if self.how == EXITED and self.exit_code == -signal.SIGKILL:
            self._tell_who_killed(used.ru_utime + used.ru_stime)

    def _tell_who_killed(self, cpu: float) -> None:
        """The kernel, for its processor time; else somebody outside, as a program cannot kill itself."""
        if cpu >= self._bounds.seconds:
            self.how, self.detail = TIMED_OUT, f"more than {self._bounds.seconds:g} s of processor time"
        elif self._box.is_a or self._bounds.processes == 1:
            self.how, self.detail = LOST, "it was killed from outside"
