"""What each kind of plugin must be able to do. Every method with a default may be left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.random import Generator
from numpy.typing import NDArray

from stagerl_plugins.problems import Problems
from stagerl_plugins.types import (
    Admission,
    BoolArray,
    Decision,
    Estimate,
    Execution,
    Group,
    IntArray,
    Limits,
    PromptRequest,
    Response,
    StepRecord,
    Verdict,
)

Spec = Mapping[str, Mapping[str, Any]]  # {"name": {option: value}}: how a configuration names a plugin


class Pool(Protocol):
    """What may be drawn now: the stage's and domain's problems less those already drawn in this step."""

    def __len__(self) -> int: ...

    def allows(self, indices: IntArray) -> BoolArray:
        """Which of these problems may be drawn: int64, shape (k,) -> bool, shape (k,)."""

    def without(self, indices: IntArray) -> Pool:
        """The same pool less these problems, for a sampler that asks an inner one more than once in a draw."""

    @property
    def indices(self) -> IntArray:
        """All problems that may be drawn, ascending, int64, shape (len,). Costs a pass over all problems."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where a run stands.

    Args:
        step: The step that is being prepared, from 1.
        stage: The current stage's name.
        stage_began_at: The first step of this visit to the stage.
        visit: How often the stage has been entered, from 1.
    """

    step: int
    stage: str
    stage_began_at: int
    visit: int


@dataclass(frozen=True, slots=True)
class DrawContext(Context):
    """Where a run stands when problems are drawn.

    Args:
        pool: What may be drawn.
    """

    pool: Pool


class Setup(Protocol):
    """What a plugin's factory is given besides its options."""

    problems: Problems
    rng: Generator  # the plugin's own; the core saves and restores it

    def column(self, name: str, fill: float) -> NDArray[Any]:
        """An array with one row a problem, filled with `fill`; the core saves it and re-maps it by problem id.

        Like `build`, for the factory alone.
        """

    def build(self, kind: str, spec: Any, name: str) -> Any:
        """A child plugin of this kind (an inner sampler, say). The core calls, saves and restores it too."""


class Part:
    """Base of all that lives in the curriculum."""

    outlives_rollback = False  # True: `back` leaves this part's state as it is

    def stage_began(self, context: Context) -> None:
        """A stage began: at the start of a run, and after a move, before the draw."""

    def observe(self, record: StepRecord) -> None:
        """A step ended. Called once a step with every group, rejected ones too."""

    def observe_validation(self, step: int, values: Mapping[str, float]) -> None:
        """A validation ended: mean score of each validation set. Called once for each step that validates."""

    def metrics(self) -> dict[str, float]:
        """Numbers for the log, by short name."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """This part's own state as JSON values and NumPy arrays; not columns, children or `rng`."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""


class Sampler(Part):
    """Chooses the problems of a step."""

    mixes = False  # True: it chooses the domains itself, and a stage's mix is then refused

    def draw(self, context: DrawContext, count: int) -> list[PromptRequest]:
        """At most `count` distinct problems from `context.pool`. Called once for each domain, also for refills."""
        raise NotImplementedError("a sampler must have `draw`")


class Gate(Part):
    """Admits a finished group for training or rejects it."""

    def admit(self, context: Context, group: Group) -> Admission:
        """Whether to train on this group. It has two judged rollouts at least, or one where there is a critic."""
        raise NotImplementedError("a gate must have `admit`")


class StagePolicy(Part):
    """Decides when the next stage begins."""

    def decide(self, context: Context) -> Decision:
        """Asked before each step. Must be pure: asked twice, it answers twice the same."""
        raise NotImplementedError("a stage policy must have `decide`")


class DifficultyMetric(Part):
    """Estimates how hard problems are."""

    def estimate(self, indices: IntArray) -> Estimate:
        """Pass rates of these problems: int64, shape (k,) -> three float64 arrays of shape (k,)."""
        raise NotImplementedError("a difficulty metric must have `estimate`")


class Reward:
    """Judges responses. Rebuilt in each verdict process from its name and options."""

    isolated = (
        True  # True: runs in a process that can be killed. False: a coroutine that only waits (a server's client)
    )
    cpu_seconds: float | None = None  # processor time that one call may take if isolated; beyond it: timed_out
    keeps_time = False  # True: not isolated, and it bounds its own time: the judge does not
    takes_group = False  # True: one call has all rollouts of a prompt group

    async def score(self, responses: Sequence[Response]) -> list[Verdict]:
        """A verdict for each response, in order."""
        raise NotImplementedError("a reward must have `score`")


class Sandbox:
    """Runs untrusted programs."""

    parts: Mapping[str, float] = {}  # numbers about it that verdicts carry as parts, such as which tier it is

    async def run(self, program: str, inputs: Sequence[str], limits: Limits) -> list[Execution]:
        """Run the program once for each standard input, within the limits; one execution for each, in order."""
        raise NotImplementedError("a sandbox must have `run`")

    async def close(self) -> None:
        """Release all that it holds. Called once, in the event loop of `run`, when nothing runs any more."""
