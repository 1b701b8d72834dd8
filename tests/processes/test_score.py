"""`stagerl score` as a process: killed, stopped, in a pipe, on a long file, and with a real sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from stagerl_plugins.plugins import Plugins

MAIN = "from stagerl_plugins.cli import main; main(prog_name='stagerl')"
# on Linux a process's peak begins with that of the one that started it, unless it is set back
PEAK = f"""
import atexit, re, sys
open("/proc/self/clear_refs", "w").write("5")
atexit.register(lambda: print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr))
{MAIN}
"""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # it would hide that a row waits in a buffer


def command(*arguments: str, code: str = MAIN) -> list[str]:
    return [sys.executable, "-c", code, "score", *arguments]


def score(*arguments: str, code: str = MAIN, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(command(*arguments, code=code), input=stdin, capture_output=True, timeout=900)
    assert done.returncode == 0, done.stderr.decode()
    return done


def line(answer: object, truth: object = 1, before: str = "") -> bytes:
    """A row of math."""
    response = rf"{before}\boxed{{{answer}}}"
    row = {"data_source": "math", "reward_model": {"ground_truth": str(truth)}, "response": response}
    return json.dumps(row).encode() + b"\n"


def write(path: str, rows: Iterator[bytes]) -> str:
    Path(path).write_bytes(b"".join(rows))
    return path


def wait_for_lines(path: Path, count: int) -> None:
    for _ in range(30_000):
        if path.exists() and path.read_bytes().count(b"\n") > count:
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} does not grow")


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> str:
    """Send a signal; nothing that the process started may outlive it. What it said on standard error."""
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, said = process.communicate(timeout=300)
    assert psutil.wait_procs(started, timeout=30)[1] == []
    return said.decode()


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_killed_and_repeated_it_ends_with_the_same_bytes(kind: str) -> None:
    rows = write("in.jsonl", (line(place % 7, place % 5) for place in range(2000)))
    score(rows, "--out", f"whole.{kind}")
    out, journal = Path(f"out.{kind}"), Path(f".out.{kind}.verdicts")
    counts = []
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen(command(rows, "--out", str(out)), stderr=subprocess.PIPE)
        wait_for_lines(journal, 300 + max(counts, default=0))
        end(process, number)
        assert not out.exists()
        counts.append(journal.read_bytes().count(b"\n"))
    score(rows, "--out", str(out))
    assert counts == sorted(set(counts))
    assert out.read_bytes() == Path(f"whole.{kind}").read_bytes()
    assert sorted(path.name for path in Path().iterdir()) == sorted([rows, f"whole.{kind}", str(out)])


def test_ctrl_c_says_what_is_kept_and_that_the_command_goes_on() -> None:
    rows = write("in.jsonl", (line(place) for place in range(100_000)))
    process = subprocess.Popen(command(rows, "--out", "out.jsonl"), stderr=subprocess.PIPE)
    wait_for_lines(Path(".out.jsonl.verdicts"), 20)
    said = end(process, signal.SIGINT).splitlines()[-1]
    assert process.returncode == 130
    kept = Path(".out.jsonl.verdicts").read_bytes().count(b"\n") - 1
    goes_on = f"{kept} rows are kept in .out.jsonl.verdicts, the same command goes on from there"
    assert said == f"stagerl: stopped; {goes_on}"


def test_in_a_pipe_each_row_comes_out_when_it_is_judged_and_ctrl_c_ends_the_wait(
    request: pytest.FixtureRequest,
) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command("-", "--out", "-"), **pipes)  # type: ignore[call-overload]
    request.addfinalizer(process.kill)
    assert process.stdin
    assert process.stdout
    for answer in (1, 2):
        process.stdin.write(line(answer))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["score"] == (answer == 1)
    assert psutil.Process(process.pid).children()
    process.stdin, stdin = None, process.stdin  # stays open
    said = end(process, signal.SIGINT)
    stdin.close()
    assert (process.returncode, said.splitlines()[-1]) == (130, "stagerl: stopped")


def test_from_pipe_to_pipe_and_from_pipe_to_file() -> None:
    rows = b"".join(line(place % 3) for place in range(50))
    piped = score("-", "--out", "-", stdin=rows)
    score("-", "--out", "out.jsonl", stdin=rows)
    assert piped.stdout == Path("out.jsonl").read_bytes()
    assert [json.loads(one)["response"] for one in piped.stdout.splitlines()] == [
        json.loads(one)["response"] for one in rows.splitlines()
    ]
    assert b"correct" in piped.stderr


def test_a_malformed_row_in_a_pipe_ends_it_after_the_rows_before() -> None:
    done = subprocess.run(
        command("-", "--out", "-"), input=line(1) + b"{}\n" + line(1), capture_output=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stdout.count(b"\n") == 1
    assert done.stderr.endswith(b"stagerl: standard input, row 2: has no data_source\n")


def test_a_reader_that_has_enough_ends_it_without_a_traceback() -> None:
    rows = write("in.jsonl", (line(place) for place in range(3000)))
    process = subprocess.Popen(command(rows, "--out", "-"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=300)
    assert process.returncode != 0
    assert b"Traceback" not in said


@pytest.fixture
def _misbehaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package of that name is installed."""
    folders = [str(Path(__file__).parent / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))


