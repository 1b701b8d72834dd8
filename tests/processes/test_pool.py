"""The verdict processes themselves: replaced when they die or grow, gone when their owner is."""

import asyncio
import gc
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from stagerl_plugins import Outcome, Response, Verdict
from stagerl_plugins.config import Judging
from stagerl_plugins.errors import UserError
from stagerl_plugins.plugins import Plugins
from stagerl_plugins.rewards.judge import Judge, check_rewards
from stagerl_plugins.rewards.processes import zygote
from stagerl_plugins.rewards.processes.worker import CALLS

REWARDS = {"default": {"misbehaving": {"how": "as_told"}}}


def ask(judge: Judge, *texts: str) -> list[Verdict]:
    return asyncio.run(judge.judge_all([Response(text, "") for text in texts]))


def forker() -> psutil.Process:
    """What verdict processes are forked from; there may be another one, for second tries, which is idle."""
    return max(psutil.Process().children(), key=lambda process: len(process.children()))


def end(process: psutil.Process) -> None:
    family = [process, *process.children()]
    process.kill()
    assert not psutil.wait_procs(family, timeout=10)[1]


def test_processes_are_replaced_whatever_happens_to_them(plugins: Plugins) -> None:
    with Judge(REWARDS, plugins, Judging(processes=1, seconds=60)) as judge:
        first, second = ask(judge, "process_id", "process_id")
        assert first == second

        end(psutil.Process(int(first.detail)))  # while it waits
        third, fourth = ask(judge, "leak", "process_id")
        assert third.outcome is Outcome.CORRECT
        assert len({first.detail, third.detail, fourth.detail}) == 3  # it was replaced because it had grown

        end(forker())  # takes its children with it
        assert ask(judge, "process_id")[0].outcome is Outcome.CORRECT
        assert not judge.failures


