"""Rewards that only wait, where they do more than that: each in an event loop of its own."""

import asyncio
import contextlib
import sys
import threading
import time

import pytest

from stagerl_plugins import Reward, Verdict, reward
from stagerl_plugins.config import Judging
from stagerl_plugins.rewards.judge import Judge
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
