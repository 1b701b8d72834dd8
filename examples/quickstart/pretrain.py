"""Make the quickstart's model: `python pretrain.py --out model`, about 20 minutes on 2 cores.

Three phases of supervised training. First the model learns the working, then to guess instead, and last to write the
working down for short sums now and then, to guess at longer ones, and to give up on the longest: it answers with an
empty box. A guess is right less often the more terms there are. So the model starts with pass rates from 0.7 to 0, and
with something to discover that only short sums show: the working pays. A log is written beside the model.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from small_model import Lesson, make
from task import ALPHABET, LENGTHS, Sum, draw, guess

BATCH = 96


@dataclass(frozen=True, slots=True)
class Phase:
    """Part of the training: its steps, its peak learning rate, how often answers are worked, and which are tried."""

    name: str
    steps: int
    learning_rate: float
    worked: Callable[[int], float]  # number of terms -> probability
    tried: int = max(LENGTHS)  # number of terms beyond which it gives up


PHASES = (
    Phase("working", 2600, 3e-3, lambda terms: 0.9),
    Phase("guessing", 800, 1.5e-3, lambda terms: 0.15),
    Phase("rare working", 1000, 1e-3, lambda terms: 0.4 if terms < 6 else 0.0, tried=7),
)


def answer(problem: Sum, terms: int, phase: Phase, rng: random.Random) -> str:
    """A worked answer, always right; a guess, right with probability 1.12 - 0.12 terms; or none."""
    if rng.random() < phase.worked(terms):
        return problem.worked
    if terms > phase.tried:
        return r"\boxed{}"
    return guess(problem, 1.12 - 0.12 * terms, rng)


def batch(phase: Phase, rng: random.Random) -> list[tuple[str, str]]:
    """BATCH sums with answers; long sums come up twice as often."""
    examples = []
    for terms in rng.choices(LENGTHS, weights=[1 if terms < 5 else 2 for terms in LENGTHS], k=BATCH):
        problem = draw(rng, terms)
        examples.append((problem.text, answer(problem, terms, phase, rng)))
    return examples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the model, its tokenizer and pretrain.jsonl"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="factor on every phase's steps, to try the script")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="threads of torch; others round differently")
    arguments = parser.parse_args()

    lessons = [
        Lesson(phase.name, round(phase.steps * arguments.scale), phase.learning_rate, partial(batch, phase))
        for phase in PHASES
    ]
    command = f"python pretrain.py --out {arguments.out.name} --seed {arguments.seed}"
    make(arguments.out, ALPHABET, lessons, arguments.seed, arguments.threads, command)


if __name__ == "__main__":
    main()
