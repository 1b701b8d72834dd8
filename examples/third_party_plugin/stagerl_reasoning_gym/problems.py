"""Write problems of rising difficulty in verl's format: `python -m stagerl_reasoning_gym.problems --out FILE`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from reasoning_gym.coaching.base_curriculum import DefaultCurriculumContext, RangeAttributeMode
from reasoning_gym.factory import create_curriculum, create_dataset

from stagerl_plugins.errors import UserError

INSTRUCTION = "Write the final answer between <answer> and </answer>."
SEED_STRIDE = 1_000_000  # reasoning-gym makes item i of seed s from s + i: neighbouring seeds would share items


def make_rows(task: str, levels: int, each: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows in verl's format, with distinct questions.

    Args:
        task: Name of a reasoning-gym data set that has a curriculum, such as `chain_sum`.
        levels: Number of levels; at level 0 all of the generator's settings are at their easiest.
        each: Problems of each level; fewer where the generator runs out of new ones.
        seed: Another seed gives other problems.

    Raises:
        UserError: There is no such task, or its problems cannot be verified from what a file can hold.
    """
    rows: dict[str, dict[str, Any]] = {}
    for level in range(levels):
        for number, entry in enumerate(_entries(task, level, each, seed, rows.keys())):
            identifier = f"{task}/{level}/{seed}-{number}"
            rows[entry["question"]] = {
                "id": identifier,
                "data_source": f"reasoning_gym/{task}",
                "prompt": [{"role": "user", "content": f"{entry['question']}\n{INSTRUCTION}"}],
                "ability": task,
                "reward_model": {"style": "rule", "ground_truth": json.dumps(entry)},
                "extra_info": {"id": identifier},
                "level": level,  # what stages choose by
                "generator_level": level,  # what the difficulty metric goes by
            }
    return list(rows.values())


def _entries(task: str, level: int, count: int, seed: int, known: Any) -> list[dict[str, Any]]:
    """New entries of one level; JSON has been through them, and their own answer is still the right one."""
    try:
        curriculum = create_curriculum(task)
        curriculum.set_global_level(level)
        context = DefaultCurriculumContext(RangeAttributeMode.UPPER_BOUND)
        config = curriculum.generate_configuration({"seed": seed * SEED_STRIDE, "size": 10 * count}, context)
        dataset = create_dataset(task, **vars(config))
        entries: dict[str, dict[str, Any]] = {}
        for index in range(10 * count):
            entry = json.loads(json.dumps(dataset[index]))
            if entry["question"] not in known:
                entries.setdefault(entry["question"], entry)
            if len(entries) == count:
                break
        refused = sum(dataset.score_answer(entry["answer"], entry) != 1 for entry in entries.values())
    except (ValueError, TypeError, AssertionError) as error:
        raise UserError(f"no problems of task '{task}' at level {level}: {error}") from error
    if refused:
        raise UserError(f"task '{task}': its verifier refuses {refused} of {len(entries)} answers that it gave itself")
    return list(entries.values())


def main() -> None:
    parser = argparse.ArgumentParser("python -m stagerl_reasoning_gym.problems", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="parquet file to write")
    parser.add_argument("--task", default="chain_sum", help="reasoning-gym's name of the task (default: chain_sum)")
    parser.add_argument("--levels", type=int, default=4, help="number of levels (default: 4)")
    parser.add_argument("--each", type=int, default=50, help="problems of each level (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other problems (default: 0)")
    arguments = parser.parse_args()
    try:
        rows = make_rows(arguments.task, arguments.levels, arguments.each, arguments.seed)
    except UserError as error:
        parser.error(str(error))
    pa.parquet.write_table(pa.Table.from_pylist(rows), arguments.out)
    print(f"{len(rows)} problems are in {arguments.out}")


if __name__ == "__main__":
    main()
