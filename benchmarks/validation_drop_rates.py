"""How often the guard `validation_drop` goes back for nothing, and how often and how soon for a real fall.

Prints a table and, as its last line, one JSON object; raw results go to `results/validation_drop_rates.json`.

In each run 20 validations follow those before the stage; a score has a standard deviation of 0.02 by chance. "False" is
the share of runs without a fall that went back, "found" the share of runs with a fall after the fifth validation of the
stage that went back after it, "delay" the validations it took (median).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from stagerl_plugins.curriculum.tree import Tree
from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import Context
from stagerl_plugins.types import FloatArray, Move

RESULTS = Path(__file__).parent / "results" / "validation_drop_rates.json"
NOISE, DURING, GOOD = 0.02, 20, 5


def first_back(plugins: Plugins, options: dict[str, Any], before: FloatArray, during: FloatArray) -> int | None:
    """The number of validations in the stage after which the guard wants to go back for the first time."""
    guard = Tree(Problems(["p"]), plugins, seed=0).build("stage_policy", {"validation_drop": options}, "guard")
    guard.stage_began(Context(1, "one", 1, 1))
    for score in before:
        guard.observe_validation(1, {"set": float(score)})
    context = Context(2, "two", 2, 1)
    guard.stage_began(context)
    for number, score in enumerate(during, start=1):
        guard.observe_validation(2, {"set": float(score)})
        if guard.decide(context).move is Move.BACK:
            return number
    return None


def measure(runs: int) -> list[dict[str, Any]]:
    plugins, rows = load_plugins(), []
    for alpha in (0.01, 0.005, 0.001):
        for count in (3, 5, 8, 12, 20):
            row: dict[str, Any] = {"alpha": alpha, "before": count}
            for fall in (0.0, 0.05, 0.1, 0.2):
                seen = []
                for seed in range(runs):
                    scores = np.random.default_rng(seed).normal(0.5, NOISE, count + DURING)
                    scores[count + GOOD :] -= fall
                    seen.append(first_back(plugins, {"alpha": alpha}, scores[:count], scores[count:]))
                row[f"fall {fall:g}"] = seen
            rows.append(row)
            print(
                f"alpha {alpha:g} | {count} validations before | "
                + " | ".join(f"{name} {value:.3g}" for name, value in rates(row).items()),
                flush=True,
            )
    return rows


def rates(row: dict[str, Any]) -> dict[str, float]:
    runs = len(row["fall 0"])
    shares = {"false": sum(step is not None for step in row["fall 0"]) / runs}
    for name in ("fall 0.05", "fall 0.1", "fall 0.2"):
        delays = [step - GOOD for step in row[name] if step is not None and step > GOOD]
        shares[f"found {name}"] = len(delays) / runs
        if delays:
            shares[f"delay {name}"] = float(np.median(delays))
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400, help="simulated runs for each number")
    rows = measure(parser.parse_args().runs)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    summary = {f"alpha {row['alpha']:g}; {row['before']} before": rates(row) for row in rows}
    print(json.dumps({"benchmark": "validation_drop_rates", "runs": len(rows[0]["fall 0"]), "rates": summary}))


if __name__ == "__main__":
    main()
