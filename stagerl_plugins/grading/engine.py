"""What grading asks of an engine that generates: one vLLM process now; several of them would do the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Messages = Sequence[Mapping[str, Any]]  # a prompt in verl's form: [{"role": ..., "content": ...}]


@dataclass(frozen=True, slots=True)
class Request:
    """One rollout to generate: the problem's id, the number of the sample, and the seed of its random numbers."""

    problem: str
    sample: int
    seed: int


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished rollout: its text, its length in tokens, and whether it was cut at its budget."""

    problem: str
    sample: int
    text: str
    tokens: int
    truncated: bool


class Engine(Protocol):
    """Generates rollouts. The same requests in the same order give the same completions."""

    async def start(self, prompts: Mapping[str, Messages]) -> list[str]:
        """Load the model. Returns ids of problems whose prompt leaves no room for a response; they are never asked.

        Args:
            prompts: The prompt of every problem, by id, finished ones too.

        Raises:
            UserError: The model cannot be loaded, or has no chat template.
        """

    def generate(self, requests: Sequence[Request]) -> AsyncIterator[list[Completion]]:
        """Generate a rollout for each request, and yield them as they finish.

        Raises:
            UserError: The engine broke down.
        """

    async def close(self) -> None:
        """End everything that was started, at once. May be called twice."""
