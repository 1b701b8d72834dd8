"""Build a reward and ask it: whatever it does, the answer is a verdict."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from stagerl_plugins.config import parse_options
from stagerl_plugins.errors import PluginError, UserError, at, place_of
from stagerl_plugins.plugins import Plugins, Registration
from stagerl_plugins.protocols import Reward, Sandbox
from stagerl_plugins.rewards.function import held_by
from stagerl_plugins.types import Outcome, Response, Verdict

BASES: dict[str, type] = {"reward": Reward, "sandbox": Sandbox}
MOST_PARTS = 1000  # of a verdict
LONGEST_DETAIL = 2000  # characters
LONGEST_NAME = 200  # of a part, characters


class WorkerSetup:
    """The `setup` of a reward's factory: it can build children, such as a sandbox, or another reward.

    Args:
        plugins: Where they are found.
        path: The key of the plugin that it is given to, for messages; empty for what the configuration names itself.
        sandboxes: Where those that are built come in; whoever builds the first plugin closes them.
    """

    def __init__(self, plugins: Plugins, path: str = "", sandboxes: list[Sandbox] | None = None) -> None:
        self._plugins = plugins
        self._path = path
        self.sandboxes = [] if sandboxes is None else sandboxes

    def build(self, kind: str, spec: Any, name: str) -> Any:
        """The plugin of this kind that `spec` names, built.

        Raises:
            UserError: An unknown plugin or wrong options; `name` is the path of the key, below the parent's own.
            PluginError: Its factory takes or returned something else, its attributes are of wrong types, or it is a
                child and raised.
        """
        path = f"{self._path}.{name}" if self._path else name
        plugin, options = parse_options(self._plugins, kind, spec, path)
        registration = self._plugins.find(kind, plugin)
        us = os.getpid()
        try:
            built = registration.make(options, self._below(f"{path}.{plugin}"))
        except UserError as error:
            raise at(f"{path}.{plugin}", error) from error
        except PluginError:
            raise
        except Exception as error:
            if not self._path:
                raise
            raise PluginError(f"{path}: {registration} cannot be built: {describe(error)}{place_of(error)}") from error
        finally:
            end_copies(us)  # it has forked, and its copy came back too
        if not isinstance(built, BASES.get(kind, object)):
            base = BASES[kind].__name__
            said = f"its factory must return a {base}, got {shown(built)}{registration.unmarked}"
            raise PluginError(f"{registration}: {said}")
        if fault := _fault_of(registration, built):
            raise PluginError(f"{registration}: {fault}")
        if isinstance(built, Sandbox):
            self.sandboxes.append(built)
        return built

    def _below(self, path: str) -> WorkerSetup:
        """The setup of a child."""
        return WorkerSetup(self._plugins, path, self.sandboxes)


def _fault_of(registration: Registration, built: Any) -> str | None:
    """What is wrong with a reward's attributes; None if nothing. Those of its factory are asked before it is built."""
    for name in ("isolated", "takes_group"):
        if not isinstance(value := getattr(registration.factory, name, False), bool):
            return f"{name} must be True or False, got {shown(value)}"
    seconds = getattr(built, "cpu_seconds", None)
    if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
        return f"cpu_seconds must be a number above 0 or None, got {shown(seconds)}"
    return None


def end_copies(us: int) -> None:
    """End here if this is a copy that a reward made of the process `us` by a fork."""
    if os.getpid() != us:
        os._exit(1)


