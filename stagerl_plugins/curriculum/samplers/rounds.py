"""Rounds: every problem of a pool once before any again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stagerl_plugins.types import FloatArray, IntArray, PromptRequest


def next_in_round(draws: NDArray[Any], pool: IntArray, ties: FloatArray, count: int) -> list[PromptRequest]:
    """Take the least-drawn problems and count them as drawn.

    Counts of draws need no cursor, so they hold for domains that advance at their own pace, for refills within a step,
    and for a data set that changed. A problem that joined late is drawn once and then is in the others' round.

    Args:
        draws: How often each problem was drawn, int64, shape (problems,); changed in place.
        pool: The problems that may be drawn, int64, shape (k,), not empty.
        ties: Order among equally often drawn ones, float64 in [0, 1), shape (k,); the smaller first.
        count: How many to take at most.
    """
    chosen = pool[np.argsort(draws[pool] + ties)[:count]]
    draws[chosen] = np.maximum(draws[chosen] + 1, draws[pool].max())
    return [PromptRequest(int(index)) for index in chosen]
