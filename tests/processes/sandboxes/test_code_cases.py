"""A table of programs and what each is worth: as people write them, and as one does to be paid for nothing."""

from __future__ import annotations

import pytest
from code_judging import judge

from stagerl_plugins.types import Outcome


def printed(given, expected, **more):
    return {"inputs": [given], "outputs": [expected], **more}


def called(given, expected, **more):
    return {"inputs": [given], "outputs": [expected], "fn_name": "f", **more}


ECHO = "print(input())"
WORDS = "import sys\nfor word in sys.stdin.read().split(): print(word)"

PRINTED = [
    (printed("3", "3"), "print('3   ')", 1.0),
    (printed("3", "3"), "print('3\\t\\n\\n\\n')", 1.0),
    (printed("3", "3"), "print('\\n3')", 0.0),
    (printed("3", "3\n"), "import sys; sys.stdout.write('3')", 1.0),
    (printed("a\r\nb\r\n", "a\r\nb\r\n"), WORDS, 1.0),
    (printed("a\nb", "a\r\nb"), WORDS, 1.0),
    (printed("3", "3"), "print('\\ufeff3')", 0.0),
    (printed("é", "é"), ECHO, 1.0),
    (printed("\ud800", "x"), "print('x')", 1.0),
    (printed("1", "0.333333333"), "print(1 / 3)", 1.0),
    (printed("1", "0.333333333"), "print(0.3334)", 0.0),
    (printed("1", "1000000.5"), "print(1000000.4)", 1.0),
    (printed("1", "3"), "print(3.0)", 0.0),
    (printed("1", "3.0"), "print(3)", 1.0),
    (printed("1", "1e3"), "print(1000)", 1.0),
    (printed("1", "100000000000000001"), "print(1e17)", 0.0),
    (printed("1", "YES"), "print('Yes')", 0.0),
    (printed("1", "1 2 3"), "print(*[1, 2, 3])", 1.0),
    (printed("1", "1 2 3"), "print([1, 2, 3])", 0.0),
    (printed("1", "1\n2"), "print('2\\n1')", 0.0),
    (printed("1", "1\n2", unordered=True), "print('2\\n1')", 1.0),
    (printed("1", "1\n2", unordered=True), "print('2\\n1\\n1')", 0.0),
    (printed("1", "1 2", unordered=True), "print('2 1')", 0.0),
    (printed("1", "0.5\n0.25", unordered=True), "print('0.2500000001\\n0.5')", 1.0),
    (printed("", ""), "pass", 1.0),
    (printed("", "x"), "pass", 0.0),
    (printed(["1", "2"], ["1", "2"]), "print(input()); print(input())", 1.0),
    (printed(3, 4), "print(int(input()) + 1)", 1.0),
    (printed("5", "5"), "def main():\n    print(input())\nif __name__ == '__main__': main()", 1.0),
    (printed("5", "5"), "import sys\ninput = sys.stdin.readline\nprint(input())", 1.0),
    (printed("5", "5"), "print(open(0).read())", 1.0),
    (printed("5", "5"), "import os; os.write(1, os.read(0, 10))", 1.0),
    (printed("5", "5"), ECHO + "\nexit(0)", 1.0),
    (printed("5", "5"), ECHO + "\nexit()", 1.0),
    (printed("5", "5"), ECHO + "\nexit(3)", 0.0),
    (printed("5", "5"), ECHO + "\nraise SystemExit('done')", 0.0),
    (printed("5", "5"), ECHO + "\nimport sys; sys.stdout.flush()\nimport os; os._exit(0)", 1.0),
    (printed("5", "5"), ECHO + "\n1 / 0", 0.0),
    (printed("5", "5"), ECHO + "\nimport sys; print('note', file=sys.stderr)", 1.0),
    (printed("5", "5"), "import atexit\natexit.register(print, input())", 1.0),
    (printed("5", "5"), "import threading\nthreading.Thread(target=lambda: print(input())).start()", 1.0),
    (
        printed("5", "5"),
        ECHO + "\nimport threading, time\nthreading.Thread(target=lambda: time.sleep(.2) or print(6)).start()",
        0.0,
    ),
    (
        printed("5", "5"),
        "import sys\nsys.setrecursionlimit(10**6)\nr = lambda n: n and r(n - 1)\nr(20000)\n" + ECHO,
        1.0,
    ),
    (printed("5", "5"), "r = lambda n: n and r(n - 1)\nr(20000)\n" + ECHO, 0.0),
    (printed("5", "5"), "print = lambda *_: None\nprint(5)", 0.0),
    (printed("5", "5"), "import sys\nsys.settrace(lambda *_: None)\n" + ECHO, 1.0),
    (printed("5", "5"), "import sys\nsys.stdout.close()", 0.0),
    (printed("5", "5"), "print(5, end='\\0')", 0.0),
    (printed("5", "5"), "print('5' * 2_000_000)", 0.0),
    (printed("5", "5"), "print('\x00')", 0.0),
    (printed("5", "5"), "#" * 200_000 + "\n" + ECHO, 1.0),
    (printed("5", "5"), "x = " + "(" * 1000 + ")" * 1000, 0.0),
    (printed("5", "5"), "# -*- coding: latin-1 -*-\n" + ECHO, 1.0),
    (printed("5", "5"), "import os\nif os.fork() == 0: print(5)", 0.0),
    ([{"input": "5\n", "output": "5\n", "testtype": "stdin"}], ECHO, 1.0),
]

