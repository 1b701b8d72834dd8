"""Which function do asserts test? The one that the program is to define, and not one that helps to compare."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence

from stagerl_plugins.rewards.code.programs import PRELUDE

SOLUTION = "Solution"  # the class that LeetCode has methods in
_HOLDERS = frozenset({"Counter", "OrderedDict", "defaultdict", "deque"})  # of the prelude's: tests put results in them


def find_tested(tests: Sequence[str], setup: str, solution: str = "") -> str:
    """The name of the tested function.

    Before all comes a method of `Solution` that is called, then a name that the solution defines, then one that is
    known nowhere else, then one of the prelude's, which a program may define anew; what is built in or defined by the
    setup is not tested. The outermost call decides.

    Args:
        tests: Source of each test.
        setup: Source of what the tests need.
        solution: Source of a program that is known to be right, if there is one.

    Raises:
        ValueError: One of these is no Python, or no name will do.
    """
    trees = [_parsed(test, "a test") for test in tests]
    ours = {*_defined(_parsed(setup, "the setup code"))}
    known = ours | {*_defined(_parsed(PRELUDE, "the prelude"))} | {*dir(builtins)}
    right = {*_defined(_parsed(solution, "the solution"))}
    called = [*dict.fromkeys(name for tree in trees for name in _called(tree))]
    helps = ours | {*dir(builtins)} | _HOLDERS
    chosen = (
        next((name for name in _methods(trees) if SOLUTION not in ours), None)
        or next((name for name in called if name in right and name not in ours), None)
        or next((name for name in called if name not in known), None)
        or next((name for name in called if name not in helps), None)
    )
    if chosen is None:
        raise ValueError(f"ground truth: which function does this test? {tests[0][:80]!r}")
    return chosen


def _parsed(source: str, what: str) -> ast.Module:
    """The tree of a source. Raises ValueError if it is no Python."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ValueError(f"ground truth: {what} is no Python: {said}{place}: {source[:80]!r}") from error


def _called(tree: ast.Module) -> Iterator[str]:
    """Names of functions that are called, or given to another as an argument; calls first, outer ones before inner."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    yield from (call.func.id for call in calls if isinstance(call.func, ast.Name))
    yield from (argument.id for call in calls for argument in call.args if isinstance(argument, ast.Name))


def _methods(trees: Sequence[ast.Module]) -> Iterator[str]:
    """Methods that are called of a new `Solution`, or by a name that one was given."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    given = {ast.unparse(node.targets[0]) for node in nodes if isinstance(node, ast.Assign) and _is_new(node.value)}
    called = [node.func for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    yield from (one.attr for one in called if _is_new(one.value) or ast.unparse(one.value) in given)


def _is_new(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == SOLUTION


def _defined(tree: ast.Module) -> Iterator[str]:
    """Names that a module has after its top-level statements, as far as they can be told."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
