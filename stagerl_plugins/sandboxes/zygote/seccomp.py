"""A filter of system calls: what Python programs need, and nothing else."""

from __future__ import annotations

import errno
import struct

# numbers of x86_64
_ALLOWED = {
    "read": 0, "write": 1, "futex": 202, "mmap": 9, "munmap": 11, "brk": 12, "mprotect": 10, "madvise": 28,
    "newfstatat": 262, "openat": 257, "close": 3, "lseek": 8, "fstat": 5, "getdents64": 217, "clock_gettime": 228,
    "open": 2, "stat": 4, "lstat": 6, "poll": 7, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
    "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "access": 21, "pipe": 22, "select": 23,
    "sched_yield": 24, "mremap": 25, "msync": 26, "mincore": 27, "dup": 32, "dup2": 33, "pause": 34, "nanosleep": 35,
    "getitimer": 36, "alarm": 37, "setitimer": 38, "getpid": 39, "sendto": 44, "recvfrom": 45,
    "recvmsg": 47, "shutdown": 48, "getsockname": 51, "getpeername": 52, "getsockopt": 55,
    "exit": 60, "wait4": 61, "uname": 63, "fsync": 74, "fdatasync": 75, "truncate": 76,
    "ftruncate": 77, "getdents": 78, "getcwd": 79, "chdir": 80, "fchdir": 81, "rename": 82, "mkdir": 83, "rmdir": 84,
    "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "readlink": 89, "umask": 95,
    "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104,
    "geteuid": 107, "getegid": 108, "getppid": 110, "getpgrp": 111, "getgroups": 115, "getresuid": 118,
    "getresgid": 120, "getpgid": 121, "getsid": 124, "rt_sigpending": 127, "rt_sigtimedwait": 128,
    "rt_sigsuspend": 130, "sigaltstack": 131, "statfs": 137, "fstatfs": 138, "getpriority": 140,
    "sched_getparam": 143, "sched_getscheduler": 145, "sched_get_priority_max": 146, "sched_get_priority_min": 147,
    "gettid": 186, "time": 201, "sched_getaffinity": 204, "set_tid_address": 218,
    "restart_syscall": 219, "fadvise64": 221, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231,
    "epoll_wait": 232, "epoll_ctl": 233, "waitid": 247, "mkdirat": 258, "unlinkat": 263, "renameat": 264,
    "linkat": 265, "symlinkat": 266, "readlinkat": 267, "faccessat": 269, "pselect6": 270,
    "ppoll": 271, "set_robust_list": 273, "get_robust_list": 274, "epoll_pwait": 281,
    "eventfd2": 290, "epoll_create1": 291, "dup3": 292, "pipe2": 293, "preadv": 295, "pwritev": 296, "getcpu": 309,
    "renameat2": 316, "getrandom": 318, "membarrier": 324, "copy_file_range": 326, "statx": 332, "rseq": 334,
    "close_range": 436, "faccessat2": 439,
}  # fmt: skip
# no setsockopt: it makes room for megabytes in a socket, which count as no memory of the program's
# no setpgid: the first process of a namespace that joins its child's group can never end (Linux 6.18)
_PROCESSES = {"fork": 57, "vfork": 58, "execve": 59, "execveat": 322, "arch_prctl": 158}
_SESSIONS = {"setsid": 112}
_MODES = {"chmod": 90, "fchmod": 91, "fchmodat": 268, "utimensat": 280}  # Landlock knows nothing of these
_SIGNALS = {"kill": (62, 1), "tkill": (200, 1), "tgkill": (234, 2)}  # and which argument the signal is
_CLONE, _CLONE3, _SOCKETPAIR, _IOCTL, _FCNTL, _PRCTL, _PRLIMIT, _SETRLIMIT = 56, 435, 53, 16, 72, 157, 302, 160
_XATTRS = range(188, 200)  # `shutil.copy2` goes on where there are none, but not where it may not have them
_RLIMIT_CPU, _SIGKILL = 0, 9
_CLONE_THREAD, _CLONE_NEW_ANYTHING = 0x10000, 0x7E02_0080
_AF_UNIX = 1
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
# duplicates, flags, locks; none that has the kernel send signals (F_SETOWN) or keep more (F_SETPIPE_SZ)
_FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)
_NAME_OF_THREAD = (15, 16)  # PR_SET_NAME, PR_GET_NAME

_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_NOT_BELOW, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE = 0, 4  # offsets in `struct seccomp_data`; arguments of 8 bytes begin at 16
_X86_64 = 0xC000_003E
_KILL, _ALLOW, _REFUSE = 0x8000_0000, 0x7FFF_0000, 0x0005_0000


