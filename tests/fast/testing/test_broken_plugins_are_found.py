"""Each contract test finds the fault that it is there for."""

import time
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, model_validator

from stagerl_plugins.hookspecs import hookimpl
from stagerl_plugins.plugins import KINDS, Options, load_plugins
from stagerl_plugins.protocols import DifficultyMetric, Gate, Reward, Sampler, StagePolicy
from stagerl_plugins.testing import ContractError, check_plugin, reward_checks
from stagerl_plugins.types import Admission, Decision, Estimate, Move, Outcome, PromptRequest, Verdict


def check(kind, factory, options=None, given=None):
    def register_it(register):
        register("broken", factory, options)

    module = ModuleType("broken")
    module.stagerl_contract = 1
    setattr(module, KINDS[kind], hookimpl(register_it))
    plugins = load_plugins()
    plugins.add(module, "broken-package", "1.0")
    check_plugin(kind, "broken", given, plugins=plugins)


class Draws(Sampler):
    """A good sampler; the faults are in its children."""

    def __init__(self, options, setup):
        self.setup, self.rng, self.count = setup, setup.rng, 0

    def draw(self, context, count):
        return [PromptRequest(int(i)) for i in self.rng.permutation(context.pool.indices)[:count]]


class Decides(StagePolicy):
    """A good stage policy; the faults are in its children."""

    def __init__(self, options, setup):
        self.steps = 0

    def observe(self, record):
        self.steps += 1

    def decide(self, context):
        return Decision(Move.ADVANCE if self.steps % 5 == 4 else Move.STAY, "", {"steps": self.steps})

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]


class Estimates(DifficultyMetric):
    """A good difficulty metric; the faults are in its children."""

    def __init__(self, options, setup):
        self.seen = setup.column("seen", 0)

    def observe(self, record):
        for group, _ in record.groups:
            self.seen[group.index] += 1

    def estimate(self, indices):
        mean = 1 / (1 + self.seen[indices])
        return Estimate(mean, mean * 0.5, mean)


class Judges(Reward):
    """A good reward; the faults are in its children."""

    def __init__(self, options, setup):
        pass

    async def score(self, responses):
        return [self.verdict(response) for response in responses]

    def verdict(self, response):
        return Verdict(Outcome.WRONG, 0.0)


class Admits(Gate):
    """A good gate; the fault is in its child."""

    def __init__(self, options, setup):
        pass

    def admit(self, context, group):
        return Admission(len(group.scores) > 2, "few")


class DrawsInTurn(Draws):
    """Keeps by id in its state how often a problem was drawn."""

    def __init__(self, options, setup):
        super().__init__(options, setup)
        self.draws = np.zeros(len(setup.problems))

    def draw(self, context, count):
        pool = context.pool.indices
        chosen = pool[np.argsort(self.draws[pool], kind="stable")[:count]]
        self.draws[chosen] += 1
        return [PromptRequest(int(index)) for index in chosen]

    def state_dict(self):
        return {"ids": list(self.setup.problems.ids), "draws": self.draws}

    def load_state_dict(self, state):
        for identifier, draws in zip(state["ids"], state["draws"], strict=True):
            if (index := self.setup.problems.get(identifier)) is not None:
                self.draws[index] = draws


class RemembersScores(Decides):
    """Its state grows with the run."""

    def __init__(self, options, setup):
        super().__init__(options, setup)
        self.scores = []

    def observe(self, record):
        super().observe(record)
        self.scores += [float(group.scores.mean()) for group, _ in record.groups if len(group.scores)]

    def state_dict(self):
        return {"steps": self.steps, "scores": self.scores}

    def load_state_dict(self, state):
        self.steps, self.scores = state["steps"], list(state["scores"])


@pytest.mark.parametrize(
    ("kind", "factory"),
    [
        ("sampler", Draws),
        ("sampler", DrawsInTurn),
        ("stage_policy", RemembersScores),
        ("stage_policy", Decides),
        ("difficulty_metric", Estimates),
        ("reward", Judges),
        ("gate", Admits),
    ],
)
def test_the_good_ones_pass(kind, factory):
    check(kind, factory)


class DrawsTwice(Draws):
    def draw(self, context, count):
        return [PromptRequest(int(context.pool.indices[0]))] * count


class DrawsTooMany(Draws):
    def draw(self, context, count):
        return super().draw(context, count + 1)


class DrawsNothing(Draws):
    def draw(self, context, count):
        return []


class DrawsFromElsewhere(Draws):
    def draw(self, context, count):
        return [PromptRequest(index) for index in range(count)]


class DrawsWithItsOwnDice(Draws):
    def draw(self, context, count):
        self.rng = np.random.default_rng()
        return super().draw(context, count)


class ForgetsWhereItWas(Draws):
    def draw(self, context, count):
        self.count += 1
        chosen = np.roll(context.pool.indices, self.count * 5)[:count]
        return [PromptRequest(int(index)) for index in chosen]


