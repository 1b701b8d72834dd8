"""A small curriculum run without a model: a learner whose skill is one number stands for it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from stagerl_plugins.config import parse
from stagerl_plugins.curriculum.curriculum import Curriculum
from stagerl_plugins.plugins import Plugins
from stagerl_plugins.problems import Problems
from stagerl_plugins.types import Admission, Group, Move, Outcome, Rollout, StepRecord, Verdict

BATCH_SIZE = 6
GROUP_SIZE = 4
VALIDATE_EVERY = 2
COLLAPSE_AT = 14  # the step in which the learner forgets much, so that guards have something to see

STAGES: dict[str, dict[str, Any]] = {
    "first": {"max_steps": 10, "mix": {"math": 2, "code": 1}},
    "second": {"max_steps": 8, "domains": ["math"]},
    "third": {"max_steps": 8},
}


def simulated_problems(count: int = 48) -> Problems:
    """Problems of two domains, graded by a grader `sim`, the last few not graded."""
    rate = np.linspace(0.95, 0.05, count)
    samples = np.full(count, 16.0)
    rate[-3:], samples[-3:] = np.nan, 0
    return Problems(
        ids=[f"problem-{number}" for number in range(count)],
        domains=["math" if number % 3 else "code" for number in range(count)],
        levels={"easy": np.arange(count) < count // 2, "hard": np.arange(count) >= count // 2},
        features={"pass_rate_sim": rate, "samples_sim": samples},
    )


def simulated_config(plugins: Plugins, **settings: Any) -> dict[str, Any]:
    """Settings of a run of three stages; `settings` replace some. Stand-ins fill the places of other plugins."""
    if ("sampler", "stand_in") not in plugins.registrations:
        plugins.add(importlib.import_module("stagerl_plugins.testing.stand_ins"), "stagerl_plugins.testing", "0")
    base: dict[str, Any] = {"sampler": "stand_in", "gates": {"stand_in": {}}, "rewards": {"default": "stand_in"}}
    return {"stages": STAGES, **base, **settings}


class SimulatedRun:
    """Runs a curriculum in the order of a real step; rollouts depend on seed, step, problem and skill alone.

    Args:
        settings: What stands under `stagerl` in a configuration.
        problems: The problems of the run.
        plugins: All plugins that it names.

    Attributes:
        step: The last finished step.
        ended: Why the run is over, or None.
    """

    def __init__(self, settings: Mapping[str, Any], problems: Problems, plugins: Plugins) -> None:
        self.config = parse(settings, plugins)
        self.problems = problems
        self.curriculum = Curriculum(self.config, problems, plugins)
        self.step = 0
        self.ended: str | None = None
        self._skill = 0.0
        self._kept: dict[str, dict[str, Any]] = {}  # the whole state at the end of each stage
        self._difficulty = np.linspace(-2.0, 3.0, len(problems))

    def run_step(self) -> dict[str, Any] | None:
        """Do one step. Returns all that was decided, drawn and admitted in it, or None when the run has ended."""
        step = self.step + 1
        moved = self._move(step)
        if self.ended is not None:
            return None
        self.curriculum.begin_step(step)
        record = self._generate(step)
        self.curriculum.observe(record, BATCH_SIZE)
        self._learn(record)
        self.step = step
        if step % VALIDATE_EVERY == 0:
            self.curriculum.observe_validation(step, self._validate())
        metrics = {k: v for k, v in self.curriculum.metrics().items() if not k.startswith("seconds/")}
        drawn = [(group.index, len(group.rollouts), admission.admit) for group, admission in record.groups]
        return {"step": step, "stage": self.curriculum.stage, "moved": moved, "drawn": drawn, "metrics": metrics}

    def _move(self, step: int) -> tuple[str, str] | None:
        curriculum = self.curriculum
        if self.step == 0:
            curriculum.start(step)
            return None
        decision = curriculum.decide(step)
        if decision.move is Move.STAY:
            return None
        previous = curriculum.previous_stage
        if decision.move is Move.BACK and previous is not None:
            curriculum.go_back(step, decision, self._kept[previous]["curriculum"])
            self._skill = self._kept[previous]["skill"]
        elif decision.move is Move.STOP or curriculum.next_stage is None:
            self.ended = decision.reason
        else:
            self._kept[curriculum.stage] = {"curriculum": deepcopy(curriculum.state_dict()), "skill": self._skill}
            curriculum.advance(step, decision)
        return decision.move.value, decision.reason

    def _generate(self, step: int) -> StepRecord:
        groups: list[tuple[Group, Admission]] = []
        missing = BATCH_SIZE
        attempts = self.config.refill.attempts
        for attempt in range(1 + attempts):
            for request in self.curriculum.draw(missing, last=attempt == attempts):
                group = self.group(step, request.index, request.n or GROUP_SIZE)
                admission = self.curriculum.admit(group)
                groups.append((group, admission))
                missing -= admission.admit
            if missing == 0:
                break
        tokens = sum(group.tokens for group, _ in groups)
        trained = sum(group.tokens for group, admission in groups if admission.admit)
        return StepRecord(step, self.curriculum.stage, tuple(groups), tokens, tokens - trained, trained)

    def group(self, step: int, index: int, n: int) -> Group:
        """The group of one problem with n rollouts, as it would be generated in this step."""
        rng = np.random.default_rng([self.config.seed, step, index])
        correct = rng.random(n) < 1 / (1 + np.exp(self._difficulty[index] - self._skill))
        rollouts = tuple(
            Rollout(_verdict(bool(right), float(luck)), int(tokens), truncated=bool(tokens > 90), weights_step=step - 1)
            for right, luck, tokens in zip(correct, rng.random(n), rng.integers(10, 100, n), strict=True)
        )
        if rng.random() < 0.05:
            rollouts = tuple(Rollout(Verdict.not_judged("simulated"), rollout.tokens) for rollout in rollouts)
        return Group(index, self.problems.ids[index], self.curriculum.stage, step, rollouts)

    def _learn(self, record: StepRecord) -> None:
        self._skill += 0.02 * sum(admission.admit for _, admission in record.groups)
        if record.step == COLLAPSE_AT:
            self._skill -= 3.0

    def _validate(self) -> dict[str, float]:
        rng = np.random.default_rng([self.config.seed, self.step])
        rate = float((1 / (1 + np.exp(self._difficulty - self._skill))).mean())
        return {name: rate + float(rng.normal(0, 0.01)) for name in ("math", "code")}

    def state_dict(self) -> dict[str, Any]:
        """A checkpoint: the curriculum's state, and for the model's weights the skill."""
        curriculum = self.curriculum.state_dict()
        return {"curriculum": curriculum, "step": self.step, "skill": self._skill, "kept": self._kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.curriculum.load_state_dict(state["curriculum"])
        self.step, self._skill, self._kept = state["step"], state["skill"], dict(state["kept"])


def _verdict(correct: bool, luck: float) -> Verdict:
    if luck < 0.04:
        return Verdict.not_judged("simulated")
    if luck < 0.08:
        return Verdict(Outcome.TIMED_OUT, 0.0)
    if luck < 0.16:
        return Verdict(Outcome.PARTIAL, 0.5)
    return Verdict(Outcome.CORRECT, 1.0) if correct else Verdict(Outcome.WRONG, 0.0)