CALLED = [
    (called([2], [1, 2]), "def f(x): return (1, 2)", 1.0),
    (called([2], [1, 2]), "def f(x): return [2, 1]", 0.0),
    (called([2], [1, 2]), "def f(x): return {1, 2}", 0.0),
    (called([2], [1, 2]), "def f(x): yield from (1, 2)", 0.0),
    (called([2], [1, 2]), "def f(x): return iter([1, 2])", 0.0),
    (called([2], [1, 2]), "def f(x): return range(1, 3)", 0.0),
    (called([2], [1, 2], unordered=True), "def f(x): return (2, 1)", 1.0),
    (called([2], [1, 2], unordered=True), "def f(x): return [2, 1, 1]", 0.0),
    (called([2], {"1": 2}), "def f(x): return {1: 2}", 1.0),
    (called([2], {"1": 2}), "from collections import Counter\ndef f(x): return Counter([1, 1])", 1.0),
    (called([2], None), "def f(x): pass", 1.0),
    (called([2], None), "def f(x): return 0", 0.0),
    (called([2], False), "def f(x): return 0", 0.0),
    (called([2], ""), "def f(x): return None", 0.0),
    (called([2], [[]]), "def f(x): return []", 1.0),  # wrapped, as in APPS
    (called([2], 2.5), "def f(x): return 2.5000000001", 1.0),
    (called([2], 2), "class Two(int): __eq__ = lambda *_: True\ndef f(x): return Two(2)", 1.0),
    (called([2], 2), "class Two(int): __eq__ = lambda *_: True\ndef f(x): return Two(3)", 0.0),
    (called([2], "a"), "import enum\nclass E(str, enum.Enum): A = 'a'\ndef f(x): return E.A", 1.0),
    (called([2], 2), "class N:\n    def tolist(self): return 2\ndef f(x): return N()", 1.0),
    (called([2], 2), "class N:\n    def tolist(self): return self\ndef f(x): return N()", 0.0),
    (called([2], 2), "class N:\n    def __getattr__(self, _): return self\ndef f(x): return N()", 0.0),
    (called([2], 3), "n = [0]\ndef f(x):\n    n[0] += 1\n    return x + n[0]", 1.0),
    (called([2], 2), "def f(*a, **k): return a[0]", 1.0),
    (called([2], 2), "f = lambda x: x", 1.0),
    (called(["ab"], True), "def f(x): return type(Counter(x)) is Counter and issubclass(OrderedDict, dict)", 1.0),
    (called([[1, 3, 6]], [2, 3]), "def f(x): return [b - a for a, b in pairwise(x)]", 1.0),
    (called([9], 4), "def f(n): return isqrt(n) + int(log2(2)) + pow(5, 2, 5) + xor(3, 3)", 1.0),
    (called([[1]], [1]), "def f(x): return copy.deepcopy(list(chain(deepcopy(x))))", 1.0),
    (called([[3, 1]], [1, 3]), "def f(x):\n    y = []\n    for n in x: insort(y, n)\n    return y", 1.0),
    (called([2], 2), "class Solution:\n    def f(self, x): return self.g(x)\n    def g(self, x): return x", 1.0),
    (called([2], 2), "class Solution:\n    @staticmethod\n    def f(x): return x", 1.0),
    (called([2], 2), "class Solution:\n    def __init__(self, n): pass\n    def f(self, x): return x", 0.0),
    (called([2], 2), "class Solution: pass\ndef f(x): return x", 1.0),
    (called([2], 2), "def f(x: List[int]) -> Optional[int]: return x", 1.0),
    (called([2], 2), "n = input()\ndef f(x): return x", 0.0),
    (called([2], 2), "print('[\"returned\",2]')\ndef f(x): return 3", 0.0),
    (called([2], 2), "import sys\nsys.stdout.write('[\"returned\",2]'); sys.exit(0)\ndef f(x): return 3", 0.0),
    (called([2], 2), "def f(x):\n    import os\n    os.write(1, b'[\"returned\",2]'); os._exit(0)", 0.0),
    (called([2], 2), "import atexit\natexit.register(print, '[\"returned\",2]')\ndef f(x): return 3", 0.0),
    (called([2], 2), "import builtins\nbuiltins.print = builtins.open = None\ndef f(x): return x", 1.0),
    (called([2], 2), "def f(x): raise SystemExit(0)", 0.0),
    (called([2], 2), "def f(x):\n    try: return 3\n    finally: f.__code__ = (lambda x: x).__code__", 0.0),
    (called([2], 2), "import sys\ndef f(x): return sys._getframe(1).f_locals.get('expected', 3)", 0.0),
    (called([2], 2), "import sys\ndef t(*_): return t\nsys.settrace(t)\ndef f(x): return x", 1.0),
    (
        called([2], 2),
        "import threading\ndef f(x):\n    threading.Thread(target=print, args=(3,)).start()\n    return x",
        1.0,
    ),
    (called([20000], 20000), "import sys\nsys.setrecursionlimit(10**6)\ndef f(x): return x and 1 + f(x - 1)", 1.0),
    (called([20000], 20000), "def f(x): return x and 1 + f(x - 1)", 1.0),
    (called([4000], 4000), "from functools import cache\n@cache\ndef f(x): return x and 1 + f(x - 1)", 1.0),
    (called([4000], 4000), "def f(x): return 1 + f(x)", 0.0),
    (called([[3, 1]], [1, 3]), "def f(x): x.sort(); return x", 1.0),
    (called([[3, 1]], [1, 3]), "def f(x): x.sort()", 0.0),
    (
        {
            "public_test_cases": [{"input": "[1, 2]\n3", "output": "6", "testtype": "functional"}],
            "metadata": '{"func_name": "f"}',
        },
        "class Solution:\n    def f(self, a, n): return sum(a) + n",
        1.0,
    ),
]


