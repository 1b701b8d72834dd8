"""Rewards of every kind, functions, coroutines and those of whole groups, that do what a reward must not do."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from stagerl_plugins import Outcome, Response, Verdict
from stagerl_plugins.config import Judging
from stagerl_plugins.plugins import Plugins
from stagerl_plugins.rewards.judge import Judge

KINDS = ["misbehaving", "function", "coroutine", "group", "group_coroutine"]
REWARDS = {kind: {kind: {"how": "as_told"} if kind == "misbehaving" else {}} for kind in KINDS}
BOTH = {"weighted": {"rewards": {"answer": {"reward": "math"}, "other": {"reward": "function", "weight": 0.5}}}}


@pytest.fixture(scope="module")
def judge(plugins: Plugins) -> Iterator[Judge]:
    with Judge({**REWARDS, "both": BOTH}, plugins, Judging(processes=2, seconds=60)) as judge:
        yield judge


def ask(judge: Judge, kind: str, *texts: str, group: str = "") -> list[Verdict]:
    return asyncio.run(
        judge.judge_all([Response(text, "5", kind, group=group, group_size=len(texts)) for text in texts])
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("raise_an_error", "raised KeyError: 'no such thing'"),
        ("leave", "raised SystemExit: 0"),
        ("not_a_number", "returned nan instead of"),
        ("text", "returned '1.0' instead of"),
        ("seven", "returned 7 instead of"),
        ("none", "returned None instead of"),
    ],
)
def test_every_kind_costs_that_response_alone(judge: Judge, kind: str, how: str, why: str) -> None:
    lost, fine = ask(judge, kind, how, "fine")
    assert lost.detail.startswith(f"reward '{kind}' of misbehaving-rewards 1.2: {why}")
    assert fine.outcome is Outcome.CORRECT


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_reported_once_and_counted(plugins: Plugins, kind: str) -> None:
    reports: list[str] = []
    with Judge({kind: REWARDS[kind]}, plugins, Judging(seconds=60), reports.append) as judge:
        for how in ("seven", "raise_an_error", "none"):
            ask(judge, kind, how)
        ask(judge, kind, "fine")
        assert judge.failures == {kind: 3}
    (report,) = reports
    assert report.startswith(f"reward '{kind}' of misbehaving-rewards 1.2: returned 7 instead of")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_given_up_when_it_hangs(plugins: Plugins, kind: str) -> None:
    with Judge({kind: REWARDS[kind]}, plugins, Judging(processes=2, seconds=1)) as judge:
        began = time.monotonic()
        (lost,) = ask(judge, kind, "hang")
        assert time.monotonic() - began < 20
        assert lost.detail == f"reward '{kind}' of misbehaving-rewards 1.2: took longer than 1 s"
        assert ask(judge, kind, "fine")[0].judged


def test_a_whole_group_is_judged_in_one_process(judge: Judge) -> None:
    verdicts = ask(judge, "group", "process_id", "fine", "process_id", group="g1")
    assert len({verdicts[0].detail, verdicts[2].detail}) == 1
    assert [verdict.score for verdict in verdicts] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("kind", ["group", "group_coroutine"])
def test_one_wrong_result_costs_that_rollout_and_an_error_the_group(judge: Judge, kind: str) -> None:
    name = f"reward '{kind}' of misbehaving-rewards 1.2"
    first, second, third = ask(judge, kind, "fine", "seven", "fine", group=f"{kind}-1")
    assert (first.judged, second.judged, third.judged) == (True, False, True)
    assert second.detail.startswith(f"{name}: returned 7 instead of a Verdict")
    raised = [Verdict.not_judged(f"{name}: raised KeyError: 'no such thing'")] * 2
    assert ask(judge, kind, "fine", "raise_an_error", group=f"{kind}-2") == raised


def test_a_group_that_takes_its_process_with_it(judge: Judge) -> None:
    died = ask(judge, "group", "fine", "exit_without_a_word", group="g2")
    assert [verdict.detail.rpartition(": ")[2] for verdict in died] == ["its verdict process died, twice"] * 2


def test_nobody_knows_which_of_a_group_took_the_processor_time(plugins: Plugins) -> None:
    with Judge({"group": "group"}, plugins, Judging(seconds=60)) as judge:
        (alone,) = ask(judge, "group", "spin")
        assert alone == Verdict(Outcome.TIMED_OUT, 0.0, "took more than 1 s of processor time")
        together = ask(judge, "group", "fine", "spin", group="g3")
    assert [verdict.detail.rpartition(": ")[2] for verdict in together] == ["took more than 1 s of processor time"] * 2
    assert not any(verdict.judged for verdict in together)


def test_rewards_with_weights_run_in_their_own_processes(judge: Judge) -> None:
    (verdict,) = asyncio.run(judge.judge_all([Response("fine", "5", "both")]))
    assert verdict == Verdict(Outcome.BAD_FORMAT, 0.5, r"no answer in a whole \boxed{}", {"answer": 0.0, "other": 1.0})
    before = judge.failures["function"]
    (lost,) = asyncio.run(judge.judge_all([Response("exit_without_a_word", "5", "both")]))
    assert lost.detail == "other: reward 'function' of misbehaving-rewards 1.2: its verdict process died, twice"
    assert judge.failures["function"] == before + 1
    assert "weighted" not in judge.failures


def test_a_pattern_that_never_ends_is_the_response_s_doing(plugins: Plugins) -> None:
    with Judge({"default": {"format": {"pattern": "(a|a)*b"}}}, plugins, Judging(seconds=60)) as judge:
        late, fine = ask(judge, "default", "a" * 60, "aab")
    assert late == Verdict(Outcome.TIMED_OUT, 0.0, "took more than 1 s of processor time")
    assert fine == Verdict(Outcome.CORRECT, 1.0)
