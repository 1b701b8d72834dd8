"""The zygote: it enters its confinement, imports what programs often need, and forks one process for each run."""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import site
import struct
import sys
from typing import Any

from . import program
from .box import Bounds, Box
from .execution import execute

_OFTEN = (
    "array", "ast", "bisect", "cmath", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "hashlib", "heapq", "inspect", "io", "itertools", "json", "math", "numbers",
    "operator", "os", "pprint", "queue", "random", "re", "statistics", "string", "struct", "textwrap", "threading",
    "time", "traceback", "types", "typing", "unicodedata", "uuid",
)  # fmt: skip
_HEADER = struct.Struct("!I")
_MOST = 256 << 20  # bytes of a message


def main(descriptor: int) -> None:
    """Serve runs that come in through this socket until it closes.

    The first message in is the confinement: `tier`, `uid`, `folders`, `work`, and `modules` to import; the first out
    says `ready`, or what `failed`. Then each message in is a run, and each message out how it ended.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the host ends us
    settings = _receive(descriptor)
    if settings is None:
        return
    try:
        sys.path += settings["paths"]
        site.setquit()  # `exit` and `quit`, as without -S
        for name in (*_OFTEN, *settings["modules"]):
            importlib.import_module(name)
        box = Box(settings["tier"], settings["uid"], settings["folders"], settings["work"])
        program.prepare(box.work)
    except (OSError, ImportError) as error:
        _send(descriptor, {"failed": f"{type(error).__name__}: {error}"})
        return
    # no generation of objects is looked through in a child, which would copy the pages that all share
    gc.disable()
    gc.collect()
    gc.freeze()
    _send(descriptor, {"ready": os.getpid()})
    while (job := _receive(descriptor)) is not None:
        _send(descriptor, _run(box, job))
    box.leave()


def _run(box: Box, job: dict[str, Any]) -> dict[str, Any]:
    stdin = job["stdin"].encode(errors="surrogateescape")
    try:
        return execute(box, job["program"], stdin, Bounds(**job["bounds"]))
    except OSError as error:
        return {"ended": "lost", "detail": f"the sandbox failed: {error}"}


def _receive(descriptor: int) -> dict[str, Any] | None:
    header = _read(descriptor, _HEADER.size)
    if header is None:
        return None
    (size,) = _HEADER.unpack(header)
    body = _read(descriptor, size) if size <= _MOST else None
    if body is None:
        return None
    message: dict[str, Any] = json.loads(body)
    return message


def _read(descriptor: int, count: int) -> bytes | None:
    parts = []
    while count:
        part = os.read(descriptor, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _send(descriptor: int, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    data = memoryview(_HEADER.pack(len(body)) + body)
    while data:
        data = data[os.write(descriptor, data) :]
