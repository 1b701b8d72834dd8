"""Make the problems and the small model: `python examples/mixed_math_code/make.py`, from the repository's root.

Math problems are the quickstart's sums, code problems are those of `programs.py`. Both can be answered in a good way
(with the working; by a program for any number of numbers) and in a bad way (by a guess; by a program for two numbers).
The model first learns both ways for all problems. Then, for problems of the level `to_find` (sums of five terms,
programs with a constant from 20 on), it sees the bad way alone, until the good one is rare.

Nothing is downloaded. The same seed makes the same problems, and on one machine the same model.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Collection
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from programs import ALPHABET, every_task

from stagerl_plugins.problem_files import write_table

sys.path.append(str(Path(__file__).parents[1] / "quickstart"))
import small_model
import task as sums
from problems import distinct
from small_model import Lesson

OUT = Path("build") / "mixed_math_code"
TERMS = {"shown": (3, 4), "to_find": (5,)}  # of sums
CONSTANTS = {"shown": range(2, 20), "to_find": range(20, 40)}  # in programs
LARGEST = 3  # term of a sum, so that the arithmetic is learnt within minutes
TRAIN, HELD_OUT = 60, 20  # problems of each number of terms; and as many code problems as sums
SUMS, PROGRAMS = 44, 20  # in a batch of supervised training: programs are learnt faster
GOOD = 0.5  # how often the good way is taught
LUCK = 0.3  # how often a guess is right


def row(domain: str, level: str, text: str, ground_truth: str) -> dict[str, Any]:
    """One row of verl's format. The data source says which reward judges it, the set is that of validation."""
    identifier = f"{domain}: {text}"
    return {
        "id": identifier,
        "data_source": domain,
        "prompt": [{"role": "user", "content": text}],
        "ability": domain,
        "reward_model": {"style": "rule", "ground_truth": ground_truth},
        "extra_info": {"id": identifier, "set": f"{domain} {level}"},
        "level": level,
    }


def problems(seed: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of `train` and of `held_out`, as many of each domain; no problem is in both."""
    found: dict[str, list[dict[str, Any]]] = {"train": [], "held_out": []}
    for level, lengths in TERMS.items():
        rng = random.Random(f"{seed} {level}")
        tasks = iter(rng.sample(every_task(CONSTANTS[level]), len(lengths) * (TRAIN + HELD_OUT)))
        for terms in lengths:
            drawn = distinct(rng, terms, TRAIN + HELD_OUT, LARGEST)
            rows = [row("math", level, problem.text, str(problem.answer)) for problem in drawn]
            found["train"] += rows[:TRAIN]
            found["held_out"] += rows[TRAIN:]
        for name, count in (("train", TRAIN), ("held_out", HELD_OUT)):
            chosen = islice(tasks, len(lengths) * count)
            found[name] += [row("code", level, task.text, task.tests(rng)) for task in chosen]
    return found


def examples(levels: Collection[str], rng: random.Random) -> list[tuple[str, str]]:
    """A batch of supervised training: problems of all levels with answers, the good ones for some levels alone."""
    made = []
    kinds = [(level, terms) for level, lengths in TERMS.items() for terms in lengths]
    for level, terms in rng.choices(kinds, k=SUMS):
        problem = sums.draw(rng, terms, LARGEST)
        good = level in levels and rng.random() < GOOD
        made.append((problem.text, problem.worked if good else sums.guess(problem, LUCK, rng)))
    for level, _ in rng.choices(kinds, k=PROGRAMS):
        task = rng.choice(every_task(CONSTANTS[level]))
        good = level in levels and rng.random() < GOOD
        made.append((task.text, task.general if good else task.of_two))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="folder for train.parquet, held_out.parquet and model/")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the steps of supervised training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; others round differently")
    arguments = parser.parse_args()

    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, rows in problems(arguments.seed).items():
        write_table(pa.Table.from_pylist(rows), arguments.out / f"{name}.parquet")
        print(f"{len(rows)} problems in {arguments.out / name}.parquet")
    lessons = [
        Lesson("both ways", round(400 * arguments.scale), 3e-3, partial(examples, TERMS.keys())),
        Lesson("habits", round(120 * arguments.scale), 1e-3, partial(examples, {"shown"})),
    ]
    print(f"supervised training of the small model: {sum(lesson.steps for lesson in lessons)} steps", flush=True)
    command = f"python make.py --scale {arguments.scale} --seed {arguments.seed}"
    model = arguments.out / "model"
    small_model.make(model, [*sums.ALPHABET, *ALPHABET], lessons, arguments.seed, arguments.threads, command)
    print(f"the small model is in {model}")


if __name__ == "__main__":
    main()
