"""How far a grading is: a bar on a terminal, else a line every ten seconds; always on standard error."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

SECONDS = 10.0  # between two lines where there is no terminal


class GradingProgress:
    """Counts rollouts and tokens; use it as a context manager.

    Args:
        total: Rollouts in all.
        done: Rollouts that an earlier, killed call left.
    """

    def __init__(self, total: int, done: int) -> None:
        self._total, self._done, self._before = total, done, done
        self._tokens = 0
        self._began = self._said = time.monotonic()
        self._console = Console(stderr=True)
        columns = (BarColumn(bar_width=20), TextColumn("{task.fields[state]}"))
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("", total=total, completed=done, state="")

    def started(self) -> None:
        """The model is loaded: time counts from here."""
        self._began = self._said = time.monotonic()

    def advance(self, rollouts: int, tokens: int) -> None:
        """So many more rollouts, with so many tokens in all, are finished."""
        self._done += rollouts
        self._tokens += tokens
        self._bar.update(self._task, completed=self._done, state=self._state())
        now = time.monotonic()
        if self._bar.disable and (now - self._said >= SECONDS or self._done == self._total):
            self._said = now
            self.say(f"grading: {self._state()}")

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _state(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-6)
        rate = (self._done - self._before) / seconds
        left = (self._total - self._done) / rate if rate else float("nan")
        return (
            f"{self._done}/{self._total} rollouts, {rate:.1f}/s, {self._tokens / seconds:,.0f} tokens/s, "
            f"{_time(left)} left"
        )

    def __enter__(self) -> GradingProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def _time(seconds: float) -> str:
    if seconds != seconds:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
