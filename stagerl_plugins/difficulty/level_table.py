"""The tables that `stagerl levels` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.table import Table


def level_tables(report: Mapping[str, Any]) -> list[Table]:
    """Problems by level and domain with the mean pass rates, and dropped rows by reason and domain.

    Args:
        report: What `write_levels` returned.
    """
    dropped = Counter((row["reason"], row["domain"]) for row in report["dropped"])
    domains = sorted({domain for counts in report["levels"].values() for domain in counts} | {d for _, d in dropped})
    graders = sorted({grader for means in report["mean_pass_rate"].values() for grader in means})
    levels = _table("level", [*domains, "all", *(f"mean {grader}" for grader in graders)])
    for name, counts in report["levels"].items():
        means = report["mean_pass_rate"][name]
        rates = ["-" if means[grader] is None else f"{means[grader]:.2f}" for grader in graders]
        levels.add_row(name, *(str(counts.get(domain, 0)) for domain in domains), str(sum(counts.values())), *rates)
    reasons = _table("dropped", [*domains, "all"])
    for reason in dict.fromkeys(row["reason"] for row in report["dropped"]):
        counts = [dropped[reason, domain] for domain in domains]
        reasons.add_row(reason, *map(str, counts), str(sum(counts)))
    return [levels, reasons] if dropped else [levels]


def _table(first: str, others: list[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
