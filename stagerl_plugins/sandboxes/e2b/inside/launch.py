"""Becomes the program, with its limits and without privileges. Run as `python -c SOURCE SETTINGS`."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from typing import Any

_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_NO_NEW_PRIVILEGES = 38
_INTERPRETER_MB = 64  # of address space, which are not the program's
_THREADS = 64  # of all runs of a program at a time


def confine(bounds: dict[str, Any], uid: int) -> None:
    """Give up what a program needs not: network, privileges, and more than its limits."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)  # a plain user of E2B's may become root with sudo
    # the interpreter that runs us listens on this machine's own network
    libc.unshare(_NEW_NETWORK | (_NEW_IPC if uid else _NEW_USER))
    if uid:
        resource.setrlimit(resource.RLIMIT_NPROC, (_THREADS + bounds["processes"],) * 2)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (bounds["disk_mb"] << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_AS, ((bounds["memory_mb"] + _INTERPRETER_MB) << 20,) * 2)


def main() -> None:
    settings = json.loads(sys.argv[1])
    status = settings["status"]
    os.set_inheritable(status, False)
    try:
        confine(settings["bounds"], settings["uid"])
        os.execv(sys.executable, [sys.executable, "solution.py"])
    except (OSError, ValueError) as error:
        os.write(status, repr(error).encode())
        os._exit(1)


if __name__ == "__main__":
    main()
