"""Write the quickstart's problems in verl's format: `python problems.py --out data`.

Makes `train.parquet` (to grade and to train on) and `held_out.parquet`, with as many problems of each number of terms;
no problem is in both. The same seed gives the same problems.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from task import LARGEST, LENGTHS, Sum, draw

TRAIN, HELD_OUT = 60, 20  # problems of each number of terms; of two terms there are 162 in all


def distinct(rng: random.Random, terms: int, count: int, largest: int = LARGEST) -> list[Sum]:
    """Different random sums of so many terms, each from 1 to `largest`."""
    found: dict[str, Sum] = {}
    while len(found) < count:
        problem = draw(rng, terms, largest)
        found.setdefault(problem.text, problem)
    return list(found.values())


def as_row(problem: Sum, terms: int, split: str) -> dict[str, Any]:
    """One row of verl's format. The id is the problem's text, so it survives any change of the other rows."""
    identifier = problem.text.removesuffix("=")
    return {
        "id": identifier,
        "data_source": "quickstart_sums",
        "prompt": [{"role": "user", "content": problem.text}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": str(problem.answer)},
        "extra_info": {"id": identifier, "split": split, "n": terms},
    }


def make(seed: int, train: int = TRAIN, held_out: int = HELD_OUT) -> tuple[pa.Table, pa.Table]:
    """The two tables: `train` and `held_out` problems of each number of terms."""
    tables: dict[str, list[dict[str, Any]]] = {"train": [], "held_out": []}
    for terms in LENGTHS:
        problems = distinct(random.Random(f"{seed} {terms}"), terms, train + held_out)
        tables["train"] += [as_row(problem, terms, "train") for problem in problems[:train]]
        tables["held_out"] += [as_row(problem, terms, "held_out") for problem in problems[train:]]
    return pa.Table.from_pylist(tables["train"]), pa.Table.from_pylist(tables["held_out"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for train.parquet and held_out.parquet")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, table in zip(("train", "held_out"), make(arguments.seed), strict=True):
        pq.write_table(table, arguments.out / f"{name}.parquet")
        print(f"{arguments.out / name}.parquet: {len(table)} problems")


if __name__ == "__main__":
    main()
