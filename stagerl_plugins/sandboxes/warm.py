"""One warm interpreter from outside: started, asked to run programs, ended."""

from __future__ import annotations

import copy
import json
import math
import os
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from stagerl_plugins.sandboxes.files import contents, run_files
from stagerl_plugins.sandboxes.interpreter import Interpreter
from stagerl_plugins.types import Ended, Execution, Limits

_ZYGOTE = (
    "import sys; sys.path.insert(0, {folder!r}); from zygote.serve import main; sys.path.pop(0); main({descriptor})"
)
FOLDER = Path(__file__).parent  # holds the zygote's package
_HEADER = struct.Struct("!I")
_MOST = 1 << 20  # bytes of an answer
_STDERR_BYTES = 16_384
_START_SECONDS = 60.0
_PATIENCE = 10.0  # times the limit: what the zygote itself waits where the machine is busy, and
_SPARE_SECONDS = 30.0  # so much more before it is called lost
_END_SECONDS = 0.5  # that it may take to end, before it is asked to, and before it is made to
_LEAVE_SECONDS = 60.0  # the same for one that has much to remove
_REMOVALS = 100  # tries to remove a folder
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # only a process of one thread can fork
# each thread's own heap would take 64 MB of a program's address space; and nothing of ours, which programs could read
_ENVIRONMENT = {**dict.fromkeys(_ONE_THREAD, "1"), "MALLOC_ARENA_MAX": "1"}
_UIDS = range(61_184, 65_000)  # of nobody, by convention


class LostError(Exception):
    """The interpreter cannot be started, died, or does not answer."""


