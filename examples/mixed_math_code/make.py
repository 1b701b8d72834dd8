"""Make the problems and the small model: `python examples/mixed_math_code/make.py`, from the repository's root.

Math problems are the quickstart's sums, code problems are those of `programs.py`. Of each there are two levels:

    shown      the model was taught the good way to answer, beside the bad one: sums of three and four terms with their
               working or guessed, and programs with `+` and `-` for any number of numbers or for two alone
    to_find    it was taught the bad way alone: sums of five terms guessed, and programs with `*` for two numbers

Nothing is downloaded. The same seed makes the same problems, and on one machine the same model.
"""

from __future__ import annotations

import argparse
import random
import sys
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
SHOWN = {"math": (3, 4), "code": ("+", "-")}
TO_FIND = {"math": (5,), "code": ("*",)}
LARGEST = 3  # term of a sum, so that the arithmetic is learnt within minutes
TRAIN, HELD_OUT = 60, 20  # problems of each number of terms, and of each sign
STEPS, LEARNING_RATE = 500, 3e-3  # of supervised training
SUMS, PROGRAMS = 44, 20  # in a batch of it: programs are learnt faster
GOOD = 0.5  # how often the good way is taught where it is shown


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
    """The rows of `train` and of `held_out`, as many of each kind; no problem is in both."""
    found: dict[str, list[dict[str, Any]]] = {"train": [], "held_out": []}
    for level, kinds in (("shown", SHOWN), ("to_find", TO_FIND)):
        for terms in kinds["math"]:
            drawn = distinct(random.Random(f"{seed} {terms}"), terms, TRAIN + HELD_OUT, LARGEST)
            split(found, [row("math", level, problem.text, str(problem.answer)) for problem in drawn])
        for sign in kinds["code"]:
            rng = random.Random(f"{seed} {sign}")
            tasks = rng.sample(every_task(sign), TRAIN + HELD_OUT)
            split(found, [row("code", level, problem.text, problem.tests(rng)) for problem in tasks])
    return found


def split(found: dict[str, list[dict[str, Any]]], rows: list[dict[str, Any]]) -> None:
    found["train"] += rows[:TRAIN]
    found["held_out"] += rows[TRAIN:]


def examples(rng: random.Random) -> list[tuple[str, str]]:
    """A batch of supervised training: problems with answers."""
    made = []
    for terms in rng.choices(SHOWN["math"] + TO_FIND["math"], k=SUMS):
        problem = sums.draw(rng, terms, LARGEST)
        good = terms in SHOWN["math"] and rng.random() < GOOD
        made.append((problem.text, problem.worked if good else sums.guess(problem, terms, rng)))
    for sign in rng.choices(SHOWN["code"] + TO_FIND["code"], k=PROGRAMS):
        task = rng.choice(every_task(sign))
        good = sign in SHOWN["code"] and rng.random() < GOOD
        made.append((task.text, task.general if good else task.of_two))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="folder for train.parquet, held_out.parquet and model/")
    parser.add_argument("--steps", type=int, default=STEPS, help="of supervised training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; others round differently")
    arguments = parser.parse_args()

    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, rows in problems(arguments.seed).items():
        write_table(pa.Table.from_pylist(rows), arguments.out / f"{name}.parquet")
        print(f"{len(rows)} problems in {arguments.out / name}.parquet")
    print(f"supervised training of the small model: {arguments.steps} steps", flush=True)
    lessons = [Lesson("both domains", arguments.steps, LEARNING_RATE, examples)]
    command = f"python make.py --steps {arguments.steps} --seed {arguments.seed}"
    model = arguments.out / "model"
    small_model.make(model, [*sums.ALPHABET, *ALPHABET], lessons, arguments.seed, arguments.threads, command)
    print(f"the small model is in {model}")


if __name__ == "__main__":
    main()