class KeepsRowsInItsState(ForgetsWhereItWas):
    """Its state fits the problems as they were, and no others."""

    def __init__(self, options, setup):
        super().__init__(options, setup)
        self.ids = list(setup.problems.ids)

    def state_dict(self):
        return {"count": self.count, "ids": self.ids}

    def load_state_dict(self, state):
        if state["ids"] != self.ids:
            raise ValueError("other problems")
        self.count = state["count"]


class DrawsRowsInTurn(DrawsInTurn):
    """Keeps by row in its state how often a problem was drawn."""

    def state_dict(self):
        return {"in": {"turn": self.draws.tolist()}}

    def load_state_dict(self, state):
        known = state["in"]["turn"][: len(self.draws)]
        self.draws[: len(known)] = known


class KeepsASet(Draws):
    def state_dict(self):
        return {"seen": {1, 2}}


class MeasuresNothing(Draws):
    def metrics(self):
        return {"share": float("nan")}


class CountsQuestions(Decides):
    def decide(self, context):
        self.steps += 1
        return super().decide(context)


class CountsQuestionsInSilence(Decides):
    def __init__(self, options, setup):
        super().__init__(options, setup)
        self.questions = setup.column("questions", 0)

    def decide(self, context):
        self.questions[0] += 1
        return super().decide(context)


class SaysYes(Decides):
    def decide(self, context):
        return True


class ForgetsItsSteps(Decides):
    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class CountsSilentlyForAWhile(ForgetsItsSteps):
    """What it forgets shows many steps later."""

    def decide(self, context):
        return Decision(Move.ADVANCE if self.steps >= 9 else Move.STAY)


class StopsAfterAWhile(ForgetsItsSteps):
    """What it forgets shows at the run's end alone."""

    def decide(self, context):
        return Decision(Move.STOP if self.steps >= 25 else Move.STAY)


class ForgetsItsCounts(Estimates):
    """Keeps in a dictionary what belongs into a column."""

    def __init__(self, options, setup):
        super().__init__(options, setup)
        self.seen = {}

    def observe(self, record):
        for group, _ in record.groups:
            self.seen[group.problem] = self.seen.get(group.problem, 0) + 1

    def estimate(self, indices):
        mean = np.array([min(1.0, self.seen.get(f"problem-{index}", 0) / 10) for index in indices])
        return Estimate(mean, mean, mean)


class EstimatesOne(Estimates):
    def estimate(self, indices):
        return Estimate(np.array([0.5]), np.array([0.5]), np.array([0.5]))


class EstimatesTooMuch(Estimates):
    def estimate(self, indices):
        mean = 1.5 * np.ones(len(indices))
        return Estimate(mean, mean, mean)


class AdmitsTrue(Admits):
    def admit(self, context, group):
        return True


class AdmitsRowsOnce(Admits):
    """Keeps by row in its state when it saw a problem first."""

    def __init__(self, options, setup):
        self.seen_at = [None] * len(setup.problems)

    def admit(self, context, group):
        seen_at = self.seen_at[group.index]
        return Admission(seen_at is None or seen_at == context.step, "seen before")

    def observe(self, record):
        for group, _ in record.groups:
            self.seen_at[group.index] = self.seen_at[group.index] or record.step

    def state_dict(self):
        return {"seen_at": self.seen_at}

    def load_state_dict(self, state):
        self.seen_at = (state["seen_at"] + self.seen_at)[: len(self.seen_at)]


class RaisesForEmpty(Judges):
    def verdict(self, response):
        return Verdict(Outcome.WRONG, 0.0, response.text.split()[0][:10])


class JudgesFewer(Judges):
    async def score(self, responses):
        return (await super().score(responses))[:3]


class JudgesNumbers(Judges):
    async def score(self, responses):
        return [0.0 for _ in responses]


class JudgesByCompany(Judges):
    async def score(self, responses):
        return [Verdict(Outcome.WRONG, float(len(responses))) for _ in responses]


class NoSampler:
    """Draws, but is no Sampler."""

    def __init__(self, options, setup):
        pass

    def draw(self, context, count):
        return []


class CannotBeBuilt(Draws):
    def __init__(self, options, setup):
        raise OSError("no file /data/answers.json")


class WantsAnotherColumn(Draws):
    def __init__(self, options, setup):
        setup.problems.feature("pass_rate_smi")


class DrawsIds(Draws):
    def draw(self, context, count):
        return [PromptRequest(f"problem-{index}") for index in context.pool.indices[:count]]


class MeasuresText(Draws):
    def metrics(self):
        return {"mood": "fine"}


class MisspeltMethod(Draws):
    def observed(self, record):
        pass


class EvidenceOfNothing(Decides):
    def decide(self, context):
        return Decision(Move.STAY, evidence={"rate": float("nan")})


class EstimatesAnArray(Estimates):
    def estimate(self, indices):
        return np.ones(len(indices))


class CountsByRow(Estimates):
    """Keeps by row in its state what belongs into a column."""

    def __init__(self, options, setup):
        self.seen = np.zeros(len(setup.problems))

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen[: len(state["seen"])] = state["seen"]


