"""The sandbox `remembering`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pydantic import Field

from stagerl_plugins import Execution, Limits, Options, Sandbox, Setup
from stagerl_plugins.config import PluginSpec

Key = tuple[str, str, Limits]  # program, input, limits


class RememberingOptions(Options):
    inner: PluginSpec = Field(description="Sandbox that runs what was not run before.")
    size: int = Field(10_000, ge=1, description="Executions to remember.")
    megabytes: int = Field(256, ge=1, description="Memory that their programs, inputs and outputs may take.")


class Remembering(Sandbox):
    """Asks another sandbox, and does not ask it twice: the rollouts of a group often hold the same program.

    Only executions that ended by themselves are remembered; one that hit a limit may do better when the machine is
    less busy. A program that uses time or chance gives its first answer again.
    """

    def __init__(self, options: RememberingOptions, setup: Setup) -> None:
        self._inner: Sandbox = setup.build("sandbox", options.inner, "inner")
        self._options = options
        self._known: dict[Key, Execution] = {}
        self._bytes = 0

    async def run(self, program: str, inputs: Sequence[str], limits: Limits) -> list[Execution]:
        known = {text: self._known[program, text, limits] for text in inputs if (program, text, limits) in self._known}
        fresh = [text for text in dict.fromkeys(inputs) if text not in known]
        ran = dict(zip(fresh, await self._inner.run(program, fresh, limits), strict=True))
        for text, execution in ran.items():
            if execution.exit_code is not None:
                self._remember((program, text, limits), execution)
        executions = known | ran
        return [executions[text] for text in inputs]

    def _remember(self, key: Key, execution: Execution) -> None:
        """Keep an execution, and as many of the latest others as there is room for."""
        if key not in self._known:
            self._known[key] = execution
            self._bytes += _bytes_of(key, execution)
        while len(self._known) > self._options.size or self._bytes > self._options.megabytes * 1_000_000:
            oldest = next(iter(self._known))
            self._bytes -= _bytes_of(oldest, self._known.pop(oldest))

    async def close(self) -> None:
        await self._inner.close()


def _bytes_of(key: Key, execution: Execution) -> int:
    return sum(map(sys.getsizeof, (*key[:2], execution.stdout, execution.stderr)))
