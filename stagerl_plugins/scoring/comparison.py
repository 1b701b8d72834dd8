"""Where two verifiers disagree: how often, and with examples."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from enum import StrEnum

from rich.table import Table

from stagerl_plugins.errors import plain
from stagerl_plugins.scoring.journal import Verdicts
from stagerl_plugins.scoring.rows import Row
from stagerl_plugins.scoring.tally import plain_table
from stagerl_plugins.types import Outcome, Verdict

LONGEST = 160  # characters of a ground truth or a response in an example


class Agreement(StrEnum):
    """What two verifiers say of a response; right is `correct`, all else that was judged is wrong."""

    BOTH_RIGHT = "both right"
    BOTH_WRONG = "both wrong"
    ONLY_FIRST = "only first"
    ONLY_SECOND = "only second"
    NOT_JUDGED = "not judged"


class Comparison:
    """Counts agreements by data source, and keeps the first examples of disagreement.

    Args:
        most: Examples to keep of each kind of disagreement.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: defaultdict[str, Counter[Agreement]] = defaultdict(Counter)
        self._examples: dict[Agreement, list[str]] = {Agreement.ONLY_FIRST: [], Agreement.ONLY_SECOND: []}

    def add(self, row: Row, verdicts: Verdicts) -> None:
        """Count a row's two verdicts; a row that the second verifier was not asked about does not count."""
        first, second = verdicts
        if first is None or second is None:
            return
        agreement = _agreement(first, second)
        self._counts[row.response.data_source][agreement] += 1
        kept = self._examples.get(agreement)
        if kept is not None and len(kept) < self._most:
            kept.append(_example(row, first, second))

    def results(self) -> Iterator[Table | str]:
        """The table, and the examples of each kind of disagreement."""
        table = plain_table("data source", "rows", *Agreement)
        lines = [(source, self._counts[source]) for source in sorted(self._counts)]
        if len(lines) != 1:
            lines.append(("all", sum(self._counts.values(), Counter())))
        for source, counts in lines:
            table.add_row(plain(source), str(counts.total()), *(str(counts[agreement]) for agreement in Agreement))
        yield table
        for agreement, examples in self._examples.items():
            yield from (f"{agreement}: {example}" for example in examples)


def _agreement(first: Verdict, second: Verdict) -> Agreement:
    if not (first.judged and second.judged):
        return Agreement.NOT_JUDGED
    right = (first.outcome is Outcome.CORRECT, second.outcome is Outcome.CORRECT)
    return {
        (True, True): Agreement.BOTH_RIGHT,
        (False, False): Agreement.BOTH_WRONG,
        (True, False): Agreement.ONLY_FIRST,
        (False, True): Agreement.ONLY_SECOND,
    }[right]


def _example(row: Row, first: Verdict, second: Verdict) -> str:
    truth = row.response.ground_truth
    shown = truth if isinstance(truth, str) else json.dumps(truth, ensure_ascii=False, default=str)
    lines = {
        "ground truth": plain(shown[:LONGEST]),
        "response ends": plain(row.response.text[-LONGEST:]),
        "first": _told(first),
        "second": _told(second),
    }
    below = "".join(f"\n  {name:<14} {text}" for name, text in lines.items())
    return f"row {row.number} ({plain(row.response.data_source)}){below}"


def _told(verdict: Verdict) -> str:
    return ": ".join(filter(None, (verdict.outcome, plain(verdict.detail[:LONGEST]))))
