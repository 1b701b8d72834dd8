"""Stub plugins for tests about something else."""

import asyncio
import os
import re
import signal
import time
from pathlib import Path

import psutil

from stagerl_plugins import (
    Options,
    Outcome,
    PromptRequest,
    Reward,
    Sampler,
    Verdict,
    hookimpl,
)
from stagerl_plugins.training.supervise import MARK, marked

stagerl_contract = 1


class OneProblemOptions(Options):
    stage: str
    problem: str


class OneProblem(Sampler):
    """All problems in file order; in one stage, one single problem."""

    def __init__(self, options, setup):
        self.options, self.problems, self.drawn = options, setup.problems, 0

    def draw(self, context, count):
        if context.stage == self.options.stage:
            index = self.problems.index_of(self.options.problem)
            return [PromptRequest(index)] if context.pool.allows(index) else []
        free = context.pool.indices
        start = self.drawn % len(free)
        self.drawn += count
        return [PromptRequest(int(index)) for index in [*free[start:], *free[:start]][:count]]

    def state_dict(self):
        return {"drawn": self.drawn}

    def load_state_dict(self, state):
        self.drawn = state["drawn"]


class HalfJudged(Reward):
    """The score is the length; of hard held-out problems, and where digits have an even sum, it can tell nothing.

    The detail is the problem.
    """

    async def score(self, responses):
        return [self.verdict(response) for response in responses]

    @staticmethod
    def verdict(response):
        even = sum(int(c) for c in response.text if c.isdigit()) % 2 == 0
        if even or response.extra_info.get("set") == "held-hard":
            return Verdict.not_judged(response.problem)
        return Verdict(Outcome.PARTIAL, len(response.text) / 100, response.problem)


class Hanging(Reward):
    """Hangs as often as the response says. The ground truth is a file, which gets the process ids of each try."""

    def __init__(self, options, setup):
        pass

    async def score(self, responses):
        (response,) = responses
        tries = Path(response.ground_truth)
        with tries.open("a") as file:
            file.write(f"{os.getpid()} {os.getppid()} {psutil.Process(os.getppid()).ppid()}\n")
        while len(tries.read_text().splitlines()) <= int(response.text):
            time.sleep(1)
        return [Verdict(Outcome.CORRECT, 1.0, str(os.getpid()))]


class Waiting(Reward):
    """Only waits; the detail is how many did at a time."""

    isolated = False

    def __init__(self, options, setup):
        self.now = 0

    async def score(self, responses):
        self.now += 1
        detail = str(self.now)
        await asyncio.sleep(0.2)
        self.now -= 1
        return [Verdict(Outcome.CORRECT, 1.0, detail) for _ in responses]


class Meeting(Reward):
    """Wants all rollouts of a problem; the detail is the process of their judge."""

    isolated = False
    takes_group = True

    def __init__(self, options, setup):
        pass

    async def score(self, responses):
        return [Verdict(Outcome.CORRECT, 1.0, str(os.getpid())) for _ in responses]


class Holding(Reward):
    """Keeps the interpreter to itself for ever where the response says so: one call of a regular expression."""

    isolated = False

    def __init__(self, options, setup):
        pass

    async def score(self, responses):
        if responses[0].text == "hold":
            re.fullmatch("(a+)+", "a" * 100 + "b")
        return [Verdict(Outcome.CORRECT, 1.0) for _ in responses]


@hookimpl
def register_samplers(register):
    register("one_problem", OneProblem, OneProblemOptions)


@hookimpl
def register_rewards(register):
    register("half_judged", lambda options, setup: HalfJudged())
    register("hanging", Hanging)
    register("waiting", Waiting)
    register("meeting", Meeting)
    register("holding", Holding)


def kill_run():
    """SIGKILL for every process of the run at once, as when a machine goes down."""
    for process in marked(os.environ[MARK]):
        process.kill()
    os.kill(os.getpid(), signal.SIGKILL)


def kill_if_asked(moment):
    if os.environ.get("STAGERL_TEST_KILL") == moment:
        kill_run()


@hookimpl
def step_ended(record):
    kill_if_asked(f"in step {record.step}")


@hookimpl
def stage_started(transition):
    kill_if_asked(f"at stage {transition.target}")
