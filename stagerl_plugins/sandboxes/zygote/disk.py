"""The files of programs in tiers without a file system of their own: how much they take, and their end."""

from __future__ import annotations

import math
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress

from .family import children_of, family_of, threads_of

MOST_FILES = 2048  # and folders, in every tier: each takes a while to remove
_LONGEST_PATH = 1024
_PAGE = 4096


def used(folder: str, most: float) -> float:
    """Bytes on the disk of all below a folder, each file counted with a page at least, and of files without a name.

    Infinite where there are more than `MOST_FILES`, folders are nested deeper than anything needs, or one cannot be
    looked into. What is more than `most` is not counted to its end, as a program may make folders faster than they are
    looked into.
    """
    named = _named(folder, most)
    return named if named > most else named + _nameless(folder, children_of(os.getpid()))


def _named(folder: str, most: float) -> float:
    total, number, waiting = 0.0, 0, [folder]
    while waiting:
        try:
            for entry in os.scandir(waiting.pop()):
                with suppress(FileNotFoundError):  # the program is at work there: the others count
                    total += max(_PAGE, entry.stat(follow_symlinks=False).st_blocks * 512)
                number += 1
                if number > MOST_FILES:
                    return math.inf
                if total > most:
                    return total
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
        except PermissionError:
            return math.inf
        except OSError:
            continue
        if waiting and len(waiting[-1]) > _LONGEST_PATH:
            return math.inf
    return total


def _nameless(folder: str, processes: list[int]) -> float:
    """Bytes of files that these processes and their descendants hold, and that the folder holds no more.

    Each thread may have open files of its own, and a file that is closed may still be mapped into memory.
    """
    sizes: dict[int, int] = {}
    for pid in family_of(processes):
        for inode, size in [*_mapped(folder, pid), *(one for thread in threads_of(pid) for one in _open(thread))]:
            sizes[inode] = max(size, sizes.get(inode, 0))
    return float(sum(sizes.values()))


def _open(thread: str) -> Iterator[tuple[int, int]]:
    with suppress(OSError):  # it ended
        for name in os.listdir(f"{thread}/fd"):
            with suppress(OSError):
                file = os.stat(f"{thread}/fd/{name}")
                if stat.S_ISREG(file.st_mode) and file.st_nlink == 0:
                    yield file.st_ino, file.st_blocks * 512


def _mapped(folder: str, pid: int) -> Iterator[tuple[int, int]]:
    with suppress(OSError), open(f"/proc/{pid}/maps", errors="replace") as file:
        for line in file:
            if f" {folder}/" in line and line.endswith(" (deleted)\n"):
                addresses, _, offset, _, inode, _ = line.split(maxsplit=5)
                start, end = (int(address, 16) for address in addresses.split("-"))
                yield int(inode), int(offset, 16) + end - start


def empty(folder: str, seconds: float = math.inf) -> bool:
    """Remove all that a program left in a folder, whatever its permissions, however deeply it is nested.

    A folder inside one is moved to the top before it is looked into: so no path gets long.

    Returns:
        Whether so much time was enough for it.
    """
    os.chmod(folder, 0o700)
    number, deadline = 0, time.monotonic() + seconds
    while names := os.listdir(folder):
        for name in names:
            if time.monotonic() > deadline:
                return False
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isdir(path):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for inner in os.listdir(path):
                one = os.path.join(path, inner)
                if os.path.islink(one) or not os.path.isdir(one):
                    os.unlink(one)
                    continue
                os.chmod(one, 0o700)
                while os.path.lexists(target := os.path.join(folder, f"moved{number}")):
                    number += 1
                os.rename(one, target)
            os.rmdir(path)
    os.utime(folder, (0, 0))  # which a program may have set, for the next one to read
    return True
