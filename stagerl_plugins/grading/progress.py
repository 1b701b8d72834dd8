"""How far a grading is, in rollouts and tokens."""

from __future__ import annotations

from stagerl_plugins.progress import WorkProgress


class GradingProgress(WorkProgress):
    """Counts rollouts and tokens; use it as a context manager.

    Args:
        total: Rollouts in all.
        done: Rollouts that an earlier, killed call left.
    """

    def __init__(self, total: int, done: int) -> None:
        super().__init__("grading", "rollouts", total, done)
        self._tokens = 0

    def generated(self, rollouts: int, tokens: int) -> None:
        """So many more rollouts, with so many tokens in all, are finished."""
        self._tokens += tokens
        self.advance(rollouts)

    def _more(self, seconds: float) -> list[str]:
        return [f"{self._tokens / seconds:,.0f} tokens/s"]
