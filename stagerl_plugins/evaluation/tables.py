"""The tables that show evaluations."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from stagerl_plugins.evaluation.intervals import Interval
from stagerl_plugins.evaluation.results import Gain


def gain_table(gains: Sequence[Gain]) -> Table:
    """pass@1 before and after, and the difference with its interval and verdict, a row a subset of the problems."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("held-out problems", overflow="fold")
    for name in ("number", "before", "after", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for entry in gains:
        shown = (_shown(entry.before), _shown(entry.after), _shown(entry.difference, sign="+"))
        table.add_row(str(entry.subset), str(entry.problems), *shown, entry.verdict)
    return table


def _shown(interval: Interval, sign: str = "") -> str:
    return f"{interval.mean:{sign}.2f} ({interval.low:{sign}.2f} to {interval.high:{sign}.2f})"
