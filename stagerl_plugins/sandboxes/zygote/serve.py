"""The zygote: it enters its confinement, imports what programs often need, and forks one process for each run."""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import site
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

from . import program
from .box import Bounds, Box
from .execution import Files, execute

_OFTEN = (
    "array", "ast", "bisect", "cmath", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "hashlib", "heapq", "inspect", "io", "itertools", "json", "math", "numbers",
    "operator", "os", "pprint", "queue", "random", "re", "statistics", "string", "struct", "textwrap", "threading",
    "time", "traceback", "types", "typing", "unicodedata", "uuid",
)  # fmt: skip
_HEADER = struct.Struct("!I")
_MOST = 1 << 20  # bytes of a message: programs and what they read and write come and go as files
_FILES = 4


def main(descriptor: int) -> None:
    """Serve runs that come in through this socket until it closes.

    The first message in is the confinement: `tier`, `uid`, `folders`, `work`, and `modules` to import; the first out
    says `ready`, or what `failed`. Then each message in is a run's bounds, with its files, and each message out how it
    ended, and whether it was the `last`. No program and no input or output is ever in this process's memory, which
    programs are forked with.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the host ends us
    host = socket.socket(fileno=descriptor)
    settings, _ = _receive(host)
    if settings is None:
        return
    try:
        sys.path += settings["paths"]
        site.setquit()  # `exit`, `quit`
        site.sethelper()  # and `help`, as without -S
        for name in (*_OFTEN, *settings["modules"]):
            importlib.import_module(name)
        box = Box(settings["tier"], settings["uid"], settings["folders"], settings["work"])
        program.prepare(box.work)
    except (OSError, ImportError) as error:
        _send(host, {"failed": f"{type(error).__name__}: {error}"})
        return
    # no generation of objects is looked through in a child, which would copy the pages that all share
    gc.disable()
    gc.collect()
    gc.freeze()
    with suppress(OSError):  # who started us is gone, or what a program left cannot be removed
        _send(host, {"ready": os.getpid()})
        _serve(host, box)
    box.leave()


def _serve(host: socket.socket, box: Box) -> None:
    while True:
        bounds, files = _receive(host)
        try:
            if bounds is None or len(files) != _FILES:
                return
            answer = _run(box, Files(*files), Bounds(**bounds))
            clean = box.clean()
            _send(host, {**answer, "last": not clean})
            if not clean:  # another takes our place while we remove the rest
                return
        finally:
            for file in files:
                os.close(file)


def _run(box: Box, files: Files, bounds: Bounds) -> dict[str, Any]:
    try:
        return execute(box, files, bounds)
    except OSError as error:
        return {"ended": "lost", "seconds": 0.0, "detail": f"the sandbox failed: {error}"}


def _receive(host: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """A message and the descriptors that came with it; None when the other side is gone."""
    header, files, _, _ = socket.recv_fds(host, _HEADER.size, _FILES, socket.MSG_WAITALL)
    if len(header) < _HEADER.size:
        return None, files
    (size,) = _HEADER.unpack(header)
    body = host.recv(size, socket.MSG_WAITALL) if size <= _MOST else b""
    if len(body) < size or not body:
        return None, files
    message: dict[str, Any] = json.loads(body)
    return message, files


def _send(host: socket.socket, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    host.sendall(_HEADER.pack(len(body)) + body)
