"""Nothing of a run stays behind, whoever dies."""

import os
import subprocess
import sys
import time

import psutil

from stagerl_plugins.training.supervise import MARK, end_all, marked

# a child that ignores SIGTERM and leaves its session, as vLLM's engine and Ray's workers may
STUBBORN = "import os, signal, time; os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def supervise(folder, code):
    command = [sys.executable, "-m", "stagerl_plugins.training.supervise", sys.executable, "-c", code]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, env={**os.environ, MARK: str(folder)}, start_new_session=True
    )


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def spawn(code):
    return f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {code!r}]); "


def test_a_command_s_status_is_passed_on_and_what_it_left_is_ended(tmp_path):
    process = supervise(tmp_path, spawn(STUBBORN) + "sys.exit(7)")
    assert process.wait(timeout=30) == 7
    assert marked(str(tmp_path)) == []


def test_when_the_parent_dies_everything_ends(tmp_path):
    process = supervise(tmp_path, spawn(STUBBORN) + "import time; time.sleep(60)")
    wait_for(lambda: len(marked(str(tmp_path))) >= 3)
    process.stdin.close()  # what the kernel does for a dead parent
    process.wait(timeout=30)
    assert marked(str(tmp_path)) == []


def test_a_process_without_the_mark_is_known_by_its_session(tmp_path):
    """Ray's agents lose their environment: a title that is written over it."""
    unmarked = f"subprocess.Popen([sys.executable, '-c', {STUBBORN.replace('os.setsid(); ', '')!r}], env={{}}); "
    process = supervise(tmp_path, "import subprocess, sys, time; " + unmarked + "time.sleep(60)")
    wait_for(lambda: len(marked(str(tmp_path))) >= 3)
    left = [child for child in marked(str(tmp_path)) if child.pid != process.pid]
    process.stdin.close()
    process.wait(timeout=30)
    assert not psutil.wait_procs(left, timeout=10)[1]  # dead already, but who adopted it has to reap it


def test_a_dead_process_that_nobody_reaps_is_not_waited_for(tmp_path):
    code = spawn("pass") + "import time; time.sleep(60)"
    process = supervise(tmp_path, code)
    wait_for(lambda: any(c.status() == psutil.STATUS_ZOMBIE for c in psutil.Process(process.pid).children(True)))
    assert all(found.status() != psutil.STATUS_ZOMBIE for found in marked(str(tmp_path)))
    process.stdin.close()
    process.wait(timeout=30)


def test_other_runs_are_left_alone(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={**os.environ, MARK: "/other"})
    assert end_all(str(tmp_path)) == 0
    assert other.poll() is None
    other.kill()
    other.wait()
