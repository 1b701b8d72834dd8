"""Tests that are asserts: what counts as one, what they may look at, and how far they are followed."""

from __future__ import annotations

import pytest
from code_judging import judge

from stagerl_plugins.types import Outcome


def check(body):
    lines = "\n".join("    " + line for line in body.splitlines())
    return {"test": f"def check(f):\n{lines}\n", "entry_point": "f"}


LOOP = "r = f(3)\nassert len(r) == 3\nfor x in r: assert x == 0\nassert f(1)[0] == 1"
HELPER = "def near(x): assert x == 0\nfor x in f(3): near(x)\nnear(f(0)[0])\nassert f(1) == 5"
GIVEN = "for n, square in [(1, 1), (2, 4), (3, 9)]: assert f(n) == square\nassert f(0) == 0"
RECURSIVE = "def each(r):\n    assert r[0] == 0\n    r[1:] and each(r[1:])\neach(f(3))\nassert f(1) == 5"
EXPECTS = "try:\n    f(-1)\n    assert False\nexcept ValueError: pass\nassert f(4) == 2"
EITHER = "try: assert f(0) == 1\nexcept AssertionError: assert f(0) == 2\nassert f(4) == 2"
BARE = "try: f(-1)\nexcept: pass\nelse: assert False\nassert f(4) == 2"
EARLY = "try:\n    assert f(4) == 2\n    return\nfinally: pass"
TEXT = "try: f(-1)\nexcept ValueError as e: assert str(e) == 'below 0: -1' and e.args[1:] == ()\nelse: assert False"
IN_PLACE = "a = [3, 1, 2]\nassert f(a) is None\nassert a == [1, 2, 3]\nd = {'x': 1}\nf(d)\nassert d == {'y': 1}"
CHAIN = "n = 0\nfor _ in range({rounds}): n = f(n)\nassert n == {rounds}"

ROOT = "def f(n):\n    if n < 0: raise ValueError(f'below 0: {n}')\n    return int(n**0.5)"
OWN_ERROR = "class Below(ValueError): pass\n" + ROOT.replace("raise ValueError", "raise Below")
NO_ERROR = "def f(n): return int(abs(n)**0.5)"
QUITS = ROOT.replace("raise ValueError(f'below 0: {n}')", "import os; os._exit(0)")
CHANGES = """
def f(x):
    if isinstance(x, dict):
        x['y'] = x.pop('x')
    else:
        x.sort()
"""


@pytest.mark.parametrize(
    ("tests", "program", "score"),
    [
        (check(LOOP), "def f(n): return [0] * 20_000", 0.5 / 1.5),
        (check(LOOP), "def f(n): return [1] * 3", 2 / 3),
        (check(LOOP), "def f(n): return [1] if n == 1 else [0] * 3", 1.0),
        (check(HELPER), "def f(n): return [0] * 20_000", 2 / 3),
        (check(GIVEN), "def f(n): return n * n", 1.0),
        (check(GIVEN), "def f(n): return n", 0.5),
        (check(RECURSIVE), "def f(n): return [0] * 300", 0.5),
        (check(EXPECTS), ROOT, 1.0),
        (check(EXPECTS), OWN_ERROR, 1.0),
        (check(EXPECTS), NO_ERROR, 0.5),
        (check(EXPECTS), QUITS, 0.5),
        (check(EXPECTS), "def g(): pass", 0.0),
        (check(EITHER), "def f(n): return 2", 1.0),
        (check(EITHER), "def f(n): return 3", 0.0),
        (check(BARE), ROOT, 1.0),
        (check(BARE), NO_ERROR, 0.5),
        (check(BARE), QUITS, 0.5),
        (check(EARLY), ROOT, 1.0),
        (check(EARLY), "def f(n): return 3", 0.0),
        (check(TEXT), ROOT, 1.0),
        (check(TEXT), ROOT.replace("below", "under"), 0.0),
        (check(TEXT), ROOT.replace("raise ValueError(f", "raise UnicodeDecodeError('a', b'', 0, 0, f"), 0.0),
        (check("assert all(map(lambda n: f(n) == n, [1, 2]))"), "def f(n): raise StopIteration", 0.0),
        (check(IN_PLACE), CHANGES, 1.0),
        (check(IN_PLACE), "def f(x): pass", 1 / 3),
        (check(IN_PLACE), "def f(x): x.clear()", 1 / 3),
        (check(CHAIN.format(rounds=150)), "def f(n): return n + 1", 1.0),
        (check("assert True, 'simple'\nassert f(4) == 2\nassert True"), "def f(n): return 2", 1.0),
        (check("assert True, 'simple'\nassert f(4) == 2\nassert True"), "def f(n", 0.0),
        (check("if f(4) == 2: assert True\nelse: assert False"), "def f(n): return 2", 1.0),
        (check("if f(4) == 2: assert True\nelse: assert False"), "def f(n): return 3", 0.0),
        (check("f(1)[0].x = 1\nassert f(2) == 2"), "def f(n): return n", 0.0),
        ({"test_list": ["assert f(1) == 1; assert f(2) == 2", "assert f(3) == 0"]}, "def f(n): return n", 2 / 3),
    ],
)
def test_an_assert_is_one_test_however_often_it_runs(sandbox, tests, program, score):
    (verdict,) = judge(sandbox, tests, program)
    assert verdict.judged, verdict.detail
    assert verdict.score == pytest.approx(score), verdict.detail


