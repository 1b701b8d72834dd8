"""Reward `verl_function`: a reward function made for verl, by its file and name."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import math
import numbers
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from stagerl_plugins.errors import nearest
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Reward
from stagerl_plugins.rewards.call import shown
from stagerl_plugins.types import Outcome, Response, Verdict

stagerl_contract = 1


PASSED = ("data_source", "solution_str", "ground_truth", "extra_info")


class VerlFunctionOptions(Options):
    path: Path = Field(description="Python file with the function.")
    name: str = Field("compute_score", description="Name of the function in that file.")

    @field_validator("path")
    @classmethod
    def _is_a_file(cls, path: Path) -> Path:
        if not path.is_file():
            raise ValueError("no such file")
        return path.absolute()

    @model_validator(mode="after")
    def _has_the_function(self) -> VerlFunctionOptions:
        # the file is read, not run: it may import what a configuration check must not load
        try:
            tree = ast.parse(self.path.read_bytes(), str(self.path))
        except SyntaxError as error:
            raise ValueError(f"{self.path}, line {error.lineno}: {error.msg}") from error
        bound = list(_top_level(tree))
        names = {name for name, _ in bound}
        if self.name not in names and "*" not in names:
            raise ValueError(f"{self.path} defines no '{self.name}': {nearest(self.name, names)}")
        faults = [_unfit(node) for name, node in bound if name == self.name]
        if faults and all(faults):
            raise ValueError(
                f"'{self.name}' in {self.path} {faults[0]}: it is called with {', '.join(PASSED)}, all by keyword"
            )
        return self


class VerlFunctionReward(Reward):
    """The score of a verl `compute_score(data_source, solution_str, ground_truth, extra_info)`, sync or async."""

    def __init__(self, options: VerlFunctionOptions, setup: Any) -> None:
        self._function = _load(options.path, options.name)

    async def score(self, responses: Sequence[Response]) -> list[Verdict]:
        """Call the function for each response; what it raises is raised."""
        return [await self._judge(response) for response in responses]

    async def _judge(self, response: Response) -> Verdict:
        result = self._function(
            data_source=response.data_source,
            solution_str=response.text,
            ground_truth=response.ground_truth,
            extra_info=dict(response.extra_info),
        )
        if inspect.isawaitable(result):
            result = await result
        return verdict_of(result)


def verdict_of(result: Any) -> Verdict:
    """The verdict that a reward function's result stands for.

    At least 1 is correct, at most 0 is wrong, all between is partial; the score stays as it is. A dictionary's other
    numbers become the verdict's parts. Anything without a finite score is `not_judged`.
    """
    mapping = isinstance(result, Mapping)
    score = _number(result.get("score") if mapping else result)
    if score is None:
        return Verdict.not_judged(
            f"the reward function returned {shown(result)}: expected a finite number, a bool, or a dict with 'score'"
        )
    numbers_in = {str(key): _number(value) for key, value in result.items()} if mapping else {}
    parts = {key: value for key, value in numbers_in.items() if key != "score" and value is not None}
    outcome = Outcome.CORRECT if score >= 1 else Outcome.WRONG if score <= 0 else Outcome.PARTIAL
    return Verdict(outcome, score, parts=parts)


def _number(value: Any) -> float | None:
    """A finite number as a float: Python's, NumPy's, or a tensor of one element; None for anything else."""
    if not isinstance(value, numbers.Real) and getattr(value, "size", None) is not None and hasattr(value, "item"):
        try:
            value = value.item()
        except (ValueError, RuntimeError):  # more than one element
            return None
    try:
        return float(value) if isinstance(value, numbers.Real) and math.isfinite(value) else None
    except OverflowError:  # an integer that no float can hold
        return None


def _load(path: Path, name: str) -> Callable[..., Any]:
    """Run the file as a module of its own and take the function from it."""
    module_name = f"stagerl_verl_function_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module  # dataclasses and pickle look their module up there
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
    function = getattr(sys.modules[module_name], name)
    if not callable(function):
        raise TypeError(f"'{name}' in {path} is a {type(function).__name__}, no function")
    return function  # type: ignore[no-any-return]


def _unfit(node: ast.AST) -> str:
    """Why a function of this definition cannot be called as verl does it; "" if it can, or if that is not known."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.decorator_list:
        return ""
    given = node.args
    by_place, by_name = [arg.arg for arg in given.posonlyargs], [arg.arg for arg in given.args]
    ordered = by_place + by_name
    needed = ordered[: len(ordered) - len(given.defaults)]
    needed += [arg.arg for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    known = [*by_name, *(arg.arg for arg in given.kwonlyargs)]
    if refused := [name for name in PASSED if name not in known and given.kwarg is None]:
        return f"takes no {', '.join(refused)}"
    if unmet := [name for name in needed if name in by_place or name not in PASSED]:
        return f"needs {', '.join(unmet)}"
    return ""


def _top_level(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What a module binds at its top level, also within `if`, `try` and `with`, by name; `*` for a star import."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name, child
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name, child) for alias in child.names)
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id, child
        else:
            yield from _top_level(child)


@hookimpl
def register_rewards(register: Register) -> None:
    register("verl_function", VerlFunctionReward, options=VerlFunctionOptions)
