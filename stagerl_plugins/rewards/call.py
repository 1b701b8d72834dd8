"""Build a reward and ask it: whatever it does, the answer is a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stagerl_plugins.config import parse_options
from stagerl_plugins.errors import PluginError, UserError, at, place_of
from stagerl_plugins.plugins import Plugins, Registration
from stagerl_plugins.protocols import Reward, Sandbox
from stagerl_plugins.types import Outcome, Response, Verdict

BASES: dict[str, type] = {"reward": Reward, "sandbox": Sandbox}


class WorkerSetup:
    """The `setup` of a reward's factory: it can build children, such as a sandbox."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    def build(self, kind: str, spec: Any, name: str) -> Any:
        """The plugin of this kind that `spec` names, built.

        Raises:
            UserError: An unknown plugin or wrong options; `name` is the path of the key.
            PluginError: Its factory takes or returned something else, or its attributes are of wrong types.
        """
        plugin, options = parse_options(self._plugins, kind, spec, name)
        registration = self._plugins.find(kind, plugin)
        built = registration.make(options, self)
        if not isinstance(built, BASES.get(kind, object)):
            base = BASES[kind].__name__
            raise PluginError(f"{registration}: its factory must return a {base}, got {built!r:.200}")
        if fault := _fault_of(registration, built):
            raise PluginError(f"{registration}: {fault}")
        return built


def _fault_of(registration: Registration, built: Any) -> str | None:
    """What is wrong with a reward's attributes; None if nothing. `isolated` is asked before anything is built."""
    isolated, seconds = getattr(registration.factory, "isolated", True), getattr(built, "cpu_seconds", None)
    if not isinstance(isolated, bool):
        return f"isolated must be True or False, got {isolated!r}"
    if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
        return f"cpu_seconds must be a number above 0 or None, got {seconds!r}"
    return None


def check_rewards(rewards: Mapping[str, Any], plugins: Plugins) -> None:
    """Build every reward once, before anything is started: later, one that cannot be built costs every verdict.

    Raises:
        UserError: One cannot be built; names its key.
    """
    setup = WorkerSetup(plugins)
    for source, spec in rewards.items():
        try:
            setup.build("reward", spec, f"rewards.{source}")
        except UserError as error:
            raise at(f"rewards.{source}", error) from error
        except Exception as error:
            raise UserError(f"rewards.{source}: cannot be built: {describe(error)}{place_of(error)}") from error


async def call(reward: Reward, response: Response) -> Verdict:
    """A reward's verdict on one response; `not_judged` with the reason if it raises or breaks the contract."""
    try:
        answer = await reward.score([response])
    except Exception as error:  # noqa: BLE001  a reward must not stop what it judges
        return Verdict.not_judged(f"raised {describe(error)}")
    if not isinstance(answer, list | tuple):
        return Verdict.not_judged(f"returned {answer!r:.200} instead of a list of verdicts")
    if len(answer) != 1:
        return Verdict.not_judged(f"returned {len(answer)} verdicts for 1 response")
    (verdict,) = answer
    if not isinstance(verdict, Verdict):
        return Verdict.not_judged(f"returned {verdict!r:.200} instead of a verdict")
    try:
        return _plain(verdict)
    except (TypeError, ValueError, AttributeError) as error:
        return Verdict.not_judged(f"returned a verdict of wrong types: {describe(error)}")


def describe(error: BaseException) -> str:
    """An exception in one short line."""
    return printable(" ".join(f"{type(error).__name__}: {error}"[:500].split()).rstrip(": "))


def from_json(data: Mapping[str, Any]) -> Verdict:
    """The verdict that a verdict process sent. Raises KeyError, TypeError or ValueError for anything else."""
    return _plain(Verdict(Outcome(data["outcome"]), data["score"], data["detail"], data["parts"]))


def _plain(verdict: Verdict) -> Verdict:
    """The same verdict in plain Python types: NumPy's scalars, and text in place of an outcome, are taken."""
    score = None if verdict.score is None else float(verdict.score)
    parts = {printable(name): float(value) for name, value in verdict.parts.items()}
    return Verdict(Outcome(verdict.outcome), score, printable(verdict.detail)[:2000], parts)


def printable(value: object) -> str:
    """Text that can be written to a file: a response's half surrogate pairs, quoted in a detail, cannot."""
    return str(value).encode("utf-8", "replace").decode()
