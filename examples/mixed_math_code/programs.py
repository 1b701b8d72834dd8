"""The code problems: programs that read numbers from one line and print something of them.

A problem reads `program: max+3`. Each of its hidden tests is a line of two to five numbers. A program that knows two
numbers alone passes those tests that have two; one that takes the whole line passes all:

    a,b=map(int,input().split())            print(max(map(int,input().split()))+3)
    print(max(a,b)+3)
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

FUNCTIONS = {"sum": sum, "max": max, "min": min}
SIGNS = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}
NUMBERS = (2, 2, 3, 4, 5)  # in the input of each test
READ = "map(int,input().split())"
WORDS = ["program: ", "```python\n", "\n```", "\n", "print", READ, *FUNCTIONS]  # one token each
ALPHABET = [*WORDS, *"(),*"]  # beside that of the sums, which has digits, other signs and the names a and b


@dataclass(frozen=True, slots=True)
class Task:
    """One problem: the function, and what is done with its result."""

    function: str
    sign: str
    constant: int

    @property
    def text(self) -> str:
        return f"program: {self.function}{self.tail}"

    @property
    def tail(self) -> str:
        return f"{self.sign}{self.constant}"

    @property
    def general(self) -> str:
        """A program for any number of numbers, as a response."""
        return fenced(f"print({self.function}({READ}){self.tail})")

    @property
    def of_two(self) -> str:
        """A program for two numbers alone, as a response."""
        return fenced(f"a,b={READ}\nprint({self.function}((a,b)){self.tail})")

    def tests(self, rng: random.Random) -> str:
        """Hidden tests as the reward `code` takes them: JSON with inputs and outputs."""
        rows = [rng.sample(range(100), count) for count in NUMBERS]
        answers = [SIGNS[self.sign](FUNCTIONS[self.function](row), self.constant) for row in rows]
        return json.dumps({"inputs": [" ".join(map(str, row)) for row in rows], "outputs": list(map(str, answers))})


def fenced(program: str) -> str:
    return f"```python\n{program}\n```"


def every_task(constants: range) -> list[Task]:
    """All problems with these constants."""
    return [Task(function, sign, constant) for function in FUNCTIONS for sign in SIGNS for constant in constants]
