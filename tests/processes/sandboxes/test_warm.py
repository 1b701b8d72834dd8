"""A warm interpreter runs programs as `python solution.py` would, and says truly how they ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagerl_plugins.sandboxes import tiers
from stagerl_plugins.sandboxes.interpreter import Interpreter
from stagerl_plugins.sandboxes.warm import LostError, WarmInterpreter
from stagerl_plugins.types import Ended, Limits

LIMITS = Limits(seconds=5)

# as contest programs replace standard output: written out at the end, with names of the program's own
FAST_OUTPUT = """
import io, os, sys
class Fast(io.IOBase):
    def __init__(self): self.text = io.StringIO(); self.write = self.text.write
    def flush(self): os.write(1, self.text.getvalue().encode()); self.text.truncate(0)
sys.stdout = Fast()
print("fast")
"""
MANY_THREADS = """
import threading, time
threads = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in range(30)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(threads))
"""

# program, standard input -> standard output, exit status
DEEP_IN_A_THREAD = """
import sys, threading
from functools import lru_cache
sys.setrecursionlimit(1 << 25)
threading.stack_size(1 << 29)
f = lru_cache(None)(lambda n: n and 1 + f(n - 1))
thread = threading.Thread(target=lambda: print(f(100_000)))
thread.start()
thread.join()
"""
ORDINARY = [
    ("print(input()[::-1])", "abc\n", "cba\n", 0),
    ("import sys; print(len(sys.stdin.buffer.read()))", "ä" * 100_000, "200000\n", 0),
    ("print(__name__, end='')", "", "__main__", 0),
    ("import sys; sys.exit(7)", "", "", 7),
    ("import sys; sys.exit('no')", "", "", 1),
    ("raise SystemExit", "", "", 0),
    ("print(1); exit(3)", "", "1\n", 3),
    ("quit()", "", "", 0),
    ("def f(): 'doc'\nhelp(f)", "", "Help on function f in module __main__:\n\nf()\n    doc\n\n", 0),
    ("print(__file__, end='')", "", "solution.py", 0),
    ("import signal; print(signal.getsignal(signal.SIGINT).__name__)", "", "default_int_handler\n", 0),
    ("1 / 0", "", "", 1),
    ("(", "", "", 1),
    ("import os; os._exit(3)", "", "", 3),
    ("import ctypes; ctypes.string_at(0)", "", "", -11),
    ("import atexit; atexit.register(print, 'end')", "", "end\n", 0),
    ("import threading, time; threading.Timer(0.1, print, ('late',)).start()", "", "late\n", 0),
    ("import sys; sys.stdout = sys.stderr; print('x')", "", "", 0),
    (FAST_OUTPUT, "", "fast\n", 0),
    ("import sys; print(1); sys.stdout.close()", "", "1\n", 0),
    ("import sys; print(1); del sys.stdout", "", "1\n", 0),
    ("import io, sys; sys.stdout = io.TextIOWrapper(sys.stdout.detach()); print(1)", "", "1\n", 0),
    ("import sys; sys.stdout.detach().write(b'1')", "", "1", 120),
    ("print(__builtins__.len('ab'))", "", "2\n", 0),
    ("f = lambda n: n and f(n - 1)\nprint(f(996))", "", "0\n", 0),
    ("f = lambda n: n and f(n - 1)\nf(1050)", "", "", 1),
    ("import sys; sys.stdout = open(1, 'w', closefd=False); print(1)", "", "1\n", 0),
    ("print(open(0).read())", "abc", "abc\n", 0),
    ("print(open('/dev/stdin').read(), file=open('/dev/stdout', 'w'))", "abc", "abc\n", 0),
    ("import inspect\ndef f(): pass\nprint(inspect.getsource(f), end='')", "", "def f(): pass\n", 0),
    ("print(open('/dev/fd/0').read())", "abc", "abc\n", 0),
    ("import os; print(os.read(0, max(os.fstat(0).st_size, 8192)))", "abc", "b'abc'\n", 0),
    ("import fileinput; print([*fileinput.input()])", "a\nb", "['a\\n', 'b']\n", 0),
    ("print(input())\r\nprint(input())\r\n", "a\r\nb\r\n", "a\nb\n", 0),
    ("import threading\nthreading.Thread(target=lambda: 1 / 0).start()\nprint(1)", "", "1\n", 0),
    ("import atexit; atexit.register(lambda: 1 / 0)", "", "", 0),
    (MANY_THREADS, "", "30\n", 0),
    (DEEP_IN_A_THREAD, "", "100000\n", 0),
    ("f = open(1, 'w', closefd=False); f.write('left open')", "", "left open", 0),
    ("import asyncio\nasync def f(): return 4\nprint(asyncio.run(f()))", "", "4\n", 0),
    ("import sys; sys.setrecursionlimit(10**6)\nf = lambda n: n and 1 + f(n - 1)\nprint(f(50_000))", "", "50000\n", 0),
    ("open('f', 'w').write('kept'); print(open('f').read())", "", "kept\n", 0),
    ("import tempfile; print(tempfile.TemporaryFile().write(b'abc'))", "", "3\n", 0),
    ("import shutil; open('a', 'w').close(); print(shutil.copy2('a', 'b'))", "", "b\n", 0),
    ("import sqlite3; c = sqlite3.connect('d'); c.execute('create table t(x)'); c.commit(); print(1)", "", "1\n", 0),
    ("import wave, sqlite3; print('imported')", "", "imported\n", 0),
    ("print('\\ud83d', end='')", "", "", 1),
    ("import dataclasses\n@dataclasses.dataclass\nclass A: x: int\nprint(A(1))", "", "A(x=1)\n", 0),
]


@pytest.mark.parametrize(("program", "stdin", "stdout", "status"), ORDINARY, ids=[row[0][:40] for row in ORDINARY])
def test_a_program_runs_as_it_would_by_itself(warm, program, stdin, stdout, status):
    seen = warm.run(program, stdin, LIMITS)
    assert (seen.stdout, seen.exit_code, seen.ended) == (stdout, status, Ended.EXITED), seen.stderr


ANY_TEXT = (
    st.text()
    | st.text(st.characters(categories=["Cs", "Cc", "L"]))
    | st.sampled_from(["\0", "\ud800", "\r\n", "\u2028"])
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=ANY_TEXT, stdin=ANY_TEXT, seconds=st.floats(0.1, 2))
def test_whatever_is_sent_the_next_program_runs(warm, program, stdin, seconds):
    assert warm.run(program, stdin, Limits(seconds=seconds)).ended is not Ended.LOST
    assert warm.run("import sys; print(sys.stdin.read(), end='')", "plain", LIMITS).stdout == "plain"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams=st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=40)), max_size=8), status=st.integers(0, 255))
def test_whatever_it_writes_to_any_descriptor_it_is_told_truly(warm, streams, status):
    """A program that guesses at the descriptors of whoever watches it forges nothing."""
    program = f"""