def filter_for(processes: bool, signals: bool, sessions: bool, modes: bool) -> bytes:
    """A BPF program for seccomp. What it does not allow fails with EPERM, as if it were forbidden by permissions.

    A program that may start no others cannot kill itself, nor lower its limit of processor time: so one that was
    killed was killed by somebody else.

    Args:
        processes: Whether the program may start others. Threads it may start in any case.
        signals: Whether it may send signals; only where no process outside can be reached.
        sessions: Whether those that it starts may leave its group; only where they end with it nevertheless.
        modes: Whether it may change modes and times of files; only where it has no other files than its own.
    """
    wanted = ((True, _ALLOWED), (processes, _PROCESSES), (processes and sessions, _SESSIONS), (modes, _MODES))
    allowed = [_step(_RETURN, _ALLOW)]
    calls = dict.fromkeys((number for yes, some in wanted if yes for number in some.values()), allowed)
    for number, place in _SIGNALS.values() if signals else ():
        calls[number] = allowed if processes else _but(place, _SIGKILL)
    # its flags lie in memory, out of a filter's reach; without it the C library takes `clone`
    calls[_CLONE3] = [_refusal(errno.ENOSYS)]
    calls.update((number, [_refusal(errno.ENOTSUP)]) for number in _XATTRS)
    calls[_CLONE] = _clone(processes)
    calls[_SOCKETPAIR] = _argument(0, (_AF_UNIX,), errno.EPERM)
    calls[_IOCTL] = _argument(1, _IOCTLS, errno.ENOTTY)
    calls[_FCNTL] = _argument(1, _FCNTLS, errno.EPERM)
    calls[_PRCTL] = _argument(0, _NAME_OF_THREAD, errno.EPERM)
    calls[_SETRLIMIT] = _but(0, _RLIMIT_CPU)
    calls[_PRLIMIT] = _prlimit()
    machine = [_step(_LOAD, _MACHINE), *_unless(_X86_64, [_step(_RETURN, _KILL)])]
    return b"".join([*machine, _step(_LOAD, _NUMBER), *_by_halves(_segments(calls))])


def _segments(calls: dict[int, list[bytes]]) -> list[tuple[int, list[bytes]]]:
    """What is done from which number on: neighbours that are treated alike are one, all others are refused."""
    found: list[tuple[int, list[bytes]]] = []
    for number in sorted({0, *calls, *(number + 1 for number in calls)}):
        steps = calls.get(number, [_refusal(errno.EPERM)])
        if not found or found[-1][1] != steps:
            found.append((number, steps))
    return found


def _by_halves(segments: list[tuple[int, list[bytes]]]) -> list[bytes]:
    """A search by halves: the kernel goes through a filter for every system call there is when it is installed."""
    if len(segments) == 1:
        return segments[0][1]
    middle = len(segments) // 2
    below = _by_halves(segments[:middle])
    return [_step(_JUMP_IF_NOT_BELOW, segments[middle][0], len(below), 0), *below, *_by_halves(segments[middle:])]


def _clone(processes: bool) -> list[bytes]:
    no_namespace = [_step(_LOAD, 16), _step(_JUMP_IF_ANY_BIT, _CLONE_NEW_ANYTHING, 0, 1), _refusal(errno.EPERM)]
    if processes:
        return [*no_namespace, _step(_RETURN, _ALLOW)]
    return [*no_namespace, _step(_JUMP_IF_ANY_BIT, _CLONE_THREAD, 1, 0), _refusal(errno.EPERM), _step(_RETURN, _ALLOW)]


def _prlimit() -> list[bytes]:
    """Limits of this process alone, which it may lower, but for that of processor time, which it may only read."""
    none = [part for half in (0, 4) for part in (_step(_LOAD, 16 + 8 * 2 + half), *_unless(0, [_refusal(errno.EPERM)]))]
    own = [_step(_LOAD, 16), *_unless(0, [_refusal(errno.EPERM)])]
    return [*own, _step(_LOAD, 16 + 8), *_when(_RLIMIT_CPU, none), _step(_RETURN, _ALLOW)]


def _but(place: int, value: int) -> list[bytes]:
    """Allow all values of an argument but this one (the lower half counts)."""
    return [_step(_LOAD, 16 + 8 * place), *_when(value, [_refusal(errno.EPERM)]), _step(_RETURN, _ALLOW)]


def _argument(place: int, values: tuple[int, ...], otherwise: int) -> list[bytes]:
    """Allow only these values (the lower half counts) of an argument."""
    tests = [part for value in values for part in _when(value, [_step(_RETURN, _ALLOW)])]
    return [_step(_LOAD, 16 + 8 * place), *tests, _refusal(otherwise)]


def _when(value: int, steps: list[bytes]) -> list[bytes]:
    return [_step(_JUMP_IF_EQUAL, value, 0, len(steps)), *steps]


def _unless(value: int, steps: list[bytes]) -> list[bytes]:
    return [_step(_JUMP_IF_EQUAL, value, len(steps), 0), *steps]


def _refusal(number: int) -> bytes:
    """Fail with this error number."""
    return _step(_RETURN, _REFUSE | number)


def _step(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", operation, if_true, if_false, value & 0xFFFF_FFFF)
