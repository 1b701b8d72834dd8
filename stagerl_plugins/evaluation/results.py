"""pass@1 of a model on held-out problems, in all and by level, domain and data source, and the gain of another.

The samples are those that `stagerl grade` drew of the held-out problems: an evaluation is a grading under a name of
its own. The paper takes 16 or 4 samples a problem at temperature 0.6 and top_p 0.95 (arXiv 2504.00829). Levels must not
come from the samples that are then counted: problems picked as hard by them seem harder than they are. Grade once more,
with another seed, for the levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stagerl_plugins.errors import UserError
from stagerl_plugins.evaluation.intervals import Interval, paired_difference, pass_at_1
from stagerl_plugins.problems import Problems
from stagerl_plugins.types import BoolArray, FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Subset:
    """Some of the problems: all of them, or those of one level, domain or data source."""

    kind: str
    name: str
    mask: BoolArray

    def __str__(self) -> str:
        return "all" if self.kind == "all" else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How one model did on held-out problems.

    Args:
        ids: The problems that have a judged sample.
        means: Each problem's share of correct samples, float64, shape (problems,).
        samples: Each problem's judged samples, float64, shape (problems,).
        subsets: All problems, then each level, domain and data source; a kind with one name only is left out.
        left_out: Problems without any judged sample.
    """

    ids: tuple[str, ...]
    means: FloatArray
    samples: FloatArray
    subsets: tuple[Subset, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Gain:
    """What changed between two evaluations of the same problems."""

    subset: Subset
    before: Interval
    after: Interval
    difference: Interval

    @property
    def problems(self) -> int:
        return int(self.subset.mask.sum())

    @property
    def verdict(self) -> str:
        """`gain` or `loss` if the interval of the difference excludes 0, else `no gain beyond noise`."""
        if 0.0 in self.difference:
            return "no gain beyond noise"
        return "gain" if self.difference.mean > 0 else "loss"


def read_evaluation(table: pa.Table, grader: str) -> Evaluation:
    """The results that grading left in a table of held-out problems.

    Args:
        table: Graded problems: verl's columns, `successes_<grader>` and `samples_<grader>`, and `level` or `levels`.
        grader: The name under which the model was graded.

    Raises:
        UserError: The table was not graded under this name, or no sample of it was judged.
    """
    problems = Problems.from_table(table)
    successes, samples = problems.feature(f"successes_{grader}"), problems.feature(f"samples_{grader}")
    judged = samples > 0
    if not judged.any():
        raise UserError(f"evaluation '{grader}': none of its {len(problems)} problems has a judged sample")
    means = successes / np.maximum(samples, 1)
    whole = Evaluation(problems.ids, means, samples, _subsets(table, problems, means), int((~judged).sum()))
    return _take(whole, [identifier for identifier, found in zip(problems.ids, judged, strict=True) if found])


def gains(before: Evaluation, after: Evaluation, confidence: float = CONFIDENCE) -> list[Gain]:
    """What changed on each subset of the problems, paired problem by problem.

    Problems that one of the two has no judged sample of are left out. Each interval stands for itself: of twenty
    subsets in which nothing changed, one is expected to seem changed.

    Raises:
        UserError: The two evaluations are of different problems.
    """
    known = set(after.ids)
    common = [identifier for identifier in before.ids if identifier in known]
    only_one_has = len(before.ids) + len(after.ids) - 2 * len(common)
    if only_one_has > before.left_out + after.left_out or not common:
        raise UserError("the two evaluations are of different problems: evaluate both models on the same ones")
    before, after = _take(before, common), _take(after, common)
    found = []
    for subset in before.subsets:
        fewest = int(min(before.samples[subset.mask].min(), after.samples[subset.mask].min()))
        difference = paired_difference(before.means[subset.mask], after.means[subset.mask], fewest, confidence)
        first, second = _pass_at_1(before, subset, confidence), _pass_at_1(after, subset, confidence)
        found.append(Gain(subset, first, second, difference))
    return found


def _take(evaluation: Evaluation, ids: list[str]) -> Evaluation:
    """The evaluation of these problems alone, in their order."""
    place = {identifier: index for index, identifier in enumerate(evaluation.ids)}
    rows = np.array([place[identifier] for identifier in ids])
    subsets = [Subset(subset.kind, subset.name, subset.mask[rows]) for subset in evaluation.subsets]
    kept = tuple(subset for subset in subsets if subset.mask.any())
    return Evaluation(tuple(ids), evaluation.means[rows], evaluation.samples[rows], kept, evaluation.left_out)


def _pass_at_1(evaluation: Evaluation, subset: Subset, confidence: float) -> Interval:
    return pass_at_1(evaluation.means[subset.mask], int(evaluation.samples[subset.mask].sum()), confidence)


def _subsets(table: pa.Table, problems: Problems, means: FloatArray) -> tuple[Subset, ...]:
    """All problems, then each level (the easiest first), domain and data source of which there are several."""
    has_sources = "data_source" in table.column_names
    values = table["data_source"].to_pylist() if has_sources else [""] * len(table)
    sources = np.array([str(values[row]) for row in problems.rows])
    named = {
        "level": dict(sorted(problems.levels.items(), key=lambda level: -means[level[1]].mean())),
        "domain": {name: problems.domains == name for name in np.unique(problems.domains).tolist()},
        "data source": {name: sources == name for name in np.unique(sources).tolist()},
    }
    several = [(kind, masks) for kind, masks in named.items() if len(masks) > 1]
    return (
        Subset("all", "", np.ones(len(problems), dtype=bool)),
        *(Subset(kind, name, mask) for kind, masks in several for name, mask in masks.items()),
    )
