"""Scoring: a verdict on every row of a file or pipe, in constant memory; a killed scoring goes on where it was."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from stagerl_plugins.config import Judging, parse_options
from stagerl_plugins.errors import UserError, at
from stagerl_plugins.plugins import Plugins
from stagerl_plugins.progress import WorkProgress
from stagerl_plugins.rewards.judge import DEFAULT, check_data_sources, rewards_in
from stagerl_plugins.rewards.specs import reward_files
from stagerl_plugins.scoring.in_order import in_order
from stagerl_plugins.scoring.journal import Journal, Verdicts
from stagerl_plugins.scoring.rows import STANDARD, BadRowError, Row, is_parquet, read_rows
from stagerl_plugins.scoring.survey import Survey, survey, told_already
from stagerl_plugins.scoring.verifiers import Verifiers, reward_of
from stagerl_plugins.scoring.writing import Writer, writing

AT_ONCE = 1000  # rows that are judged or wait for those before them
DEFAULTS: dict[str, Any] = {"math": {"math": {}}, "code": {"code": {}}}  # rewards of the data sources that always exist
COLUMNS = ("score", "outcome", "detail")


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """What is scored, and by whom.

    Args:
        source: Parquet or JSON lines; `-` for standard input.
        out: The same for what is written; None for nothing.
        given: Rewards by data source, in place of those of `DEFAULTS`: of all of them, if there is a `default`.
        compared: The other verifier's rewards, in a comparison; rows without one are not compared.
        skip_bad: Leave malformed rows out.
    """

    source: Path
    out: Path | None
    given: Mapping[str, Any]
    compared: Mapping[str, Any] | None = None
    skip_bad: bool = False

    @property
    def rewards(self) -> Mapping[str, Any]:
        return self.given if DEFAULT in self.given else {**DEFAULTS, **self.given}

    @property
    def columns(self) -> list[str]:
        other = [f"compared_{name}" for name in COLUMNS] if self.compared is not None else []
        return [*COLUMNS, *other]

    @property
    def as_lines(self) -> bool:
        """Whether JSON lines are written."""
        return self.out is not None and not is_parquet(self.out)

    def check(self, plugins: Plugins) -> None:
        """Make sure of what can be known before anything is read.

        Raises:
            UserError: Files that do not go together, unknown rewards, or wrong options of theirs.
        """
        is_parquet(self.source)
        _check_options(plugins, self.given)
        with _of_compare():
            _check_options(plugins, self.compared or {})
        if self.out is None or self.out == STANDARD:
            return
        try:
            with_columns = is_parquet(self.out)
        except UserError as error:
            raise at("--out", error) from None
        if with_columns and self.source == STANDARD:
            raise UserError(f"--out {self.out}: the columns of standard input are not known ahead: write a .jsonl file")
        if os.path.isdir(self.out):
            raise UserError(f"--out {self.out}: is a folder")
        if os.path.exists(self.out) and os.path.exists(self.source) and self.out.samefile(self.source):
            raise UserError(f"--out {self.out}: is the input: choose another name")


def _check_options(plugins: Plugins, rewards: Mapping[str, Any]) -> None:
    for source, spec in rewards.items():
        parse_options(plugins, "reward", spec, f"rewards.{source}")


@contextmanager
def _of_compare() -> Iterator[None]:
    """A mistake in the other verifier's rewards says so: their keys are those of the first one's."""
    try:
        yield
    except UserError as error:
        raise at("--compare", error) from None


class BadRows:
    """Malformed rows: the first one ends the scoring, unless they are to be left out."""

    def __init__(self, skip: bool) -> None:
        self._skip = skip
        self.count = 0
        self.first = ""

    def __call__(self, error: BadRowError) -> None:
        if not self._skip:
            raise error
        self.count += 1
        self.first = self.first or str(error)


def score(options: ScoreOptions, plugins: Plugins, judging: Judging, take: Callable[[Row, Verdicts], None]) -> BadRows:
    """Judge every row, write it with its verdict, and hand both over.

    What is judged lies in a hidden file beside `out` until all is; the same call then goes on from there and ends with
    the same result as an undisturbed one. With standard input or output there is nothing to go on from.

    Args:
        options: What to score, and by whom.
        plugins: Where rewards are found.
        judging: Bounds on verdicts.
        take: Called with each row and its verdicts, in order.

    Returns:
        The malformed rows that were left out.

    Raises:
        UserError: Something that was given is wrong, or a row is malformed; names the row.
        KeyboardInterrupt: On Ctrl-C; says what is kept.
    """
    options.check(plugins)
    bad = BadRows(options.skip_bad)
    seen = None if options.source == STANDARD else _look_through(options, bad)
    with ExitStack() as stack:
        journal = None
        if seen is not None and options.out not in (None, STANDARD):
            journal = stack.enter_context(Journal(options.out, _fingerprint(options, plugins, seen)))
        total = None if seen is None else seen.sources.total()
        progress = stack.enter_context(WorkProgress("scoring", "rows", total, journal.count if journal else 0))
        sets = [options.rewards] if options.compared is None else [options.rewards, options.compared]
        verifiers = [stack.enter_context(Verifiers(rewards, plugins, judging, progress.say)) for rewards in sets]
        run = _Run(options, verifiers, progress, journal, take)
        rows = read_rows(options.source, options.rewards, bad if seen is None else told_already, options.as_lines)
        try:
            run.write(rows, seen)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(run.kept()) from None
        if journal is not None:
            journal.remove()
    return bad


class _Run:
    """The rows of one scoring, one after the other."""

    def __init__(
        self,
        options: ScoreOptions,
        verifiers: list[Verifiers],
        progress: WorkProgress,
        journal: Journal | None,
        take: Callable[[Row, Verdicts], None],
    ) -> None:
        self._options = options
        self._verifiers = verifiers
        self._progress = progress
        self._journal = journal
        self._take = take

    def write(self, rows: Iterable[Row], seen: Survey | None) -> None:
        """Judge and write all rows."""
        with ExitStack() as stack:
            writer = None
            if self._options.out is not None:
                schema = None if seen is None else seen.schema
                writer = stack.enter_context(writing(self._options.out, self._options.columns, schema))
            asyncio.run(self._all(rows, writer))

    def kept(self) -> str:
        """What is left after Ctrl-C."""
        if self._journal is None:
            return "stopped"
        return (
            f"stopped; {self._journal.count} rows are kept in {self._journal.path}, the same command goes on from there"
        )

    async def _all(self, rows: Iterable[Row], writer: Writer | None) -> None:
        earlier = self._journal.earlier() if self._journal else ()
        known = zip(rows, chain(earlier, repeat(None)), strict=False)
        async with aclosing(in_order(known, self._verdicts, AT_ONCE)) as judged:
            async for (row, before), verdicts in judged:
                if before is None:
                    if self._journal is not None:
                        self._journal.append(verdicts)
                    self._progress.advance()
                if writer is not None:
                    writer.write(row.content, _columns(self._options.columns, verdicts))
                self._take(row, verdicts)

    async def _verdicts(self, known: tuple[Row, Verdicts | None]) -> Verdicts:
        """Each verifier's verdict on a row."""
        row, before = known
        if before is not None:
            return before
        asked = [verifier.know(row.response.data_source) for verifier in self._verifiers]
        if not all(asked) and self._options.out is None:
            return [None] * len(asked)  # not compared, not written
        return [
            await verifier.judge(row.response) if ask else None
            for verifier, ask in zip(self._verifiers, asked, strict=True)
        ]


