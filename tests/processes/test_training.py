"""One run in one folder at a time, and the folder is free again however the run ended."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stagerl_plugins.errors import UserError
from stagerl_plugins.training import launch
from stagerl_plugins.training.launch import Launch, Training, prepare
from stagerl_plugins.training.supervise import marked


class Program(Launch):
    """A run that is a program of one line in verl's place."""

    code = "import time; time.sleep(60)"

    @property
    def command(self) -> list[str]:
        return ["python", "-c", self.code]


class Short(Program):
    code = "pass"


def a(kind: type[Program]) -> Program:
    """Such a run in `runs/one` below the working directory."""
    Path("one.yaml").write_text("stages: {easy: {max_steps: 1}}")
    prepared = prepare(Path("one.yaml"))
    return kind(prepared.config, prepared.plugins, prepared.folder, [], {})


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_of_two_that_start_together_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "marked", lambda folder: [])  # neither sees the other's processes yet
    first = Training(a(Program))
    with pytest.raises(UserError, match="run 'one' is in progress; wait for it, or give this one another name"):
        Training(a(Program))
    assert first.process.poll() is None
    first.stop()


def test_a_folder_is_free_again_after_the_run() -> None:
    assert Training(a(Short)).follow(print, poll=0.01) == 0
    second = Training(a(Program))
    second.stop()
    assert Training(a(Short)).follow(print, poll=0.01) == 0


def test_a_folder_is_free_again_when_whoever_started_the_run_was_killed() -> None:
    run = a(Program)
    code = "import test_training as t; training = t.Training(t.a(t.Program)); print(flush=True); training.follow(print)"
    starter = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])},
    )
    assert starter.stdout is not None
    starter.stdout.readline()
    starter.send_signal(signal.SIGKILL)
    starter.communicate()
    deadline = time.monotonic() + 20
    while marked(str(run.folder)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    Training(run).stop()


def test_a_process_that_ends_while_it_is_looked_at_is_none_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    ended = psutil.Process(child.pid)
    child.wait()
    monkeypatch.setattr(launch, "marked", lambda folder: [ended])
    assert Training(a(Short)).follow(print, poll=0.01) == 0


def test_a_file_system_without_locks_has_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert Training(a(Short)).follow(print, poll=0.01) == 0
