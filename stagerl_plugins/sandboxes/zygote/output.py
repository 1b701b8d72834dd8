"""One output of a program, moved by the kernel from a pipe into a file in memory.

It never enters the interpreter's own memory, which every later program is forked with and may look through.
"""

from __future__ import annotations

import os

_AT_ONCE = 65_536
_NOWHERE = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)


class Output:
    """A pipe that a program writes to, and the file that keeps the beginning of it.

    Args:
        file: Descriptor of the file; it stays the caller's.
        limit: Bytes to keep. What comes after them is dropped.

    Attributes:
        read: Descriptor of the pipe's end to read from.
        write: Descriptor of its other end.
        too_much: Whether anything was dropped.
    """

    def __init__(self, file: int, limit: int) -> None:
        self._file = file
        self._left = limit
        self.too_much = False
        self.read, self.write = os.pipe()

    def move(self) -> bool:
        """Move some of what the pipe holds; False where it is empty now, or at its end."""
        to, most = (self._file, min(self._left, _AT_ONCE)) if self._left else (_NOWHERE, _AT_ONCE)
        try:
            moved = os.splice(self.read, to, most, flags=os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            return False
        if self._left:
            self._left -= moved
        elif moved:
            self.too_much = True
        return moved > 0
