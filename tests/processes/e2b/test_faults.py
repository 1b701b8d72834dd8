"""Whatever the service does, verdicts are the programs' own, and no sandbox stays open."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
import time

import pytest
from pydantic import SecretStr

from stagerl_plugins.config import Judging
from stagerl_plugins.errors import UserError
from stagerl_plugins.rewards.judge import Judge
from stagerl_plugins.sandboxes.e2b import message
from stagerl_plugins.sandboxes.e2b.turns import Turns
from stagerl_plugins.types import Ended, Limits, Outcome, Response

LIMITS = Limits(seconds=1)
TESTS = json.dumps({"inputs": ["1", "2", "3"], "outputs": ["1", "4", "9"]})
BODIES = {
    Outcome.CORRECT: "print(int(input()) ** 2)",
    Outcome.PARTIAL: "print(int(input()) * 2)",
    Outcome.WRONG: "print(-1)",
}


def scripted(**faults):
    """Each of these faults once, in the order in which its kind is asked."""
    lock = threading.Lock()

    def fault(what):
        with lock:
            return faults[what].pop(0) if faults.get(what) else None

    return fault


def often(share, seed=1):
    kinds = {
        "execute": ["slow", "gone", "refused", "busy", "cut", "silent", "mixed"],
        "create": ["slow", "busy", "limited", "cut"],
        "kill": ["slow", "busy", "limited", "cut"],
        "list": ["slow", "busy", "cut"],
    }
    rng, lock = random.Random(seed), threading.Lock()

    def fault(what):
        with lock:
            return rng.choice(kinds[what]) if rng.random() < share else None

    return fault


@pytest.mark.timeout(240)
def test_a_thousand_programs_with_faults_have_the_verdicts_that_they_have_without(start, plugins):
    service = start(fault=often(0.1), most=20)
    wanted = [list(BODIES)[n % 3] for n in range(1000)]
    responses = [Response(f"```python\n{BODIES[outcome]}  # {n}\n```", TESTS) for n, outcome in enumerate(wanted)]
    options = {"e2b": {"creations_per_second": 500.0}}

    with Judge({"default": {"code": {"sandbox": options}}}, plugins, Judging(), report=print) as judge:
        verdicts = asyncio.run(judge.judge_all(responses))
        sandbox = judge._built["default"]._sandbox
        asyncio.run(sandbox.close())

    assert [verdict.outcome for verdict in verdicts] == wanted
    assert service.boxes == {}
    assert service.peak <= 20
    assert len(service.created) > 60  # faults did happen


@pytest.mark.parametrize("fault", ["gone", "refused", "busy", "cut", "silent", "mixed"])
def test_a_run_that_is_lost_is_run_in_another_sandbox(start, build, fault):
    service = start(fault=scripted(execute=[None, fault]))
    sandbox = build()
    for n in range(2):
        assert asyncio.run(sandbox.run(f"print({n})", [""], LIMITS))[0].stdout == f"{n}\n"
    assert len(service.created) == 2
    asyncio.run(sandbox.close())
    assert service.boxes == {}


def test_a_sandbox_that_does_not_answer_is_never_used_again(start, build, monkeypatch):
    monkeypatch.setattr(message, "_SPARE_SECONDS", -2.0)
    service = start(fault=scripted(execute=["hanging"]))
    sandbox = build(sandboxes=1)
    began = time.monotonic()
    assert asyncio.run(sandbox.run("print(1)", [""], LIMITS))[0].stdout == "1\n"
    assert 1 <= time.monotonic() - began < 20
    (left,) = service.boxes.values()
    assert (len(service.created), left.runs) == (2, 1)


def test_an_answer_without_an_end_is_given_up_before_it_fills_the_memory(start, build):
    service = start(fault=scripted(execute=["endless"]))
    assert asyncio.run(build().run("print(1)", [""], LIMITS))[0].stdout == "1\n"
    assert service.sent < 2**27


def test_a_service_that_fails_for_good_costs_the_verdict_and_says_why(start, build):
    start(fault=lambda what: "busy" if what == "create" else None)
    (seen,) = asyncio.run(build(patience=1.0).run("print(1)", [""], LIMITS))
    assert seen.ended is Ended.LOST
    assert "no sandbox to be had: ServiceBusyException: 503" in seen.detail


def test_a_refused_key_is_told_before_anything_starts(start, build):
    start(fault=lambda _: "refused")
    with pytest.raises(UserError, match="E2B refuses the key: AuthenticationException: 401"):
        build()


def test_a_key_that_is_refused_later_is_told_once_and_not_tried_again(start, build, caplog):
    service = start(fault=lambda what: "refused" if what == "create" else None)
    sandbox = build(sandboxes=3)

    async def many():
        return await asyncio.gather(*(sandbox.run(f"print({n})", [""], LIMITS) for n in range(30)))

    with caplog.at_level(logging.ERROR):
        seen = [one.ended for (one,) in asyncio.run(many())]
    assert seen == [Ended.LOST] * 30
    assert service.asked.count("create") <= 3
    assert len(caplog.records) == 1


def test_there_are_never_more_sandboxes_than_all_processes_of_a_machine_may_have_together(start, build):
    service = start(fault=lambda what: "slow" if what == "execute" else None)
    pools = [build(sandboxes=3, runs_per_sandbox=2) for _ in range(2)]

    async def many():
        await asyncio.gather(*(pool.run(f"print({n})", [""], LIMITS) for n in range(8) for pool in pools))

    asyncio.run(many())
    assert service.peak <= 3
    assert len(service.created) >= 8


def test_creations_keep_their_rate_together():
    many = [Turns(SecretStr("some key"), 3, 4.0) for _ in range(2)]

    async def create():
        await asyncio.gather(*(turns.creation() for _ in range(3) for turns in many))

    began = time.monotonic()
    asyncio.run(create())
    assert time.monotonic() - began >= 5 * 0.25


def test_a_sandbox_is_replaced_after_so_many_programs(start, build):
    service = start()
    sandbox = build(sandboxes=1, runs_per_sandbox=2)
    for n in range(5):
        asyncio.run(sandbox.run(f"print({n})", [""], LIMITS))
    assert len(service.created) == 3


def test_answers_may_come_in_any_order(start, build):
    start(fault=lambda _: random.choice(["slow", None]))
    sandbox = build(sandboxes=10)

    async def many():
        return await asyncio.gather(*(sandbox.run("print(input())", [str(n)], LIMITS) for n in range(60)))

    assert [one.stdout for (one,) in asyncio.run(many())] == [f"{n}\n" for n in range(60)]
