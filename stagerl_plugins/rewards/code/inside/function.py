"""Calls a function of a response's program once. The call comes in as standard input, its result goes out as output."""

import builtins
import io
import linecache
import os
import sys
from types import ModuleType
from typing import Any

from stagerl_plugins.rewards.code.inside.codec import dumps, loads

MOST_CALLS = 50_000  # in each other, as LiveCodeBench has it: functions are written for judges with deep stacks


def main(prelude: str, given: str, source: str, name: str, changes: bool) -> None:
    """Define the program's functions, call the one that is wanted, and write what it returned or raised.

    That is, ["returned", value], perhaps with the arguments as they are then; or ["raised", names of the
    exception's classes, its arguments].

    Args:
        prelude: Imports whose names the program may use, as if they were built in, but which it does not define.
        given: Code that it goes on from: what a prompt defines beside the head of the wanted function.
        source: The program.
        name: The function's name; of a method, `Solution`'s.
        changes: Whether to write the arguments after the call, too, if it changed them.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what the program prints is no answer
    call = sys.stdin.read()
    positional, named = loads(call)
    exec(prelude, builtins.__dict__)  # noqa: S102  ours
    module = ModuleType("solution")
    exec(compile(given, "prompt.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  in a sandbox
    for head in (name, "Solution"):
        module.__dict__.pop(head, None)
    sys.modules["solution"] = module
    # so that what is asked of its lines, as by `inspect`, is not told of ours
    linecache.cache["solution.py"] = len(source), None, io.StringIO(source, newline=None).readlines(), "solution.py"
    sys.setrecursionlimit(MOST_CALLS)
    exec(compile(source, "solution.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  in a sandbox
    function = _find(module, name)
    try:
        answer: list[Any] = ["returned", function(*positional, **named)]
    except Exception as error:  # noqa: BLE001  is the answer
        answer = ["raised", [kind.__name__ for kind in type(error).__mro__], list(error.args)]
    if changes and answer[0] == "returned" and dumps([positional, named]) != call:
        answer.append([positional, named])
    answers.write(dumps(answer))
    answers.close()


def _find(module: ModuleType, name: str) -> Any:
    """`Solution`'s method, if it has one: what is called so beside it may be something that was imported."""
    solution = getattr(module, "Solution", None)
    if isinstance(solution, type) and hasattr(solution, name):
        return getattr(solution(), name)
    if hasattr(module, name):
        return getattr(module, name)
    raise NameError("the program defines no function '" + name + "'")