def test_asserts_that_need_more_results_one_after_the_other_are_not_judged(sandbox):
    (verdict,) = judge(sandbox, check(CHAIN.format(rounds=250)), "def f(n): return n + 1")
    assert verdict.outcome is Outcome.NOT_JUDGED
    assert verdict.detail == "the tests need more than 200 results one after the other"


@pytest.mark.parametrize("argument", ["lambda x: x", "iter([1])", "[f]", "object()"])
def test_an_argument_that_cannot_be_sent_is_not_the_program_s_fault(sandbox, argument):
    (verdict,) = judge(sandbox, check(f"assert f(1) == 1\nassert f({argument})"), "def f(x): return 1")
    assert verdict.outcome is Outcome.NOT_JUDGED
    assert verdict.detail.startswith("the tests give the function what cannot be sent to it: ")


def test_but_what_the_program_returned_is(sandbox):
    wrong, right = judge(
        sandbox, check("assert f(f(1)) == 1"), "def f(x): return iter(x) if x == 1 else x", "def f(x): return x"
    )
    assert (wrong.outcome, right.outcome) == (Outcome.WRONG, Outcome.CORRECT)
    (handed_on,) = judge(sandbox, check("assert f([f(1)]) == 1"), "def f(x): return object()")
    assert handed_on.outcome is Outcome.WRONG


@pytest.mark.parametrize(
    ("tests", "program"),
    [
        (["assert set(f([1, 1])) == {1}"], "def f(x): return x"),
        (["assert math.isclose(f(2), 2.0)"], "def f(x): return float(x)"),
        (["assert isclose(f(2), 2.0)", "assert f(0) == 0"], "def f(x): return float(x)"),
        (["assert sorted(f(2)) == [1, 2]"], "def f(x): return [2, 1]"),
        (["assert Counter(f('aab')) == Counter({'a': 2, 'b': 1})"], "def f(x): return x"),
        (["assert gcd(4, 6) == 2"], "from math import gcd"),
        (["assert helper(f(1))"], "def f(x): return x"),
        (["assert Counter(comb(3)) == Counter([3])"], "def comb(x): return [x]"),
        (["assert list(map(f, [1, 2])) == [1, 2]"], "def f(x): return x"),
    ],
)
def test_the_tested_function_is_found_among_those_that_help(sandbox, tests, program):
    setup = "from math import isclose\ndef helper(x): return x == 1"
    (verdict,) = judge(sandbox, {"test_list": tests, "test_setup_code": setup}, program)
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


def test_a_solution_s_method_comes_before_what_the_program_imported(sandbox):
    tests = {"inputs": [[3]], "outputs": [3], "fn_name": "comb"}
    (verdict,) = judge(sandbox, tests, "from math import comb\nclass Solution:\n    def comb(self, n): return n")
    assert verdict.outcome is Outcome.CORRECT


GIVEN_HELPER = {
    **check("assert f(2) == 12"),
    "prompt": 'TEN = 10\ndef helper(x):\n    """x"""\n    return TEN + x\n\ndef f(x):\n    """Helped."""\n',
}
HEAD_ALONE = {**check("assert f(2) is None"), "prompt": 'class Solution:\n    def f(self, x):\n        """None."""\n'}


@pytest.mark.parametrize(
    ("tests", "program", "score"),
    [
        (GIVEN_HELPER, "def f(x): return helper(x)", 1.0),
        (GIVEN_HELPER, "def helper(x): return 12\ndef f(x): return helper(x)", 1.0),
        (GIVEN_HELPER, "class Solution:\n    def f(self, x): return TEN + x", 1.0),
        (GIVEN_HELPER, "pass", 0.0),
        (HEAD_ALONE, "pass", 0.0),
        (HEAD_ALONE, "def f(x): pass", 1.0),
        ({**HEAD_ALONE, "prompt": "Write a function f that does nothing."}, "def f(x): pass", 1.0),
    ],
)
def test_a_program_goes_on_from_what_its_prompt_defines(sandbox, tests, program, score):
    (verdict,) = judge(sandbox, tests, program)
    assert verdict.judged, verdict.detail
    assert verdict.score == score


