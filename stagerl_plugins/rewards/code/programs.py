"""Programs for a sandbox, put together from the files in `inside`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_INSIDE = Path(__file__).parent / "inside"
_OUR_IMPORTS = re.compile(r"^from stagerl_plugins\..*$", re.MULTILINE)

# what programs for such problems are written for: they name List and deque without importing them; `typing` comes
# first, as it has a Counter and an OrderedDict of its own, which are no classes
PRELUDE = """\
from typing import *
import bisect, collections, functools, heapq, itertools, math, operator, random, re, string, sys
from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict, defaultdict, deque
from functools import cache, cmp_to_key, lru_cache, reduce
from heapq import heapify, heappop, heappush
from itertools import accumulate, combinations, permutations, product
from math import ceil, comb, floor, gcd, inf, sqrt
"""


def call_program(source: str, name: str, changes: bool = False, given: str = "") -> str:
    """A program that calls a function of `source` with what comes in, and tells its `changes` of arguments, too.

    What `given` defines is there for `source` to use.
    """
    return _with_main("function", PRELUDE, given, source, name, changes)


def asserts_program(setup: str, tests: str, name: str) -> str:
    """A program that runs asserts with the results that come in as standard input."""
    return _with_main("asserts", PRELUDE, setup, tests, name)


def _with_main(name: str, *arguments: str | bool) -> str:
    return f"{_text('codec')}\n{_text(name)}\nmain({', '.join(map(repr, arguments))})\n"


@cache
def _text(name: str) -> str:
    return _OUR_IMPORTS.sub("", (_INSIDE / f"{name}.py").read_text(encoding="utf-8"))
