"""No attack gets through, in any tier: nothing outside is read, changed, reached or left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from attacks import ATTACKS

from stagerl_plugins.sandboxes.warm import LostError
from stagerl_plugins.types import Ended, Limits

LIMITS = Limits(seconds=5, memory_mb=256)


@pytest.fixture(scope="module")
def target(open_folder):
    """A file and a folder that everybody may write to, and processes and sockets that everybody may reach."""
    folder = open_folder("target")
    (folder / "file").write_text("the secret")
    (folder / "file").chmod(0o666)
    with (
        socket.create_server(("127.0.0.1", 0)) as port,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
    ):
        name = f"stagerl-attacked-{os.getpid()}"
        abstract.bind("\0" + name)
        named.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o777)
        for listener in (abstract, named):
            listener.listen()
        yield {
            "file": str(folder / "file"),
            "folder": str(folder),
            "socket": str(folder / "socket"),
            "abstract": name,
            "port": port.getsockname()[1],
            "pid": os.getpid(),
        }
        assert (folder / "file").read_text() == "the secret"
        assert sorted(path.name for path in folder.iterdir()) == ["file", "socket"]
        assert (folder / "file").stat().st_mode & 0o777 == 0o666


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "_"))
def test_an_attack_is_stopped(warm, target, attack):
    seen = warm.run(attack.program(target), "", LIMITS)
    assert seen.ended is Ended.EXITED
    assert "BROKEN" not in seen.stdout
    assert "the secret" not in seen.stdout


def test_the_attacks_get_through_where_nothing_stops_them(target, tmp_path):
    """A check of the attacks themselves."""
    for name in (
        "read a file",
        "make a folder",
        "connect to a port",
        "reach an abstract socket",
        "signal who started it",
    ):
        attack = next(attack for attack in ATTACKS if attack.name == name)
        done = subprocess.run(
            [sys.executable, "-c", attack.program(target)], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.stdout == "BROKEN\n"
    os.rmdir(target["folder"] + "/made")


def left_behind(warm, tier) -> list[psutil.Process]:
    """Processes that descend from the interpreter; in tier A one is the interpreter itself, in its namespace."""
    below = psutil.Process(warm.pid).children(recursive=True)
    alive = [process for process in below if process.status() != psutil.STATUS_ZOMBIE]
    return alive[1:] if tier == "A" else alive


BOMBS = {
    "processes": ("import os\nwhile True: os.fork()", Limits(seconds=1, processes=8)),
    "threads": ("import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()", LIMITS),
    "memory": ("x = []\nwhile True: x.append(bytearray(1 << 20))", LIMITS),
    "one large file": ("f = open('f', 'wb')\nwhile True: f.write(bytes(1 << 20))", Limits(seconds=5, disk_mb=8)),
    "many files": (
        "n = 0\nwhile True:\n    open(str(n), 'w').write('x' * 100_000)\n    n += 1",
        Limits(seconds=5, disk_mb=8),
    ),
    "files without a name": (
        "import os\nfiles = []\nwhile True:\n    files.append(open('f', 'wb', 0))\n    os.unlink('f')\n"
        "    files[-1].write(bytes(1 << 20))",
        Limits(seconds=5, disk_mb=8),
    ),
    "files that are only mapped": (
        "import ctypes, os, time\nlibc = ctypes.CDLL(None)\nfor _ in range(200):\n    f = open('f', 'w+b', 0)\n"
        "    os.unlink('f')\n    f.write(bytes(1 << 20))\n"
        "    libc.mmap(None, ctypes.c_size_t(1 << 20), 1, 1, f.fileno(), ctypes.c_long(0))\n    f.close()\n"
        "time.sleep(60)",
        Limits(seconds=5, disk_mb=8),
    ),
    "files that a thread holds": (
        "import ctypes, os, time\nlibc, stacks = ctypes.CDLL(None), []\nfor _ in range(24):\n"
        "    f = open('f', 'w+b', 0)\n    os.unlink('f')\n    f.write(bytes(1 << 20))\n"
        "    stacks.append(ctypes.create_string_buffer(1 << 16))\n"
        "    top = ctypes.c_void_p((ctypes.addressof(stacks[-1]) + (1 << 16)) & ~15)\n"
        "    libc.clone(libc.pause, top, 0x50B00, None)\n    f.close()\ntime.sleep(60)",  # a thread, files of its own
        Limits(seconds=5, disk_mb=8),
    ),
    "files in a closed folder": (
        "import os, uuid\nos.mkdir('d', 0o300)\nwhile True:\n    open(f'd/{uuid.uuid4()}', 'wb').write(bytes(1 << 20))",
        Limits(seconds=5, disk_mb=8),
    ),
    "more files than can be removed": (
        "import os, threading\ndef make(number):\n    try:\n        for n in range(10**6): os.mkdir(f'{number}_{n}')\n"
        "    except OSError: os._exit(1)\n"
        "for number in range(30): threading.Thread(target=make, args=[number]).start()",
        Limits(seconds=1),
    ),
    "output": ("while True: print('x' * 100_000)", Limits(seconds=5, output_bytes=100_000)),
    "standard error": ("import sys\nwhile True: print('x' * 100_000, file=sys.stderr)", Limits(seconds=1)),
    "descriptors": ("import os\nwhile True: os.dup(0)", LIMITS),
    "recursion": ("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()", LIMITS),
    "a deep folder": ("import os\nwhile True: os.mkdir('d'); os.chdir('d')", Limits(seconds=1)),
    "a program that cannot be parsed": ("(" * 100_000, LIMITS),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_with_its_limit_and_the_next_program_runs(warm, tier, name):
    program, limits = BOMBS[name]
    began = time.monotonic()
    seen = warm.run(program, "", limits)
    assert seen.ended is not Ended.LOST, seen
    if tier != "A" and "files" in name:  # there the files of all programs are in one file system
        assert seen.ended is Ended.OVER_LIMIT
    assert not (seen.ended is Ended.EXITED and seen.exit_code == 0)
    assert len(seen.stdout) <= limits.output_bytes
    assert time.monotonic() - began < 30
    assert warm.run("import os; print(os.listdir('.'))", "", LIMITS).stdout == "[]\n"
    assert left_behind(warm, tier) == []


DAEMON = """
import os, time
if os.fork() == 0:
    {leave}
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
print("gone")
"""


LEAVES = {
    "nothing": "pass",
    "a session": "os.setsid()",
    "a group": "os.setpgid(0, 0)",
    "pipes": "os.close(0); os.close(1); os.close(2)",
    "a group for its parent": "os.setpgid(0, 0) or os.setpgid(os.getppid(), 0)",
    "forks of forks": "[os.fork() and os._exit(0) for _ in range(1000)]",
}


@pytest.mark.parametrize("leave", LEAVES.values(), ids=LEAVES)
def test_what_a_program_leaves_running_ends_with_it(warm, tier, leave):
    seen = warm.run(DAEMON.format(leave=leave), "", Limits(seconds=3, processes=8))
    assert (seen.ended, seen.stdout) == (Ended.EXITED, "gone\n")
    assert left_behind(warm, tier) == []


@pytest.mark.parametrize("whom", ["the interpreter", "who started it"])
def test_what_it_leaves_running_ends_with_its_interpreter_too(warm, tier, whom):
    mark = f"daemon-{os.getpid()}-{time.monotonic_ns()}"
    program = f"import os, time\nos.fork()\nos.execv('/bin/sh', ['sh', '-c', 'sleep 600; : {mark}'])"
    assert warm.run("print(1)", "", LIMITS).stdout == "1\n"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(warm.run, program, "", Limits(seconds=60, processes=8))
        wait_until(lambda: len(marked(mark)) >= 2)
        one = psutil.Process(warm.pid)
        (one.children()[0] if tier == "A" and whom == "the interpreter" else one).kill()
        with pytest.raises(LostError):
            running.result(30)
    wait_until(lambda: marked(mark) == [])


def marked(mark: str) -> list[int]:
    return [one.pid for one in psutil.process_iter(["cmdline"]) if mark in " ".join(one.info["cmdline"] or [])]


def wait_until(true) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


HOST = """
import sys
from stagerl_plugins.sandboxes.interpreter import Interpreter
from stagerl_plugins.sandboxes.warm import WarmInterpreter
from stagerl_plugins.types import Limits
python, folders, tier, program = sys.argv[1], tuple(sys.argv[2].split(":")), sys.argv[3], sys.argv[4]
WarmInterpreter(tier, Interpreter(python, folders, (), ())).run(program, "", Limits(seconds=60, processes=8))
"""


def test_everything_ends_with_a_host_that_is_killed(tier, interpreter, open_folder):
    mark = f"daemon-{os.getpid()}-{time.monotonic_ns()}"
    program = f"import os, time\nos.fork()\nos.execv('/bin/sh', ['sh', '-c', 'sleep 600; : {mark}'])"
    folder = open_folder("temporary")
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, interpreter.python, ":".join(interpreter.folders), tier, program],
        env={**os.environ, "TMPDIR": str(folder)},
    )
    wait_until(lambda: sum(pid != host.pid for pid in marked(mark)) >= 2)
    host.kill()
    host.wait()
    wait_until(lambda: marked(mark) == [])
    wait_until(lambda: list(folder.iterdir()) == [])


def test_a_program_has_as_many_processes_as_it_may(warm):
    program = """