class WarmInterpreter:
    """Starts when first used and again after `close`. Belongs to one thread, which it does not outlive.

    Args:
        tier: "A", "B" or "C"; see `zygote.box`.
        interpreter: What to start.
    """

    def __init__(self, tier: str, interpreter: Interpreter) -> None:
        self._tier = tier
        self._interpreter = interpreter
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._uid_lock: socket.socket | None = None
        self._work: str | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the interpreter, or of who waits for it outside of its namespace."""
        return self._process.pid if self._process else None

    def run(self, program: str, stdin: str, limits: Limits) -> Execution:
        """Run a program.

        Raises:
            LostError: The interpreter was lost; whatever the program did cannot cause that.
        """
        if self._socket is None:
            self.start()
        with run_files(program, stdin) as files:
            patience = _PATIENCE * limits.seconds + _SPARE_SECONDS
            answer = self._ask(asdict(limits), patience, files)
            stdout, stderr = contents(files.stdout, limits.output_bytes), contents(files.stderr, _STDERR_BYTES)
        if answer.get("last"):
            self._let_go()
        return _execution(answer, stdout.decode(errors="surrogateescape"), stderr.decode(errors="replace"))

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises:
            LostError: The machine does not offer what the tier needs, or it cannot be started.
        """
        uid = 0
        if os.getuid() == 0 and self._tier != "C":
            self._uid_lock, uid = _take_uid()
        if self._tier != "A":
            self._work = tempfile.mkdtemp(prefix="stagerl-sandbox-")
            if uid:
                self._give_to(uid)
        ours, theirs = socket.socketpair()
        self._socket = ours
        try:
            with theirs:
                code = _ZYGOTE.format(folder=str(FOLDER), descriptor=theirs.fileno())
                self._process = subprocess.Popen(
                    [self._interpreter.python, "-I", "-S", "-c", code],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env=_ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                )
        except OSError as error:
            self.close()
            raise LostError(f"{self._interpreter.python} cannot be started: {error.strerror or error}") from error
        confinement = {
            "tier": self._tier,
            "uid": uid,
            "folders": self._interpreter.folders,
            "work": self._work or "",
            "paths": self._interpreter.paths,
            "modules": self._interpreter.modules,
        }
        answer = self._ask(confinement, _START_SECONDS)
        if "ready" not in answer:
            self.close()
            raise LostError(str(answer.get("failed", "it said nothing of use")))

    def _give_to(self, uid: int) -> None:
        """Make our folder another user's, who must be able to get there, and to the interpreter."""
        assert self._work is not None
        if (closed := _closed_to_others(Path(self._work).parent)) is not None:
            raise LostError(f"other users cannot enter {closed}: set TMPDIR to a folder that all can enter")
        for folder in self._interpreter.folders:
            if (closed := _closed_to_others(Path(folder))) is not None:
                raise LostError(f"other users cannot enter {closed}: as `python` name an interpreter that all can read")
        os.chown(self._work, uid, uid)

    def _ask(self, message: dict[str, Any], seconds: float, files: Sequence[int] = ()) -> dict[str, Any]:
        body = json.dumps(message).encode()
        deadline = time.monotonic() + seconds
        try:
            header = _HEADER.pack(len(body))
            socket.send_fds(self._wait_until(deadline), [header], files)  # so few bytes are sent at once or not at all
            self._wait_until(deadline).sendall(body)
            (size,) = _HEADER.unpack(self._receive(_HEADER.size, deadline))
            if size > _MOST:
                raise ValueError("it says too much")
            answer = json.loads(self._receive(size, deadline))
            if not isinstance(answer, dict):
                raise ValueError("it sent nonsense")
        except (OSError, EOFError, ValueError, RecursionError, MemoryError) as error:
            self.close()
            said = "does not answer" if isinstance(error, TimeoutError) else f"was lost: {error}"
            raise LostError(f"the interpreter {said}") from error
        return answer

    def _wait_until(self, deadline: float) -> socket.socket:
        assert self._socket is not None
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        return self._socket

    def _receive(self, count: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        while count:
            part = self._wait_until(deadline).recv(min(count, 1 << 20), socket.MSG_WAITALL)
            if not part:
                raise EOFError("it ended")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def close_if_dead(self) -> None:
        """Let go of one that was killed while it was idle, which the next run would find."""
        if self._process is not None and self._process.poll() is not None:
            self.close()

    def _let_go(self) -> None:
        """Have it end in its own time: what its last program made takes a while to remove. The next run starts anew."""
        old = copy.copy(self)
        threading.Thread(target=old.close, args=[_LEAVE_SECONDS], name="ends-interpreter").start()
        self._socket = self._process = self._uid_lock = self._work = None

    def close(self, seconds: float = _END_SECONDS) -> None:
        """End it, within so much time if it can. What its program started ends with it."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            _end(self._process, seconds)
        if self._uid_lock is not None:
            self._uid_lock.close()
        if self._work is not None:
            _remove(self._work)
        self._socket = self._process = self._uid_lock = self._work = None


def _remove(folder: str) -> None:
    """Remove a folder, which a program that is about to die may still write to, and nest more deeply than we can call.

    So not with `shutil.rmtree`, which calls itself for each folder.
    """
    for _ in range(_REMOVALS):
        if not os.path.lexists(folder):
            return
        subprocess.run(["rm", "-rf", "--", folder], stderr=subprocess.DEVNULL, check=False)


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Have an interpreter end, and kill what is left of its session, which is nothing unless it was killed itself."""
    for end in (process.terminate, process.kill):  # it ends by itself when its socket closes
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        end()
    process.wait()
    if process.returncode != 0:
        for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
            with suppress(OSError):
                if os.getsid(pid) == process.pid:
                    os.killpg(os.getpgid(pid), signal.SIGKILL)


def _take_uid() -> tuple[socket.socket, int]:
    """A user id that no other interpreter on this machine has, as long as the socket is open, and no process either.

    A process that is left over from an interpreter, and cannot be ended, would count as one of the programs'.
    """
    taken = {process.info["uids"].real for process in psutil.process_iter(["uids"]) if process.info["uids"]}
    for uid in [uid for uid in _UIDS if uid not in taken]:
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0stagerl-sandbox-{uid}")
            return lock, uid
        except OSError:
            lock.close()
    raise LostError("no user id is free")


def _closed_to_others(folder: Path) -> Path | None:
    """The first folder on the way to this one that not all users can enter."""
    way = [folder, *folder.parents]
    return next((place for place in reversed(way) if not place.stat().st_mode & stat.S_IXOTH), None)


def _execution(answer: dict[str, Any], stdout: str, stderr: str) -> Execution:
    """The answer as a value, whatever it holds.

    Raises:
        LostError: It is none.
    """
    ended, code, seconds, detail = (answer.get(name) for name in ("ended", "exit_code", "seconds", "detail"))
    if (
        not (isinstance(ended, str) and ended in set(Ended))
        or not (code is None or type(code) is int)
        or not (isinstance(seconds, int | float) and 0 <= seconds < math.inf)
        or not isinstance(detail, str)
    ):
        raise LostError("the interpreter sent nonsense")
    return Execution(Ended(ended), stdout, stderr, code, float(seconds), detail)
