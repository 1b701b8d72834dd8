"""Verdict processes from inside.

`python -m stagerl_plugins.rewards.worker DESCRIPTOR` is the process that the others are forked from: it loads the
plugins and builds the rewards once, so that a verdict process that was killed is replaced within milliseconds. It runs
no reward itself and so always answers.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import pickle
import resource
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from multiprocessing import reduction
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

import psutil

from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.protocols import Reward
from stagerl_plugins.rewards.call import WorkerSetup, call, describe
from stagerl_plugins.types import Verdict

CALLS = 5000  # after so many a process is replaced, whatever its rewards have leaked
GROWTH_MB = 512  # it is replaced after it held so much more memory than at its start,
MEMORY_MB = 2048  # and can never get so much more
SIGNALS = frozenset({signal.SIGCHLD, signal.SIGTERM})  # a verdict process ended; end
_PR_SET_PDEATHSIG = 1

Built = dict[str, Reward | str]  # each reward by its key, or why it could not be built


def main(descriptor: int) -> None:
    """Fork a verdict process for each connection that comes in; end, and them all, with the process that asked.

    First message in: the rewards by key, pickled. First out: for each the processor time that a call may take, as JSON.
    Then file descriptors come in.
    """
    _die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; who closes us decides
    control = Connection(descriptor)
    rewards = control.recv()
    plugins = load_plugins("skip", report=lambda line: print(line, file=sys.stderr))
    built = build_all(rewards, plugins)
    control.send_bytes(json.dumps({key: getattr(r, "cpu_seconds", None) for key, r in built.items()}).encode())
    gc.freeze()  # the collector must not touch, and so copy, the pages that the processes share

    children: set[int] = set()
    signals = _signals_as_bytes()
    try:
        while True:
            if signals in wait([control, signals]):
                if signal.SIGTERM in os.read(signals, 4096):
                    return
                _reap(children)
                continue
            connection = Connection(reduction.recv_handle(control))
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            pid = os.fork()
            if pid == 0:
                control.close()
                _verdict_process(connection, rewards, plugins)
            children.add(pid)
            _lead_group(pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            connection.close()
    except EOFError:
        return
    finally:
        for pid in children:
            _end(pid)


def _signals_as_bytes() -> int:
    """A descriptor that a byte comes out of for each of our signals, its number.

    They are taken one after the other between two forks. A handler that does the work may itself be interrupted by the
    next signal's, or run only after a system call that a signal came just too early to interrupt.
    """
    here, there = os.pipe()
    os.set_blocking(here, False)
    os.set_blocking(there, False)
    signal.set_wakeup_fd(there, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    return here


def _lead_group(pid: int) -> None:
    """Put a forked process into a process group of its own. Called by both sides, as either may be first."""
    with suppress(OSError):
        os.setpgid(pid, pid)


def _reap(children: set[int]) -> None:
    """End what is left of the verdict processes that ended."""
    for pid in [pid for pid in children if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)]:
        _end(pid)
        children.discard(pid)


def _end(pid: int) -> None:
    """Kill a verdict process and what its rewards started; reaped last, as until then its id is that of its group."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def build_all(rewards: Mapping[str, Any], plugins: Plugins) -> Built:
    """Build each reward; what goes wrong with one leaves the others alone."""
    setup = WorkerSetup(plugins)
    built: Built = {}
    for key, spec in rewards.items():
        try:
            built[key] = setup.build("reward", spec, f"rewards.{key}")
        except Exception as error:  # noqa: BLE001  told with each verdict of this reward
            built[key] = f"cannot be built: {describe(error)}"
    return built


def _verdict_process(connection: Connection, rewards: Mapping[str, Any], plugins: Plugins) -> NoReturn:
    """The life of a forked process; it never returns into the code that it was forked from."""
    status = 1
    try:
        _die_with_parent(signal.SIGKILL)
        _lead_group(os.getpid())
        os.close(signal.set_wakeup_fd(-1))  # a signal that a reward handles is not one for who forked us
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        built = build_all(rewards, plugins)
        _bound_memory()
        _answer(connection, built)
        status = 0
    except BrokenPipeError:
        pass  # nobody waits for us any more
    except Exception:  # noqa: BLE001
        traceback.print_exc()
    finally:
        os._exit(status)


def _answer(connection: Connection, built: Built) -> None:
    """Answer each message with verdicts, the processor time used so far, and whether this was the last one."""
    peak = _peak_memory_mb()
    connection.send_bytes(json.dumps({"pid": os.getpid(), "cpu": time.process_time()}).encode())
    with asyncio.Runner() as runner:
        for count in range(1, CALLS + 1):
            try:
                message = connection.recv_bytes()
            except EOFError:
                return
            verdicts = [asdict(verdict) for verdict in _verdicts(runner, built, message)]
            last = count == CALLS or _peak_memory_mb() - peak > GROWTH_MB
            answer = {"verdicts": verdicts, "cpu": time.process_time(), "last": last}
            connection.send_bytes(json.dumps(answer).encode())
            if last:
                return


def _verdicts(runner: asyncio.Runner, built: Built, message: bytes) -> list[Verdict]:
    """A verdict for each response of a message, or one that is that of all."""
    try:
        key, responses = pickle.loads(message)  # noqa: S301  from the process that started us
        reward = built[key]
        if isinstance(reward, str):
            return [Verdict.not_judged(reward)]
        return runner.run(call(reward, responses))
    except BaseException as error:  # noqa: BLE001  SystemExit, too, costs its verdicts and not the process
        return [Verdict.not_judged(f"raised {describe(error)}")]


def _die_with_parent(with_signal: int) -> None:
    """Have the kernel send us this signal when the thread that started us ends, however it ends (Linux only)."""
    parent = os.getppid()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(with_signal))
    if os.getppid() != parent:
        os.kill(os.getpid(), with_signal)


def _bound_memory() -> None:
    bound = psutil.Process().memory_info().vms + MEMORY_MB * 2**20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or bound < hard:
        resource.setrlimit(resource.RLIMIT_AS, (bound, hard))


def _peak_memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
