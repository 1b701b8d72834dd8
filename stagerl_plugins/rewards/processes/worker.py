"""Verdict processes from inside.

`python -m stagerl_plugins.rewards.processes.worker DESCRIPTOR` is the process that the others are forked from: it loads
the plugins and builds the rewards once, so that a verdict process that was killed is replaced within milliseconds. It
runs no reward itself and so always answers.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

import psutil

from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.protocols import Reward
from stagerl_plugins.rewards.call import WorkerSetup, call, describe, end_copies, why_unbuilt
from stagerl_plugins.rewards.processes import message
from stagerl_plugins.rewards.processes.family import adopt_orphans, die_with_parent, end, end_orphans, lead_group
from stagerl_plugins.rewards.processes.tidy import Tidy
from stagerl_plugins.types import Verdict

CALLS = 5000  # after so many a process is replaced, whatever its rewards have leaked
GROWTH_MB = 512  # it is replaced after it held so much more memory than at its start,
RESERVED_MB = 1024  # or has reserved so much more, touched or not: what comes next needs some, too,
OPEN_FILES = 256  # or has left so many more open
MEMORY_MB = 2048  # it can never get so much more
PAGE_MB = resource.getpagesize() / 2**20
SIGNALS = frozenset({signal.SIGCHLD, signal.SIGTERM})  # a verdict process ended; end


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """A reward that could not be built.

    Args:
        detail: Of its verdicts.
        why: The same in one line that names its key; empty where who asked knows it.
    """

    detail: str
    why: str = ""


Built = dict[str, Reward | Unbuilt]  # each reward by its key


def main(descriptor: int) -> None:
    """Fork a verdict process for each connection that comes in; end, and them all, with the process that asked.

    First message in: the rewards by key, and why some are not to be built, pickled. Out, as JSON: each key before it is
    built, then for each the processor time that a call may take, and why some could not be built. Then file descriptors
    come in.
    """
    die_with_parent(signal.SIGTERM)
    adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; who closes us decides
    control = Connection(descriptor)
    rewards, broken = control.recv()
    us = os.getpid()
    plugins = load_plugins("skip", report=lambda line: print(line, file=sys.stderr))
    end_copies(us)
    built = build_all(rewards, plugins, broken, _telling(control))
    end_copies(us)
    cpu_seconds = {key: getattr(reward, "cpu_seconds", None) for key, reward in built.items()}
    unbuilt = {key: reward.why for key, reward in built.items() if isinstance(reward, Unbuilt) and reward.why}
    _say(control, built={"cpu_seconds": cpu_seconds, "unbuilt": unbuilt})
    gc.freeze()  # the collector must not touch, and so copy, the pages that the processes share

    children: set[int] = set()
    helpers = {child.pid for child in psutil.Process().children()}  # started by what builds the rewards
    signals = _signals_as_bytes()
    try:
        while True:
            if signals in wait([control, signals]):
                if signal.SIGTERM in os.read(signals, 4096):
                    return
                _reap(children)
                end_orphans(but=children | helpers)
                continue
            connection = Connection(reduction.recv_handle(control))
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            pid = os.fork()
            if pid == 0:
                control.close()
                _verdict_process(connection, rewards, plugins, broken)
            children.add(pid)
            lead_group(pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            connection.close()
    finally:
        control.close()  # first, for those that ask why their verdict process died
        for pid in children:
            end(pid)
        end_orphans(but=())


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


def _reap(children: set[int]) -> None:
    """End what is left of the verdict processes that ended."""
    ended = [pid for pid in children if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)]
    for pid in ended:
        end(pid)
        children.discard(pid)


def _telling(connection: Connection) -> Callable[[str], None]:
    """Says which reward is being built: one that ends the process can say nothing any more."""
    us = os.getpid()

    def tell(key: str) -> None:
        end_copies(us)  # the reward before this one has forked, and its copy came back too
        _say(connection, building=key)

    return tell


def _say(connection: Connection, **said: Any) -> None:
    connection.send_bytes(json.dumps(said).encode())


def build_all(
    rewards: Mapping[str, Any], plugins: Plugins, broken: Mapping[str, str], tell: Callable[[str], None]
) -> Built:
    """Build each reward; what goes wrong with one leaves the others alone.

    Args:
        rewards: Name and options of each by its key.
        plugins: Where they are found.
        broken: Those that are not to be built, and why.
        tell: Called with each key before it is built.
    """
    setup = WorkerSetup(plugins)
    built: Built = {}
    for key, spec in rewards.items():
        if key in broken:
            built[key] = Unbuilt(f"cannot be built: {broken[key]}")
            continue
        tell(key)
        try:
            built[key] = setup.build("reward", spec, f"rewards.{key}")
        except BaseException as error:  # noqa: BLE001  told with each verdict of this reward
            built[key] = Unbuilt(f"cannot be built: {describe(error)}", why_unbuilt(key, error))
    return built


def _verdict_process(
    connection: Connection, rewards: Mapping[str, Any], plugins: Plugins, broken: Mapping[str, str]
) -> NoReturn:
    """The life of a forked process; it never returns into the code that it was forked from."""
    status = 1
    us = os.getpid()
    try:
        die_with_parent(signal.SIGKILL)
        adopt_orphans()
        lead_group(us)
        os.close(signal.set_wakeup_fd(-1))  # a signal that a reward handles is not one for who forked us
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        built = build_all(rewards, plugins, broken, _telling(connection))
        end_copies(us)
        _bound_memory()
        _answer_all(connection, built, us)
        status = 0
    except (ConnectionError, EOFError):
        pass  # nobody waits for us any more
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        os._exit(status)


def _answer_all(connection: Connection, built: Built, us: int) -> None:
    """Answer each message with verdicts, until nobody asks or this process is to be replaced."""
    tidy = Tidy()
    peak, reserved, files = _peak_memory_mb(), _reserved_memory_mb(), _open_files()
    _say(connection, built={"pid": us, "cpu": time.process_time()})
    with asyncio.Runner() as runner:
        for count in range(1, CALLS + 1):
            asked = connection.recv_bytes()
            verdicts = _verdicts(runner, built, asked)
            end_copies(us)  # a reward has forked, and its copy came back too
            grown = _peak_memory_mb() - peak > GROWTH_MB or _reserved_memory_mb() - reserved > RESERVED_MB
            last = count == CALLS or grown or _open_files() - files > OPEN_FILES or not _restored(tidy, runner)
            number, alone = message.number_of(asked), last or tidy.alone(runner.get_loop())
            answer = message.answer(number, verdicts, cpu=time.process_time(), last=last, alone=alone)
            connection.send_bytes(answer)
            if last:
                return


def _restored(tidy: Tidy, runner: asyncio.Runner) -> bool:
    """Whether this process can go on after a call, whatever the reward did."""
    try:
        tidy.restore(runner.get_loop())
    except OSError:
        return False
    return True


def _verdicts(runner: asyncio.Runner, built: Built, asked: bytes) -> list[Verdict]:
    """A verdict for each response of a message, or one that is that of all."""
    try:
        key, responses = message.unpacked(asked)
        reward = built[key]
        if isinstance(reward, Unbuilt):
            return [Verdict.not_judged(reward.detail)]
        return runner.run(call(reward, responses))
    except BaseException as error:  # noqa: BLE001  SystemExit, too, costs its verdicts and not the process
        return [Verdict.not_judged(f"raised {describe(error)}")]


def _bound_memory() -> None:
    bound = int((_reserved_memory_mb() + MEMORY_MB) * 2**20)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or bound < hard:
        resource.setrlimit(resource.RLIMIT_AS, (bound, hard))


def _peak_memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _reserved_memory_mb() -> float:
    with open("/proc/self/statm", "rb") as sizes:
        return int(sizes.readline().split()[0]) * PAGE_MB


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


if __name__ == "__main__":
    with suppress(ConnectionError, EOFError):  # who asked has gone
        main(int(sys.argv[1]))
