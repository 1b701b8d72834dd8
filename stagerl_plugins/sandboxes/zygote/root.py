"""A file system of its own: the interpreter's folders, read-only, and nothing of the host's besides."""

from __future__ import annotations

import os
from collections.abc import Iterable

from . import kernel

SYSTEM = ("/usr", "/lib", "/lib64", "/bin")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
STREAMS = {"fd": "", "stdin": "0", "stdout": "1", "stderr": "2"}
WRITABLE = "/box"
WORK = (
    f"{WRITABLE}/tmp"  # where each program gets a file system; Landlock's rules look at what lies above a mount point
)
_QUIET = kernel.MS_NOSUID | kernel.MS_NODEV


def build(folders: Iterable[str], host_processes: bool) -> None:
    """Make a new root of these folders and enter it. Needs the right to mount, in a mount namespace of its own.

    Args:
        folders: Readable folders besides the system's; those that do not exist are passed over.
        host_processes: Whether /proc is the present one, to be replaced later; else it is one of the present
            namespace of process ids.
    """
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    # opened before anything is mounted above them
    sources = {path: os.open(path, os.O_PATH) for path in (*SYSTEM, *DEVICES, *folders) if os.path.exists(path)}
    proc = os.open("/proc", os.O_PATH)
    base = "/tmp"  # a mount point that is everywhere
    kernel.mount("tmpfs", base, "tmpfs", _QUIET, "size=1m,mode=755")
    for path, descriptor in sources.items():
        if path in SYSTEM and os.path.islink(path):
            os.symlink(os.readlink(path), base + path)
        else:
            source = f"/proc/self/fd/{descriptor}"  # the path itself may lie below what is mounted now
            _bind(source, base + path, os.path.isdir(source))
    for name, number in STREAMS.items():
        os.symlink(f"/proc/self/fd/{number}", f"{base}/dev/{name}")
    os.mkdir(f"{base}/proc")
    os.makedirs(base + WORK)
    if not os.path.lexists(f"{base}/tmp"):  # else a readable folder lies there
        os.symlink(WORK, f"{base}/tmp")
    if host_processes:
        kernel.mount(f"/proc/self/fd/{proc}", f"{base}/proc", None, kernel.MS_BIND | kernel.MS_REC)
    else:
        mount_proc(f"{base}/proc")
    for descriptor in (*sources.values(), proc):
        os.close(descriptor)
    kernel.enter_root(base)
    kernel.mount("none", "/", None, kernel.MS_REMOUNT | kernel.MS_RDONLY | _QUIET)


def mount_proc(path: str) -> None:
    """The processes of the present namespace."""
    kernel.mount("proc", path, "proc", _QUIET | kernel.MS_NOEXEC)


def _bind(source: str, target: str, folder: bool) -> None:
    if os.path.exists(target):  # lies in one that was bound before
        return
    os.makedirs(target if folder else os.path.dirname(target), exist_ok=True)
    if not folder:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    kernel.mount(source, target, None, kernel.MS_BIND | kernel.MS_REC)
    if folder:
        flags = kernel.MS_BIND | kernel.MS_REMOUNT | kernel.MS_RDONLY | _QUIET
        kernel.mount("none", target, None, flags)
