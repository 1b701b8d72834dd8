"""Landlock: which files a program may read or write, and no network, whoever it is."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from . import kernel

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
_FIRST = (1 << 13) - 1  # what version 1 knows
_REFER = 1 << 13
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_NET_BIND_CONNECT = 3
_SCOPE_SOCKETS_SIGNALS = 3


def ruleset(readable: Iterable[str], writable: Iterable[str]) -> int:
    """A descriptor of rules that allow reading below `readable`, anything but executing below `writable`, nothing else.

    Network and, from version 6 on, signals and abstract sockets to processes outside are forbidden too. Paths that do
    not exist are passed over. Rules hold for what is mounted below a path as well.

    Raises:
        OSError: The kernel has no Landlock.
    """
    version = kernel.landlock_version()
    handled = _FIRST
    for since, access in ((2, _REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        if version >= since:
            handled |= access
    network = _NET_BIND_CONNECT if version >= 4 else 0
    scope = _SCOPE_SOCKETS_SIGNALS if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = kernel.landlock_create(struct.pack("QQQ", handled, network, scope)[:size])
    for paths, access in ((readable, EXECUTE | READ_FILE | READ_DIR), (writable, handled & ~EXECUTE)):
        for path in paths:
            _allow(rules, path, access & handled)
    return rules


def _allow(rules: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        kernel.landlock_allow(rules, access if os.path.isdir(path) else access & _OF_FILES, descriptor)
    finally:
        os.close(descriptor)
