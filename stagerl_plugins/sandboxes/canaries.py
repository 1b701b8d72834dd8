"""Attacks that a confinement must withstand before it is trusted, tried on this machine with its own targets."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HELD, BROKEN = "held", "broken"

# each program prints `held` if it was stopped; TARGET is what it goes for
_TRY = """
try:
{body}
    print("broken")
except BaseException:
    print("held")
"""


@dataclass(frozen=True, slots=True)
class Canary:
    """One attack.

    Args:
        name: What it tries, in words that go on after "it could".
        program: Prints `held` if it was stopped.
        processes: Processes it needs.
    """

    name: str
    program: str
    processes: int = 1


@contextmanager
def canaries() -> Iterator[list[Canary]]:
    """The attacks, with targets that exist while the block lasts."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stagerl-canary-")))
        folder.chmod(0o755)
        secret = folder / "secret"
        secret.write_text("secret")
        secret.chmod(0o666)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        name = f"stagerl-canary-{os.getpid()}-{listener.getsockname()[1]}"
        abstract.bind(f"\0{name}")
        abstract.listen()
        yield [
            _attack("read a file of this machine", f"    open({str(secret)!r}).read()"),
            _attack("write a file of this machine", f"    open({str(secret)!r}, 'a').write('x')"),
            _attack("empty a file of this machine", f"    import os; os.truncate({str(secret)!r}, 0)"),
            _attack("empty a file by opening it", f"    import os; os.open({str(secret)!r}, os.O_TRUNC)"),
            _attack("change a file's mode", f"    import os; os.chmod({str(secret)!r}, 0o600)"),
            _attack("change a file's times", f"    import os; os.utime({str(secret)!r}, (1, 1))"),
            _attack("make a file on this machine", f"    open({str(folder / 'made')!r}, 'w')"),
            _attack("list this machine's folders", f"    import os; os.listdir({str(folder)!r})"),
            _attack("read the accounts of this machine", "    open('/etc/passwd').read()"),
            _attack(
                "open a connection",
                f"    import socket; socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 1)",
            ),
            _attack(
                "reach an abstract socket",
                f"    import socket; socket.socket(socket.AF_UNIX).connect('\\0{name}')",
            ),
            _attack("see other processes", f"    open('/proc/{os.getpid()}/environ').read()"),
            _attack("signal the process that started it", f"    import os; os.kill({os.getpid()}, 0)"),
            _attack("start processes without end", _FORKS, processes=4),
            _attack("leave its user", "    import os; os.setuid(0)\n    assert False"),
            _attack("make namespaces", _NAMESPACES),
            _attack("use more memory than it may", "    bytearray(2 << 30)"),
        ]


def _attack(name: str, body: str, processes: int = 1) -> Canary:
    return Canary(name, _TRY.format(body=body), processes)


_FORKS = """\
    import os, time
    for _ in range(200):
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)"""

_NAMESPACES = """\
    import ctypes
    if ctypes.CDLL(None).unshare(0x10000000) != 0:
        raise OSError"""