import os
for descriptor, data in {streams!r}:
    try: os.write(descriptor, data)
    except OSError: pass
os._exit({status})
"""
    seen = warm.run(program, "", LIMITS)
    written = b"".join(data for descriptor, data in streams if descriptor == 1)
    assert (seen.ended, seen.exit_code) == (Ended.EXITED, status)
    assert seen.stdout.encode(errors="surrogateescape") == written


def test_an_error_is_shown_as_python_shows_it(warm):
    seen = warm.run("def f():\n    1 / 0\nf()", "", LIMITS)
    assert seen.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert 'File "solution.py", line 2, in f' in seen.stderr
    assert seen.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert "zygote" not in seen.stderr


@pytest.mark.parametrize("program", ["while True: pass", "import time; time.sleep(60)", "input()\ninput()"])
def test_a_program_that_takes_too_long_is_timed_out(warm, program):
    seen = warm.run(program, "\n", Limits(seconds=0.3))
    assert seen.ended is (Ended.EXITED if "input" in program else Ended.TIMED_OUT)


def test_processor_time_of_all_threads_is_bounded_too(warm):
    burn = """
import hashlib, threading
def burn():
    while True: hashlib.sha256(bytes(1 << 24))
for _ in range(8): threading.Thread(target=burn).start()
"""
    seen = warm.run(burn, "", Limits(seconds=1))
    assert seen.ended is Ended.TIMED_OUT


def test_a_program_that_is_killed_from_outside_is_lost(warm):
    """It did not end by itself, and could not have killed itself."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(warm.run, "import time; time.sleep(20); print(1)", "", Limits(seconds=30))
        while not (programs := [one for one in family_of(warm) if one.num_fds() == 3]):
            time.sleep(0.05)
        programs[0].kill()
        seen = running.result(30)
    assert (seen.ended, seen.detail) == (Ended.LOST, "it was killed from outside")


def family_of(warm):
    process = psutil.Process(warm.pid) if warm.pid else None
    return process.children(recursive=True)[-1:] if process else []


def test_a_program_that_does_not_read_its_input_is_no_problem(warm):
    assert warm.run("print(1)", "x" * 5_000_000, LIMITS).stdout == "1\n"


def test_as_much_output_as_is_allowed_is_not_too_much(warm):
    assert warm.run("print('x' * 99)", "", Limits(output_bytes=100)).ended is Ended.EXITED
    assert warm.run("print('x' * 100)", "", Limits(output_bytes=100)).ended is Ended.OVER_LIMIT


def test_of_standard_error_the_beginning_is_kept(warm):
    seen = warm.run("import sys; print('x' * 10**6, file=sys.stderr); print(1)", "", LIMITS)
    assert (seen.ended, seen.stdout) == (Ended.EXITED, "1\n")
    assert set(seen.stderr) == {"x"}
    assert len(seen.stderr) < 10**5


