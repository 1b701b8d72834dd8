"""What may be drawn now."""

from __future__ import annotations

import numpy as np

from stagerl_plugins.types import BoolArray, IntArray


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
