"""How often the stage policy `plateau` triggers too early, and how soon it sees a real plateau, on simulated curves.

Prints a table and, as its last line, one JSON object; raw results go to `results/plateau_rates.json`.

Every curve is a mean reward by step plus noise. "False" is the share of runs in which the policy wanted to advance
while the curve still gained at least `min_gain` over a window, "found" the share of the others in which it did so later
on, and "delay" the steps from the true end of progress to that (median, 90th percentile). A gain of just `min_gain` is
the border itself: there a trigger is neither right nor wrong, and by design comes at last.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stagerl_plugins.curriculum.tree import Tree
from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import Context
from stagerl_plugins.types import Admission, FloatArray, Group, Move, Outcome, Rollout, StepRecord, Verdict

RESULTS = Path(__file__).parent / "results" / "plateau_rates.json"
LEVELS = {"low": 0.01, "middle": 0.03, "high": 0.1}  # standard deviation of a step's mean reward
OPTIONS: dict[str, dict[str, Any]] = {
    "defaults (50, 0.01)": {},
    "a short run (12, 0.05)": {"window": 12, "min_gain": 0.05},
}


def normal(rng: np.random.Generator, steps: int) -> FloatArray:
    return rng.normal(size=steps)


def heavy_tails(rng: np.random.Generator, steps: int) -> FloatArray:
    """Student's t with 3 degrees of freedom, of unit variance."""
    return rng.standard_t(3, size=steps) / math.sqrt(3)


def correlated(rng: np.random.Generator, steps: int, rho: float = 0.4) -> FloatArray:
    """Each value carries 0.4 of the last one's noise, of unit variance."""
    noise = rng.normal(size=steps)
    for step in range(1, steps):
        noise[step] = rho * noise[step - 1] + math.sqrt(1 - rho**2) * noise[step]
    return noise


NOISES: dict[str, Callable[[np.random.Generator, int], FloatArray]] = {
    "normal": normal,
    "heavy tails": heavy_tails,
    "correlated": correlated,
}


def curves(window: int, min_gain: float) -> dict[str, tuple[FloatArray, int]]:
    """Mean rewards by step, and the number of steps of real progress in each."""
    pace, rise = min_gain / window, 6 * window
    steady = {
        f"gains {times:g} x min_gain": (times * pace * np.arange(2 * rise), 2 * rise) for times in (1.0, 1.5, 2.0, 4.0)
    }
    stops = np.minimum(np.arange(3 * rise), rise) * 4 * pace
    time = 1.5 * window
    saturates = 8 * pace * time * (1 - np.exp(-np.arange(3 * rise) / time))  # slope 8 * pace * exp(-t / time)
    return {
        **steady,
        "gains 4 x min_gain, then stops": (stops, rise),
        "saturates": (saturates, math.ceil(time * math.log(8))),
    }


def first_advance(plugins: Plugins, options: dict[str, Any], rewards: FloatArray) -> int | None:
    """The number of steps after which the policy wants to advance for the first time."""
    policy = Tree(Problems(["p"]), plugins, seed=0).build("stage_policy", {"plateau": options}, "until")
    for step, reward in enumerate(rewards, start=1):
        rollout = Rollout(Verdict(Outcome.PARTIAL, float(reward)), 1)
        group = Group(0, "p", "stage", step, (rollout,))
        policy.observe(StepRecord(step, "stage", ((group, Admission(True)),)))
        if policy.decide(Context(step + 1, "stage", 1, 1)).move is Move.ADVANCE:
            return step
    return None


def measure(runs: int) -> list[dict[str, Any]]:
    plugins = load_plugins()
    rows = []
    for setting, options in OPTIONS.items():
        window, min_gain = options.get("window", 50), options.get("min_gain", 0.01)
        for noise, level in [("normal", name) for name in LEVELS] + [
            ("heavy tails", "middle"),
            ("correlated", "middle"),
        ]:
            for name, (curve, progress) in curves(window, min_gain).items():
                seen = [
                    first_advance(
                        plugins, options, curve + LEVELS[level] * NOISES[noise](np.random.default_rng(seed), len(curve))
                    )
                    for seed in range(runs)
                ]
                rows.append(
                    {
                        "options": setting,
                        "noise": noise,
                        "level": LEVELS[level],
                        "curve": name,
                        "steps": len(curve),
                        "progress": progress,
                        "advances": seen,
                    }
                )
                print_row(rows[-1])
    return rows


def rates(row: dict[str, Any]) -> dict[str, float]:
    false = [step for step in row["advances"] if step is not None and step < row["progress"]]
    delays = [step - row["progress"] for step in row["advances"] if step is not None and step >= row["progress"]]
    others = len(row["advances"]) - len(false)
    summary = {"false": len(false) / len(row["advances"])}
    if row["progress"] < row["steps"] and others:
        summary["found"] = len(delays) / others
    if delays:
        summary |= {"delay": float(np.median(delays)), "delay_p90": float(np.percentile(delays, 90))}
    return summary


def print_row(row: dict[str, Any]) -> None:
    shown = {name: f"{value:.3f}" if value <= 1 else f"{value:.0f}" for name, value in rates(row).items()}
    cells = [row["options"], row["noise"], f"{row['level']:g}", row["curve"]]
    print(" | ".join([*cells, *(f"{name} {value}" for name, value in shown.items())]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="simulated runs for each row")
    rows = measure(parser.parse_args().runs)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    summary = {f"{r['options']}; {r['noise']} {r['level']:g}; {r['curve']}": rates(r) for r in rows}
    print(json.dumps({"benchmark": "plateau_rates", "runs": len(rows[0]["advances"]), "rates": summary}))


if __name__ == "__main__":
    main()
