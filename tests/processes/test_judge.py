import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from stagerl_plugins import Outcome, Response, Verdict
from stagerl_plugins.config import Judging
from stagerl_plugins.errors import UserError
from stagerl_plugins.plugins import Plugins
from stagerl_plugins.rewards.judge import Judge, check_data_sources

HOSTILE = [r"9^{9^9}+x", r"(10^8)!+0.5", r"2^{2^33}+x", r"\dfrac{5^{(5^{(5^{(5^5)})}-4)}-5}{16}"]
AS_TOLD = {"misbehaving": {"how": "as_told"}}


@pytest.fixture(scope="module")
def reports() -> list[str]:
    return []


@pytest.fixture(scope="module")
def judge(plugins: Plugins, reports: list[str]) -> Iterator[Judge]:
    rewards = {
        "math": {"math": {"seconds": 0.2}},
        "as_told": AS_TOLD,
        "bounded": {"misbehaving": {"how": "spin_in_c", "cpu_seconds": 0.2}},
        "unbuildable": {"misbehaving": {"how": "unbuildable"}},
        "remote": "remote",
        "remote_seven": {"remote": {"how": "seven"}},
        "remote_refuse": {"remote": {"how": "refuse"}},
    }
    with Judge(rewards, plugins, Judging(processes=2, seconds=60), reports.append) as judge:
        yield judge


@pytest.fixture(scope="module")
def impatient(plugins: Plugins) -> Iterator[Judge]:
    rewards = {"as_told": AS_TOLD, "remote_wait": {"remote": {"how": "wait"}}}
    with Judge(rewards, plugins, Judging(processes=2, seconds=0.5)) as judge:
        yield judge


def verdict(judge: Judge, text: str, source: str = "as_told", truth: str = "5") -> Verdict:
    return asyncio.run(judge.judge(Response(text, truth, source)))


def test_a_response_is_judged_by_the_reward_of_its_data_source(judge: Judge) -> None:
    assert verdict(judge, r"\boxed{5}", "math") == Verdict(Outcome.CORRECT, 1.0, "5")
    assert verdict(judge, r"\boxed{6}", "math") == Verdict(Outcome.WRONG, 0.0, "6")
    assert verdict(judge, "fine") == Verdict(Outcome.CORRECT, 1.0, "fine")
    assert verdict(judge, "anything", "remote") == Verdict(Outcome.CORRECT, 1.0, "fine")


def test_a_data_source_without_a_reward_is_told_before_and_during_a_run(judge: Judge) -> None:
    assert verdict(judge, "5", "chess").detail == "no reward for data source 'chess', and no 'default'"
    check_data_sources({"math": "math"}, ["math", "math"])
    check_data_sources({"default": "math"}, ["anything"])
    with pytest.raises(UserError, match=r"^rewards: no reward for data source 'chess', 'go': add it, or 'default'"):
        check_data_sources({"math": "math"}, ["go", "chess", "math", "go"])


@pytest.mark.parametrize(("name", "nearest"), [("chss", "chess"), ("defualt", "default")])
def test_a_reward_that_no_data_source_asks_for_is_a_misspelt_one(name: str, nearest: str) -> None:
    line = f"^rewards.{name}: no problem has the data source '{name}': did you mean '{nearest}'"
    with pytest.raises(UserError, match=line):
        check_data_sources({"default": "math", name: "math"}, ["go", "chess"])


@pytest.mark.parametrize("how", ["half_a_surrogate_pair", "raise_half_a_surrogate_pair"])
def test_a_detail_can_always_be_written_to_a_file(plugins: Plugins, how: str) -> None:
    with Judge({"default": {"misbehaving": {"how": how}}}, plugins, Judging()) as judge:
        verdict = asyncio.run(judge.judge(Response("", "")))
    assert f"{verdict.detail} {verdict.parts}".encode().endswith(b"? {'?': 1.0}" if verdict.judged else b"? {}")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("raise_an_error", "raised KeyError: 'no such thing'"),
        ("leave", "raised SystemExit: 0"),
        ("exit_without_a_word", "its verdict process died, twice"),
        ("crash", "its verdict process died, twice"),
        ("eat_memory", "raised MemoryError"),
        ("nan", "raised ValueError: a score must be finite, got nan"),
        ("verdict_of_text", "raised ValueError: 'splendid' is not a valid Outcome"),
        ("text", "returned '1.0' instead of a list of verdicts"),
        ("seven", "returned 7 instead of a list of verdicts"),
        ("none", "returned None instead of a list of verdicts"),
        ("numbers", "returned 1.0 instead of a verdict"),
        ("too_few", "returned 0 verdicts for 1 response"),
        ("too_many", "returned 2 verdicts for 1 response"),
    ],
)
def test_a_reward_that_breaks_the_contract_costs_that_response(judge: Judge, how: str, why: str) -> None:
    assert verdict(judge, how) == Verdict.not_judged(f"reward 'misbehaving' of misbehaving-rewards 1.2: {why}")
    assert verdict(judge, "fine").outcome is Outcome.CORRECT


@pytest.mark.parametrize("how", ["hang", "spin", "spin_in_c"])
def test_a_reward_that_never_ends_is_killed(impatient: Judge, how: str) -> None:
    began = time.monotonic()
    killed = verdict(impatient, how)
    assert time.monotonic() - began < 30
    assert killed.detail == "reward 'misbehaving' of misbehaving-rewards 1.2: took longer than 0.5 s"