@pytest.mark.usefixtures("_misbehaving")
@pytest.mark.parametrize("how", ["exits_when_built", "leaves_when_built", "unbuildable"])
def test_a_reward_that_cannot_be_built_is_one_line_also_where_it_ends_its_process(how: str) -> None:
    rows = write("in.jsonl", iter([line(1)]))
    spec = f"{{misbehaving: {{how: {how}}}}}"
    done = subprocess.run(command(rows, "--out", "-", "--reward", spec), capture_output=True, timeout=300)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"stagerl: rewards.default: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.usefixtures("_misbehaving")
def test_what_a_reward_does_to_the_process_in_which_it_is_built_does_not_reach_the_command() -> None:
    rows = write("in.jsonl", iter([line(1)]))
    done = score(rows, "--out", "-", "--reward", "{misbehaving: {how: harms_when_built}}")
    (scored,) = done.stdout.splitlines()
    assert json.loads(scored)["detail"] == "fine"


@pytest.mark.usefixtures("_misbehaving")
def test_what_a_coroutine_prints_does_not_come_between_the_rows() -> None:
    rows = write("in.jsonl", iter([line("fine")]))
    done = score(rows, "--out", "-", "--reward", "{remote: {how: print}}")
    assert len(done.stdout.splitlines()) == 1
    assert b"a reward that prints" in done.stderr


def test_a_standard_output_that_takes_nothing_is_one_line() -> None:
    rows = write("in.jsonl", iter([line(1)]))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command(rows, "--out", "-"), stdout=full, stderr=subprocess.PIPE, timeout=300)
    assert done.returncode == 2
    assert done.stderr.endswith(b"stagerl: standard output: cannot be written: No space left on device\n")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("closed", "name"), [("<&-", "input"), (">&-", "output")])
def test_a_closed_standard_stream_is_one_line(closed: str, name: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *command("-", "--out", "-")],
        input=line(1),
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (2, f"stagerl: standard {name} is closed\n".encode())


@pytest.mark.usefixtures("_misbehaving")
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_memory_does_not_grow_with_the_file(kind: str) -> None:
    remote = ("--reward", "math=remote")  # takes no time

    def peak(count: int) -> int:
        rows = write(f"{count}.jsonl", (line(place % 3, place % 5, "it" * 500) for place in range(count)))
        done = score(rows, "--out", f"out{count}.{kind}", *remote, code=PEAK)
        return int(done.stderr.split()[-1])

    few, many = peak(2000), peak(40_000)
    assert many - few < 15_000  # KB; the rows have 40,000 KB more


def test_programs_are_run(plugins: Plugins) -> None:
    if "code" not in plugins.names("reward"):
        pytest.skip("the installed package does not register the reward 'code' yet")
    tests = {"inputs": ["1 2\n", "3 4\n"], "outputs": ["3", "7"]}
    functions = {"inputs": [[1, 2]], "outputs": [3], "fn_name": "add"}

    def row(program: str, truth: Any) -> bytes:
        response = f"```python\n{program}\n```"
        made = {"data_source": "code", "reward_model": {"ground_truth": truth}, "response": response}
        return json.dumps(made).encode() + b"\n"

    rows = [
        row("print(sum(map(int, input().split())))", json.dumps(tests)),
        row("print(3)", tests),
        row("def add(a, b): return a + b", json.dumps(functions)),
        row("print(3)", "no tests"),
        line(1),
    ]
    done = score("-", "--out", "-", stdin=b"".join(rows))
    scored = [json.loads(one) for one in done.stdout.splitlines()]
    assert [one["score"] for one in scored] == [1.0, 0.5, 1.0, None, 1.0]
    assert [one["outcome"] for one in scored] == ["correct", "partial", "correct", "not_judged", "correct"]
    assert done.stderr.count(b"sandbox 'local': tier") == 1