@pytest.mark.parametrize(("tests", "program", "score"), PRINTED)
def test_programs_that_print(sandbox, tests, program, score):
    (verdict,) = judge(sandbox, tests, program, seconds=5)
    assert verdict.judged, verdict.detail
    assert verdict.score == score


@pytest.mark.parametrize(("tests", "program", "score"), CALLED)
def test_programs_that_are_called(sandbox, tests, program, score):
    (verdict,) = judge(sandbox, tests, program, seconds=5)
    assert verdict.judged, verdict.detail
    assert verdict.score == score


def check(*lines):
    return {"test": "def check(f):\n    " + "\n    ".join(lines), "entry_point": "f"}


ASSERTS = check(
    "assert f(1) == 1", "assert f(2) == 4", "for n in range(3, 50): assert f(n) == n * n", "assert f(0) == 0"
)
RIGHT = "def f(n): return n * n"


@pytest.mark.parametrize(
    ("program", "score"),
    [
        (RIGHT, 1.0),
        (RIGHT.replace("n * n", "n * n if n < 40 else 0"), 0.75),
        (RIGHT.replace("n * n", "n"), 0.5),
        ("def f(n): return float(n * n)", 1.0),
        ("def f(n): return [n * n]", 0.0),
        ("def f(n): return __import__('fractions').Fraction(n * n)", 0.0),
        ("class X:\n    __eq__ = lambda *_: True\ndef f(n): return X()", 0.0),
        ("def f(n):\n    import builtins\n    builtins.AssertionError = None\n    return 1", 0.25),
        ("def f(n): raise AssertionError", 0.0),
        ("def f(n): import sys; sys.exit(0)", 0.0),
        ("def check(f): pass\ndef f(n): return 1", 0.25),
        ("import sys\nsys.modules['__main__'].Tests = None\ndef f(n): return 1", 0.25),
        ("def f(n): print('[[true],[],null]'); return 1", 0.25),
        ("def f(n):\n    import os\n    os.write(1, b'[[true],[],null]'); os._exit(0)", 0.0),
        ("f = 3", 0.0),
        ("def f(n", 0.0),
        ("pass", 0.0),
    ],
)
def test_programs_that_asserts_test(sandbox, program, score):
    (verdict,) = judge(sandbox, ASSERTS, program, seconds=5)
    assert verdict.judged, verdict.detail
    assert verdict.score == score


def test_what_keeps_a_test_busy_is_late_and_not_ours(sandbox):
    asserts = check("x = f(1)", "while x: pass", "assert f(2)")
    one, other = judge(sandbox, asserts, "def f(n): return 1", "def f(n):\n    while True: pass", seconds=0.5)
    assert (one.outcome, other.outcome) == (Outcome.TIMED_OUT, Outcome.TIMED_OUT)
