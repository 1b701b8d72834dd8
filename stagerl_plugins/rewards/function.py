"""A function as a reward: the shortest way to write one."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, overload

import numpy as np

from stagerl_plugins.protocols import Reward
from stagerl_plugins.types import Outcome, Response, Verdict

Function = Callable[..., Any]


@overload
def reward(function: Function) -> type[Reward]: ...


@overload
def reward(*, group: bool = False, cpu_seconds: float | None = None) -> Callable[[Function], type[Reward]]: ...


def reward(
    function: Function | None = None, *, group: bool = False, cpu_seconds: float | None = None
) -> type[Reward] | Callable[[Function], type[Reward]]:
    """Make a reward of a function, to register: `@reward`, or `@reward(group=True)`.

    It is called with a response, and with the options if it takes a second argument. A plain function runs in a verdict
    process; a coroutine, which only waits, beside others. What it may return is a verdict, True or False (correct or
    wrong), or a number from 0 to 1 (wrong at 0, correct at 1, partial between). The function itself stays there as
    `__wrapped__`.

    Args:
        function: The function or coroutine.
        group: It is called with a list, all rollouts of a prompt group, and returns a list, a result for each.
        cpu_seconds: Processor time that one call of a plain function may take; beyond it, the response is timed_out.

    Raises:
        TypeError: It takes something else.
    """
    if function is None:
        return lambda found: _reward_of(found, group, cpu_seconds)
    return _reward_of(function, group, cpu_seconds)


def verdict_of(result: Any) -> Any:
    """The verdict that a function's result stands for; any other result as it is."""
    if not isinstance(result, bool | np.bool_ | numbers.Real):
        return result
    try:
        score = float(result)
    except Exception:  # noqa: BLE001  it costs its own response, and not its group
        return result
    if not 0 <= score <= 1:
        return result
    outcome = Outcome.CORRECT if score == 1 else Outcome.WRONG if score == 0 else Outcome.PARTIAL
    return Verdict(outcome, score)


def held_by(results: list[Any] | tuple[Any, ...]) -> list[Any]:
    """What a list or tuple holds, whatever a subclass of them says of itself."""
    return list(list.__iter__(results) if isinstance(results, list) else tuple.__iter__(results))


class _FunctionReward(Reward):
    """Base of the rewards that `reward` makes."""

    __wrapped__: ClassVar[Function]
    takes_options: ClassVar[bool]
    expected_result = "a Verdict, True or False, or a number from 0 to 1"

    def __init__(self, options: Any, setup: Any) -> None:
        if type(options).model_fields and not self.takes_options:
            raise TypeError(f"it is registered with options: `def {type(self).__name__}(…, options)` takes them")
        self._options = (options,) if self.takes_options else ()

    async def score(self, responses: Sequence[Response]) -> Any:
        """Call the function; what it raises is raised, and a result that is none stays as it is."""
        if not self.takes_group:
            return [verdict_of(await self._call(response)) for response in responses]
        results = await self._call(list(responses)) if responses else []
        if isinstance(results, np.ndarray):
            results = results.tolist()
        return [verdict_of(result) for result in held_by(results)] if isinstance(results, list | tuple) else results

    async def _call(self, given: Response | list[Response]) -> Any:
        result = type(self).__wrapped__(given, *self._options)
        return await result if inspect.isawaitable(result) else result


def _reward_of(function: Function, group: bool, cpu_seconds: float | None) -> type[Reward]:
    parameters = inspect.signature(function).parameters.values()
    by_place = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    needs_names = any(one.kind is one.KEYWORD_ONLY and one.default is one.empty for one in parameters)
    if len(by_place) not in (1, 2) or needs_names:
        given = "the responses of a group" if group else "a response"
        raise TypeError(f"@reward: {function!r} must take {given}, or that and its options")
    return type(
        function.__name__,
        (_FunctionReward,),
        {
            "__doc__": function.__doc__ or "",
            "__module__": function.__module__,
            "__wrapped__": staticmethod(function),
            "isolated": not inspect.iscoroutinefunction(function),
            "takes_group": group,
            "takes_options": len(by_place) == 2,
            "cpu_seconds": cpu_seconds,
        },
    )
