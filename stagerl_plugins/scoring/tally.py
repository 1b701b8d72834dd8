"""Outcomes by data source: what `stagerl score` prints when it is done."""

from __future__ import annotations

from collections import Counter, defaultdict

from rich.table import Table

from stagerl_plugins.errors import plain
from stagerl_plugins.scoring.journal import Verdicts
from stagerl_plugins.scoring.rows import Row
from stagerl_plugins.types import Outcome


class Tally:
    """Counts outcomes, and adds up scores, by data source."""

    def __init__(self) -> None:
        self._outcomes: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
        self._scores: Counter[str] = Counter()

    def add(self, row: Row, verdicts: Verdicts) -> None:
        """Count the first verdict on a row."""
        verdict, *_ = verdicts
        if verdict is not None:
            source = row.response.data_source
            self._outcomes[source][verdict.outcome] += 1
            self._scores[source] += verdict.score or 0.0  # type: ignore[assignment]

    def table(self) -> Table:
        """Rows, mean score of those that were judged, and each outcome that there is."""
        every: Counter[Outcome] = sum(self._outcomes.values(), Counter())
        shown = [outcome for outcome in Outcome if every[outcome]]
        table = plain_table("data source", "rows", "mean score", *shown)
        lines = [(source, self._outcomes[source], self._scores[source]) for source in sorted(self._outcomes)]
        if len(lines) != 1:
            lines.append(("all", every, sum(self._scores.values())))
        for source, outcomes, total in lines:
            judged = outcomes.total() - outcomes[Outcome.NOT_JUDGED]
            mean = f"{total / judged:.3f}" if judged else "-"
            table.add_row(plain(source), str(outcomes.total()), mean, *(str(outcomes[outcome]) for outcome in shown))
        return table


def plain_table(first: str, *numbers: str) -> Table:
    """A table without lines: a column of names, and columns of numbers."""
    table = Table(box=None, pad_edge=False, header_style="")
    table.add_column(first, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table
