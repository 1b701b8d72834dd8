"""A bound on the verdicts that are waited for at a time."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins import Response, reward
from stagerl_plugins.rewards.turns import Turns


class Meter:
    """How many are inside, now and at most."""

    def __init__(self):
        self.inside = self.most = 0
        self.lock = threading.Lock()

    async def stay(self, seconds=0.01):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        try:
            await asyncio.sleep(seconds)
        finally:
            with self.lock:
                self.inside -= 1


def test_a_reward_that_only_waits_is_asked_so_often_at_a_time(court, registered):
    meter = Meter()

    @reward
    async def waits(response):
        """Right after a while."""
        await meter.stay()
        return True

    made = court("waits", registered(waits=waits), concurrency=3)
    assert all(verdict.judged for verdict in made.verdicts(*["x"] * 20))
    assert meter.most == 3


def test_the_time_limit_is_for_the_call_and_not_for_the_wait_before_it(court, registered):
    @reward
    async def waits(response):
        """Right after a while."""
        await asyncio.sleep(0.2)
        return True

    made = court("waits", registered(waits=waits), concurrency=1, seconds=1.5)
    assert all(verdict.judged for verdict in made.verdicts(*["x"] * 10))


def test_one_that_hangs_gives_its_turn_back(court, registered):
    @reward
    async def hangs(response):
        """Waits for ever, or not at all."""
        if response.text == "hang":
            await asyncio.sleep(3600)
        return True

    made = court("hangs", registered(hangs=hangs), concurrency=1, seconds=0.1)
    assert [verdict.judged for verdict in made.verdicts("hang", "x", "hang", "x")] == [False, True, False, True]


def test_a_reward_that_asks_others_takes_no_turn_while_a_group_of_theirs_gathers(court, registered):
    meter = Meter()

    @reward(group=True)
    async def waits(responses):
        """Right after a while."""
        await meter.stay()
        return [True for _ in responses]

    inner = {"weighted": {"rewards": {"a": {"reward": "waits"}}}}
    spec = {"weighted": {"rewards": {"a": {"reward": inner}, "b": {"reward": "waits"}}}}
    made = court(spec, registered(waits=waits), concurrency=1, rollout_seconds=20)
    rollouts = [Response("", "", group=group, group_size=3) for group in "abcabcabc"]
    assert all(verdict.judged for verdict in made.verdicts(*rollouts))
    assert meter.most == 2  # each of the two has its own turns


@given(st.integers(1, 4), st.lists(st.booleans(), max_size=20))
def test_turns_survive_who_is_cancelled(count, cancelled):
    async def all_of_it():
        turns, meter = Turns(count), Meter()

        async def work():
            async with turns.one():
                await meter.stay(0)

        tasks = [asyncio.ensure_future(work()) for _ in cancelled]
        await asyncio.sleep(0)
        for task, cancel in zip(tasks, cancelled, strict=True):
            if cancel:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert meter.most <= count
        meter = Meter()  # as many turns are free as at the start
        await asyncio.gather(*(work() for _ in range(3 * count)))
        assert meter.most == count

    asyncio.run(all_of_it())


@pytest.mark.parametrize("count", [1, 3])
def test_the_bound_holds_across_event_loops(count):
    turns, meter = Turns(count), Meter()

    async def ten():
        async def work():
            async with turns.one():
                await meter.stay(0.005)

        await asyncio.gather(*(work() for _ in range(10)))

    threads = [threading.Thread(target=lambda: asyncio.run(ten())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.most == count