def test_others_are_judged_while_one_never_ends(plugins: Plugins) -> None:
    async def both() -> None:
        stuck = asyncio.ensure_future(judge.judge(Response("spin_in_c", "", "as_told")))
        fine = await judge.judge_all([Response("fine", "", "as_told")] * 10)
        assert {verdict.outcome for verdict in fine} == {Outcome.CORRECT}
        assert not stuck.done()
        stuck.cancel()

    with Judge({"as_told": AS_TOLD}, plugins, Judging(processes=2, seconds=60)) as judge:
        asyncio.run(both())


def test_a_reward_may_bound_the_processor_time_of_a_response_which_is_then_timed_out(judge: Judge) -> None:
    expected = Verdict(Outcome.TIMED_OUT, 0.0, "took more than 0.2 s of processor time")
    assert verdict(judge, "", "bounded") == expected


def test_hostile_answers_are_timed_out(judge: Judge) -> None:
    began = time.monotonic()
    verdicts = asyncio.run(judge.judge_all([Response(rf"\boxed{{{a}}}", "5", "math") for a in HOSTILE]))
    assert [v.outcome for v in verdicts] == [Outcome.TIMED_OUT] * 4
    assert time.monotonic() - began < 10


def test_a_reward_that_cannot_be_built_leaves_the_others_alone(judge: Judge) -> None:
    assert verdict(judge, "", "unbuildable").detail.endswith("cannot be built: RuntimeError: no licence")


def test_a_coroutine_that_only_waits_is_given_up_even_if_it_ignores_that(impatient: Judge) -> None:
    loop = asyncio.new_event_loop()  # asyncio.run would wait for what cannot be cancelled
    given_up = loop.run_until_complete(impatient.judge(Response("", "", "remote_wait")))
    assert given_up.detail.endswith("took longer than 0.5 s")
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False


def test_a_coroutine_is_held_to_the_contract_too(judge: Judge) -> None:
    assert verdict(judge, "", "remote_seven").detail.endswith("returned 7 instead of a list of verdicts")
    assert verdict(judge, "", "remote_refuse").detail.endswith("misbehaving-rewards 1.2: server down")


def test_what_cannot_be_sent_to_a_process_costs_that_response(judge: Judge) -> None:
    response = Response("fine", "", "as_told", extra_info={"lock": threading.Lock()})
    assert "cannot pickle" in asyncio.run(judge.judge(response)).detail


def test_failures_are_counted_and_reported_once_for_each_reward(judge: Judge, reports: list[str]) -> None:
    before = judge.failures.copy()
    for _ in range(3):
        verdict(judge, "seven")
        verdict(judge, "", "remote_refuse")
    assert judge.failures["misbehaving"] == before["misbehaving"] + 3
    assert judge.failures["remote"] == before["remote"] + 3
    assert "math" not in judge.failures
    assert sorted(line.split()[1] for line in reports) == ["'misbehaving'", "'remote'"]
    assert all("of misbehaving-rewards 1.2: " in line for line in reports)


def unsettled() -> str:
    """The processes below us, if one is a zombie or the parent of more than two; else nothing."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found.append((process.ppid(), process.pid, process.status()))
    zombie = any(status == psutil.STATUS_ZOMBIE for _, _, status in found)
    return str(found) if zombie or max(Counter(parent for parent, _, _ in found).values()) > 2 else ""


def test_five_hundred_at_once_with_hostile_ones_from_another_thread_s_event_loop(judge: Judge) -> None:
    answers = [HOSTILE[n // 100 % 4] if n % 100 == 50 else str(n) for n in range(500)]
    verdicts: list[Verdict] = []

    async def judge_all() -> None:
        verdicts.extend(await judge.judge_all([Response(rf"\boxed{{{a}}}", "7", "math") for a in answers]))

    thread = threading.Thread(target=lambda: asyncio.run(judge_all()))
    thread.start()
    thread.join()
    right = [Outcome.CORRECT if a == "7" else Outcome.TIMED_OUT if a in HOSTILE else Outcome.WRONG for a in answers]
    assert [v.outcome for v in verdicts] == right
    deadline = time.monotonic() + 60  # what was killed takes its time to end
    while (left := unsettled()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def test_a_time_limit_may_be_as_good_as_none(plugins: Plugins) -> None:
    with Judge({"as_told": AS_TOLD, "remote": "remote"}, plugins, Judging(seconds=1e300)) as judge:
        assert verdict(judge, "fine") == Verdict(Outcome.CORRECT, 1.0, "fine")
        assert verdict(judge, "fine", "remote") == Verdict(Outcome.CORRECT, 1.0, "fine")


def test_a_cancelled_wait_leaves_the_judge_working(impatient: Judge) -> None:
    async def give_up() -> None:
        waiting = [asyncio.ensure_future(impatient.judge(Response("hang", "", "as_told"))) for _ in range(20)]
        await asyncio.sleep(0.1)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(give_up())
    assert verdict(impatient, "fine").outcome is Outcome.CORRECT


def test_a_wrong_reward_is_told_at_once(plugins: Plugins) -> None:
    with pytest.raises(UserError, match=r"rewards\.x: no reward is called 'maths': did you mean 'math'\?"):
        Judge({"x": "maths"}, plugins, Judging())
    with pytest.raises(UserError, match=r"rewards\.x\.math\.second: unknown key; did you mean 'seconds'\?"):
        Judge({"x": {"math": {"second": 1}}}, plugins, Judging())
