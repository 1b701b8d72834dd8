"""Programs for a sandbox, put together from the files in `inside`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_INSIDE = Path(__file__).parent / "inside"
_OUR_IMPORTS = re.compile(r"^from stagerl_plugins\..*$", re.MULTILINE)

# what programs for such problems are written for, as on LeetCode: they name List, deque and pairwise without importing
# them; `typing` comes first, as it has a Counter and an OrderedDict of its own, which are no classes. Nothing that is
# built in is replaced, such as `pow`
PRELUDE = """\
from typing import *
import bisect, collections, copy, datetime, functools, heapq, itertools, json, math, operator, random, re
import string, sys
from bisect import bisect_left, bisect_right, insort, insort_left, insort_right
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from copy import deepcopy
from functools import cache, cached_property, cmp_to_key, lru_cache, partial, reduce
from heapq import heapify, heappop, heappush, heappushpop, heapreplace, nlargest, nsmallest
from itertools import accumulate, chain, combinations, combinations_with_replacement, count, cycle, groupby, islice
from itertools import pairwise, permutations, product, repeat, starmap, takewhile, zip_longest
from math import ceil, comb, cos, dist, exp, factorial, floor, gcd, hypot, inf, isqrt, lcm, log, log2, log10, perm, pi
from math import prod, sin, sqrt
from operator import and_, itemgetter, mul, or_, xor
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
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