import os, time
for number in range(500):
    try:
        if os.fork() == 0:
            time.sleep(60)
    except OSError:
        break
print(1 + number)
"""
    assert 2 <= int(warm.run(program, "", Limits(seconds=5, processes=4)).stdout) <= 4


@pytest.mark.parametrize(
    "spoil",
    [
        "os.mkdir('d'); open('d/f', 'w'); os.chmod('d', 0)",
        "os.symlink('/', 'root'); os.symlink('root', 'again')",
        "os.mkdir('d', 0)",
        "open(b'\\xff\\xfe', 'w'); open('\\n', 'w'); open('x' * 255, 'w')",
        "os.mkdir('moved0'); os.mkdir('moved0/moved0'); os.mkdir('moved0/moved0/moved0')",
    ],
)
def test_a_spoilt_folder_is_clean_for_the_next(warm, spoil):
    seen = warm.run(f"import os\n{spoil}", "", LIMITS)
    assert seen.exit_code == 0 or seen.ended is Ended.OVER_LIMIT, seen.stderr
    assert warm.run("import os; open('f', 'w'); print(os.listdir('.'))", "", LIMITS).stdout == "['f']\n"


def test_one_program_leaves_nothing_for_the_next(warm):
    leave = "import builtins, json, os; builtins.x = 1; json.dumps = None; os.environ['X'] = '1'; open('f', 'w')"
    assert warm.run(leave, "", LIMITS).exit_code == 0
    look = "import builtins, json, os; print(hasattr(builtins, 'x'), json.dumps, 'X' in os.environ, os.listdir('.'))"
    assert warm.run(look, "", LIMITS).stdout.startswith("False <function")


def test_it_has_a_process_group_of_its_own(warm):
    """Landlock keeps signals to a group inside from its version 6 on (Linux 6.12) alone, and no namespace does."""
    assert warm.run("import os; print(os.getpgrp() == os.getpid())", "", LIMITS).stdout == "True\n"


def test_nor_a_number_as_its_folder_s_time(warm):
    assert warm.run("import os; os.utime('.', (54321, 54321))", "", LIMITS).exit_code == 0
    assert "54321" not in warm.run("import os; print(os.stat('.'))", "", LIMITS).stdout


def test_it_knows_nothing_of_who_started_it(warm, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "the secret")
    warm.close()  # started again, with the key in our environment
    seen = warm.run(
        "import os, sys; print(dict(os.environ), sys.path, sys.argv, os.getcwd(), sys.modules.keys())", "", LIMITS
    )
    assert "the secret" not in seen.stdout
    assert "stagerl_plugins" not in seen.stdout


def test_two_runs_do_not_share_chance(warm):
    seen = {warm.run("import random; print(random.random())", "", LIMITS).stdout for _ in range(3)}
    assert len(seen) == 3
