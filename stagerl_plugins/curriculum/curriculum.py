"""The curriculum: it composes sampler, gates, policies and metrics, and is asked by the trainer at each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from stagerl_plugins.config import Config, Stage
from stagerl_plugins.curriculum.mix import Mix
from stagerl_plugins.curriculum.pool import StagePool, fault_of
from stagerl_plugins.curriculum.stages import stage_members
from stagerl_plugins.curriculum.tree import Tree
from stagerl_plugins.errors import PluginError, UserError
from stagerl_plugins.plugins import Plugins
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import Context, DrawContext
from stagerl_plugins.types import PRECEDENCE, Admission, Decision, Group, Move, PromptRequest, StepRecord, Transition


class Curriculum:
    """Order of a step: `decide`, `move` (if need be), `begin_step`, `draw` (and refills), `admit`, `observe`.

    Args:
        config: The validated configuration.
        problems: The problems of the run.
        plugins: All loaded plugins.
        least_judged: Judged rollouts that a group must have; 1 where an advantage needs no others to compare with.

    Raises:
        UserError: A stage names levels or domains that the problems do not have, or has no problem at all.
    """

    def __init__(self, config: Config, problems: Problems, plugins: Plugins, least_judged: int = 2) -> None:
        self.config = config
        self.least_judged = least_judged
        self.problems = problems
        self.tree = Tree(problems, plugins, config.seed)
        self._members = {name: stage_members(problems, name, stage) for name, stage in config.stages.items()}
        self._sampler = self.tree.build("sampler", config.sampler, "sampler")
        for kind, field in (("gate", "gates"), ("stage_policy", "guards"), ("difficulty_metric", "difficulty")):
            for name, options in getattr(config, field).items():
                self.tree.build(kind, {name: options}, f"{field}.{name}", field)
        for name, stage in config.stages.items():
            if stage.until is not None:
                self.tree.build("stage_policy", stage.until, f"stages.{name}.until")
            if stage.mix and self._sampler.mixes:
                raise UserError(f"stages.{name}.mix: the sampler chooses the domains itself, so a mix cannot be kept")
        self.step = 0
        self.stage = next(iter(config.stages))
        self.stage_began_at = 1
        self.visits: Counter[str] = Counter()
        self.went_back_at: int | None = None
        self.mix = self._new_mix()
        self._drawn = np.zeros(len(problems), bool)
        self._batch: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._starved: Counter[str] = Counter()
        self._rejections: Counter[str] = Counter()

    # -- stages ---------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Stage:
        """The current stage's configuration."""
        return self.config.stages[self.stage]

    @property
    def rollbacks(self) -> int:
        """How often the run has gone back."""
        return self.tree.rollbacks

    def decide(self, step: int, *, can_go_back: bool = True) -> Decision:
        """What the policies say before this step. Pure.

        Args:
            step: The step that is being prepared.
            can_go_back: Whether the end of the previous stage is still there; otherwise a wish to go back is not heard.
        """
        if not self.visits:
            return Decision(Move.STAY, "the run begins")
        if self.config.max_steps is not None and step > self.config.max_steps:
            return Decision(Move.STOP, f"the run's bound of {self.config.max_steps} steps is reached")
        context = self._context(step)
        paths = [f"guards.{name}" for name in self.config.guards]
        if self.settings.until is not None:
            paths.append(f"stages.{self.stage}.until")
        decisions: list[Decision] = [self.tree.ask(path, "decide", Decision, context) for path in paths]
        if step - self.stage_began_at >= self.settings.max_steps:
            decisions.append(Decision(Move.ADVANCE, f"the stage's bound of {self.settings.max_steps} steps is reached"))
        allowed = [d for d in decisions if self._allowed(d.move, step) and (can_go_back or d.move is not Move.BACK)]
        return min(allowed, key=lambda d: PRECEDENCE.index(d.move), default=Decision(Move.STAY))

    def _allowed(self, move: Move, step: int) -> bool:
        if move is Move.BACK:
            return self.previous_stage is not None and self.rollbacks < self.config.back.limit
        if move is Move.ADVANCE and self.went_back_at is not None and self.stage_began_at == self.went_back_at:
            return step - self.went_back_at >= self.config.back.min_stay
        return True

    def size_of(self, stage: str) -> int:
        """How many problems belong to a stage."""
        return int(np.count_nonzero(self._members[stage]))

    @property
    def previous_stage(self) -> str | None:
        names = list(self.config.stages)
        place = names.index(self.stage)
        return names[place - 1] if place else None

    @property
    def next_stage(self) -> str | None:
        names = list(self.config.stages)
        place = names.index(self.stage) + 1
        return names[place] if place < len(names) else None

    def start(self, step: int) -> Transition:
        """Enter the first stage, at the start of a run."""
        transition = Transition(step, None, self.stage, Move.STAY, "the run begins")
        self._enter(self.stage, step)
        return transition

    def advance(self, step: int, decision: Decision) -> Transition:
        """Enter the next stage; the transition's target is None where there is none, and nothing is changed then."""
        target = self.next_stage
        transition = Transition(step, self.stage, target, decision.move, decision.reason, decision.evidence)
        if target is not None:
            self._enter(target, step)
        return transition

    def go_back(self, step: int, decision: Decision, saved: dict[str, Any]) -> Transition:
        """Return to the state at the end of the previous stage, with fresh random numbers.

        Args:
            step: The step that is being prepared; step numbers go on rising.
            decision: What asked for it.
            saved: The curriculum's state at the end of the previous stage. Parts that outlive a rollback ignore it.
        """
        source, rollbacks, visits = self.stage, self.rollbacks + 1, self.visits
        outliving = frozenset(path for path, node in self.tree.nodes.items() if node.part.outlives_rollback)
        self._restore(saved, outliving)
        self.visits = visits
        self.tree.reseed(rollbacks, outliving)
        self.went_back_at = step
        transition = Transition(step, source, self.stage, Move.BACK, decision.reason, decision.evidence)
        self._enter(self.stage, step)
        return transition

    def _enter(self, stage: str, step: int) -> None:
        self.stage, self.stage_began_at = stage, step
        self.visits[stage] += 1
        self.mix = self._new_mix()
        for _ in self.tree.call_all("stage_began", self._context(step)):
            pass

    def _new_mix(self) -> Mix | None:
        return Mix(self.settings.mix) if self.settings.mix else None

    def _context(self, step: int) -> Context:
        return Context(step, self.stage, self.stage_began_at, self.visits[self.stage])

    # -- a step ---------------------------------------------------------------------------------------------------

    def begin_step(self, step: int) -> None:
        """Forget what was drawn in the step before."""
        self.step = step
        self._drawn[:] = False
        for counts in (self._batch, self._asked, self._starved, self._rejections):
            counts.clear()

    def draw(self, count: int, *, last: bool = False) -> list[PromptRequest]:
        """At most `count` problems for this step's batch, none of them drawn before in it.

        With a mix, each domain is asked for its part; what a domain lacks the others give, and it is owed to it.

        Args:
            count: Problems to draw.
            last: No refill follows: a domain most of whose groups were rejected in this step then leaves its part to
                the others, as the batch comes before the mix.

        Raises:
            PluginError: The sampler raised, or returned what it may not.
        """
        if self.mix is None:
            return self._ask(None, count)
        requests: list[PromptRequest] = []
        wanted = self.mix.split(count, self._batch)
        rejected = [domain for domain, asked in self._asked.items() if self._batch[domain] < asked / 2] if last else []
        for domain, part in self.mix.split(count, self._batch, without=rejected).items():
            given = self._ask(domain, part)
            self._starved[domain] += max(0, wanted[domain] - len(given))
            requests += given
        for domain in sorted(self.mix.shares, key=lambda d: self._starved[d]):
            requests += self._ask(domain, count - len(requests))
        return requests

    def _ask(self, domain: str | None, count: int) -> list[PromptRequest]:
        members = self._members[self.stage]
        if domain is not None:
            members = members & (self.problems.domains == domain)
        pool = StagePool(members, self._drawn)
        if count <= 0 or len(pool) == 0:
            return []
        context = DrawContext(self.step, self.stage, self.stage_began_at, self.visits[self.stage], pool)
        requests: list[PromptRequest] = self.tree.call("sampler", "draw", context, count)
        if fault := fault_of(requests, pool, self.problems, count, self.least_judged):
            raise PluginError(f"{self.tree.nodes['sampler'].registration}: {fault}")
        for request in requests:
            self._drawn[request.index] = True
            for counts in (self._batch, self._asked):
                counts[str(self.problems.domains[request.index])] += 1
        return requests

    def admit(self, group: Group) -> Admission:
        """Whether to train on a finished group: it must have enough judged rollouts, and all gates must admit it."""
        admission = Admission(True)
        if len(group.scores) < self.least_judged:
            admission = Admission(False, "too few judged rollouts")
        for name in self.config.gates:
            if not admission.admit:
                break
            admission = self.tree.ask(f"gates.{name}", "admit", Admission, self._context(self.step), group)
        if not admission.admit:
            self._batch[str(self.problems.domains[group.index])] -= 1
            self._rejections[admission.reason or "rejected"] += 1
        return admission

    def observe(self, record: StepRecord, batch_size: int) -> None:
        """Tell every part what happened in a step; settle the mix with what was trained."""
        if self.mix is not None:
            admitted = (group.index for group, admission in record.groups if admission.admit)
            self.mix.settle(Counter(str(self.problems.domains[index]) for index in admitted), batch_size)
        for _ in self.tree.call_all("observe", record):
            pass

    def observe_validation(self, step: int, values: Mapping[str, float]) -> None:
        """Tell every part a validation's mean scores."""
        for _ in self.tree.call_all("observe_validation", step, values):
            pass

    def metrics(self) -> dict[str, float]:
        """The parts' own numbers, what the mix owes, and the seconds each hook took since the last call."""
        numbers: dict[str, float] = {"stage_index": float(list(self.config.stages).index(self.stage))}
        numbers.update(self.tree.metrics())
        if self.mix is not None:
            numbers.update({f"mix/owed/{domain}": value for domain, value in self.mix.owed.items()})
            numbers.update({f"mix/starved/{domain}": float(count) for domain, count in self._starved.items()})
        numbers.update({f"rejected/{reason.replace(' ', '_')}": float(n) for reason, n in self._rejections.items()})
        numbers.update({f"seconds/{key}": value for key, value in self.tree.seconds.items()})
        self.tree.seconds.clear()
        return numbers

    # -- state ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on: JSON values and NumPy arrays."""
        return {
            "step": self.step,
            "stage": self.stage,
            "stage_began_at": self.stage_began_at,
            "visits": dict(self.visits),
            "went_back_at": self.went_back_at,
            "rollbacks": self.rollbacks,
            "owed": dict(self.mix.owed) if self.mix else {},
            "ids": np.array([identifier.encode() for identifier in self.problems.ids]),
            "parts": self.tree.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> dict[str, int]:
        """Take back what `state_dict` returned; rows are matched by problem id.

        Returns:
            How many problems were `gained` and `lost` since then.

        Raises:
            UserError: The saved stage is none of the configuration's.
        """
        if state["stage"] not in self.config.stages:
            raise UserError(f"the checkpoint is in stage '{state['stage']}', which the configuration no longer has")
        return self._restore(state)

    def _restore(self, state: dict[str, Any], keep: frozenset[str] = frozenset()) -> dict[str, int]:
        saved_ids = {identifier.decode(): row for row, identifier in enumerate(state["ids"].tolist())}
        source = np.array([saved_ids.get(identifier, -1) for identifier in self.problems.ids], dtype=np.int64)
        self.step = int(state["step"])
        self.stage = state["stage"]
        self.stage_began_at = int(state["stage_began_at"])
        self.visits = Counter(state["visits"])
        self.went_back_at = state["went_back_at"]
        self.tree.rollbacks = int(state["rollbacks"])
        self.mix = self._new_mix()
        if self.mix is not None:
            self.mix.owed.update({d: float(v) for d, v in state["owed"].items() if d in self.mix.owed})
        self.tree.load(state["parts"], source, keep)
        kept = int(np.count_nonzero(source >= 0))
        return {"gained": len(self.problems) - kept, "lost": len(saved_ids) - kept}
