"""Calls of the Linux kernel that Python has no function for. x86_64 only."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

CLONE_NEWNS = 0x0002_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000
CLONE_NEWUTS = 0x0400_0000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18

_SIGCHLD = 17
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 4, 38, 36
_SYS_CLONE, _SYS_CAPSET, _SYS_PIVOT_ROOT, _SYS_SECCOMP = 56, 126, 155, 317
_SYS_LANDLOCK_CREATE, _SYS_LANDLOCK_ADD, _SYS_LANDLOCK_RESTRICT = 444, 445, 446
_CAPABILITY_VERSION_3 = 0x2008_0522
_SECCOMP_SET_MODE_FILTER = 1
_LANDLOCK_RULE_PATH_BENEATH = 1
_LANDLOCK_CREATE_RULESET_VERSION = 1

# PyDLL keeps the interpreter's lock: a forked child would not get it back from a thread that it does not have
_libc = ctypes.PyDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _syscall(what: str, number: int, *arguments: object) -> int:
    if platform.machine() != "x86_64":
        raise OSError(38, f"{what}: the numbers of system calls are known for x86_64 alone, not {platform.machine()}")
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments), what)


def _long(value: int) -> ctypes.c_ulong:
    return ctypes.c_ulong(value)


def fork_into(namespaces: int) -> int:
    """Like `os.fork`, with the child in these new namespaces. The process must have one thread."""
    return _syscall("clone", _SYS_CLONE, _long(namespaces | _SIGCHLD), _long(0), _long(0), _long(0), _long(0))


def unshare(namespaces: int) -> None:
    """Move this process (its children, for process ids) into new namespaces."""
    _checked(_libc.unshare(ctypes.c_int(namespaces)), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """mount(2)."""
    arguments = (source.encode(), target.encode(), kind.encode() if kind else None, _long(flags), data.encode() or None)
    _checked(_libc.mount(*arguments), f"mount {target}")


def enter_root(folder: str) -> None:
    """Make this folder, a mount point, the root of the file system, and let go of the old one."""
    old = os.path.join(folder, "old")
    os.mkdir(old)
    _syscall("pivot_root", _SYS_PIVOT_ROOT, folder.encode(), old.encode())
    os.chdir("/")
    _checked(_libc.umount2(b"/old", _MNT_DETACH), "umount")
    os.rmdir("/old")


def die_with_parent(signal: int) -> None:
    """Have the kernel send us this signal when the thread that made us ends. Another user id clears it."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, _long(signal), _long(0), _long(0), _long(0)), "prctl")


def set_dumpable(dumpable: bool) -> None:
    """Whether /proc/self is our own user's; it is root's after a change of user."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, _long(dumpable), _long(0), _long(0), _long(0)), "prctl")


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parent ended."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, _long(1), _long(0), _long(0), _long(0)), "prctl")


def forbid_new_privileges() -> None:
    """No program that is executed from now on gets more rights than this one has."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, _long(1), _long(0), _long(0), _long(0)), "prctl")


def drop_capabilities() -> None:
    """Give up every capability."""
    header, none = struct.pack("Ii", _CAPABILITY_VERSION_3, 0), struct.pack("6I", 0, 0, 0, 0, 0, 0)
    _syscall("capset", _SYS_CAPSET, header, none)


def install_filter(program: bytes) -> None:
    """Install a seccomp filter: BPF instructions of 8 bytes each."""
    instructions = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(instructions))
    _syscall("seccomp", _SYS_SECCOMP, ctypes.c_long(_SECCOMP_SET_MODE_FILTER), ctypes.c_long(0), filter_)


def landlock_version() -> int:
    """Version of Landlock's interface.

    Raises:
        OSError: The kernel has none, or it is switched off.
    """
    arguments = (None, ctypes.c_size_t(0), ctypes.c_long(_LANDLOCK_CREATE_RULESET_VERSION))
    return _syscall("landlock", _SYS_LANDLOCK_CREATE, *arguments)


def landlock_create(attributes: bytes) -> int:
    """A descriptor of a new set of rules."""
    return _syscall(
        "landlock_create_ruleset", _SYS_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_long(0)
    )


def landlock_allow(rules: int, access: int, path: int) -> None:
    """Allow this access to a file, or to a folder and all below it."""
    rule = struct.pack("=Qi", access, path)
    arguments = (ctypes.c_long(rules), ctypes.c_long(_LANDLOCK_RULE_PATH_BENEATH), rule, ctypes.c_long(0))
    _syscall("landlock_add_rule", _SYS_LANDLOCK_ADD, *arguments)


def landlock_restrict(rules: int) -> None:
    """Hold this process and its children to these rules for ever."""
    _syscall("landlock_restrict_self", _SYS_LANDLOCK_RESTRICT, ctypes.c_long(rules), ctypes.c_long(0))
