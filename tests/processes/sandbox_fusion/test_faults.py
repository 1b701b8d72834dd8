"""Whatever servers do, verdicts are the programs' own."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time

import pytest
from fusion_server import FusionServer, at_once

from stagerl_plugins.config import Judging
from stagerl_plugins.rewards.judge import Judge
from stagerl_plugins.types import Ended, Limits, Outcome, Response

TESTS = json.dumps({"inputs": ["2", "3"], "outputs": ["4", "9"]})
BODIES = {
    Outcome.CORRECT: "print(int(input()) ** 2)",
    Outcome.PARTIAL: "print(int(input()) * 2)",
    Outcome.WRONG: "print(-1)",
    Outcome.TIMED_OUT: "raise TimeoutError",
}
NOTHING_RAN = ["busy", "limited", "unauthorized", "no route"]
MAY_HAVE_RUN = ["reset", "cut", "broken", "bad gateway", "gateway timeout", "sandbox error", b"", b"{}", b"\xff"]


def often(share, seed):
    rng = random.Random(seed)
    return lambda: rng.choice(["slow", *NOTHING_RAN, *MAY_HAVE_RUN]) if rng.random() < share else None


@pytest.mark.timeout(240)
def test_a_thousand_programs_with_faults_have_the_verdicts_that_they_have_without(start, soon, plugins):
    servers = [start(fault=often(0.1, seed)) for seed in range(2)]
    servers.append(start(fault=lambda: "crash" if len(servers[2].asked) >= 100 else None))  # it is lost on the way
    wanted = [list(BODIES)[n % 4] for n in range(1000)]
    responses = [Response(f"```python\n{BODIES[outcome]}  # {n}\n```", TESTS) for n, outcome in enumerate(wanted)]
    options = {"sandbox_fusion": {"endpoints": [server.url for server in servers]}}

    with Judge({"default": {"code": {"sandbox": options}}}, plugins, Judging(), report=print) as judge:
        verdicts = asyncio.run(judge.judge_all(responses))
        asyncio.run(judge._built["default"]._sandbox.close())

    assert [verdict.outcome for verdict in verdicts] == wanted
    assert sum(len(server.asked) for server in servers) > 2100  # faults did happen
    assert 100 <= len(servers[2].asked) < 200


@pytest.mark.parametrize("fault", [*NOTHING_RAN, *MAY_HAVE_RUN])
def test_a_run_that_a_server_fails_is_run_on_another(start, build, run, after_start, fault):
    failing = start(fault=after_start(then=fault))
    well = start()
    sandbox = build(failing, well)
    assert [run(sandbox, f"print({n})").stdout for n in range(8)] == [f"{n}\n" for n in range(8)]
    assert len(well.asked) == 1 + 8


def test_what_is_wrong_with_a_program_is_asked_of_one_server_once(start, build, run):
    servers = [start(), start()]
    sandbox = build(*servers)
    assert run(sandbox, "raise TimeoutError").ended is Ended.TIMED_OUT
    assert run(sandbox, "1 / 0").exit_code == 1
    assert sum(len(server.asked) for server in servers) == 2 + 2


def test_a_refused_request_is_not_asked_again(start, build, run, after_start):
    servers = [start(fault=after_start(then="refused")) for _ in range(2)]
    seen = run(build(*servers), "print(1)")
    assert seen.ended is Ended.LOST
    assert "refuses it: 422 refused" in seen.detail
    assert sum(len(server.asked) for server in servers) == 2 + 1


def test_a_program_that_takes_down_what_runs_it_costs_so_many_attempts_and_nobody_else(start, build, run, soon):
    def takes_down(asked):
        if "kill" in asked["code"]:
            raise ConnectionResetError
        return at_once(asked)

    servers = [start(execute=takes_down) for _ in range(2)]
    sandbox = build(*servers, attempts=3)
    seen = run(sandbox, "kill")
    assert seen.ended is Ended.LOST
    assert seen.detail.startswith("lost 3 times, at last by http://127.0.0.1:")
    assert run(sandbox, "print(1)").stdout == "1\n"
    assert sum(len(server.asked) for server in servers) == 2 + 3 + 1


def test_a_server_that_does_not_answer_is_not_a_slow_program(start, build, run, after_start):
    hanging, well = start(fault=after_start(then="hanging")), start()
    sandbox = build(hanging, well, answer_seconds=1.0)
    began = time.monotonic()
    assert [run(sandbox, f"print({n})", seconds=0.5).stdout for n in range(8)] == [f"{n}\n" for n in range(8)]
    assert 1 <= time.monotonic() - began < 30
    assert len(hanging.asked) > 1


def test_a_dead_server_is_left_out_and_taken_back_when_it_lives(start, build, run, soon, caplog):
    dies, well = start(), start()
    sandbox = build(dies, well)
    dies.stop()
    with caplog.at_level(logging.WARNING):
        run_until(lambda: f"{dies.url} is left out while it fails: ConnectError" in caplog.text, sandbox, run)
        with FusionServer(port=dies.port) as back:
            run_until(lambda: f"{dies.url} answers again" in caplog.text, sandbox, run)
            asked = len(back.asked)
            run_until(lambda: len(back.asked) > asked + 5, sandbox, run)
    assert well.url not in caplog.text


def run_until(condition, sandbox, run):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        program = f"print({time.monotonic_ns()})"
        assert run(sandbox, program).stdout == program[6:-1] + "\n"
        time.sleep(0.01)


def test_all_servers_down_is_one_line_that_names_them_in_bounded_time(start, build, run, after_start):
    dies, busy = start(), start(fault=after_start(then="busy"))
    sandbox = build(dies, busy, patience=1.0)
    dies.stop()
    began = time.monotonic()
    seen = run(sandbox, "print(1)")
    assert 1 <= time.monotonic() - began < 30
    assert seen.ended is Ended.LOST
    assert seen.detail.startswith("no server for 1 s: ")
    assert f"{dies.url}: ConnectError: All connection attempts failed" in seen.detail
    assert f"{busy.url}: 503 busy" in seen.detail
    assert "\n" not in seen.detail


def test_a_server_that_fails_is_asked_less_and_less_often(start, build, run, after_start):
    busy = start(fault=after_start(then="busy"))
    sandbox = build(busy, patience=4.0)
    assert run(sandbox, "print(1)").ended is Ended.LOST
    assert 2 <= len(busy.asked) - 1 <= 7  # after 0.25 to 0.5 s, then twice that


def test_a_server_that_failed_gets_one_run_at_a_time_until_it_has_answered(start, build, soon, after_start):
    server = start(fault=after_start(*["busy"] * 12, then="slow"))
    sandbox = build(server, concurrency=8)

    async def many():
        runs = [asyncio.create_task(sandbox.run(f"print({n})", [""], Limits())) for n in range(16)]
        while len(server.asked) < 1 + 9:
            await asyncio.sleep(0.01)
        failing, server.peak = server.peak, 0
        while len(server.asked) < 1 + 13:
            await asyncio.sleep(0.01)
        probing = server.peak
        await asyncio.gather(*runs)
        return failing, probing, server.peak

    failing, probing, after = asyncio.run(many())
    assert probing == 1
    assert 1 < failing <= 8  # how many of the eight are there at one moment is the machine's to say
    assert 1 < after <= 8


def test_runs_that_fail_together_are_one_failure(start, build, after_start):
    sandbox = build(start(fault=after_start(*["busy"] * 8)), concurrency=8)
    began = time.monotonic()
    seen = asyncio.run(sandbox.run("print(input())", list("abcdefgh"), Limits()))
    assert [one.stdout for one in seen] == [f"{letter}\n" for letter in "abcdefgh"]
    assert time.monotonic() - began < 20  # after eight failures in a row it would rest for half a minute at least


def test_a_busy_server_is_left_alone_for_as_long_as_it_says(start, build, run, after_start, soon):
    server = start(fault=after_start("limited"))
    assert run(build(server), "print(1)").stdout == "1\n"
    _, limited, done = server.times
    assert done - limited >= 0.99


def test_runs_are_spread_and_no_server_has_too_many(start, build):
    servers = [start(fault=lambda: "slow") for _ in range(3)]
    sandbox = build(*servers, concurrency=4)

    async def many():
        await asyncio.gather(*(sandbox.run(f"print({n})", ["1", "2"], Limits()) for n in range(30)))

    asyncio.run(many())
    assert [server.peak for server in servers] == [4, 4, 4]
    assert all(10 <= len(server.asked) <= 31 for server in servers)


def test_the_least_busy_server_is_asked(start, build):
    servers = [start(fault=lambda: "slow") for _ in range(3)]
    sandbox = build(*servers, concurrency=8)
    asyncio.run(sandbox.run("print(input())", list("abcdef"), Limits()))
    assert [len(server.asked) for server in servers] == [3, 3, 3]  # one of each at the start


def test_answers_may_come_in_any_order(start, build):
    rng = random.Random(1)
    sandbox = build(start(fault=lambda: rng.choice(["slow", None])), concurrency=16)

    async def many():
        return await asyncio.gather(*(sandbox.run("print(input())", [str(n), f"{n}a"], Limits()) for n in range(60)))

    assert [one.stdout for both in asyncio.run(many()) for one in both] == [
        text for n in range(60) for text in (f"{n}\n", f"{n}a\n")
    ]


def test_closing_loses_what_runs(start, build, after_start):
    sandbox = build(start(fault=after_start(then="hanging")))

    async def close_early():
        runs = [asyncio.create_task(sandbox.run(f"print({n})", [""], Limits())) for n in range(20)]
        await asyncio.sleep(0.2)
        await sandbox.close()
        return [one for run in runs for one in await run]

    seen = asyncio.run(close_early())
    assert {(one.ended, one.detail) for one in seen} == {(Ended.LOST, "the sandbox was closed")}
    assert asyncio.run(sandbox.run("print(1)", [""], Limits()))[0].ended is Ended.LOST
