"""The sandbox `remembering`."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from stagerl_plugins import Execution, Limits, Options, Sandbox, Setup
from stagerl_plugins.config import PluginSpec


class RememberingOptions(Options):
    inner: PluginSpec = Field(description="Sandbox that runs what was not run before.")
    size: int = Field(10_000, ge=1, description="Executions to remember.")


class Remembering(Sandbox):
    """Asks another sandbox, and does not ask it twice: the rollouts of a group often hold the same program.

    Only executions that ended by themselves are remembered; one that hit a limit may do better when the machine is
    less busy. A program that uses time or chance gives its first answer again.
    """

    def __init__(self, options: RememberingOptions, setup: Setup) -> None:
        self._inner: Sandbox = setup.build("sandbox", options.inner, "inner")
        self._size = options.size
        self._known: dict[tuple[str, str, Limits], Execution] = {}

    async def run(self, program: str, inputs: Sequence[str], limits: Limits) -> list[Execution]:
        fresh = [text for text in dict.fromkeys(inputs) if (program, text, limits) not in self._known]
        ran = dict(zip(fresh, await self._inner.run(program, fresh, limits), strict=True))
        executions = [ran[text] if text in ran else self._known[program, text, limits] for text in inputs]
        self._known.update({(program, text, limits): e for text, e in ran.items() if e.exit_code is not None})
        while len(self._known) > self._size:
            del self._known[next(iter(self._known))]  # the oldest
        return executions

    async def close(self) -> None:
        await self._inner.close()
