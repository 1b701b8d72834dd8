"""The texts of one run as files in memory: an interpreter hands them on, and reads none of them itself."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class RunFiles(NamedTuple):
    """Descriptors for one run.

    Args:
        program: Holds its text.
        stdin: Holds what it reads; it cannot be changed.
        stdout: Where what it writes is moved to,
        stderr: and this.
    """

    program: int
    stdin: int
    stdout: int
    stderr: int


@contextmanager
def run_files(program: str, stdin: str) -> Iterator[RunFiles]:
    """Files for a run of this program, as long as the block lasts; half surrogate pairs become question marks."""
    with ExitStack() as stack:

        def new() -> int:
            file = os.memfd_create("run", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            stack.callback(os.close, file)
            return file

        def holding(text: str) -> int:
            file = new()
            data = memoryview(text.encode("utf-8", "replace"))
            while data:
                data = data[os.write(file, data) :]
            os.lseek(file, 0, os.SEEK_SET)
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
            return file

        yield RunFiles(holding(program), holding(stdin), new(), new())


def contents(file: int, most: int) -> bytes:
    """The first bytes of a file, at most so many."""
    parts: list[bytes] = []
    at = 0
    while at < most and (part := os.pread(file, most - at, at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)
