"""What a zygote and the programs that it forks are confined to, by tier.

A  namespaces: own processes, mounts, network, and a root file system of its own.
B  no namespaces: a user id of its own for each zygote, which root alone can take.
C  no namespaces, the same user id. Weaker: what that user may ask the kernel for without a file is not fenced off.

All tiers add Landlock, a filter of system calls and resource limits. All share the host's kernel.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from . import disk, kernel, landlock, root, seccomp
from .family import children_of

NOBODY = 65534
_NEW_OF_ZYGOTE = (
    kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
)  # fmt: skip
_NEW_OF_PROGRAM = kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC
_THREADS = 33  # of a program that may start no processes
_CLEAN_SECONDS = 0.5  # to remove files, before another interpreter takes our place
_FILE_MB = 64  # of one file in tiers B and C, where the sum of all is looked at from time to time


@dataclass(frozen=True)
class Bounds:
    """Limits of one execution: seconds, megabytes, bytes, processes (1: threads alone)."""

    seconds: float
    memory_mb: int
    output_bytes: int
    disk_mb: int
    processes: int


class Box:
    """Enters the zygote's confinement when it is made; `confine` is for each program.

    Args:
        tier: "A", "B" or "C".
        uid: The user id to take, where the zygote begins as root and the tier has one.
        folders: What programs may read: the interpreter's and the modules' folders.
        work: In tiers B and C the folder that programs may write to.

    Raises:
        OSError: The machine does not offer what the tier needs.
    """

    def __init__(self, tier: str, uid: int, folders: Iterable[str], work: str) -> None:
        self.tier = tier
        self.is_a = tier == "A"
        self.work = root.WORK if self.is_a else work
        self.namespaces = _NEW_OF_PROGRAM if self.is_a else 0
        if self.is_a:
            _enter_namespaces(uid, list(folders))
        else:
            kernel.adopt_orphans()
            if tier == "B":
                _become(uid)
            elif os.getuid() == 0:
                raise PermissionError(1, "programs would be root")
        if not self.is_a:
            signal.signal(signal.SIGTERM, self._leave)  # comes when who started us dies
            kernel.die_with_parent(signal.SIGTERM)
        readable = [*root.SYSTEM, *folders, "/dev/zero", "/dev/urandom"]
        self._rules = landlock.ruleset(readable, [root.WRITABLE if self.is_a else work, "/dev/null"])
        # without namespaces, Landlock keeps signals inside from its version 6 on
        self._signals = self.is_a or kernel.landlock_version() >= 6
        self._own_memory = _virtual_memory()
        self._filters = {
            many: seccomp.filter_for(many, self._signals, sessions=self.is_a, modes=tier != "C")
            for many in (False, True)
        }

    def confine(self, bounds: Bounds) -> None:
        """Confine this process, a forked program, for ever."""
        kernel.die_with_parent(signal.SIGKILL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self.is_a:
            size = f"size={max(1, bounds.disk_mb)}m,nr_inodes={disk.MOST_FILES},mode=777"
            flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
            kernel.mount("tmpfs", self.work, "tmpfs", flags, size)
        os.setpgid(0, 0)  # a signal to a group crosses namespaces
        others = {"A": 2, "B": 1}.get(self.tier) or _other_tasks(bounds.processes > 1)
        _limit(bounds, self._own_memory, others)
        if self.is_a:
            kernel.drop_capabilities()
        kernel.forbid_new_privileges()
        kernel.landlock_restrict(self._rules)
        kernel.install_filter(self._filters[bounds.processes > 1])

    def clean(self) -> bool:
        """Empty the folder that programs may write to; in tier A it has ended with the program.

        Returns:
            Whether it is empty: a program can make more than can soon be removed.
        """
        return self.is_a or disk.empty(self.work, _CLEAN_SECONDS)

    def has_more_files(self, most_mb: int) -> bool:
        """Whether a program has made more megabytes of files; never in tier A, where they have their own bound."""
        return not self.is_a and disk.used(self.work, most_mb << 20) > most_mb << 20

    def leave(self) -> None:
        """Leave nothing behind: no process, no folder. In tier A all ends with us."""
        if not self.is_a:
            end_all_below()
            with suppress(OSError):
                disk.empty(self.work)
                os.rmdir(self.work)

    def _leave(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.leave()
        os._exit(0)


def end_all_below() -> None:
    """Kill and reap every descendant. Each child leads a group that what it starts cannot leave, but in tier A."""
    while children := children_of(os.getpid()):
        for child in children:
            for kill in (os.killpg, os.kill):
                with suppress(ProcessLookupError):
                    kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)


def _enter_namespaces(uid: int, folders: list[str]) -> None:
    as_root = os.getuid() == 0
    if as_root:  # folders that nobody else may look into can be bound by root alone
        kernel.unshare(kernel.CLONE_NEWNS)
        root.build(folders, host_processes=True)
        _become(uid)
    own, group = os.getuid(), os.getgid()
    kernel.unshare(_NEW_OF_ZYGOTE)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {own} 1"), ("gid_map", f"{NOBODY} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    _become_first_process()
    if as_root:
        root.mount_proc("/proc")
    else:
        root.build(folders, host_processes=False)


def _become_first_process() -> None:
    """Go on as the first process of the new namespace; the one outside waits for it, and both die together."""
    child = os.fork()
    if child:
        kernel.die_with_parent(signal.SIGKILL)
        os.closerange(3, 256)
        os.waitpid(child, 0)
        os._exit(0)
    kernel.die_with_parent(signal.SIGKILL)


def _become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kernel.set_dumpable(True)  # else /proc/self would be root's
    kernel.die_with_parent(signal.SIGKILL)


def _virtual_memory() -> int:
    """Bytes of address space that this process has already, and shares with its forks."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _other_tasks(exact: bool) -> int:
    """Processes and threads that this user has besides this one, or else of the whole machine, which is no fewer."""
    if not exact:
        with open("/proc/loadavg") as file:
            return int(file.read().split()[3].partition("/")[2])
    number = -1
    for path in [entry.path for entry in os.scandir("/proc") if entry.name.isdigit()]:
        with suppress(OSError):
            number += len(os.listdir(f"{path}/task")) if os.stat(path).st_uid == os.getuid() else 0
    return number


def _limit(bounds: Bounds, own_memory: int, others: int) -> None:
    """Set limits for ever; a program begins with some memory, and its user has other tasks besides it."""
    tasks = bounds.processes if bounds.processes > 1 else _THREADS
    memory, file = own_memory + (bounds.memory_mb << 20), max(1, min(bounds.disk_mb, _FILE_MB)) << 20
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file),
        (resource.RLIMIT_CPU, int(bounds.seconds) + 2),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_NPROC, others + tasks),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (value, value))