class NeverAnswers(Judges):
    def verdict(self, response):
        while True:
            try:
                time.sleep(60)
            except ValueError:
                continue


class NotAsync(Judges):
    def score(self, responses):
        return []


@pytest.mark.parametrize(
    ("kind", "factory", "message"),
    [
        ("sampler", DrawsTwice, "a problem twice"),
        ("sampler", DrawsTooMany, "at most 1 were asked"),
        ("sampler", DrawsNothing, "draw returned nothing"),
        ("sampler", DrawsFromElsewhere, "not in the pool"),
        ("sampler", DrawsWithItsOwnDice, "all random numbers must come from setup.rng"),
        ("sampler", ForgetsWhereItWas, "state_dict must hold all"),
        ("sampler", KeepsRowsInItsState, "other problems"),
        ("sampler", DrawsRowsInTurn, "its state's in.turn has a number for each row: "),
        ("gate", AdmitsRowsOnce, "keep what belongs to a problem in a column, or by its id"),
        ("sampler", KeepsASet, "only JSON values and NumPy arrays can be saved"),
        ("sampler", MeasuresNothing, "metrics must be finite"),
        ("stage_policy", CountsQuestions, "decide must be pure"),
        ("stage_policy", CountsQuestionsInSilence, "must change no state"),
        ("stage_policy", SaysYes, "must return a Decision"),
        ("stage_policy", ForgetsItsSteps, "state_dict must hold all"),
        ("stage_policy", CountsSilentlyForAWhile, "state_dict must hold all"),
        ("stage_policy", StopsAfterAWhile, "state_dict must hold all"),
        ("sampler", NoSampler, "its factory must return a Sampler"),
        ("sampler", CannotBeBuilt, "no file /data/answers.json"),
        ("sampler", WantsAnotherColumn, "did you mean 'pass_rate_sim'?"),
        ("sampler", DrawsIds, "no whole number"),
        ("sampler", MeasuresText, "metrics must be numbers by name, got {'mood': 'fine'}"),
        ("sampler", MisspeltMethod, "nothing calls `observed`: did you mean `observe`?"),
        ("stage_policy", EvidenceOfNothing, "evidence must be finite"),
        ("difficulty_metric", EstimatesAnArray, "estimate must return an Estimate"),
        ("difficulty_metric", CountsByRow, "keep what belongs to a problem in a column, or by its id"),
        ("reward", CannotBeBuilt, "could not be built: OSError"),
        ("reward", NoSampler, "its factory must return a Reward"),
        ("reward", NeverAnswers, "score did not return within 1 s for an empty response"),
        ("reward", NotAsync, "write `async def score`"),
        ("difficulty_metric", ForgetsItsCounts, "has another estimate; state_dict must hold all"),
        ("difficulty_metric", EstimatesOne, "a value for each"),
        ("difficulty_metric", EstimatesTooMuch, "0 <= low <= mean <= high <= 1"),
        ("gate", AdmitsTrue, "must return an Admission"),
        ("reward", RaisesForEmpty, "score raised for an empty response"),
        ("reward", JudgesFewer, "must return a list of"),
        ("reward", JudgesNumbers, "must return a verdict, got 0.0 for an empty response"),
        ("reward", JudgesByCompany, "wrong with 1.0 alone but wrong with 12.0 among others"),
    ],
)
def test_a_fault_is_found_and_named(kind, factory, message, monkeypatch):
    monkeypatch.setattr(reward_checks, "SECONDS", 1)
    with pytest.raises(ContractError) as failure:
        check(kind, factory)
    assert message in str(failure.value)
    assert "broken-package 1.0" in str(failure.value)


class Loose(BaseModel):
    size: int = 1


class Untyped(Options):
    size: str | int | float | list | dict | object = 1


def test_options_that_take_unknown_keys_are_found():
    with pytest.raises(ContractError, match="no_such_option"):
        check("sampler", Draws, Loose)


def test_options_that_take_anything_are_found():
    with pytest.raises(ContractError, match="'size': declare its type"):
        check("sampler", Draws, Untyped)


class Together(Options):
    low: float
    high: float

    @model_validator(mode="before")
    @classmethod
    def _in_order(cls, values):
        if not {"low", "high"} <= values.keys():
            raise ValueError("low and high belong together")
        return values


def test_options_that_are_looked_at_together_are_given_together():
    check("sampler", Draws, Together, {"low": 0.1, "high": 0.9})


def test_options_that_say_any_are_left_alone():
    check("sampler", Draws, Free)


class Free(Options):
    size: Any = 1


def test_options_that_cannot_travel_are_found():
    class Local(Options):
        size: int = 1

    with pytest.raises(ContractError, match="cannot be sent to another process"):
        check("sampler", Draws, Local)


def test_a_plugin_without_docstring_is_found():
    class Silent(Draws):
        pass

    Silent.__doc__ = ""
    with pytest.raises(ContractError, match="needs a docstring"):
        check("sampler", lambda options, setup: Silent(options, setup))
