"""One warm interpreter from outside: started, asked to run programs, ended."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stagerl_plugins.sandboxes.interpreter import Interpreter
from stagerl_plugins.types import Ended, Execution, Limits

_ZYGOTE = (
    "import sys; sys.path.insert(0, {folder!r}); from zygote.serve import main; sys.path.pop(0); main({descriptor})"
)
FOLDER = Path(__file__).parent  # holds the zygote's package
_HEADER = struct.Struct("!I")
_MOST = 256 << 20  # bytes of an answer
_START_SECONDS = 60.0
_PATIENCE = 10.0  # times the limit: what the zygote itself waits where the machine is busy, and
_SPARE_SECONDS = 30.0  # so much more before it is called lost
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # only a process of one thread can fork
_ENVIRONMENT = dict.fromkeys(_ONE_THREAD, "1")  # and nothing of ours, which programs could read
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
        bounds = asdict(limits)
        answer = self._ask(
            {"program": _plain(program), "stdin": _plain(stdin), "bounds": bounds},
            _PATIENCE * limits.seconds + _SPARE_SECONDS,
        )
        return _execution(answer, limits)

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
                os.chown(self._work, uid, uid)
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

    def _ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self._socket is not None
        body = json.dumps(message).encode()
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(_HEADER.pack(len(body)) + body)
            (size,) = _HEADER.unpack(self._receive(_HEADER.size))
            if size > _MOST:
                raise ValueError("it says too much")
            answer = json.loads(self._receive(size))
        except (OSError, EOFError, ValueError) as error:
            self.close()
            said = "does not answer" if isinstance(error, TimeoutError) else f"was lost: {error}"
            raise LostError(f"the interpreter {said}") from error
        if not isinstance(answer, dict):
            raise LostError("the interpreter sent nonsense")
        return answer

    def _receive(self, count: int) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(count, socket.MSG_WAITALL)
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise EOFError("it ended")
            data += part
        return data

    def close(self) -> None:
        """End it. What its program started ends with it."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)  # it ends by itself when its socket closes
            self._process.kill()
            self._process.wait()
        if self._uid_lock is not None:
            self._uid_lock.close()
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)
        self._socket = self._process = self._uid_lock = self._work = None


def _take_uid() -> tuple[socket.socket, int]:
    """A user id that no other interpreter on this machine has, as long as the socket is open."""
    for uid in _UIDS:
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0stagerl-sandbox-{uid}")
            return lock, uid
        except OSError:
            lock.close()
    raise LostError("no user id is free")


def _plain(text: str) -> str:
    """Text that can be sent: a response's half surrogate pairs cannot."""
    return text.encode("utf-8", "replace").decode()


def _execution(answer: dict[str, Any], limits: Limits) -> Execution:
    """The answer as a value, whatever it holds."""
    try:
        ended, code, seconds = Ended(answer["ended"]), answer.get("exit_code"), answer.get("seconds", 0.0)
        texts = [answer.get(name, "") for name in ("stdout", "stderr", "detail")]
    except (KeyError, ValueError) as error:
        raise LostError("the interpreter sent nonsense") from error
    if not all(isinstance(text, str) for text in texts) or not isinstance(code, int | None):
        raise LostError("the interpreter sent nonsense")
    stdout, stderr, detail = texts
    return Execution(ended, stdout[: limits.output_bytes], stderr, code, float(seconds), detail)
