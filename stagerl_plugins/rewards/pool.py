"""A pool of verdict processes: as many calls are made at a time, and none of them can hold up the others."""

from __future__ import annotations

import pickle
import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from stagerl_plugins.protocols import Spec
from stagerl_plugins.rewards.call import describe, none_judged
from stagerl_plugins.rewards.process import ATTEMPTS, DiedError, DiedIdleError, StartError, VerdictProcess, Zygote
from stagerl_plugins.types import Response, Verdict


@dataclass(slots=True)
class _Task:
    reward: str
    responses: list[Response]
    future: Future[list[Verdict]] = field(default_factory=Future)


class VerdictPool:
    """Judges responses in processes that are replaced when they die, hang or grow old.

    Args:
        rewards: Name and options of each reward by its key, such as a data source; complete before `start`.
        processes: How many calls are made at a time.
        seconds: Wall time for one call; beyond it, its process is killed and the verdicts are `not_judged`.
    """

    def __init__(self, rewards: Mapping[str, Spec], processes: int, seconds: float) -> None:
        self._seconds = seconds
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._zygote = Zygote(rewards)
        self._lock = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"verdicts-{number}", daemon=True) for number in range(processes)
        ]

    def start(self) -> None:
        """Start all processes."""
        for thread in self._threads:
            thread.start()

    def submit(self, reward: str, responses: Sequence[Response]) -> Future[list[Verdict]]:
        """What this reward says of these responses, in one call, whatever happens to the process that makes it."""
        task = _Task(reward, list(responses))
        with self._lock:
            if self._closed:
                task.future.set_result(none_judged("the judge was closed", responses))
            else:
                self._tasks.put(task)
        return task.future

    def close(self) -> None:
        """End all processes; verdicts that are not made yet become `not_judged`. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for _ in self._threads:
                self._tasks.put(None)
        self._zygote.close()
        for thread in self._threads:
            # the garbage collector may close us from anywhere, also before `start`
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join()
        self._zygote.close()

    def _serve(self) -> None:
        """One thread for each process: it gives it responses, waits, and replaces it where needed."""
        process: VerdictProcess | None = None
        with suppress(StartError):  # told with the first verdict
            process = self._zygote.fork()
        while (task := self._tasks.get()) is not None:
            if not task.future.set_running_or_notify_cancel():
                continue
            try:
                verdicts, process = self._judge(process, task)
            except Exception as error:  # noqa: BLE001  a response that cannot be pickled, a start that failed
                why = str(error) if isinstance(error, StartError) else describe(error)
                verdicts = none_judged(why, task.responses)
            if self._closed and not any(verdict.judged for verdict in verdicts):
                verdicts = none_judged("the judge was closed", task.responses)
            task.future.set_result(verdicts)

    def _judge(self, process: VerdictProcess | None, task: _Task) -> tuple[list[Verdict], VerdictProcess | None]:
        """The verdicts, and the process that made them.

        One that died before it took the responses has cost nothing. One that died while it judged may have been killed
        by anybody, for its memory say: they are tried once more.
        """
        message, count = pickle.dumps((task.reward, task.responses)), len(task.responses)
        died = False
        for _ in range(ATTEMPTS):
            if process is None or not process.alive:
                process = self._zygote.fork()
            try:
                return process.ask(message, count, self._seconds, self._zygote.cpu_seconds.get(task.reward)), process
            except DiedIdleError:
                continue
            except DiedError:
                if died:
                    return none_judged("its verdict process died, twice", task.responses), None
                died = True
        return none_judged("verdict processes die before they take a response", task.responses), None
