"""One program run from outside: forked, fed, bounded, ended with all that it started."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from typing import Any

from . import kernel, program
from .box import Bounds, Box, end_all_below

EXITED, TIMED_OUT, OVER_LIMIT, LOST = "exited", "timed_out", "over_limit", "lost"
_PATIENCE = 10.0  # times the limit that a program may wait for a processor before the machine is called too busy
_LOOK_AT_DISK = 0.02  # seconds
_READY = b"\1"
_STDERR_BYTES = 16_384


def execute(box: Box, text: str, stdin: bytes, bounds: Bounds) -> dict[str, Any]:
    """Run a program once and say how it ended, as JSON values."""
    began = time.monotonic()
    pipes = [os.pipe() for _ in range(4)]
    (in_read, in_write), (out_read, out_write), (err_read, err_write), (status_read, status_write) = pipes
    pid = kernel.fork_into(box.namespaces)
    if pid == 0:
        _become_program(box, text, bounds, (in_read, out_write, err_write), status_write)
    for descriptor in (in_read, out_write, err_write, status_write):
        os.close(descriptor)
    try:
        with _Watch(box, pid, bounds) as watch:
            setup = _read_all(status_read)
            if setup == _READY:
                watch.feed(in_write, stdin, {out_read: bounds.output_bytes, err_read: _STDERR_BYTES}, out_read)
            else:
                os.close(in_write)
                watch.how, watch.detail = LOST, f"the sandbox failed: {setup.decode(errors='replace')[:300]}"
        return {
            "ended": watch.how,
            "exit_code": watch.exit_code if watch.how == EXITED else None,
            "stdout": watch.read[out_read].decode(errors="surrogateescape") if out_read in watch.read else "",
            "stderr": watch.read[err_read].decode(errors="replace") if err_read in watch.read else "",
            "seconds": round(time.monotonic() - began, 6),
            "detail": watch.detail,
        }
    finally:
        for descriptor in (out_read, err_read, status_read):
            os.close(descriptor)
        box.clean()


def _become_program(box: Box, text: str, bounds: Bounds, streams: tuple[int, int, int], status: int) -> None:
    """Confine this process and go on as the program. What fails before that is told through a pipe of its own."""
    try:
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
        program.run(text, box.work)
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
        self.read: dict[int, bytearray] = {}
        self._box, self._pid, self._bounds = box, pid, bounds
        self._began = time.monotonic()
        self._deadline = self._began + bounds.seconds
        self._next_look = self._began + _LOOK_AT_DISK
        self._ended = os.pidfd_open(pid)

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        os.close(self._ended)

    def feed(self, stdin: int, data: bytes, limits: dict[int, int], counted: int) -> None:
        """Write standard input and read the outputs until the program ends or passes a limit.

        Args:
            stdin: Descriptor to write to; closed in any case.
            data: Standard input.
            limits: Descriptors to read from, and how many bytes of each to keep.
            counted: The descriptor whose limit ends the program; of another one what is too much is dropped.
        """
        self.read = {descriptor: bytearray() for descriptor in limits}
        poll = select.poll()
        for descriptor in (*limits, self._ended):
            poll.register(descriptor, select.POLLIN)
        os.set_blocking(stdin, False)
        poll.register(stdin, select.POLLOUT)
        written, reading = 0, set(limits)
        try:
            while self.how == EXITED:
                ready = dict(poll.poll(self._patience()))
                if stdin in ready:
                    written, done = _write_some(stdin, data, written)
                    if done:
                        poll.unregister(stdin)
                        os.close(stdin)
                        stdin = -1
                for descriptor in reading & ready.keys():
                    if not self._keep(descriptor, limits[descriptor], descriptor == counted):
                        reading.discard(descriptor)
                        poll.unregister(descriptor)
                if self._ended in ready:
                    break
                self._check_bounds()
        finally:
            if stdin >= 0:
                os.close(stdin)
        self._end()
        for descriptor in reading:  # nobody writes any more
            os.set_blocking(descriptor, False)
            while self._keep(descriptor, limits[descriptor], descriptor == counted):
                pass

    def _patience(self) -> float:
        left = max(0.0, self._deadline - time.monotonic()) * 1000 + 1
        return left if self._box.is_a else min(left, _LOOK_AT_DISK * 1000)

    def _keep(self, descriptor: int, limit: int, counted: bool) -> bool:
        """Read some of an output; False at its end."""
        try:
            part = os.read(descriptor, 65536)
        except BlockingIOError:
            return False
        kept = self.read[descriptor]
        kept += part[: max(0, limit - len(kept))]
        if counted and len(part) and len(kept) >= limit:
            self.how, self.detail = OVER_LIMIT, f"more than {limit} bytes of output"
            return False
        return bool(part)

    def _check_bounds(self) -> None:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_AT_DISK
            if self._box.used_mb() > self._bounds.disk_mb:
                self.how, self.detail = OVER_LIMIT, f"more than {self._bounds.disk_mb} MB of files"
        if now < self._deadline:
            return
        waited = _waited_for_processor(self._pid)
        if now - self._began - waited >= self._bounds.seconds:
            self.how, self.detail = TIMED_OUT, f"longer than {self._bounds.seconds:g} s"
        elif now - self._began >= _PATIENCE * self._bounds.seconds:
            self.how, self.detail = LOST, "the machine was too busy to run it"
        else:
            self._deadline = self._began + self._bounds.seconds + waited

    def _end(self) -> None:
        """Kill the program and all that it started, and reap it."""
        if self.exit_code is not None:
            return
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


def _write_some(descriptor: int, data: bytes, written: int) -> tuple[int, bool]:
    try:
        written += os.write(descriptor, data[written : written + 65536]) if written < len(data) else 0
    except BlockingIOError:
        return written, False
    except BrokenPipeError:
        return written, True
    return written, written >= len(data)


def _waited_for_processor(pid: int) -> float:
    """Seconds that a process was ready to run and had no processor; 0 where the kernel does not tell."""
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