CHECKS = {"test_list": ["assert check(2) == 4", "assert check(3) == 6"]}
OWN_CHECK = {"test_list": ["assert f(2) == 4"], "test_setup_code": "def check(function): raise ValueError"}


def test_a_tested_function_may_be_called_check_and_so_may_a_helper(sandbox):
    right, half = judge(sandbox, CHECKS, "def check(n): return 2 * n", "def check(n): return 4")
    assert (right.score, half.score) == (1.0, 0.5)
    (helped,) = judge(sandbox, OWN_CHECK, "def f(n): return 2 * n")
    assert helped.outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    ("test", "program"),
    [
        ("assert f((4, 'a', 7.5), int) == ['a', 7.5]", "def f(x, kind): return [y for y in x if type(y) is not kind]"),
        ("assert f('7', [int, float]) == [7, 7.0]", "def f(x, kinds): return [kind(x) for kind in kinds]"),
        ("assert f(3) is int", "def f(x): return type(x)"),
    ],
)
def test_python_s_own_types_are_sent(sandbox, test, program):
    (verdict,) = judge(sandbox, check(test), program)
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


def test_an_argument_may_be_larger_than_what_a_program_may_print(sandbox):
    tests = check("assert f('x' * 2_000_000) == 2_000_000\nassert f(1) == 1")
    (verdict,) = judge(sandbox, tests, "def f(x): return x if x == 1 else len(x)")
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


METHOD = "class Solution:\n    def f(self, n): return 2 * n\n    def g(self, n): return n"


@pytest.mark.parametrize(
    ("tests", "score"),
    [
        ({"test_list": ["assert Solution().f(2) == 4", "assert Solution().f([1]) == [1]"]}, 0.5),
        ({"test_list": ["s = Solution()\nassert s.f(2) == 4", "assert s.f(3) == 7"]}, 0.5),
        ({"test_list": ["s = Solution()", "assert sorted(s.f([1])) == [1, 1]"]}, 1.0),
        ({"test": "def check(f): pass\nassert Solution().f(2) == 4", "entry_point": "Solution().f"}, 1.0),
        ({**check("assert Solution().f(2) == 4"), "prompt": "class Solution:\n    def f(self, n):\n        pass"}, 1.0),
    ],
)
def test_asserts_may_call_a_solution_s_method(sandbox, tests, score):
    (verdict,) = judge(sandbox, tests, METHOD)
    assert verdict.judged, verdict.detail
    assert verdict.score == score


def test_but_of_one_method_alone(sandbox):
    (verdict,) = judge(sandbox, {"test_list": ["assert Solution().f(Solution().g(2)) == 4"]}, METHOD)
    assert verdict.outcome is Outcome.NOT_JUDGED
    assert verdict.detail.endswith("another method of Solution: g")


OWN_CLASS = "class P:\n    def __init__(self, n): self.name = n\n    def twice(self): return [2 * self.name]"


@pytest.mark.parametrize("test", ["assert P(2).twice() == [4]", "p = P(2)\nassert p.name == 2"])
def test_a_class_that_is_tested_is_not_judged(sandbox, test):
    wanted = test.rpartition(".")[2].partition(" ")[0].removesuffix("()")
    right, wrong = judge(sandbox, {"test_list": [test]}, OWN_CLASS, "def P(n): return n")
    assert right.outcome is Outcome.NOT_JUDGED
    assert right.detail.endswith(f"a result that has '{wanted}'")
    assert wrong.outcome is Outcome.WRONG


def test_nor_is_one_that_a_helper_beside_the_tests_looks_into(sandbox):
    prompt = "class Node:\n    def __init__(self, n): self.value = n\ndef same(a, b): return a.value == b.value"
    tests = {**check("assert same(f(1), Node(1))"), "prompt": prompt}
    (right,) = judge(sandbox, tests, "def f(n): return Node(n)")
    assert right.outcome is Outcome.NOT_JUDGED


@pytest.mark.parametrize(
    "test",
    ["assert f(1).strip() == ''", "assert f(1).items()", "import numbers; assert f(1).real", "assert f(1).__next__()"],
)
def test_but_a_class_of_the_program_s_own_is_no_way_out(sandbox, test):
    (verdict,) = judge(sandbox, check(test), "class X: pass\ndef f(n): return X()")
    assert verdict.outcome is Outcome.WRONG