def _columns(names: list[str], verdicts: Verdicts) -> dict[str, Any]:
    values: list[Any] = []
    for verdict in verdicts:
        values += [None] * len(COLUMNS) if verdict is None else [verdict.score, verdict.outcome.value, verdict.detail]
    return dict(zip(names, values, strict=True))


def _look_through(options: ScoreOptions, bad: BadRows) -> Survey:
    with_schema = options.out is not None and not options.as_lines
    seen = survey(options.source, options.rewards, bad, with_schema, options.as_lines)
    if seen.sources:
        check_data_sources({DEFAULT: {}, **options.given}, seen.sources)
        with _of_compare():
            check_data_sources({DEFAULT: {}, **(options.compared or {})}, seen.sources)
    return seen


def _fingerprint(options: ScoreOptions, plugins: Plugins, seen: Survey) -> dict[str, Any]:
    """All that decides the verdicts; the same fingerprint means the same ones."""
    found: dict[str, Any] = {"input": seen.digest}
    for name, rewards in (("rewards", options.rewards), ("compared", options.compared or {})):
        used = {key for source in seen.sources if (key := reward_of(source, rewards)) is not None}
        found[name] = {key: rewards[key] for key in sorted(used)}
        for key in used:
            found |= {f"plugin {reward.name}": str(reward) for reward in rewards_in(rewards[key], plugins)}
    for path in chain(*map(reward_files, (found["rewards"], found["compared"]))):
        found[f"file {path}"] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return found
