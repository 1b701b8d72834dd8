"""How far a long command is: a bar on a terminal, else a line every ten seconds; always on standard error."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

SECONDS = 10.0  # between two lines where there is no terminal


class WorkProgress:
    """Counts what is finished; use it as a context manager.

    Args:
        work: What is done, as "scoring".
        things: What is counted, as "rows".
        total: How many in all; None where that is not known.
        done: How many an earlier, killed call left.
    """

    def __init__(self, work: str, things: str, total: int | None, done: int) -> None:
        self._work, self._things = work, things
        self._total, self._done, self._before = total, done, done
        self._began = self._said = time.monotonic()
        self._console = Console(stderr=True)
        columns = (BarColumn(bar_width=20), TextColumn("{task.fields[state]}"))
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("", total=total, completed=done, state="")

    def started(self) -> None:
        """What comes first is done: time counts from here."""
        self._began = self._said = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """So many more are finished."""
        self._done += count
        if not self._bar.disable:
            self._bar.update(self._task, completed=self._done, state=self._state())
            return
        now = time.monotonic()
        if now - self._said >= SECONDS or self._done == self._total:
            self._said = now
            self.say(f"{self._work}: {self._state()}")

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _state(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-6)
        rate = (self._done - self._before) / seconds
        done = f"{self._done}{'' if self._total is None else f'/{self._total}'} {self._things}, {rate:.1f}/s"
        parts = [done, *self._more(seconds)]
        if self._total is not None:
            left = (self._total - self._done) / rate if rate else float("nan")
            parts.append(f"{_time(left)} left")
        return ", ".join(parts)

    def _more(self, seconds: float) -> list[str]:
        """What else there is to tell, after so many seconds."""
        return []

    def __enter__(self) -> WorkProgress:
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