def test_one_that_leaves_files_open_is_replaced_before_it_can_open_none(plugins: Plugins) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))
    try:
        with Judge(REWARDS, plugins, Judging(processes=1, seconds=60)) as judge:
            verdicts = ask(judge, *["leave_files_open"] * 60)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert {verdict.detail for verdict in verdicts} == {"fine"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_is_killed_while_it_starts_is_started_again(plugins: Plugins, number: signal.Signals) -> None:
    killed: list[int] = []
    known = {process.pid for process in psutil.Process().children()}

    def kill_five() -> None:
        while len(killed) < 5:
            for process in psutil.Process().children():
                if process.pid not in {*known, *killed}:
                    process.send_signal(number)
                    killed.append(process.pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill_five)
    killer.start()
    with Judge(REWARDS, plugins, Judging(processes=2, seconds=60)) as judge:
        assert ask(judge, "fine")[0].outcome is Outcome.CORRECT
        assert not judge.failures
    killer.join()


def start_none(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """For so long no process can be started, and what others are forked from is killed."""
    start, until = subprocess.Popen, time.monotonic() + seconds

    def unless_it_is_too_early(*args: Any, **named: Any) -> Any:
        if time.monotonic() < until:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return start(*args, **named)

    monkeypatch.setattr(subprocess, "Popen", unless_it_is_too_early)
    if psutil.Process().children():
        end(forker())


def test_no_verdict_is_lost_while_no_process_can_be_started(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    with Judge(REWARDS, plugins, Judging(processes=2, seconds=60)) as judge:
        assert ask(judge, "fine")[0].judged
        start_none(monkeypatch, 3)
        assert {verdict.detail for verdict in ask(judge, *["fine"] * 100)} == {"fine"}
        assert not judge.failures


def test_where_none_can_be_started_for_long_nobody_waits_any_more(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygote, "OUTAGE_SECONDS", 1.0)
    with Judge(REWARDS, plugins, Judging(processes=2, seconds=60)) as judge:
        assert ask(judge, "fine")[0].judged
        start_none(monkeypatch, 3600)
        began = time.monotonic()
        verdicts = ask(judge, *["fine"] * 100)
        assert 1 < time.monotonic() - began < 10
    why = "verdict processes cannot be started: BlockingIOError: [Errno 11] Resource temporarily unavailable"
    assert {verdict.detail.partition(": ")[2] for verdict in verdicts} == {why}


def test_where_none_can_be_started_at_all_nothing_else_is(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    start_none(monkeypatch, 3600)
    line = r"^verdict processes cannot be started: BlockingIOError: \[Errno 11\] Resource temporarily unavailable$"
    with pytest.raises(UserError, match=line):
        check_rewards(REWARDS, plugins)


def test_a_judge_that_can_start_no_process_can_be_closed(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    with Judge(REWARDS, plugins, Judging(processes=2, seconds=60)) as judge:
        assert ask(judge, "fine")[0].judged
        start_none(monkeypatch, 3600)
        thread = threading.Thread(target=ask, args=[judge, "fine"])
        thread.start()
        time.sleep(0.5)
        began = time.monotonic()
        judge.close()
        thread.join()
        assert time.monotonic() - began < 3


def test_a_process_is_replaced_after_a_bound_of_work(plugins: Plugins) -> None:
    spec = {"misbehaving": {"how": "as_told", "cpu_seconds": 60.0}}
    with Judge({"default": spec}, plugins, Judging(processes=1, seconds=60)) as judge:
        details = [verdict.detail for verdict in ask(judge, *["process_id"] * (CALLS + 1))]
    assert set(details[:-1]) == {details[0]}
    assert details[-1] != details[0]


def test_a_hostile_answer_costs_its_processor_time_and_no_more(plugins: Plugins) -> None:
    with Judge({"default": "math"}, plugins, Judging(processes=1, seconds=600)) as judge:
        ask(judge, r"\boxed{1}")
        before = forker().cpu_times()
        (hostile,) = asyncio.run(judge.judge_all([Response(r"\boxed{9^{9^9}+x}", "5")]))
        assert hostile == Verdict(Outcome.TIMED_OUT, 0.0, "took more than 1 s of processor time")
        after = _reaped(before)
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        assert 0.9 < spent < 2  # with what came before it, and the time until a busy machine notices


def _reaped(before: Any) -> Any:
    """The forker's processor times, once it has reaped a process."""
    deadline = time.monotonic() + 30
    while (now := forker().cpu_times()).children_user == before.children_user and time.monotonic() < deadline:
        time.sleep(0.05)
    return now


def test_each_response_has_its_own_verdict_whatever_happens_to_those_before_it(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They are given to a process ahead: some are slow, some kill it, and some are longer than a connection holds."""
    spec = {"misbehaving": {"how": "echo", "cpu_seconds": 1.0}}
    monkeypatch.setenv("MARKERS", str(tmp_path))
    rng = random.Random(0)
    texts = [str(n) for n in range(300)]
    for n in rng.sample(range(300), 30):
        texts[n] += rng.choice([" work", " crash_once", " long" + "x" * 3_000_000])
    with Judge({"default": spec}, plugins, Judging(processes=2, seconds=600)) as judge:
        verdicts = ask(judge, *texts)
    assert [verdict.detail for verdict in verdicts] == [text.split()[0] for text in texts]


@pytest.mark.parametrize("processes", [1, 2])
def test_slow_responses_hold_up_nobody(plugins: Plugins, processes: int) -> None:
    """As many as there are processes, and each is busy in C code."""
    spec = {"misbehaving": {"how": "as_told", "cpu_seconds": 3.0}}

    def unless_all_are_busy() -> list[psutil.Process]:
        busy = [child for child in forker().children() if child.cpu_times().user > 0.1]
        return [] if len(busy) == processes else [forker()]

    async def slow_and_others() -> None:
        slow = [asyncio.ensure_future(judge.judge(Response("spin_in_c", ""))) for _ in range(processes)]
        await asyncio.to_thread(_within, 60, unless_all_are_busy)  # one that is taken along by another would come last
        others = await judge.judge_all([Response("process_id", "")] * 50)
        assert {verdict.outcome for verdict in others} == {Outcome.CORRECT}
        assert len({verdict.detail for verdict in others}) <= processes
        assert not any(task.done() for task in slow)
        assert {(await task).outcome for task in slow} == {Outcome.TIMED_OUT}

    with Judge({"default": spec}, plugins, Judging(processes=processes, seconds=600)) as judge:
        judge.started.result()
        asyncio.run(slow_and_others())


def test_as_many_processes_stay_after_slow_responses_as_before(plugins: Plugins) -> None:
    spec = {"misbehaving": {"how": "as_told", "cpu_seconds": 1.0}}
    with Judge({"default": spec}, plugins, Judging(processes=1, seconds=600)) as judge:
        for _ in range(3):
            assert all(verdict.judged for verdict in ask(judge, *["work", "process_id"] * 4))
            assert len(_within(10, lambda: forker().children()[1:])) == 0
            assert len(forker().children()) == 1


def test_a_kill_costs_no_verdict(plugins: Plugins) -> None:
    async def judge_and_kill(kill_the_forker: bool) -> list[Verdict]:
        verdicts = asyncio.gather(*(judge.judge(Response(rf"\boxed{{{n}^2}}", "49")) for n in range(40)))
        await asyncio.sleep(random.random() * 0.05)
        end(forker() if kill_the_forker else random.choice(forker().children()))
        return await verdicts

    def until_both_are_replaced() -> None:
        asyncio.run(judge.judge_all([Response("", "49")] * 20))
        while len(forker().children()) < 2:
            asyncio.run(judge.judge_all([Response("", "49")] * 20))

    with Judge({"default": "math"}, plugins, Judging(processes=2, seconds=60)) as judge:
        for kill_the_forker in (False, False, True, False, False):
            until_both_are_replaced()
            verdicts = asyncio.run(judge_and_kill(kill_the_forker))
            right = [Outcome.CORRECT if n == 7 else Outcome.WRONG for n in range(40)]
            assert [verdict.outcome for verdict in verdicts] == right


def test_nothing_that_a_reward_started_outlives_its_process(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = f"{os.getpid()}999"
    monkeypatch.setenv("SLEEP_OF_A_REWARD", seconds)

    def sleeping() -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if seconds in _command(process)]

    with Judge(REWARDS, plugins, Judging(seconds=1)) as judge:
        assert "took longer" in ask(judge, "start_others_and_hang")[0].detail
        _, process_id = ask(judge, "start_others", "process_id")
        end(psutil.Process(int(process_id.detail)))
        assert ask(judge, "fine")[0].judged
        assert not _within(5, sleeping)
        ask(judge, "start_others")
        assert len(sleeping()) == 1
    assert not _within(5, sleeping)


@pytest.mark.parametrize("how", ["start_a_session", "start_a_daemon", "start_a_session_and_die"])
def test_what_a_reward_starts_in_a_session_of_its_own_ends_with_its_process(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    seconds = f"{os.getpid()}888"
    monkeypatch.setenv("SLEEP_OF_A_REWARD", seconds)

    def sleeping() -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if seconds in _command(process)]

    with Judge(REWARDS, plugins, Judging(processes=1, seconds=60)) as judge:
        _, process_id = ask(judge, how, "process_id")
        end(psutil.Process(int(process_id.detail)))
        assert not _within(5, sleeping)
        assert ask(judge, "fine")[0].judged
        ask(judge, how)
    assert not _within(1, sleeping)


@pytest.mark.parametrize("how", ["fork_and_come_back", "fork_and_raise"])
def test_a_reward_that_forks_and_comes_back_twice_answers_once_and_for_itself_alone(plugins: Plugins, how: str) -> None:
    forks, echo = {"misbehaving": {"how": how}}, {"misbehaving": {"how": "echo", "cpu_seconds": 60.0}}
    with Judge({"forks": forks, "echo": echo}, plugins, Judging(processes=2, seconds=60)) as judge:
        asked = [Response(str(n), "", "forks" if n % 6 == 0 else "echo") for n in range(180)]
        verdicts = asyncio.run(judge.judge_all(asked))
    assert [verdict.detail for verdict in verdicts] == ["fine" if n % 6 == 0 else str(n) for n in range(180)]


def test_a_reward_that_forks_while_it_is_built_is_built_once(plugins: Plugins) -> None:
    spec = {"misbehaving": {"how": "forks_when_built"}}
    with Judge({"default": spec, "told": REWARDS["default"]}, plugins, Judging(processes=1, seconds=60)) as judge:
        before = asyncio.run(judge.judge_all([Response("process_id", "", "told")]))
        time.sleep(0.5)
        after = asyncio.run(judge.judge_all([Response("process_id", "", "told")] * 20))
    assert len({verdict.detail for verdict in before + after}) == 1


@pytest.mark.parametrize("how", ["leaves_when_built", "exits_when_built"])
def test_a_reward_that_ends_the_interpreter_while_it_is_built_is_named_and_leaves_the_others_alone(
    plugins: Plugins, how: str
) -> None:
    rewards = {**REWARDS, "gone": {"misbehaving": {"how": how}}}
    reports: list[str] = []
    with Judge(rewards, plugins, Judging(processes=1, seconds=60), reports.append) as judge:
        gone, fine = asyncio.run(judge.judge_all([Response("fine", "", source) for source in ("gone", "default")]))
    assert fine.outcome is Outcome.CORRECT
    assert gone.detail.startswith("reward 'misbehaving' of misbehaving-rewards 1.2: cannot be built: ")
    assert len(reports) == 1


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("exits_when_built", r"reward 'misbehaving' of misbehaving-rewards 1\.2 cannot be built: .*end"),
        ("leaves_when_built", r"reward 'misbehaving' of misbehaving-rewards 1\.2: its factory raised SystemExit"),
        ("unbuildable", "cannot be built: RuntimeError: no licence"),
    ],
)
def test_a_reward_that_cannot_be_built_is_one_line_before_a_start_whatever_it_does_there(
    plugins: Plugins, how: str, line: str
) -> None:
    with pytest.raises(UserError, match=rf"^rewards\.gone: {line}"):
        check_rewards({**REWARDS, "gone": {"misbehaving": {"how": how}}}, plugins)


def test_processes_that_are_killed_while_they_build_leave_no_reward_out(plugins: Plugins) -> None:
    rewards = {"default": {"misbehaving": {"how": "as_told", "cpu_to_build": 0.5}}}
    until = time.monotonic() + 5

    def kill_now_and_then() -> None:
        while time.monotonic() < until:
            time.sleep(0.1)
            for process in psutil.Process().children(recursive=True):
                if process.ppid() != os.getpid():
                    process.kill()

    with Judge(rewards, plugins, Judging(processes=1, seconds=60)) as judge:
        killer = threading.Thread(target=kill_now_and_then)
        killer.start()
        verdicts = ask(judge, "fine", "fine")
        assert time.monotonic() > until
        killer.join()
    assert [verdict.detail for verdict in verdicts] == ["fine"] * 2


@pytest.mark.parametrize("idle", ["verdict process", "forker"])
def test_what_is_killed_while_it_waits_is_reaped_at_once(plugins: Plugins, idle: str) -> None:
    with Judge(REWARDS, plugins, Judging(processes=1, seconds=60)) as judge:
        process = psutil.Process(int(ask(judge, "process_id")[0].detail))
        killed = process if idle == "verdict process" else forker()
        killed.kill()
        assert not _within(2, lambda: [killed] if killed.is_running() else [])
        assert ask(judge, "fine")[0].judged


def test_a_signal_that_a_reward_takes_reaches_no_other_process(plugins: Plugins) -> None:
    with Judge(REWARDS, plugins, Judging(processes=1, seconds=60)) as judge:
        (first,) = ask(judge, "process_id")
        before = forker()
        assert ask(judge, "heed_a_signal_of_its_own")[0].judged
        assert _within(1, lambda: [before] if before.is_running() and before.status() != psutil.STATUS_ZOMBIE else [])
        assert [verdict.detail for verdict in ask(judge, "process_id")] == [first.detail]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _within(seconds: float, still: Callable[[], list[psutil.Process]]) -> list[psutil.Process]:
    """What is still there after so many seconds; returns as soon as there is nothing."""
    deadline = time.monotonic() + seconds
    while (left := still()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def test_the_building_of_a_reward_is_not_counted_as_a_response_s_processor_time(plugins: Plugins) -> None:
    spec = {"misbehaving": {"how": "as_told", "cpu_seconds": 0.5, "cpu_to_build": 0.8}}
    with Judge({"default": spec}, plugins, Judging(seconds=60)) as judge:
        assert ask(judge, "fine 0.7", "fine 0.7") == [Verdict(Outcome.CORRECT, 1.0, "fine")] * 2


def test_a_response_does_not_pay_for_the_thread_that_an_earlier_one_left(plugins: Plugins) -> None:
    rewards = {**REWARDS, "echo": {"misbehaving": {"how": "echo", "cpu_seconds": 1.0}}}
    with Judge(rewards, plugins, Judging(processes=1, seconds=60)) as judge:
        _, process_id = ask(judge, "leave_a_thread_that_spins", "process_id")
        while psutil.Process(int(process_id.detail)).cpu_times().user < 2:
            time.sleep(0.1)
        (verdict,) = asyncio.run(judge.judge_all([Response("mine work", "", "echo")]))
    assert (verdict.outcome, verdict.detail) == (Outcome.CORRECT, "mine")


def test_a_failure_of_ours_while_one_is_judged_gives_nobody_another_s_verdict(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {"misbehaving": {"how": "as_told", "cpu_seconds": 0.2}}
    with Judge({"default": spec}, plugins, Judging(seconds=60)) as judge:
        assert ask(judge, "fine")[0].judged
        with monkeypatch.context() as patched:
            patched.setattr(psutil, "Process", too_many_files)
            assert "Too many open files" in ask(judge, "fine 0.5")[0].detail
        assert ask(judge, "process_id", "fine", "process_id")[1].detail == "fine"


def too_many_files(pid: int) -> psutil.Process:
    raise OSError(24, "Too many open files")


def test_closing_ends_everything_at_once_also_what_is_busy(plugins: Plugins) -> None:
    judge = Judge(REWARDS, plugins, Judging(seconds=60))
    ask(judge, "fine")
    running: list[Verdict] = []
    thread = threading.Thread(target=lambda: running.extend(ask(judge, *["spin_in_c"] * 5)))
    thread.start()
    time.sleep(0.2)
    processes = psutil.Process().children(recursive=True)
    assert len(processes) == 2
    began = time.monotonic()
    judge.close()
    judge.close()
    thread.join()
    assert time.monotonic() - began < 3
    assert [verdict.detail.rpartition(": ")[2] for verdict in running] == ["the judge was closed"] * 5
    assert not any(process.is_running() for process in processes)
    assert ask(judge, "fine")[0].detail.endswith("the judge was closed")


def test_a_judge_that_is_forgotten_closes_itself(plugins: Plugins) -> None:
    judge = Judge(REWARDS, plugins, Judging())
    ask(judge, "fine")
    del judge
    gc.collect()
    assert not psutil.Process().children()


SCRIPT = """
    import asyncio, os, psutil, threading, sys
    print("script runs")
    sys.path.insert(0, {folder!r})
    from stagerl_plugins import Response
    from stagerl_plugins.config import Judging
    from stagerl_plugins.plugins import load_plugins
    from stagerl_plugins.rewards.judge import Judge
    judge = Judge({rewards!r}, load_plugins(), Judging(seconds=60))
    ask = lambda text: asyncio.run(judge.judge(Response(text, "")))
    print(ask("fine").detail)
    if {busy}:
        threading.Thread(target=ask, args=["spin_in_c"], daemon=True).start()
        import time; time.sleep(0.3)
    print(*[child.pid for child in psutil.Process().children(recursive=True)], flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["SIGKILL", "return"])
def test_processes_die_with_their_parent_however_it_ends(tmp_path: Path, end: str) -> None:
    """A script without `if __name__ == "__main__"`: it is run once, and what a reward prints is not its output."""
    script = tmp_path / "script.py"
    folder = str(Path(__file__).parent / "plugins")
    script.write_text(textwrap.dedent(SCRIPT.format(folder=folder, rewards=REWARDS, busy=end != "return")))
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.readline(), parent.stdout.readline()] == ["script runs\n", "fine\n"]
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        if end == "SIGKILL":
            parent.kill()
        assert "Traceback" not in parent.communicate()[1]
    _, alive = psutil.wait_procs(children, timeout=3)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
