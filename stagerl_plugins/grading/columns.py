"""From rollouts to pass rates: the columns that a grader adds to its problems, and what they were made with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stagerl_plugins.types import Outcome

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True)
class Grades:
    """What a grader did on one problem.

    Attributes:
        scores: Of judged rollouts.
        successes: Judged rollouts that were correct.
        lengths: Tokens of each rollout.
        truncated: Rollouts that were cut at their budget.
    """

    scores: list[float]
    successes: int
    lengths: list[int]
    truncated: int

    @property
    def pass_rate(self) -> float | None:
        """The mean score, each clipped to [0, 1] (-1 for a wrong response counts as 0); None if none is judged."""
        return float(np.clip(self.scores, 0, 1).mean()) if self.scores else None

    @property
    def response_length(self) -> float | None:
        """Mean tokens of a rollout."""
        return float(np.mean(self.lengths)) if self.lengths else None

    @property
    def truncated_share(self) -> float | None:
        return self.truncated / len(self.lengths) if self.lengths else None


def grades_by_problem(rollouts: pa.Table) -> dict[str, Grades]:
    """Collect rollouts by the id of their problem. Rollouts that were not judged count for lengths alone."""
    grades: dict[str, Grades] = {}
    columns = ("id", "score", "outcome", "tokens", "truncated")
    for problem, score, outcome, tokens, truncated in zip(
        *(rollouts[name].to_pylist() for name in columns), strict=True
    ):
        one = grades.setdefault(problem, Grades([], 0, [], 0))
        one.lengths.append(tokens)
        one.truncated += truncated
        if score is not None:
            one.scores.append(score)
            one.successes += outcome == Outcome.CORRECT
    return grades


def add_columns(table: pa.Table, grader: str, grades: Mapping[str, Grades], made_with: Mapping[str, Any]) -> pa.Table:
    """Add a grader's columns to its problems; columns of other graders stay, its own are replaced.

    `pass_rate_<g>` (mean score of judged rollouts), `samples_<g>` (how many were judged), `successes_<g>` (how many of
    them were correct), `response_length_<g>` (mean tokens) and `truncated_<g>` (share cut at the budget; both of all
    rollouts). Where no rollout was judged the pass rate is null. What the columns were made with goes into the file's
    metadata.

    Args:
        table: Problems with a column `id`.
        grader: The grader's name.
        grades: By problem id; a problem that is missing was not graded.
        made_with: JSON values.
    """
    import pyarrow as pa

    none = Grades([], 0, [], 0)
    rows: Sequence[Grades] = [grades.get(problem, none) for problem in table["id"].to_pylist()]
    columns = {
        "pass_rate": pa.array([row.pass_rate for row in rows], pa.float64()),
        "samples": pa.array([len(row.scores) for row in rows], pa.int64()),
        "successes": pa.array([row.successes for row in rows], pa.int64()),
        "response_length": pa.array([row.response_length for row in rows], pa.float64()),
        "truncated": pa.array([row.truncated_share for row in rows], pa.float64()),
    }
    for name, values in columns.items():
        column = f"{name}_{grader}"
        if column in table.column_names:
            table = table.drop_columns([column])
        table = table.append_column(column, values)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _key(grader): json.dumps(made_with)})


def made_with(metadata: Mapping[bytes, bytes] | None, grader: str) -> dict[str, Any] | None:
    """What a grader's columns were made with, from a file's metadata; None where it has none."""
    value = (metadata or {}).get(_key(grader))
    return None if value is None else dict(json.loads(value))


def _key(grader: str) -> bytes:
    return f"stagerl_grader_{grader}".encode()
