"""What may be drawn now, and whether a draw kept to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from stagerl_plugins.problems import Problems
from stagerl_plugins.types import BoolArray, IntArray, PromptRequest


class StagePool:
    """The problems of a stage (and domain) less those already drawn in this step.

    Args:
        members: Mask of the problems that belong, shape (problems,). Not copied, not changed.
        drawn: Mask of the problems drawn in this step, shape (problems,). Not copied: later draws show.
    """

    def __init__(self, members: BoolArray, drawn: BoolArray) -> None:
        self._members = members
        self._drawn = drawn

    def __len__(self) -> int:
        return int(np.count_nonzero(self._members & ~self._drawn))

    def allows(self, indices: IntArray) -> BoolArray:
        """Which of these problems may be drawn: int64, shape (k,) -> bool, shape (k,)."""
        allowed: BoolArray = self._members[indices] & ~self._drawn[indices]
        return allowed

    def without(self, indices: IntArray) -> StagePool:
        """The same pool less these problems."""
        drawn = self._drawn.copy()
        drawn[indices] = True
        return StagePool(self._members, drawn)

    @property
    def indices(self) -> IntArray:
        """All problems that may be drawn, ascending, int64, shape (len,)."""
        return np.flatnonzero(self._members & ~self._drawn).astype(np.int64)


def fault_of(requests: Any, pool: StagePool, problems: Problems, count: int, least_n: int) -> str | None:
    """What is wrong with what a sampler drew from a pool; None if nothing.

    Args:
        requests: What it returned.
        pool: What it was to draw from.
        problems: All problems.
        count: For how many it was asked.
        least_n: Rollouts that a request must ask for.
    """
    if not isinstance(requests, list) or not all(isinstance(request, PromptRequest) for request in requests):
        return f"draw must return a list of PromptRequest, got {requests!r:.200}"
    if not all(isinstance(request.index, int | np.integer) for request in requests):
        return f"draw returned an index that is no whole number: {[request.index for request in requests]!r:.200}"
    indices = np.array([request.index for request in requests], dtype=np.int64)
    if len(indices) > count:
        return f"draw returned {len(indices)} problems where at most {count} were asked for"
    if len(np.unique(indices)) < len(indices):
        return "draw returned a problem twice; the problems of a step are distinct"
    if len(indices) and (indices.min() < 0 or indices.max() >= len(problems)):
        return f"draw returned an index outside 0..{len(problems) - 1}"
    outside = indices[~pool.allows(indices)]
    if len(outside):
        return f"draw returned problem '{problems.ids[int(outside[0])]}', which is not in the pool"
    for request in requests:
        if request.n is not None and not _is_at_least(request.n, least_n):
            return f"a request has n={request.n!r}: expected {least_n} or more rollouts"
        if any(name != "response_budget" or not _is_at_least(value, 1) for name, value in request.settings.items()):
            return f"a request has settings {dict(request.settings)}: expected response_budget, 1 token or more"
    return None


def _is_at_least(value: Any, least: int) -> bool:
    return isinstance(value, int | np.integer) and bool(value >= least)
