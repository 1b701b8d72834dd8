"""Each hook that registers plugins: what it registers does its work in a run.

The event hooks are seen in a real run (`tests/whole_system/test_third_party.py`); `tests/fast/docs/test_hooks_page.py`
makes sure that every hook has a test named after it.
"""

from __future__ import annotations

import pytest

PACKAGE = '''
import numpy as np

class Count(Options):
    count: int = 2


class Last(Sampler):
    """The last problems of the pool."""

    def __init__(self, options, setup):
        self.metric = setup.build("difficulty_metric", "halves", "metric")

    def draw(self, context, count):
        return [PromptRequest(int(index)) for index in context.pool.indices[-count:]]


class Odd(Gate):
    """Rejects problems of odd index."""

    def __init__(self, options, setup):
        pass

    def admit(self, context, group):
        return Admission(group.index % 2 == 0, "odd")


class After(StagePolicy):
    """Advances after some steps."""

    def __init__(self, options, setup):
        self.count = options.count

    def decide(self, context):
        over = context.step - context.stage_began_at >= self.count
        return Decision(Move.ADVANCE if over else Move.STAY, "by acme")


class Halves(DifficultyMetric):
    """Everything is of medium difficulty."""

    def __init__(self, options, setup):
        pass

    def estimate(self, indices):
        half = np.full(len(indices), 0.5)
        return Estimate(half, half, half)

    def metrics(self):
        return {"mean": 0.5}


class Length(Reward):
    """The length of the response, by way of a sandbox."""

    def __init__(self, options, setup):
        self.sandbox = setup.build("sandbox", "measure", "sandbox")

    async def score(self, responses):
        executions = await self.sandbox.run("", [response.text for response in responses], Limits())
        return [Verdict(Outcome.PARTIAL, float(execution.stdout), "by acme") for execution in executions]


class Measure(Sandbox):
    """Runs nothing, and measures the input."""

    def __init__(self, options, setup):
        pass

    async def run(self, program, inputs, limits):
        return [Execution("exited", str(len(text))) for text in inputs]


@hookimpl
def register_samplers(register):
    register("last", Last)

@hookimpl
def register_gates(register):
    register("odd", Odd)

@hookimpl
def register_stage_policies(register):
    register("after", After, Count)

@hookimpl
def register_difficulty_metrics(register):
    register("halves", Halves)

@hookimpl
def register_rewards(register):
    register("length", Length)

@hookimpl
def register_sandboxes(register):
    register("measure", Measure)
'''

RUN = """
import asyncio, json
from stagerl_plugins import Limits, Response
from stagerl_plugins.config import Judging
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.call import WorkerSetup
from stagerl_plugins.rewards.judge import Judge
from stagerl_plugins.testing import SimulatedRun, simulated_problems

plugins = load_plugins()
settings = {
    "sampler": "last", "gates": {"odd": {}}, "difficulty": {"halves": {}}, "rewards": {"default": "length"},
    "stages": {"one": {"max_steps": 9, "until": {"after": {"count": 3}}}, "two": {"max_steps": 1}},
    "refill": {"attempts": 0},
}
run = SimulatedRun(settings, simulated_problems(), plugins)
steps = []
while (step := run.run_step()) is not None:
    steps.append(step)
sandbox = WorkerSetup(plugins).build("sandbox", "measure", "sandbox")
with Judge(settings["rewards"], plugins, Judging(seconds=30)) as judge:
    verdict = asyncio.run(judge.judge(Response("four", "")))
print(json.dumps({
    "steps": steps,
    "estimate": run.curriculum.tree.nodes["difficulty.halves"].part.estimate([1, 2]).mean.tolist(),
    "execution": asyncio.run(sandbox.run("", ["abc"], Limits()))[0].stdout,
    "verdict": [verdict.score, verdict.detail],
}))
"""


@pytest.fixture(scope="module")
def run(shared_site):
    """What came of a simulated run and a verdict, with all plugins from one package and our own switched off."""
    shared_site.install("acme", PACKAGE)
    return shared_site.python(RUN, limit="acme")


def test_hook_register_samplers(run):
    assert [index for index, _, _ in run["steps"][0]["drawn"]] == [42, 43, 44, 45, 46, 47]


def test_hook_register_gates(run):
    admitted = {index: admit for step in run["steps"] for index, _, admit in step["drawn"]}
    assert not any(admitted[index] for index in (43, 45, 47))
    assert any(admitted[index] for index in (42, 44, 46))


def test_hook_register_stage_policies(run):
    assert [step["stage"] for step in run["steps"]] == ["one"] * 3 + ["two"]
    assert run["steps"][3]["moved"] == ["advance", "by acme"]


def test_hook_register_difficulty_metrics(run):
    assert run["estimate"] == [0.5, 0.5]
    assert {"difficulty.halves/mean", "sampler/metric/mean"} <= set(run["steps"][0]["metrics"])


def test_hook_register_rewards(run):
    assert run["verdict"] == [4.0, "by acme"]


def test_hook_register_sandboxes(run):
    assert run["execution"] == "3"
