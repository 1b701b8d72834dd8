"""Programs that attack a sandbox. Each prints BROKEN where it got through; `TARGET` holds what there is to attack."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent

# name: what to try. A line that raises was stopped; one that ends was not, unless it says what it is to find.
TRIES = {
    "read a file": "open(TARGET['file']).read()",
    "read a file through a link of its own": "import os; os.symlink(TARGET['file'], 'link'); open('link').read()",
    "read a file through /proc": "open('/proc/self/root' + TARGET['file']).read()",
    "read a file through another process's root": "open(f\"/proc/{TARGET['pid']}/root{TARGET['file']}\").read()",
    "read a file from an open folder": "import os; os.open('..', os.O_RDONLY); open('../..' + TARGET['file']).read()",
    "map a file into memory": "import mmap; mmap.mmap(open(TARGET['file']).fileno(), 0)",
    "write to a file": "open(TARGET['file'], 'a').write('x')",
    "make a file": "open(TARGET['folder'] + '/made', 'w')",
    "make a folder": "import os; os.mkdir(TARGET['folder'] + '/made')",
    "list a folder": "import os; os.listdir(TARGET['folder'])",
    "remove a file": "import os; os.unlink(TARGET['file'])",
    "rename a file": "import os; os.rename(TARGET['file'], TARGET['file'] + '2')",
    "link to a file": "import os; os.link(TARGET['file'], 'mine')",
    "change a file's mode": "import os; os.chmod(TARGET['file'], 0o777)",
    "change a file's times": "import os; os.utime(TARGET['file'], (1, 1))",
    "empty a file": "import os; os.truncate(TARGET['file'], 0)",
    "empty a file by opening it": "import os; os.open(TARGET['file'], os.O_TRUNC)",
    "change its own interpreter": "import os; open(os.__file__, 'a').write('x')",
    "read accounts": "open('/etc/passwd').read()",
    "read environments": "open(f\"/proc/{TARGET['pid']}/environ\").read()",
    "read command lines": "open(f\"/proc/{TARGET['pid']}/cmdline\").read()",
    "list processes": "import os; os.listdir('/proc')",
    "write to another's memory": "open(f\"/proc/{TARGET['pid']}/mem\", 'r+b')",
    "signal who started it": "import os; os.kill(TARGET['pid'], 0)",
    "kill its parent": "import os; assert os.getppid(); os.kill(os.getppid(), 9)",
    "connect to a port": "import socket; socket.create_connection(('127.0.0.1', TARGET['port']), 1)",
    "send a datagram": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "listen on a port": "import socket; socket.create_server(('127.0.0.1', 0))",
    "open a raw socket": "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "reach an abstract socket": "import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + TARGET['abstract'])",
    "reach a socket in the file system": "import socket; socket.socket(socket.AF_UNIX).connect(TARGET['socket'])",
    "talk to the kernel": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "become root": "import os; os.setuid(0); assert False",
    "change its groups": "import os; os.setgroups([0])",
    "leave through chroot": "import os; os.chroot('/')",
    "raise its limits": "import resource as r; r.setrlimit(r.RLIMIT_AS, (r.RLIM_INFINITY, r.RLIM_INFINITY))",
    "lower another's limits": "import resource as r; r.prlimit(TARGET['pid'], r.RLIMIT_NOFILE, (3, 3))",
    "make a device": "import os, stat; os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(8, 0))",
    "write to a disk": "open('/dev/sda', 'rb')",
    "read the kernel's log": "open('/dev/kmsg').read(1)",
    "start a process": "import os; os.fork() or os._exit(0)",
    "start a program": "import os; os.execv('/bin/sh', ['sh', '-c', 'echo BROKEN'])",
    "start a program with subprocess": "import subprocess; subprocess.run(['/bin/true'])",
    "use a descriptor of who started it": "import os; [os.fstat(n) for n in range(3, 50)]",
    "have the kernel signal who started it": "import fcntl; fcntl.fcntl(0, fcntl.F_SETOWN, TARGET['pid'])",
    "hide a descriptor in a socket": "import socket as s; a, b = s.socketpair(); s.send_fds(a, [b'x'], [0])",
    "look killed": "import os; os.kill(os.getpid(), 9)",
    "have itself killed": "import resource as r; r.setrlimit(r.RLIMIT_CPU, (1, 1))",
    "leave its group": "import os; os.setpgid(0, 0)",
    "keep megabytes in a pipe": "import fcntl, os; fcntl.fcntl(os.pipe()[1], fcntl.F_SETPIPE_SZ, 1 << 20)",
    "keep megabytes in a socket": "import socket as s; s.socketpair()[0].setsockopt(s.SOL_SOCKET, s.SO_SNDBUF, 2**20)",
    "read its interpreter's memory": "import os; open(f'/proc/{os.getppid()}/mem', 'rb')",
    "look at its interpreter's descriptors": "import os; os.listdir(f'/proc/{os.getppid()}/fd')",
    "read the machine's mounts": "open('/proc/self/mounts').read()",
    "write to the kernel's settings": "open('/proc/sys/kernel/hostname', 'w').write('x')",
    "use a message queue": "import ctypes as c; assert c.CDLL('librt.so.1').mq_open(b'/q', 66, 0o600, None) >= 0",
    "use shared memory": "from multiprocessing.shared_memory import SharedMemory; SharedMemory('x', True, 10)",
    "lock a file": "import fcntl, os; fcntl.flock(open(os.__file__), fcntl.LOCK_EX)",
    "keep code in memory": "import ctypes; assert ctypes.CDLL(None).memfd_create(b'x', 0) >= 0",
}
# name: number of a system call (x86_64) and arguments; all must be refused
CALLS = {
    "ptrace": (101, 16, 1, 0, 0), "process_vm_readv": (310, 1, 0, 0, 0, 0, 0), "unshare": (272, 0x10000000),
    "setns": (308, 0, 0), "mount": (165, 0, 0, 0, 0, 0), "umount": (166, 0, 0), "pivot_root": (155, 0, 0),
    "bpf": (321, 0, 0, 0), "perf_event_open": (298, 0, 0, 0, 0, 0), "userfaultfd": (323, 0),
    "io_uring_setup": (425, 1, 0), "keyctl": (250, 0, 0), "add_key": (248, 0, 0, 0, 0, 0),
    "shmget": (29, 0, 4096, 0o1600), "msgget": (68, 0, 0o1600), "semget": (64, 0, 1, 0o1600),
    "pidfd_open": (434, 1, 0), "personality": (135, 0x0400000),
    "open_by_handle_at": (304, 0, 0, 0), "setpriority": (141, 0, 0, 0),
    "clone into namespaces": (56, 0x10000011, 0, 0, 0, 0),
    "clone3": (435, 0, 0), "a call of the 32-bit kind of x86_64": (0x40000000 | 39,), "quotactl": (179, 0, 0, 0, 0),
    "reboot": (169, 0xFEE1DEAD, 0, 0, 0), "kexec_load": (246, 0, 0, 0, 0), "init_module": (175, 0, 0, 0),
    "memfd_secret": (447, 0), "process_madvise": (440, 0, 0, 0, 0, 0), "vmsplice": (278, 0, 0, 0, 0),
}  # fmt: skip

_PROGRAM = """\
TARGET = {target!r}
try:
{body}
    print("BROKEN")
except BaseException:
    print("held")
"""


@dataclass(frozen=True)
class Attack:
    """A program that prints `held` where it was stopped."""

    name: str
    body: str

    def program(self, target: dict[str, object]) -> str:
        return _PROGRAM.format(target=target, body=indent(dedent(self.body), "    "))


def _call(arguments: tuple[int, ...]) -> str:
    padded = ", ".join(f"c.c_long({number})" for number in arguments)
    return f"import ctypes as c; assert c.CDLL(None).syscall({padded}) >= 0"


ATTACKS = [
    *(Attack(name, line) for name, line in TRIES.items()),
    *(Attack(f"call {name}", _call(arguments)) for name, arguments in CALLS.items()),
]
