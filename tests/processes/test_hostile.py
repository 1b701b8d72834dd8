"""Rewards that harm their own process, or those around it: each costs its own responses, and nobody else's."""

import asyncio
import re

import pytest

from stagerl_plugins import Outcome, Response
from stagerl_plugins.config import Judging
from stagerl_plugins.plugins import Plugins
from stagerl_plugins.rewards.judge import Judge

FINE = "fine"
DIED = "its verdict process died, twice"
LATE = "took longer than 6 s"
HOW = {
    "leave_a_thread_that_spins": FINE,
    "leave_a_thread_that_leaves": FINE,
    "leave_a_task_that_spins": LATE,
    "leave_an_alarm": FINE,
    "stop_the_loop": FINE,
    "replace_builtins": LATE,
    "remove_builtins": DIED,
    "replace_json": FINE,
    "replace_pickle": FINE,
    "recurse_no_more": FINE,
    "close_standard_streams": "fine|raised OSError: .*",
    "close_what_prints": FINE,
    "close_everything": DIED,
    "write_everywhere": "its verdict process sent nonsense: .*",
    "read_everywhere": FINE,
    "stop_itself": LATE,
    "leave_its_group": LATE,
    "kill_its_parent": DIED,
    "end_its_parent": DIED,
    "fork_and_spin": FINE,
    "fork_twice_and_come_back": FINE,
    "eat_memory_bit_by_bit": "raised MemoryError",
    "reserve_memory": FINE,
    "lower_the_bound_on_memory": FINE,
    "return_too_much": "returned a verdict of wrong types: ValueError: it has more than 1000 parts",
    "cannot_be_told": "raised Silent: whose text raised Silent",
    "class_of_its_own": FINE,
}


@pytest.mark.parametrize(("how", "said"), HOW.items(), ids=HOW.keys())
def test_its_own_responses_alone(plugins: Plugins, how: str, said: str) -> None:
    rewards = {
        "hostile": {"misbehaving": {"how": "as_told"}},
        "echo": {"misbehaving": {"how": "echo", "cpu_seconds": 60.0}},
        "math": "math",
    }
    asked: list[Response] = []
    right: list[str | None] = []
    for n in range(60):
        if n == 7 or (n == 23 and said != LATE):
            asked.append(Response(how, "", "hostile"))
            right.append(None)
        elif n % 2:
            asked.append(Response(str(n), "", "echo"))
            right.append(str(n))
        else:
            asked.append(Response(rf"\boxed{{{n}^2}}", "64", "math"))
            right.append(Outcome.CORRECT if n == 8 else Outcome.WRONG)
    reports: list[str] = []
    processes = 2 if "parent" in how else 1  # of one, what comes next is in the same process
    judging = Judging(processes=processes, seconds=6 if said == LATE else 60)
    with Judge(rewards, plugins, judging, reports.append) as judge:
        verdicts = asyncio.run(judge.judge_all(asked))
        after = asyncio.run(judge.judge_all([Response(str(n), "", "echo") for n in range(8)]))
    for response, verdict, expected in zip(asked, verdicts, right, strict=True):
        if response.data_source == "hostile":
            assert re.fullmatch(said, verdict.detail.removeprefix("reward 'misbehaving' of misbehaving-rewards 1.2: "))
        else:
            assert expected == (verdict.detail if response.data_source == "echo" else verdict.outcome)
    assert [verdict.detail for verdict in after] == [str(n) for n in range(8)]
    assert len(reports) == any(not verdict.judged for verdict in verdicts)