def why_unbuilt(key: str, error: BaseException) -> str:
    """Why a reward cannot be built, in one line that names its key."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, PluginError):
        return str(at(f"rewards.{key}", UserError(str(error))))
    return f"rewards.{key}: cannot be built: {describe(error)}{place_of(error)}"


async def call(reward: Reward, responses: Sequence[Response]) -> list[Verdict]:
    """A reward's verdicts on one response, or on a group of them, made in one call.

    If it raises or answers with no list of as many verdicts, all are `not_judged` with the reason; a single answer that
    is no verdict costs that response alone.

    Raises:
        asyncio.CancelledError: It was cancelled, and nothing else.
    """
    us = os.getpid()
    try:
        answer: Any = await reward.score(list(responses))
        if not isinstance(answer, list | tuple):
            return none_judged(f"returned {shown(answer)} instead of a list of verdicts", responses)
        answers = held_by(answer)
        if len(answers) != len(responses):
            many = "responses" if len(responses) > 1 else "response"
            return none_judged(f"returned {len(answers)} verdicts for {len(responses)} {many}", responses)
        return [_checked(one, expected_of(reward)) for one in answers]
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001  a reward must not stop what it judges, also by SystemExit
        return none_judged(f"raised {describe(error)}", responses)
    finally:
        end_copies(us)  # it has forked, and its copy came back too


def none_judged(detail: str, responses: Sequence[Response]) -> list[Verdict]:
    """`not_judged` for each of these responses."""
    return [Verdict.not_judged(detail)] * len(responses)


def expected_of(reward: Reward) -> str:
    """What this reward's author was asked to return for a response, in words."""
    return str(getattr(reward, "expected_result", "a verdict"))


def _checked(answer: Any, expected: str) -> Verdict:
    if not isinstance(answer, Verdict):
        return Verdict.not_judged(f"returned {shown(answer)} instead of {expected}")
    try:
        return _plain(answer)
    except BaseException as error:  # noqa: BLE001  its attributes may be anything, and raise anything
        return Verdict.not_judged(f"returned a verdict of wrong types: {describe(error)}")


class _Short(reprlib.Repr):
    """Shows little of what is large, deep or endless."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxstring = self.maxother = 200

    def repr_instance(self, x: object, level: int) -> str:
        try:
            return repr(x)[: self.maxother]
        except BaseException as error:  # noqa: BLE001
            return f"a {type(x).__name__} whose repr raised {type(error).__name__}"


_SHORT = _Short()


def shown(value: Any) -> str:
    """A value as it is told in a line: what a reward returned may be anything, also what cannot be shown."""
    return printable(" ".join(_SHORT.repr(value)[:200].split()))


def describe(error: BaseException) -> str:
    """An exception in one short line."""
    try:
        said = f"{error}"
    except BaseException as another:  # noqa: BLE001
        said = f"whose text raised {type(another).__name__}"
    return printable(" ".join(f"{type(error).__name__}: {said}"[:500].split()).rstrip(": "))


def from_json(data: Mapping[str, Any]) -> Verdict:
    """The verdict that a verdict process sent. Raises KeyError, TypeError or ValueError for anything else."""
    return _plain(Verdict(Outcome(data["outcome"]), data["score"], data["detail"], data["parts"]))


def _plain(verdict: Verdict) -> Verdict:
    """The same verdict in plain Python types: NumPy's scalars, and text in place of an outcome, are taken.

    Raises:
        ValueError: A part is not finite, or there are too many; or what `Verdict` refuses.
    """
    score = None if verdict.score is None else float(verdict.score)
    parts: dict[str, float] = {}
    for name, value in itertools.islice(verdict.parts.items(), MOST_PARTS + 1):
        part = printable(name)[:LONGEST_NAME]
        parts[part] = float(value)
        if not math.isfinite(parts[part]):
            raise ValueError(f"a part must be finite, got {parts[part]} for '{part}'")
    if len(parts) > MOST_PARTS:
        raise ValueError(f"it has more than {MOST_PARTS} parts")
    return Verdict(Outcome(verdict.outcome), score, printable(verdict.detail)[:LONGEST_DETAIL], parts)


def printable(value: object) -> str:
    """Text that can be written to a file: a response's half surrogate pairs, quoted in a detail, cannot."""
    return str.encode(str(value), "utf-8", "replace").decode()
