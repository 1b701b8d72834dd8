"""Levels from pass rates: every problem is in the levels whose rules hold for it, or dropped with a reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagerl_plugins.difficulty.expressions import Columns, Truth
from stagerl_plugins.difficulty.rule_files import Clause, Rules
from stagerl_plugins.problems import Problems
from stagerl_plugins.types import BoolArray, IntArray

NO_LEVEL = "no level's rule holds"


@dataclass(frozen=True, slots=True)
class Assignment:
    """The levels of problems.

    Args:
        members: For each level a mask over the problems.
        reasons: Why a problem is in no level; "" where it is in one.
    """

    members: dict[str, BoolArray]
    reasons: NDArray[np.object_]


def assign(problems: Problems, rules: Rules) -> Assignment:
    """Apply rules to problems.

    First the conditions of `drop`, then those of the levels to what is left, so that `quantile` in a level's condition
    ranks that rest. A problem for which any condition that matters is undecided, because a pass rate is missing, is
    dropped: it is in all its levels or in none.

    Raises:
        UserError: A condition names a grader or column that the problems lack.
    """
    columns = Columns.of(problems)
    reasons = np.full(len(problems), "", dtype=object)
    for reason, condition in rules.drop.items():
        truth = condition.evaluate(columns)
        _give(reasons, truth.true, reason)
        _give_missing(reasons, truth.undecided, columns, condition.names)
    rest = np.flatnonzero(reasons == "")
    left, ids = columns.take(rest), [problems.ids[index] for index in rest]
    why = np.full(len(rest), "", dtype=object)
    members, thinned = {}, {}
    for name, clauses in rules.levels.items():
        truths = [clause.when.evaluate(left) for clause in clauses]
        members[name] = _kept(clauses, truths, ids, rules.seed, name)
        thinned[name] = _any(truth.true for truth in truths) & ~members[name]
        undecided = _any(truth.undecided for truth in truths) & ~members[name]
        _give_missing(why, undecided, left, [used for clause in clauses for used in clause.when.names])
    decided = why == ""
    inside = _any(members.values())
    for name, mask in thinned.items():
        _give(why, mask & ~inside, f"not among those that level {name} keeps")
    _give(why, ~inside, NO_LEVEL)
    reasons[rest] = why
    return Assignment({name: _spread(mask & decided, rest, len(problems)) for name, mask in members.items()}, reasons)


def _kept(clauses: Sequence[Clause], truths: Sequence[Truth], ids: Sequence[str], seed: int, level: str) -> BoolArray:
    """Problems for which a clause holds and keeps them."""
    taken = np.zeros(len(ids), dtype=bool)
    for clause, truth in zip(clauses, truths, strict=True):
        taken |= truth.true if clause.keep == 1 else truth.true & _drawn(ids, truth.true, clause.keep, seed, level)
    return taken


def _drawn(ids: Sequence[str], candidates: BoolArray, keep: float, seed: int, level: str) -> BoolArray:
    """A share of the candidates, chosen by a hash of seed, level and id: row order and other problems do not matter."""
    drawn = np.zeros(len(ids), dtype=bool)
    for index in np.flatnonzero(candidates):
        digest = hashlib.sha256(f"{seed}\0{level}\0{ids[index]}".encode()).digest()
        drawn[index] = int.from_bytes(digest[:8], "big") < keep * 2**64
    return drawn


def _any(masks: Iterable[BoolArray]) -> BoolArray:
    joined: BoolArray = np.logical_or.reduce(list(masks))
    return joined


def _give(reasons: NDArray[np.object_], where: BoolArray, reason: str) -> None:
    """The first reason stays."""
    reasons[where & (reasons == "")] = reason


def _give_missing(reasons: NDArray[np.object_], undecided: BoolArray, columns: Columns, names: Iterable[str]) -> None:
    names = list(dict.fromkeys(names))
    for index in np.flatnonzero(undecided & (reasons == "")):
        missing = [name for name in names if np.isnan(columns.numbers[name][index])]
        reasons[index] = f"not graded: {', '.join(missing)}"


def _spread(mask: BoolArray, rest: IntArray, count: int) -> BoolArray:
    full = np.zeros(count, dtype=bool)
    full[rest] = mask
    return full
