"""The quickstart's problem family: sums of named one-digit terms, and the alphabet that they are written in.

A problem reads `a7+b8-c5=`. It may be answered at once, `\\boxed{10}`, or with the working first,
`b15c10 \\boxed{10}`: the running total after each term. The letters tell a small model which term comes next.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

LENGTHS = range(2, 11)  # numbers of terms that the model learns; at 11 its working would need an unknown letter
LETTERS = "abcdefghij"
LARGEST = 9  # value of a term
ALPHABET = ["\\boxed{", "}", *"0123456789+-= ", *LETTERS]


@dataclass(frozen=True, slots=True)
class Sum:
    """One problem: its text, its answer, and the running totals after the second and each later term."""

    text: str
    answer: int
    totals: tuple[int, ...]

    @property
    def worked(self) -> str:
        """The answer with its working."""
        working = "".join(f"{letter}{total}" for letter, total in zip(LETTERS[1:], self.totals, strict=False))
        return f"{working} {boxed(self.answer)}"


def boxed(value: int) -> str:
    return f"\\boxed{{{value}}}"


def guess(problem: Sum, chance: float, rng: random.Random) -> str:
    """An answer at once: right with this chance, else off by 1 to 3."""
    if rng.random() < chance:
        return boxed(problem.answer)
    return boxed(problem.answer + rng.choice((-3, -2, -1, 1, 2, 3)))


def draw(rng: random.Random, terms: int, largest: int = LARGEST) -> Sum:
    """A random sum of `terms` terms, each from 1 to `largest`; the first is added, the others added or subtracted."""
    total = rng.randint(1, largest)
    text, totals = f"{LETTERS[0]}{total}", []
    for letter in LETTERS[1:terms]:
        sign, value = rng.choice("+-"), rng.randint(1, largest)
        total += value if sign == "+" else -value
        text += f"{sign}{letter}{value}"
        totals.append(total)
    return Sum(f"{text}=", total, tuple(totals))
