"""Calls a function of a response's program once. The call comes in as standard input, its result goes out as output."""

import builtins
import os
import sys
from types import ModuleType
from typing import Any

from stagerl_plugins.rewards.code.inside.codec import dumps, loads


def main(prelude: str, source: str, name: str) -> None:
    """Define the program's functions, call the one that is wanted, and write what it returned or raised.

    Args:
        prelude: Imports whose names the program may use, as if they were built in, but which it does not define.
        source: The program.
        name: The function's name; of a method, `Solution`'s.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what the program prints is no answer
    positional, named = loads(sys.stdin.read())
    exec(prelude, builtins.__dict__)  # noqa: S102  ours
    module = ModuleType("solution")
    sys.modules["solution"] = module
    exec(compile(source, "solution.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  in a sandbox
    try:
        answer: list[Any] = ["returned", _find(module, name)(*positional, **named)]
    except Exception as error:  # noqa: BLE001  is the answer
        answer = ["raised", type(error).__name__]
    answers.write(dumps(answer))
    answers.close()


def _find(module: ModuleType, name: str) -> Any:
    function = getattr(module, name, None)
    if function is None and hasattr(module, "Solution"):
        function = getattr(module.Solution(), name, None)
    if function is None:
        raise NameError("the program defines no function '" + name + "'")
    return function
