"""Runs tests that are written as `assert`s, without the program that they test.

A call of the tested function is looked up among the results that came in. One that is not there yet is asked for, and
the assert that wanted it is left open: whoever runs this has the call made in another sandbox and runs it again.
"""

import ast
import builtins
import random
import sys
from types import FrameType, TracebackType
from typing import Any

from stagerl_plugins.rewards.code.inside.codec import TYPES, Opaque, dumps, loads

FILE, SETUP = "tests.py", "setup.py"
_FROM_PROGRAM = dumps(Opaque(""))  # what it returned and could not be sent: its own fault, where a test hands it on
_NOT_SENT = _FROM_PROGRAM.partition(Opaque.__name__)[0]


class Open(BaseException):
    """The result of a call is not known yet."""


class NoAnswer(BaseException):
    """The program was ended, or ended itself, in a call: no test may take that for an exception that it expects."""


class Turn:
    """Around one turn of a loop: an open call ends it, and not the tests, so that each round asks for all it can."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: object, place: TracebackType | None) -> bool:
        return kind is Open


class Tests:
    """What became of each test: an assert, or a `try` with asserts in it, as reached by the same lines.

    So that a loop over what the program returned is one test, however much that is, and each call of a helper in the
    tests is one of its own.
    """

    def __init__(self) -> None:
        self.held: dict[tuple[Any, ...], bool | None] = {}
        self.reached: set[int] = set()

    def __call__(self, number: int) -> "Test":
        return Test(self, number)

    def note(self, number: int, frame: FrameType | None, held: bool | None) -> None:
        """One execution of a test, which holds if all of them do."""
        calls: dict[Any, int] = {}  # one a function, or else a recursion over a result would be as many tests
        while frame is not None:
            if frame.f_code.co_filename == FILE:
                calls.setdefault(frame.f_code, frame.f_lasti if calls else 0)
            frame = frame.f_back
        test = (number, *calls.items())
        before = self.held.get(test, True)
        self.held[test] = None if before is None or held is None else before and held
        self.reached.add(number)


class Test:
    """Around one test: whatever it raises ends it, and not the others."""

    def __init__(self, tests: Tests, number: int) -> None:
        self.tests = tests
        self.number = number

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: object, place: TracebackType | None) -> bool:
        self.tests.note(self.number, sys._getframe(1), None if kind is Open else kind is None)
        return True


class _Wrap(ast.NodeTransformer):
    """Puts each test and each turn of a loop into its `with`."""

    def __init__(self) -> None:
        self.tests = 0

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        if isinstance(node.test, ast.Constant) and node.test.value:  # `assert True`: no program can fail it
            return node
        return self._test(node)

    def visit_Try(self, node: ast.Try) -> ast.AST:
        for one in ast.walk(node):
            if isinstance(one, ast.Try) and one.handlers:  # before a bare `except`
                (ours,) = ast.parse("try: pass\nexcept __Ours__: raise").body
                assert isinstance(ours, ast.Try)
                one.handlers[:0] = ours.handlers
        return self._test(node) if any(isinstance(one, ast.Assert) for one in ast.walk(node)) else node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body = [_within("__turn__", node.body)]
        return node

    def _test(self, node: ast.stmt) -> ast.With:
        self.tests += 1
        return _within("__tests__(" + str(self.tests - 1) + ")", [node])


def _within(manager: str, body: list[ast.stmt]) -> ast.With:
    (wrapped,) = ast.parse("with " + manager + ": pass").body
    assert isinstance(wrapped, ast.With)
    wrapped.body = body
    return wrapped


def _change(argument: Any, changed: Any) -> None:
    """Make an argument what the call made of it."""
    if type(argument) is not type(changed):
        return
    if isinstance(argument, (list, bytearray)):
        argument[:] = changed
    elif isinstance(argument, (dict, set)):
        argument.clear()
        argument.update(changed)


def _exception(names: Any, arguments: Any) -> Exception:
    """What a call raised: the first of its classes that Python has, with its arguments if they can be had."""
    kinds = [getattr(builtins, str(name), None) for name in names]
    kind = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)), Exception)
    if kind in (StopIteration, StopAsyncIteration):  # would end a test's `map` as if all were done
        kind = RuntimeError
    for given in (arguments, [str(arguments)]):
        try:
            return kind(*given)
        except Exception:  # noqa: BLE001  some take arguments of their own
            continue
    return RuntimeError(kind.__name__)


def main(prelude: str, setup: str, tests: str, name: str) -> None:
    """Write, as one value: for each test that was reached whether it held (None: open), the calls to make, an error,
    and what the tests do that cannot be done, such as a call with arguments of types that are not sent.

    Tests that reach no assert are one, which holds if they raise nothing. What an error kept them from does not hold.

    Standard input: what is known, as a list of [call, how it ended, value, its arguments afterwards].

    Args:
        prelude: Imports whose names the tests may use.
        setup: Code that the tests need.
        tests: The tests; if they define `check`, it is called with the function.
        name: The tested function's name.
    """
    known = {call: outcome for call, *outcome in loads(sys.stdin.read(), around=1)}
    asked: dict[str, None] = {}
    unsent: list[str] = []
    noted = Tests()

    def candidate(*positional: Any, **named: Any) -> Any:
        call = dumps([list(positional), named])
        if _NOT_SENT in call.replace(_FROM_PROGRAM, ""):
            unsent.append("give the function what cannot be sent to it: " + call)
            raise Open
        if call not in known:
            asked[call] = None
            raise Open
        how, value, after = loads(dumps(known[call]))  # a copy: a test may change what it was given
        if how == "raised":
            raise _exception(value, after)
        if how != "returned":
            raise NoAnswer(how)
        if after is not None:
            for argument, changed in zip(positional, after[0]):  # noqa: B905  may be forged
                _change(argument, changed)
            for key, changed in after[1].items():
                _change(named.get(key), changed)
        return value

    def lacking(_: Opaque, attribute: str) -> Any:
        """Where tests themselves ask a result for what nothing that is sent has, no program can be judged by them."""
        by_tests = sys._getframe(1).f_code.co_filename in (FILE, SETUP) and not attribute.startswith("__")
        if by_tests and not any(hasattr(kind, attribute) for kind in TYPES.values()):
            unsent.append("want a result that has '" + attribute + "'")
        raise AttributeError(attribute)

    class Solution:
        """Stands for the program's: tests may call the function as its method."""

        def __getattr__(self, method: str) -> Any:
            if method == name:
                return candidate
            unsent.append("call another method of Solution: " + method)
            raise Open

    Opaque.__getattr__ = lacking  # type: ignore[attr-defined]
    exec(prelude, builtins.__dict__)  # noqa: S102  ours
    random.seed(0)  # tests that draw examples must draw the same ones each time
    output, sys.stdout = sys.stdout, sys.stderr
    error, wrap = None, _Wrap()
    space: dict[str, Any] = {"__name__": "tests"}
    space.update(__Ours__=(Open, NoAnswer), __turn__=Turn(), __tests__=noted)
    passed: list[bool | None] = []
    try:
        exec(compile(setup, SETUP, "exec", dont_inherit=True), space)  # noqa: S102  in a sandbox
        space.update({"Solution": Solution, name: candidate})
        helper = space.get("check")  # not the tests' own: the setup's, or the function under test
        tree = ast.fix_missing_locations(wrap.visit(ast.parse(tests)))
        exec(compile(tree, FILE, "exec", dont_inherit=True), space)  # noqa: S102
        if space.get("check") is not helper:
            space["check"](candidate)
        passed = list(noted.held.values()) or [True]
    except Open:
        passed = [None]
    except (Exception, NoAnswer) as raised:  # noqa: BLE001  is the answer
        error = type(raised).__name__ + ": " + str(raised)[:200]
        passed = list(noted.held.values()) + [False] * max(1, wrap.tests - len(noted.reached))
    output.write(dumps([passed, list(asked), error, unsent[:1]]))