def test_memory_is_what_a_program_has_besides_its_interpreter(warm):
    fits = "x = bytearray(200 << 20); print(len(x) >> 20)"
    assert warm.run(fits, "", Limits(memory_mb=256)).stdout == "200\n"
    assert "MemoryError" in warm.run(fits, "", Limits(memory_mb=128)).stderr


def test_processes_may_be_allowed(warm):
    program = "import subprocess; print(subprocess.run(['/bin/echo', 'hello'], capture_output=True, text=True).stdout)"
    assert warm.run(program, "", Limits(processes=4)).stdout == "hello\n\n"


@pytest.mark.parametrize("whom", ["the interpreter", "who started it"])
def test_an_interpreter_that_is_killed_is_lost_and_the_next_run_has_a_new_one(warm, whom):
    assert warm.run("print(1)", "", LIMITS).stdout == "1\n"
    process = psutil.Process(warm.pid)
    family = [process, *process.children(recursive=True)]
    (family[-1] if whom == "the interpreter" else process).send_signal(signal.SIGKILL)
    with pytest.raises(LostError):
        warm.run("print(2)", "", LIMITS)
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert warm.run("print(3)", "", LIMITS).stdout == "3\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives programs other user ids")
def test_a_user_id_that_a_process_has_is_not_taken(tier, interpreter):
    taken = user_of(WarmInterpreter(tier, interpreter))
    with subprocess.Popen(["sleep", "60"], user=taken) as left_over:
        assert user_of(WarmInterpreter(tier, interpreter)) != taken
        left_over.kill()


def user_of(warm):
    """The user id that its programs have, on the machine; it is ended then."""
    warm.start()
    (uid,) = {psutil.Process(warm.pid).uids().real, *(one.uids().real for one in family_of(warm))} - {0}
    warm.close()
    return uid


@pytest.mark.parametrize("place", ["/tmp", "/var/tmp"])
def test_modules_may_lie_anywhere(tier, interpreter, place):
    with tempfile.TemporaryDirectory(dir=place) as folder:
        os.chmod(folder, 0o755)
        (Path(folder) / "answer.py").write_text("IT = 42")
        with_folder = replace(interpreter, folders=(*interpreter.folders, folder), paths=(*interpreter.paths, folder))
        one = WarmInterpreter(tier, with_folder)
        seen = one.run("import answer, tempfile; tempfile.TemporaryFile(); print(answer.IT)", "", LIMITS)
        one.close()
    assert seen.stdout == "42\n", seen.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives programs other user ids")
@pytest.mark.parametrize("what", ["set TMPDIR to a folder", "as `python` name an interpreter"])
def test_a_folder_that_other_users_cannot_enter_is_named(open_folder, monkeypatch, what):
    opened = open_folder("opened")
    closed = opened / "closed"
    closed.mkdir(0o700)
    temporary, prefix = (closed, opened) if "TMPDIR" in what else (opened, closed / "prefix")
    prefix.mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    one = WarmInterpreter("B", Interpreter(sys.executable, (str(prefix),), (), ()))
    with pytest.raises(LostError, match=f"other users cannot enter {closed}: {what} that all can"):
        one.run("print(1)", "", LIMITS)
    one.close()
    assert list(temporary.glob("stagerl-*")) == []


def test_what_cannot_be_started_says_why():
    broken = WarmInterpreter("A", Interpreter("/nowhere/python", (), (), ()))
    with pytest.raises(LostError, match="/nowhere/python cannot be started: No such file or directory"):
        broken.run("print(1)", "", LIMITS)


@pytest.mark.parametrize("kills", [2, 3])
def test_a_tier_whose_interpreter_is_killed_while_it_is_looked_at_is_looked_at_again(
    tier, interpreter, monkeypatch, kills
):
    run, left = WarmInterpreter.run, list(range(kills))

    def run_and_kill(warm, *asked):
        seen = run(warm, *asked)
        if left:
            left.pop()
            warm._process.kill()
            warm._process.wait()
        return seen

    monkeypatch.setattr(WarmInterpreter, "run", run_and_kill)
    failure = tiers.failure_of(tier, interpreter)
    assert failure is None if kills < 3 else failure.startswith("the interpreter was lost")


def test_the_folder_of_a_killed_interpreter_goes_however_deep_and_while_a_dying_program_still_writes(warm, tier):
    if tier == "A":
        pytest.skip("its folders are in memory and go with its namespace")
    assert warm.run("print(1)", "", LIMITS).stdout == "1\n"
    folder = Path(warm._work)
    subprocess.run(["/bin/sh", "-c", "for n in $(seq 1500); do mkdir d; cd d; done"], cwd=folder, check=True)

    def write() -> None:
        for number in range(300):
            with suppress(OSError):
                (folder / str(number)).touch()
            time.sleep(0.001)

    psutil.Process(warm.pid).kill()
    writes = threading.Thread(target=write)
    writes.start()
    warm.close()
    writes.join()
    assert not folder.exists()
