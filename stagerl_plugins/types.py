"""The values that plugins and the core exchange: frozen dataclasses, no torch, no verl."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Outcome(StrEnum):
    """What happened when a response was judged. `NOT_JUDGED` is our failure, all others are the response's."""

    CORRECT = "correct"
    WRONG = "wrong"
    PARTIAL = "partial"
    BAD_FORMAT = "bad_format"
    TIMED_OUT = "timed_out"
    NOT_JUDGED = "not_judged"


def _finite(value: Any) -> bool:
    """Whether a value is a finite number that a float can hold."""
    try:
        return math.isfinite(value)
    except (TypeError, OverflowError):  # no number, or too large an integer
        return False


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verifier's judgement of one response.

    Args:
        outcome: What happened.
        score: The reward; None if and only if the outcome is `NOT_JUDGED`.
        detail: One line for people: the answer that was found, or why there is none.
        parts: Rewards that the score was made of, each kept as a metric of its own.

    Raises:
        ValueError: The outcome is none, the score is missing or present where it must not be, or it or a part is no
            finite number.
    """

    outcome: Outcome
    score: float | None
    detail: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcome", Outcome(self.outcome))
        if (self.outcome is Outcome.NOT_JUDGED) != (self.score is None):
            raise ValueError(f"a verdict has no score if and only if it is not_judged: {self.outcome}, {self.score!r}")
        if self.score is not None and not _finite(self.score):
            raise ValueError(f"a score must be finite, got {self.score!r:.200}")
        for name, part in self.parts.items():
            if not _finite(part):
                raise ValueError(f"a verdict's part must be a finite number, got {part!r:.200} for {name!r:.200}")

    @property
    def judged(self) -> bool:
        return self.outcome is not Outcome.NOT_JUDGED

    @staticmethod
    def not_judged(detail: str) -> Verdict:
        """The verdict for a response that we failed to judge; `detail` says why."""
        return Verdict(Outcome.NOT_JUDGED, None, detail)


@dataclass(frozen=True, slots=True)
class Response:
    """What a reward judges: one response and all that its problem says about a right answer.

    Args:
        text: The response, without special tokens.
        ground_truth: `reward_model.ground_truth` of the problem.
        data_source: Chooses the reward.
        problem: The problem's id; empty for a validation row that has none.
        extra_info: The problem's `extra_info`.
        group: Id of its prompt group, never used twice; empty for a response that is judged alone.
        group_size: Rollouts of that group.
        tokens: Length of the response in tokens; None where that is not known, as in files of text.
        budget: The most tokens that it might have; None where that is not known.
        truncated: It hit its budget before its end.
    """

    text: str
    ground_truth: Any
    data_source: str = ""
    problem: str = ""
    extra_info: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""
    group_size: int = 1
    tokens: int | None = None
    budget: int | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Rollout:
    """One response to a problem, as the curriculum sees it.

    Args:
        verdict: The verifier's judgement.
        tokens: Length of the response in tokens.
        truncated: The response hit its budget before its end.
        weights_step: The training step whose weights generated it.
    """

    verdict: Verdict
    tokens: int
    truncated: bool = False
    weights_step: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """The rollouts of one problem in one step.

    Args:
        index: The problem's index in `Problems`.
        problem: The problem's id.
        stage: The stage that was current when it was drawn.
        drawn_at: The step in which it was drawn.
        rollouts: Its rollouts, in the order of their number.
    """

    index: int
    problem: str
    stage: str
    drawn_at: int
    rollouts: tuple[Rollout, ...]

    @property
    def scores(self) -> FloatArray:
        """Scores of the judged rollouts, float64, shape (judged,)."""
        return np.array([r.verdict.score for r in self.rollouts if r.verdict.score is not None], dtype=np.float64)

    @property
    def tokens(self) -> int:
        return sum(rollout.tokens for rollout in self.rollouts)


@dataclass(frozen=True, slots=True)
class Admission:
    """A gate's answer: whether a finished group is trained on, and if not, why.

    Raises:
        ValueError: `admit` is no boolean, or the reason no text.
    """

    admit: bool
    reason: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.admit, bool | np.bool_):
            raise ValueError(f"an admission is True or False, got {self.admit!r}")
        if not isinstance(self.reason, str):
            raise ValueError(f"an admission's reason is text, got {self.reason!r}")
        object.__setattr__(self, "admit", bool(self.admit))


class Move(StrEnum):
    """What a stage policy can ask for."""

    STAY = "stay"
    ADVANCE = "advance"
    BACK = "back"
    STOP = "stop"


PRECEDENCE = (Move.STOP, Move.BACK, Move.ADVANCE, Move.STAY)  # of several decisions the first of these counts


@dataclass(frozen=True, slots=True)
class Decision:
    """A stage policy's answer, with the numbers it rests on.

    Raises:
        ValueError: The move is none, the reason no text, or the evidence no mapping of names to numbers.
    """

    move: Move
    reason: str = ""
    evidence: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "move", Move(self.move))  # text is taken, and what is no move is the plugin's error
        if not isinstance(self.reason, str):
            raise ValueError(f"a decision's reason is text, got {self.reason!r}")
        named = isinstance(self.evidence, Mapping) and all(isinstance(name, str) for name in self.evidence)
        if not named or not all(isinstance(value, Real) for value in self.evidence.values()):
            raise ValueError(f"a decision's evidence is numbers by name, got {self.evidence!r}")


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of stage: `source` is None at the start of a run, `target` is None at its end."""

    step: int
    source: str | None
    target: str | None
    move: Move
    reason: str = ""
    evidence: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepRecord:
    """All that happened in one step, for `observe` and the event hooks.

    Args:
        step: The training step.
        stage: The stage it belonged to.
        groups: Every group of the step with its admission, rejected ones too, in the order of their draw.
        tokens_generated: Response tokens of all groups.
        tokens_rejected: Response tokens of groups that no gate admitted, or that were not needed.
        tokens_trained: Response tokens of judged rollouts of admitted groups.
    """

    step: int
    stage: str
    groups: tuple[tuple[Group, Admission], ...]
    tokens_generated: int = 0
    tokens_rejected: int = 0
    tokens_trained: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated pass rates with an interval: float64 arrays of one shape, values in [0, 1]."""

    mean: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """A problem to generate rollouts for.

    Args:
        index: The problem's index in `Problems`.
        n: Number of rollouts; None takes the stage's group size.
        settings: Overrides of the stage's sampling for this prompt alone; `response_budget` (tokens) is known.
    """

    index: int
    n: int | None = None
    settings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What the event hooks learn about a run."""

    name: str
    folder: str
    stages: tuple[str, ...]
    max_steps: int
    resumed_from: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one execution in a sandbox.

    Args:
        seconds: Time it may take, less what it waits for a processor where the sandbox can tell.
        memory_mb: Memory of each process, megabytes.
        output_bytes: Standard output, bytes.
        disk_mb: Files that it writes, megabytes in all.
        processes: Processes at a time; 1 allows threads alone.
    """

    seconds: float = 10.0
    memory_mb: int = 512
    output_bytes: int = 1_000_000
    disk_mb: int = 16
    processes: int = 1


class Ended(StrEnum):
    """How an execution ended. `LOST` is the sandbox's failure, all others are the program's."""

    EXITED = "exited"
    TIMED_OUT = "timed_out"
    OVER_LIMIT = "over_limit"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Execution:
    """What a sandbox saw when it ran a program on one input.

    Args:
        ended: How it ended.
        stdout: What it printed, cut at `Limits.output_bytes`.
        stderr: The same for standard error, cut where the sandbox likes.
        exit_code: Negative for a signal; None if it did not exit by itself.
        seconds: Time it took, less what it waited for a processor where the sandbox can tell.
        detail: One line for people: the limit that was passed, or why it was lost.

    Raises:
        ValueError: `ended` is none of the ways to end.
    """

    ended: Ended
    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    detail: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ended", Ended(self.ended))
