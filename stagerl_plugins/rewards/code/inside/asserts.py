"""Runs tests that are written as `assert`s, without the program that they test.

A call of the tested function is looked up among the results that came in. One that is not there yet is asked for, and
the assert that wanted it is left open: whoever runs this has the call made in another sandbox and runs it again.
"""

import ast
import builtins
import random
import sys
from typing import Any

from stagerl_plugins.rewards.code.inside.codec import dumps, loads

_WRAPPED = """
try:
    pass
except __Open__:
    __passed__.append(None)
except BaseException:
    __passed__.append(False)
else:
    __passed__.append(True)
"""

_WRAPPED_TURN = """
try:
    pass
except __Open__:
    __passed__.append(None)
"""


class Open(BaseException):
    """The result of a call is not known yet."""


class NoAnswer(BaseException):
    """The program was ended, or ended itself, in a call: no test may take that for an exception that it expects."""


class _Wrap(ast.NodeTransformer):
    """An open call ends its assert, or else its turn of a loop, and not the tests: each round asks for all it can."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        return _around([node], _WRAPPED)

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body = [_around(node.body, _WRAPPED_TURN)]
        return node


def _around(body: list[ast.stmt], template: str) -> ast.Try:
    (wrapped,) = ast.parse(template).body
    assert isinstance(wrapped, ast.Try)
    wrapped.body = body
    return ast.fix_missing_locations(ast.copy_location(wrapped, body[0]))


def main(prelude: str, setup: str, tests: str, name: str) -> None:
    """Write, as one value: for each assert that was reached whether it held (None: open), the calls to make, an error.

    Tests that reach no assert are one, which holds if they raise nothing. What an error kept them from does not hold.

    Standard input: what is known, as a list of [call, how it ended, value].

    Args:
        prelude: Imports whose names the tests may use.
        setup: Code that the tests need.
        tests: The tests; if they define `check`, it is called with the function.
        name: The tested function's name.
    """
    known = {call: (how, value) for call, how, value in loads(sys.stdin.read(), around=1)}
    asked: dict[str, None] = {}
    passed: list[bool | None] = []

    def candidate(*positional: Any, **named: Any) -> Any:
        call = dumps([list(positional), named])
        if call not in known:
            asked[call] = None
            raise Open
        how, value = known[call]
        if how == "returned":
            return loads(dumps(value))  # a copy: a test may change what it was given
        if how != "raised":
            raise NoAnswer(how)
        kind = getattr(builtins, str(value), None)
        raise kind() if isinstance(kind, type) and issubclass(kind, Exception) else RuntimeError(how)

    exec(prelude, builtins.__dict__)  # noqa: S102  ours
    random.seed(0)  # tests that draw examples must draw the same ones each time
    output, sys.stdout = sys.stdout, sys.stderr
    error, asserts = None, 0
    space: dict[str, Any] = {"__name__": "tests", "__Open__": Open, "__passed__": passed}
    try:
        exec(compile(setup, "setup.py", "exec", dont_inherit=True), space)  # noqa: S102  in a sandbox
        space[name] = candidate
        tree = ast.parse(tests)
        asserts = sum(isinstance(node, ast.Assert) for node in ast.walk(tree))
        exec(compile(_Wrap().visit(tree), "tests.py", "exec", dont_inherit=True), space)  # noqa: S102
        if "check" in space:
            space["check"](candidate)
        if not passed:
            passed.append(True)
    except Open:
        passed.append(None)
    except (Exception, NoAnswer) as raised:  # noqa: BLE001  is the answer
        error = type(raised).__name__ + ": " + str(raised)[:200]
        passed += [False] * max(1, asserts - len(passed))
    output.write(dumps([passed, list(asked), error]))
