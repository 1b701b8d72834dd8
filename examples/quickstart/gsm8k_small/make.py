"""Make this folder's two files: `python make.py GSM8K_FOLDER`, where GSM8K lies as `gsm8k_{train,test}.jsonl.gz`.

Takes short problems that one to four calculations solve, so that a small model on a CPU pays for few tokens.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

LONGEST = 200  # characters of a problem
MOST_STEPS = 4  # calculations in its solution, which GSM8K marks with <<…>>
INSTRUCTION = "Calculate in one line, then write the answer as \\boxed{number}."
SPLITS = (("train", "train", 64), ("held_out", "test", 32))  # our file, GSM8K's, number of problems


def as_row(index: int, problem: dict[str, str], split: str, origin: str) -> dict[str, Any]:
    """One row of verl's format; the id names the problem's place in GSM8K."""
    identifier = f"gsm8k-{origin}-{index:04}"
    return {
        "id": identifier,
        "data_source": "gsm8k",
        "prompt": [{"role": "user", "content": f"{problem['problem']}\n{INSTRUCTION}"}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": problem["answer"]},
        "extra_info": {"id": identifier, "split": split, "n": problem["solution"].count("<<")},
    }


def select(lines: list[dict[str, str]], count: int) -> list[tuple[int, dict[str, str]]]:
    """Some of the short problems, always the same ones, in GSM8K's order."""
    short = [
        (index, line)
        for index, line in enumerate(lines)
        if len(line["problem"]) <= LONGEST and 1 <= line["solution"].count("<<") <= MOST_STEPS
    ]
    return sorted(random.Random(0).sample(short, count), key=lambda pair: pair[0])


def main() -> None:
    source, here = Path(sys.argv[1]), Path(__file__).parent
    for split, origin, count in SPLITS:
        with gzip.open(source / f"gsm8k_{origin}.jsonl.gz", "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        rows = [as_row(index, line, split, origin) for index, line in select(lines, count)]
        pq.write_table(pa.Table.from_pylist(rows), here / f"{split}.parquet")


if __name__ == "__main__":
    main()
