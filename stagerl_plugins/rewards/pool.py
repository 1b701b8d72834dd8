"""A pool of verdict processes: as many responses are judged at a time, and none of them can hold up the others."""

from __future__ import annotations

import pickle
import queue
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from stagerl_plugins.protocols import Spec
from stagerl_plugins.rewards.call import describe
from stagerl_plugins.rewards.process import ATTEMPTS, DiedError, DiedIdleError, StartError, VerdictProcess, Zygote
from stagerl_plugins.types import Response, Verdict


@dataclass(slots=True)
class _Task:
    source: str
    response: Response
    future: Future[Verdict] = field(default_factory=Future)


class _Turn:
    """The right to judge one response at a time, which a slow response gives to the next one."""

    def __init__(self, turns: threading.Semaphore) -> None:
        self._turns = turns
        self._turns.acquire()
        self._held = True

    def give(self) -> None:
        if self._held:
            self._held = False
            self._turns.release()

    def take_back(self, wait: bool) -> bool:
        """Whether it is held again."""
        self._held = self._held or self._turns.acquire(blocking=wait)
        return self._held


class VerdictPool:
    """Judges responses in processes that are started at once, and replaced when they die, hang or grow old.

    A response that has taken a tenth of the processor time that it may take goes on beside the others: as many again
    as `processes` are judged then, so that slow ones hold up nobody.

    Args:
        rewards: Name and options of the reward of each data source.
        processes: How many verdicts are made at a time.
        seconds: Wall time for one verdict; beyond it, its process is killed and the verdict is `not_judged`.
    """

    def __init__(self, rewards: Mapping[str, Spec], processes: int, seconds: float) -> None:
        self._seconds = seconds
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._zygote = Zygote(rewards)
        self._lock = threading.Lock()
        self._closed = False
        self._turns = threading.Semaphore(processes)
        self._threads = [
            threading.Thread(target=self._serve, name=f"verdicts-{number}", daemon=True)
            for number in range(2 * processes)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, source: str, response: Response) -> Future[Verdict]:
        """The verdict of this data source's reward, whatever happens to the process that makes it."""
        task = _Task(source, response)
        with self._lock:
            if self._closed:
                task.future.set_result(Verdict.not_judged("the judge was closed"))
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
            if thread is not threading.current_thread():  # the garbage collector may close us from anywhere
                thread.join()
        self._zygote.close()

    def _serve(self) -> None:
        """One thread for each process: it gives it a response, waits, and replaces it where needed."""
        turn = _Turn(self._turns)
        process: VerdictProcess | None = None
        with suppress(StartError):  # told with the first verdict
            process = self._zygote.fork()
        while (task := self._tasks.get()) is not None:
            if not task.future.set_running_or_notify_cancel():
                continue
            try:
                message = pickle.dumps((task.source, task.response))
                verdict, process = self._judge(process, task.source, message, turn)
            except Exception as error:  # noqa: BLE001  a response that cannot be pickled, a start that failed
                verdict = Verdict.not_judged(str(error) if isinstance(error, StartError) else describe(error))
            if self._closed and not verdict.judged:
                verdict = Verdict.not_judged("the judge was closed")
            task.future.set_result(verdict)
            if not turn.take_back(wait=False):
                if process is not None:
                    process.kill()  # another one has taken its place
                turn.take_back(wait=True)
        turn.give()  # to those that wait for one, so that they end too

    def _judge(
        self, process: VerdictProcess | None, source: str, message: bytes, turn: _Turn
    ) -> tuple[Verdict, VerdictProcess | None]:
        """A verdict, and the process that made it.

        One that died before it took the response has cost nothing. One that died while it judged may have been killed
        by anybody, for its memory say: the response is tried once more.
        """
        died = False
        for _ in range(ATTEMPTS):
            if process is None or not process.alive:
                process = self._zygote.fork()
            try:
                return process.ask(message, self._seconds, self._zygote.cpu_seconds.get(source), turn.give), process
            except DiedIdleError:
                continue
            except DiedError:
                if died:
                    return Verdict.not_judged("its verdict process died, twice"), None
                died = True
        return Verdict.not_judged("verdict processes die before they take a response"), None
