"""Show a mixed run step by step: `python examples/mixed_math_code/show.py [runs/NAME]`.

All of it is read from what the run left: `observations/`, a file for each step with every rollout, and `metrics.jsonl`.
A problem's domain stands at the beginning of its id.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from stagerl_plugins.run_folder import RunFolder

RUN = Path("runs") / "mixed-math-code"
DOMAINS = ("math", "code")
OUTCOMES = ("correct", "partial", "wrong", "timed_out", "bad_format", "not_judged")

Rollout = dict[str, Any]


def by_domain(rollouts: list[Rollout]) -> dict[str, list[Rollout]]:
    """The rollouts of a step that were trained on, by domain."""
    trained = [rollout for rollout in rollouts if rollout["admitted"]]
    return {domain: [r for r in trained if r["problem"].startswith(f"{domain}:")] for domain in DOMAINS}


def prompts(rollouts: list[Rollout]) -> int:
    return len({rollout["problem"] for rollout in rollouts})


def reward(rollouts: list[Rollout]) -> float:
    """Mean score of the judged rollouts."""
    return fmean(rollout["score"] for rollout in rollouts if rollout["score"] is not None)


def outcomes(rollouts: list[Rollout]) -> str:
    counts = Counter(rollout["outcome"] for rollout in rollouts)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome])


def steps_table(steps: list[list[Rollout]]) -> Table:
    """A row for each step: how many prompts of each domain, their mean rewards, and what became of the programs."""
    table = Table(box=None, header_style="bold")
    for heading in ("step", "stage", "math : code", "math reward", "code reward", "programs"):
        table.add_column(heading, justify="left" if heading in ("stage", "programs") else "right")
    for rollouts in steps:
        found = by_domain(rollouts)
        ratio = " : ".join(str(prompts(found[domain])) for domain in DOMAINS)
        rewards = [f"{reward(found[domain]):.2f}" for domain in DOMAINS]
        first = rollouts[0]
        table.add_row(str(first["step"]), first["stage"], ratio, *rewards, outcomes(found["code"]))
    return table


def validation_table(entries: list[dict[str, Any]]) -> Table:
    """A row for each set of held-out problems: its mean reward at each validation."""
    validated = [entry for entry in entries if any(name.startswith("validation/") for name in entry)]
    table = Table(box=None, header_style="bold")
    table.add_column("held-out problems, reward after step")
    for entry in validated:
        table.add_column(str(entry["step"]), justify="right")
    for name in sorted({name for entry in validated for name in entry if name.startswith("validation/")}):
        table.add_row(name.removeprefix("validation/"), *(f"{entry[name]:.2f}" for entry in validated))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, nargs="?", default=RUN, help="the run's folder")
    run = parser.parse_args().run
    steps = [pq.read_table(path).to_pylist() for path in sorted((run / "observations").glob("step_*.parquet"))]
    if not steps:
        sys.exit(f"show: {run} has no observations: train first")
    console = Console(width=120)
    console.print(steps_table(steps), "", validation_table(RunFolder(run).metrics()))
    ratios = Counter(tuple(prompts(found) for found in by_domain(rollouts).values()) for rollouts in steps)
    for (math, code), count in ratios.items():
        console.print(f"\n{count} of {len(steps)} steps trained on {math} math and {code} code prompts")


if __name__ == "__main__":
    main()
