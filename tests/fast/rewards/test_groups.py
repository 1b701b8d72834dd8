"""Rewards that take whole groups: gathered, judged in one call, and given up where one never comes."""

import asyncio
import threading
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins import Response, Verdict, reward
from stagerl_plugins.rewards import groups
from stagerl_plugins.rewards.groups import Groups
from stagerl_plugins.rewards.judge import takes_groups

calls = []


@reward(group=True)
async def rank(responses):
    """The share of its group that is not shorter."""
    calls.append([response.text for response in responses])
    return [sum(len(r.text) <= len(other.text) for other in responses) / len(responses) for r in responses]


@pytest.fixture
def ranking(court, registered):
    calls.clear()
    return court("rank", registered(rank=rank), rollout_seconds=60)


def rollouts(group, *texts, size=None):
    return [Response(text, "", group=group, group_size=size or len(texts)) for text in texts]


def test_a_group_is_judged_in_one_call_when_all_of_it_are_there(ranking):
    one, other = rollouts("g1", "a", "bb", "ccc", "dddd"), rollouts("g2", "xxx", "y")
    verdicts = ranking.verdicts(one[0], other[0], *one[1:3], other[1], one[3])
    assert [verdict.score for verdict in verdicts] == [1.0, 0.5, 0.75, 0.5, 1.0, 0.25]
    assert sorted(calls) == [["a", "bb", "ccc", "dddd"], ["xxx", "y"]]


def test_a_response_without_a_group_is_a_group_of_one(ranking):
    assert [verdict.score for verdict in ranking.verdicts("abc", "x")] == [1.0, 1.0]
    assert calls == [["abc"], ["x"]]


def test_a_group_that_stays_incomplete_is_given_up(court, registered):
    impatient = court("rank", registered(rank=rank), rollout_seconds=0.2)
    name = "reward 'rank' of acme-rewards 1.2"
    lost = [Verdict.not_judged(f"{name}: 2 of 3 rollouts of its group arrived")] * 2
    assert impatient.verdicts(*rollouts("g", "a", "b", size=3)) == lost
    assert impatient.verdicts(*rollouts("g", "c", size=3)) == [
        Verdict.not_judged(f"{name}: its group had been given up")
    ]
    assert impatient.judge.failures == {"rank": 3}
    assert len(impatient.reports) == 1


def test_an_abandoned_group_ends_at_once_also_inside_another_reward(court, registered):
    spec = {"weighted": {"rewards": {"rank": {"reward": "rank"}}}}
    made = court(spec, registered(rank=rank), rollout_seconds=3600)

    async def judge_two_of_three():
        waiting = asyncio.ensure_future(made.judge.judge_all(rollouts("g", "a", "b", size=3)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        made.judge.abandon("g")
        return await waiting, await made.judge.judge_all(rollouts("g", "c", size=3))

    two, late = asyncio.run(judge_two_of_three())
    assert [verdict.detail.rpartition(": ")[2] for verdict in two] == ["2 of 3 rollouts of its group arrived"] * 2
    assert late[0].detail.endswith("its group had been given up")


def test_which_rewards_take_groups_is_known_before_any_is_built(registered):
    @reward
    def alone(response):
        """Takes no groups."""

    plugins = registered(rank=rank, alone=alone)
    inner = {"weighted": {"rewards": {"a": {"reward": "rank", "weight": 0.5}}}}
    specs = ["rank", {"rank": {}}, inner, {"weighted": {"rewards": {"b": {"reward": inner}}}}]
    assert all(takes_groups(spec, plugins) for spec in specs)
    others = ["alone", "unknown", {"math": {"seconds": 1}}, {"weighted": {"rewards": {"a": {"reward": "alone"}}}}]
    assert not any(takes_groups(spec, plugins) for spec in others)


def test_one_whose_wait_is_cancelled_belongs_to_its_group(ranking):
    async def cancel_one():
        first, second = (asyncio.ensure_future(ranking.judge.judge(one)) for one in rollouts("g", "a", "bb", size=3))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        (third,) = await ranking.judge.judge_all(rollouts("g", "ccc", size=3))
        return await second, third

    assert [verdict.score for verdict in asyncio.run(cancel_one())] == pytest.approx([2 / 3, 1 / 3])


def test_a_group_may_come_from_several_event_loops(ranking):
    found = {}

    def judge(response):
        found[response.text] = asyncio.run(ranking.judge.judge(response))

    threads = [threading.Thread(target=judge, args=[one]) for one in rollouts("g", "a", "bb", "ccc")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[text].score for text in ("a", "bb", "ccc")] == pytest.approx([1.0, 2 / 3, 1 / 3])


def test_when_the_event_loop_that_judges_ends_the_others_are_told(court, registered):
    @reward(group=True)
    async def hangs(responses):
        """Waits for ever."""
        await asyncio.sleep(3600)

    made = court("hangs", registered(hangs=hangs))
    first, second = rollouts("g", "a", "b")
    found = []
    waiting = threading.Thread(target=lambda: found.extend(made.verdicts(first)))
    waiting.start()

    async def bring_the_last_one_and_leave():
        await asyncio.sleep(0.2)
        task = asyncio.ensure_future(made.judge.judge(second))
        await asyncio.sleep(0.2)
        task.cancel()

    asyncio.run(bring_the_last_one_and_leave())
    waiting.join(60)
    assert found[0].detail.endswith("the judging of its group was cancelled")


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6), given_up=st.sets(st.integers(0, 5)), seed=st.integers()
)
def test_whatever_the_order_each_gets_its_own_verdict_or_none(sizes, given_up, seed):
    """Each response is called by its group and number; those of `given_up` are abandoned at some moment."""
    random = Random(seed)
    events = [(group, n) for group, size in enumerate(sizes) for n in range(size)]
    events += [(group, None) for group in given_up if group < len(sizes)]
    random.shuffle(events)

    async def ask(responses):
        await asyncio.sleep(0)
        assert len({response.group for response in responses}) == 1
        return [Verdict("correct", 1.0, response.text) for response in responses]

    async def all_of_it():
        gathering = Groups(ask, 3600)
        tasks = {}
        for group, number in events:
            if number is None:
                gathering.abandon(str(group))
            else:
                response = Response(f"{group}.{number}", "", group=str(group), group_size=sizes[group])
                tasks[response.text] = asyncio.ensure_future(gathering.judge(response))
            if random.random() < 0.5:
                await asyncio.sleep(0)
        _, waiting = await asyncio.wait(tasks.values(), timeout=60)
        assert not waiting
        return {text: task.result() for text, task in tasks.items()}

    for text, verdict in asyncio.run(all_of_it()).items():
        assert (verdict.detail == text) if verdict.judged else int(text.split(".")[0]) in given_up


def test_it_remembers_so_many_groups_that_were_given_up_and_no_more(monkeypatch):
    monkeypatch.setattr(groups, "MOST_REMEMBERED", 2)

    async def ask(responses):
        return [Verdict("correct", 1.0)] * len(responses)

    async def arrivals():
        gathering = Groups(ask, 0.05)
        for group in "abc":
            gathering.abandon(group)
        return [await gathering.judge(Response("", "", group=group, group_size=2)) for group in "cba"]

    *others, first = asyncio.run(arrivals())
    assert {verdict.detail for verdict in others} == {"its group had been given up"}
    assert first.detail == "1 of 2 rollouts of its group arrived"
