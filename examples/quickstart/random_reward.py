"""A reward that knows nothing: a coin is tossed for each response. The control that must show no gain."""

from __future__ import annotations

import random
from typing import Any


def compute_score(data_source: str, solution_str: str, ground_truth: Any, extra_info: Any = None) -> float:
    """1 or 0 with equal chance, whatever the response is."""
    return float(random.random() < 0.5)
