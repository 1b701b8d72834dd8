"""Runs a command and makes sure that nothing of it stays behind, whatever happens to whom.

`python -m stagerl_plugins.training.supervise COMMAND…` starts the command, and ends when it ends or when its own
standard input closes, which happens however the parent dies. vLLM's engine and Ray's workers outlive a killed driver,
so all processes that carry the run's mark in their environment are ended, not only children. Ray's agents may write
their title over their environment: they are known by their session, which the supervisor leads.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable

import psutil

MARK = "STAGERL_RUN_FOLDER"


def marked(folder: str, session: int | None = None) -> list[psutil.Process]:
    """All other processes that belong to the run in this folder: by their environment, or by a session with such.

    Args:
        folder: The run's folder, as in the mark.
        session: A session that is the run's even where no process of it carries the mark any more.
    """
    others = [process for process in psutil.process_iter() if process.pid != os.getpid() and _runs(process)]
    session_of = {process.pid: _session_of(process) for process in others}
    carriers = {process.pid for process in others if _mark_of(process) == folder}
    sessions = {session, *(session_of[pid] for pid in carriers)}
    if os.environ.get(MARK) == folder:
        sessions.add(os.getsid(0))
    sessions.discard(None)
    return [process for process in others if process.pid in carriers or session_of[process.pid] in sessions]


def _runs(process: psutil.Process) -> bool:
    """Whether it is more than an entry in the table of processes that its parent has not read yet."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None  # gone, or somebody else's


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def end_all(folder: str, session: int | None = None, grace: float = 5.0) -> int:
    """End all processes of a run, by force after `grace` seconds; returns how many there were.

    Args:
        folder: The run's folder, as in the mark.
        session: As for `marked`.
        grace: Seconds between asking and forcing.
    """
    processes = marked(folder, session)
    for process in processes:
        _quietly(process.terminate)
    psutil.wait_procs(processes, timeout=grace)
    for _ in range(20):  # a dying parent may still have started a child
        alive = marked(folder, session)
        if not alive:
            break
        for process in alive:
            _quietly(process.kill)
        psutil.wait_procs(alive, timeout=0.5)
    return len(processes)


def _quietly(action: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.Error):
        action()


def main() -> None:
    folder = os.environ[MARK]
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def end_with_parent() -> None:
        sys.stdin.buffer.read()  # until the parent closes it, or dies
        end_all(folder, grace=2.0)
        os._exit(130)

    threading.Thread(target=end_with_parent, daemon=True).start()
    code = child.wait()
    end_all(folder)
    os._exit(code if code >= 0 else 1)


if __name__ == "__main__":
    main()
