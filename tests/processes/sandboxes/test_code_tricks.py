"""Reward `code` in a real sandbox: no trick makes a wrong program right, or a wrong answer our fault."""

from __future__ import annotations

import time
import uuid

import pytest
from code_judging import ADD, LIST, PROMPT, judge

from stagerl_plugins.types import Outcome

EQUAL_TO_ALL = """
class Any:
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __abs__ = __sub__ = lambda *_: 0
    __lt__ = lambda self, other: True
    __hash__ = object.__hash__
def add(a, b): return Any()
"""
SUBCLASS = EQUAL_TO_ALL.replace("class Any:", "class Any(int):")
FRAMES = """
import sys, gc
def add(a, b):
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if value in (3, 7): return value
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, list) and thing in ([3, 7], [3], [7]): return thing[0]
"""
PATCHED = """
import builtins, json, sys
json.dumps = lambda *a, **k: '["returned",true]'
json.loads = lambda *a, **k: None
builtins.AssertionError = builtins.Exception = type(None)
import __main__
__main__.dumps = lambda value: '["returned",{"#":"opaque","of":"x"}]'
def add(a, b): return 3
"""
FORGED = """
import os
for n in range(20):
    try: os.write(n, b'["returned",3]')
    except OSError: pass
os._exit(0)
def add(a, b): pass
"""
PASSED = "import os\nprint('4 of 4 tests passed', True, 'PASSED')\nos._exit(0)"
SKIPPED = "import unittest, sys\nsys.exit(0)\ndef add(a, b): pass"
SOURCE = """
import inspect, sys
def add(a, b): return [word for word in inspect.getsource(sys.modules['__main__']).split() if word.isdigit()]
"""


@pytest.mark.parametrize("tests", [ADD, PROMPT, LIST], ids=["function", "check", "asserts"])
@pytest.mark.parametrize("trick", [EQUAL_TO_ALL, FRAMES, FORGED, PASSED, SKIPPED, SOURCE, PATCHED, SUBCLASS])
def test_no_trick_makes_a_wrong_function_right(sandbox, tests, trick):
    (verdict,) = judge(sandbox, tests, trick)
    assert verdict.judged
    assert verdict.outcome is not Outcome.CORRECT
    assert verdict.score <= 0.5  # an answer written by hand may be right once


# tests that the returned values themselves can break, or keep busy for ever
FRAGILE = {
    "test": "def check(f):\n    x = f(1, 2)\n    y = x[0] + 1\n    for _ in x: assert y < 0\n    assert y",
    "entry_point": "add",
}
DEEP = "value = []\nfor _ in range({depth}): value = [value]\ndef add(a, b): return value"


@pytest.mark.parametrize(
    "program",
    [
        "def add(a, b): return None",
        "def add(a, b): return range(10**18)",
        "def add(a, b): import os; os._exit(0)",
        "def add(a, b): raise KeyboardInterrupt",
        "def add(a, b): raise UnicodeDecodeError('a', b'', 0, 0, '')",
        "def add(a, b): return 'x' * 900_000",
        *(DEEP.format(depth=depth) for depth in (196, 197, 198, 199, 500)),
    ],
)
@pytest.mark.parametrize("tests", [FRAGILE, PROMPT, ADD], ids=["fragile", "asserts", "function"])
def test_a_value_that_breaks_tests_is_wrong_and_never_our_fault(sandbox, tests, program):
    (verdict,) = judge(sandbox, tests, program, seconds=2)
    assert verdict.judged, verdict.detail
    assert verdict.score == 0


def test_ending_early_is_not_raising_what_a_test_expects(sandbox):
    test = "def check(f):\n    try: f()\n    except Exception: return\n    assert False"
    raises, ends = judge(
        sandbox, {"test": test, "entry_point": "f"}, "def f(): raise ValueError", "import os\ndef f(): os._exit(0)"
    )
    assert (raises.outcome, ends.outcome) == (Outcome.CORRECT, Outcome.WRONG)


FORGED_SET = """
import os
def add(a, b):
    items = ",".join('{"#":"int","of":"%x"}' % ((2**61 - 1) * (2**64 + n)) for n in range(20_000))
    for n in range(3, 20):
        try: os.write(n, ('["returned",{"#":"set","of":[' + items + ']}]').encode())
        except OSError: pass
    os._exit(0)
"""


def test_values_of_one_hash_do_not_keep_the_judge_busy(sandbox):
    began = time.process_time()
    (verdict,) = judge(sandbox, ADD, FORGED_SET)
    assert verdict.outcome is Outcome.WRONG
    assert time.process_time() - began < 5


FINDS = """
import gc, os, re, sys
def find(*_):
    seen = [repr(thing) for thing in gc.get_objects()] + [str(os.environ), str(sys.argv), str(os.listdir('.'))]
    frame = sys._getframe()
    while frame:
        seen += [repr(frame.f_locals), repr(frame.f_globals), repr(frame.f_code.co_consts)]
        frame = frame.f_back
    return (re.findall('[0-9a-f]{32}', ' '.join(seen)) + ['nothing'])[0]
"""


def test_expected_outputs_are_nowhere_near_the_program(sandbox):
    """A program that looks everywhere for what is expected does not find it."""
    secret = uuid.uuid4().hex
    printed, returned = (
        {"inputs": ["x"], "outputs": [secret]},
        {"inputs": [["x"]], "outputs": [secret], "fn_name": "find"},
    )
    asserted = {"test": f"def check(find):\n    assert find('x') == '{secret}'", "entry_point": "find"}
    for tests, program in ((printed, FINDS + "print(find())"), (returned, FINDS), (asserted, FINDS)):
        (verdict,) = judge(sandbox, tests, program)
        assert verdict.outcome is Outcome.WRONG
    told = {**printed, "inputs": [secret]}
    (verdict,) = judge(sandbox, told, FINDS + "text = input()\nprint(find())")
    assert verdict.outcome is Outcome.CORRECT  # it would find it where it is
