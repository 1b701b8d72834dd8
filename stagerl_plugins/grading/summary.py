"""What `stagerl grade` prints when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

if TYPE_CHECKING:
    import pyarrow as pa


def summary_table(table: pa.Table, grader: str, outcomes: Mapping[str, int]) -> Table:
    """A grader's results in some lines.

    Args:
        table: Graded problems.
        grader: The grader's name.
        outcomes: Number of rollouts by outcome; empty where the rollouts are gone.
    """
    rates = _present(table, f"pass_rate_{grader}")
    rollouts = sum(outcomes.values())
    lines = {
        "problems": f"{len(table)}",
        "not graded": f"{len(table) - len(rates)}",
        "never solved": _share(rates == 0),
        "sometimes solved": _share((rates > 0) & (rates < 1)),
        "always solved": _share(rates == 1),
        "mean pass rate": f"{rates.mean():.3f}" if len(rates) else "-",
        "mean response length": f"{_mean(table, f'response_length_{grader}'):.1f} tokens",
        "truncated responses": f"{_mean(table, f'truncated_{grader}'):.1%}",
        **{f"verdicts: {outcome}": f"{count} ({count / rollouts:.1%})" for outcome, count in outcomes.items()},
    }
    printed = Table(box=None, pad_edge=False, show_header=False)
    printed.add_column(no_wrap=True)
    printed.add_column(justify="right", no_wrap=True)
    for name, value in lines.items():
        printed.add_row(name, value)
    return printed


def _present(table: pa.Table, column: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([value for value in table[column].to_pylist() if value is not None], dtype=np.float64)


def _mean(table: pa.Table, column: str) -> float:
    values = _present(table, column)
    return float(values.mean()) if len(values) else float("nan")


def _share(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    return f"{mask.sum()} ({mask.mean():.1%})" if len(mask) else "0"
