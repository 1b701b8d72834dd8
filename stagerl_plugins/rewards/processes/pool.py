"""A pool of verdict processes: as many calls are made at a time, and none of them can hold up the others."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field

from stagerl_plugins.protocols import Spec
from stagerl_plugins.rewards.call import describe, none_judged
from stagerl_plugins.rewards.processes.message import packed
from stagerl_plugins.rewards.processes.process import DiedError, DiedIdleError, VerdictProcess
from stagerl_plugins.rewards.processes.zygote import ATTEMPTS, StartError, Zygote
from stagerl_plugins.types import Response, Verdict

AHEAD = 32  # calls at most that a process is given ahead, while it makes another one


@dataclass(slots=True)
class _Task:
    reward: str
    responses: list[Response]
    future: Future[list[Verdict]] = field(default_factory=Future)
    content: bytes = b""  # what its process is sent
    died: bool = False  # a process has died while it made this call,
    all_died: bool = False  # and all others with it

    def begin(self) -> bool:
        """Make its content. False if there is nothing to judge: it was cancelled, or cannot be sent."""
        if self.content:  # a second time, after another one was slow
            return True
        if not self.future.set_running_or_notify_cancel():
            return False
        try:
            self.content = packed(self.reward, self.responses)
        except Exception as error:  # noqa: BLE001  whatever hangs on a response
            self.future.set_result(none_judged(describe(error), self.responses))
        return bool(self.content)


class _Turn:
    """The right to make one call at a time, which a slow call gives to the next one."""

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
    """Judges responses in processes that are replaced when they die, hang or grow old.

    A call that has taken a tenth of the processor time that it may take goes on beside the others: as many again as
    `processes` may be made then, so that slow ones hold up nobody.

    Args:
        rewards: Name and options of each reward by its key, such as a data source; complete before `start`.
        processes: How many calls are made at a time.
        seconds: Wall time for one call; beyond it, its process is killed and the verdicts are `not_judged`.

    Attributes:
        started: Done once the first process is there, or cannot be started; why not, or nothing.
    """

    def __init__(self, rewards: Mapping[str, Spec], processes: int, seconds: float) -> None:
        self._seconds = seconds
        self._processes = processes
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._zygote = Zygote(rewards)
        self._apart = Zygote(rewards, worked=True)  # begun when it is first needed, after the other one
        self._one_apart = threading.Lock()
        self._lock = threading.RLock()  # the garbage collector may close us from anywhere
        self._closed = False
        self._turns = threading.Semaphore(processes)
        self.started: Future[str] = Future()
        self._threads = [
            threading.Thread(target=self._serve, name=f"verdicts-{number}", daemon=True)
            for number in range(2 * processes)
        ]

    def start(self) -> None:
        """Start all processes."""
        for thread in self._threads:
            thread.start()

    @property
    def unbuilt(self) -> Mapping[str, str]:
        """Rewards that cannot be built, by key, once it has started; and why, in a line that names the key."""
        return self._zygote.unbuilt

    @property
    def broken(self) -> Mapping[str, str]:
        """Rewards that end the process in which they are built, or hang there, and which of both."""
        return self._zygote.broken

    def submit(self, reward: str, responses: Sequence[Response]) -> Future[list[Verdict]]:
        """What this reward says of these responses, in one call, whatever happens to the process that makes it."""
        task = _Task(reward, list(responses))
        if not self._put([task]):
            task.future.set_result(none_judged("the judge was closed", responses))
        return task.future

    def _put(self, tasks: list[_Task]) -> bool:
        """Queue them, unless the pool is closed."""
        with self._lock:
            if not self._closed:
                for task in tasks:
                    self._tasks.put(task)
            return not self._closed

    def close(self) -> None:
        """End all processes; verdicts that are not made yet become `not_judged`. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for _ in self._threads:
                self._tasks.put(None)
        for zygote in (self._zygote, self._apart):
            zygote.close()
        for thread in self._threads:
            # the garbage collector may close us from anywhere, also before `start`
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join()
        for zygote in (self._zygote, self._apart):
            zygote.close()

    def _serve(self) -> None:
        """One thread for each process: it gives it responses, waits, and replaces it where needed."""
        turn = _Turn(self._turns)
        process: VerdictProcess | None = None
        why_none = ""
        try:
            process = self._zygote.fork()
        except StartError as error:  # told with the first verdict
            why_none = str(error)
        with suppress(InvalidStateError):  # another thread was first, or nobody waits
            self.started.set_result(why_none)
        while (first := self._tasks.get()) is not None:
            process = self._judge(self._with_more(first), process, turn)
            if not turn.take_back(wait=False):
                if process is not None:
                    process.kill()  # another one has taken its place
                turn.take_back(wait=True)
        turn.give()  # to those that wait for one, so that they end too

    def _with_more(self, first: _Task) -> list[_Task]:
        """A call, and a share of those that wait: their process need not wait for each of them on a busy machine.

        Only such whose processor time is bounded: the others would not be taken away again when one proves slow.
        """
        tasks: list[_Task] = []
        task = first
        share = min(AHEAD, self._tasks.qsize() // (2 * self._processes))
        while True:
            if task.begin():
                tasks.append(task)
            if len(tasks) > share or self._zygote.cpu_seconds.get(task.reward) is None:
                return tasks
            try:
                following = self._tasks.get_nowait()
            except queue.Empty:
                return tasks
            if following is None:  # for whoever it was meant for
                self._tasks.put(None)
                return tasks
            task = following

    def _judge(self, tasks: list[_Task], process: VerdictProcess | None, turn: _Turn) -> VerdictProcess | None:
        """Make calls in their order; the process that is left.

        A process that died before it took the responses has cost nothing. One that died while it judged may have been
        killed by anybody, for its memory say: they are tried once more.
        """

        def slow() -> None:
            turn.give()
            if len(tasks) > 1 and self._put(tasks[1:]):  # to be judged by others meanwhile
                tasks[:] = tasks[:1]

        lost = 0
        while tasks:
            task = tasks[0]
            try:
                if task.all_died:
                    verdicts = self._judge_apart(task)
                else:
                    if process is None or not process.alive:
                        process = self._zygote.fork()
                    contents, cpu_seconds = [task.content for task in tasks], self._zygote.cpu_seconds.get(task.reward)
                    verdicts = process.ask(contents, len(task.responses), self._seconds, cpu_seconds, slow)
            except StartError as error:
                verdicts = none_judged(str(error), task.responses)
            except DiedIdleError:
                lost += 1
                if lost < ATTEMPTS:
                    continue
                verdicts = none_judged("verdict processes die before they take a response", task.responses)
            except DiedError:
                if not task.died:
                    task.died = True
                    task.all_died = process is not None and process.forker_ended
                    continue
                verdicts = none_judged("its verdict process died, twice", task.responses)
            except Exception as error:  # noqa: BLE001  a failure of ours costs one call
                verdicts = none_judged(describe(error), task.responses)
            lost = 0
            del tasks[0]
            if self._closed and not any(verdict.judged for verdict in verdicts):
                verdicts = none_judged("the judge was closed", task.responses)
            task.future.set_result(verdicts)
        if process is not None and not process.idle:
            process.kill()  # it was given what others judge
        return process

    def _judge_apart(self, task: _Task) -> list[Verdict]:
        """A second try, after all processes had died during this call and others: one of them may have killed them.

        Each is made alone, with processes of its own, so that it takes no other with it again.
        """
        with self._one_apart:
            process = self._apart.fork()
            try:
                cpu_seconds = self._apart.cpu_seconds.get(task.reward)
                return process.ask([task.content], len(task.responses), self._seconds, cpu_seconds, lambda: None)
            finally:
                process.kill()
