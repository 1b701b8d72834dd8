"""Rewards that only wait, where they do more than that: each in an event loop of its own."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time

import pytest

from stagerl_plugins import Reward, Verdict, reward
from stagerl_plugins.config import Judging
from stagerl_plugins.errors import PluginError, UserError
from stagerl_plugins.rewards.judge import Judge, check_rewards
from stagerl_plugins.types import Outcome, Response


@pytest.fixture
def release():
    """Ends what blocks in a test."""
    event = threading.Event()
    yield event
    event.set()


def test_a_coroutine_that_blocks_costs_its_own_response_and_holds_up_nobody(court, registered, release):
    @reward
    async def blocks(response):
        """Blocks its event loop, if it is told to."""
        if response.text == "block":
            release.wait(60)
        return True

    @reward
    async def other(response):
        """Always right."""
        return True

    plugins = registered(blocks=blocks, other=other)
    with Judge({"blocks": "blocks", "other": "other"}, plugins, Judging(seconds=1)) as judge:

        async def judge_both():
            stuck = asyncio.ensure_future(judge.judge(Response("block", "", "blocks")))
            await asyncio.sleep(0.2)
            beside = await judge.judge(Response("", "", "other"))
            assert not stuck.done()
            return beside, await stuck, await judge.judge(Response("fine", "", "blocks"))

        beside, stuck, after = asyncio.run(judge_both())
    assert stuck.detail == "reward 'blocks' of acme-rewards 1.2: took longer than 1 s"
    assert (beside.outcome, after.outcome) == (Outcome.CORRECT, Outcome.CORRECT)


def test_a_loop_that_only_waits_stays(court, registered):
    @reward
    async def says_where(response):
        """Names its thread, after a while."""
        await asyncio.sleep(3600 if response.text == "hang" else 0)
        return Verdict(Outcome.CORRECT, 1.0, str(threading.get_ident()))

    made = court("says_where", registered(says_where=says_where), seconds=0.5)
    before, hung, after = (made.verdicts(text)[0] for text in ("", "hang", ""))
    assert hung.detail.endswith("took longer than 0.5 s")
    assert before.detail == after.detail


class Leaves(Reward):
    """Ends the interpreter in a task of its own, if it is told to."""

    isolated = False

    def __init__(self, options, setup):
        pass

    async def score(self, responses):
        async def work():
            if responses[0].text == "leave":
                sys.exit(3)

        await asyncio.gather(work())
        return [Verdict(Outcome.CORRECT, 1.0)]


def test_one_that_would_end_the_interpreter_does_not(court, registered):
    made = court("leaves", registered(leaves=Leaves), seconds=60)
    left, fine = made.verdicts("leave")[0], made.verdicts("stay")[0]
    assert left.detail == "reward 'leaves' of acme-rewards 1.2: raised SystemExit: 3"
    assert fine.judged


def stop_the_loop():
    asyncio.get_running_loop().stop()


def raise_no_exception():
    raise Stray("on its way out")


def raise_what_cannot_be_told():
    raise MuteError


class Stray(BaseException):
    """No Exception."""


class MuteError(Exception):
    def __str__(self):
        raise Stray


def raise_one(kind):
    def raised():
        raise kind("gone")

    return raised


STRAYS = {
    "stops its loop": (stop_the_loop, None),
    "SystemExit": (sys.exit, "raised SystemExit"),
    "KeyboardInterrupt": (raise_one(KeyboardInterrupt), "raised KeyboardInterrupt: gone"),
    "GeneratorExit": (raise_one(GeneratorExit), "raised GeneratorExit: gone"),
    "cancels itself": (raise_one(asyncio.CancelledError), "cancelled itself"),
    "BaseException": (raise_no_exception, "raised Stray: on its way out"),
    "an exception without words": (raise_what_cannot_be_told, "raised MuteError: whose text raised Stray"),
}


@pytest.mark.parametrize("later", [False, True], ids=["at once", "in a task of its own"])
@pytest.mark.parametrize(("stray", "why"), STRAYS.values(), ids=STRAYS.keys())
def test_what_is_no_exception_costs_its_own_response_alone(court, registered, stray, why, later):
    @reward
    async def strays(response):
        """Does what it must not, if it is told to; others wait meanwhile."""
        if response.text == "stray" and later:
            await asyncio.gather(do(stray))
        elif response.text == "stray":
            stray()
        await asyncio.sleep(0.2)
        return True

    async def do(what):
        what()

    made = court("strays", registered(strays=strays), seconds=30)
    began = time.monotonic()
    strayed, *others = made.verdicts("stray", *["fine"] * 5)
    after = made.verdicts("fine")
    assert time.monotonic() - began < 20
    assert {verdict.outcome for verdict in [*others, *after]} == {Outcome.CORRECT}
    told = [] if why is None else [f"reward 'strays' of acme-rewards 1.2: {why}"]
    assert ([] if strayed.judged else [strayed.detail]) == told
    assert [line.partition(" (not_judged")[0] for line in made.reports] == told


def test_the_time_for_a_free_thread_is_nobody_s_own(court, registered):
    @reward
    async def waits_in_a_thread(response):
        """Calls what blocks, as clients of some servers do."""
        await asyncio.to_thread(time.sleep, 0.4)
        return True

    made = court("waits_in_a_thread", registered(waits_in_a_thread=waits_in_a_thread), seconds=4, concurrency=200)
    assert [verdict for verdict in made.verdicts(*["x"] * 200) if not verdict.judged] == []


def test_threads_that_never_come_back_are_left_behind(court, registered, release):
    @reward
    async def may_block(response):
        """Blocks a thread, if it is told to."""
        await asyncio.to_thread(release.wait, 60 if response.text == "block" else 0)
        return True

    made = court("may_block", registered(may_block=may_block), seconds=0.5, concurrency=2)
    assert not any(verdict.judged for verdict in made.verdicts("block", "block"))
    assert all(verdict.judged for verdict in made.verdicts("fine", "fine", "fine"))


def test_a_copy_that_a_reward_makes_of_this_process_ends_itself(court, registered):
    @reward
    async def forks(response):
        """Forks, and comes back twice."""
        child = os.fork()
        return Verdict(Outcome.CORRECT, 1.0, str(child))

    made = court("forks", registered(forks=forks))
    child = int(made.verdicts("x")[0].detail)
    deadline = time.monotonic() + 20
    try:
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert ended != (0, 0)
    finally:
        if ended == (0, 0):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def test_what_a_reward_does_to_a_response_reaches_nobody_else(court, registered):
    @reward
    async def changes(response):
        """Takes everything out of what it is given."""
        response.extra_info.clear()
        response.ground_truth.clear()
        return True

    given = Response("", ["42"], extra_info={"split": "train"})
    assert court("changes", registered(changes=changes)).verdicts(given)[0].judged
    assert (given.ground_truth, given.extra_info) == (["42"], {"split": "train"})


def test_closing_ends_what_waits(court, registered):
    @reward
    async def hangs(response):
        """Waits for ever, whatever it is told."""
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(asyncio.sleep(1))

    made = court("hangs", registered(hangs=hangs), seconds=3600)
    found = []
    waiting = threading.Thread(target=lambda: found.extend(made.verdicts("x", "y")))
    waiting.start()
    deadline = time.monotonic() + 60
    while not any(thread.name == "reward-default" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    made.judge.close()
    waiting.join(60)
    closed = Verdict.not_judged("reward 'hangs' of acme-rewards 1.2: the judge was closed")
    assert found == [closed] * 2
    assert made.verdicts("z") == [closed]


class LeavesWhenBuilt(Leaves):
    """Ends the interpreter while it is built."""

    def __init__(self, options, setup):
        sys.exit(3)


def test_one_that_would_end_the_interpreter_while_it_is_built_is_one_line(court, registered):
    plugins = registered(leaves=LeavesWhenBuilt)
    line = r"reward 'leaves' of acme-rewards 1\.2: its factory raised SystemExit\(3\) \(.*test_loop\.py:\d+\)$"
    with pytest.raises(PluginError, match=rf"^rewards\.default: {line}"):
        court("leaves", plugins)
    with pytest.raises(UserError, match=rf"^rewards\.default: {line}"):
        check_rewards({"default": "leaves"}, plugins)
