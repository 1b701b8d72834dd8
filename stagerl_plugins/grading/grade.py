"""Grading: n rollouts of every problem, judged; batch by batch, so that a killed grading goes on where it was."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stagerl_plugins.config import Judging
from stagerl_plugins.errors import UserError
from stagerl_plugins.grading.columns import add_columns, grades_by_problem, made_with
from stagerl_plugins.grading.engine import Completion, Engine, Request
from stagerl_plugins.grading.options import GradeOptions, rollout_seed
from stagerl_plugins.grading.partial import JudgedRollout, PartialGrading, remove_leftover
from stagerl_plugins.grading.progress import GradingProgress
from stagerl_plugins.grading.vllm_engine import VllmEngine
from stagerl_plugins.plugins import Plugins
from stagerl_plugins.problem_files import check_rows, read_problems, write_table
from stagerl_plugins.problems import SAYS, Problems
from stagerl_plugins.rewards.judge import Judge, check_data_sources, check_rewards
from stagerl_plugins.types import Response

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Graded:
    """Graded problems, and how many rollouts had each outcome (empty if an earlier call had done it all)."""

    table: pa.Table
    outcomes: Mapping[str, int]


def grade(
    problems: Path,
    out: Path,
    options: GradeOptions,
    plugins: Plugins,
    judging: Judging | None = None,
    rollouts: Path | None = None,
    make_engine: Callable[[GradeOptions, Path], Engine] = VllmEngine,
) -> Graded:
    """Measure a model's pass rates on problems and write them as columns of `out`.

    What is finished lies in `out`'s neighbour `<out>.partial` until all is; the same call then goes on from there and
    ends with the same result as an undisturbed one. `out` may be `problems`, if that has no columns of this grader.

    Args:
        problems: Parquet or JSONL file; see `read_problems`.
        out: Parquet file to write.
        options: How to grade.
        plugins: Where rewards are found.
        judging: Bounds on verdicts.
        rollouts: Parquet file for all responses with their verdicts, if they are wanted.
        make_engine: Makes the engine from the options and a log file.

    Raises:
        UserError: Something that was given is wrong, or the engine broke down.
        KeyboardInterrupt: On Ctrl-C; says what is kept.
    """
    options.check()
    table = _read(problems, out)
    rows = _unique_rows(table)
    check_data_sources(options.rewards, {row["data_source"] for row in rows})
    check_rewards(options.rewards, plugins)
    fingerprint = options.fingerprint("\0".join(map(str, row.values())) for row in rows)
    if rollouts is not None:
        _check_rollouts(rollouts, out)
    finished = _finished(problems, out, options.grader, fingerprint)
    if finished is not None:
        if rollouts is not None and not rollouts.exists():
            raise UserError(f"--rollouts {rollouts}: {out} is finished and its responses are not kept: remove it first")
        remove_leftover(out, fingerprint)
        return Graded(finished, {})
    with PartialGrading(out, fingerprint) as partial:
        table = _read(problems, out)  # once more: another grader may have added its columns before we had the lock
        run = _Run(rows, options, partial)
        with Judge(options.rewards, plugins, judging or Judging(), report=run.progress.say) as judge, run.progress:
            try:
                asyncio.run(run.all_batches(make_engine(options, partial.log), judge))
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    f"stopped; {run.batches_done} of {len(run.batches)} batches are kept in {partial.folder}, "
                    "the same command goes on from there"
                ) from None
        found = partial.rollouts()
        graded = add_columns(table, options.grader, grades_by_problem(found), fingerprint)
        if rollouts is not None:
            write_table(found, rollouts)
        write_table(graded, out)
        partial.remove()
    return Graded(graded, dict(Counter(found["outcome"].to_pylist()).most_common()))


class _Run:
    """The batches of one grading."""

    def __init__(self, rows: list[dict[str, Any]], options: GradeOptions, partial: PartialGrading) -> None:
        self._rows = {row["id"]: row for row in rows}
        self._options = options
        self._partial = partial
        ids = list(self._rows)
        self.batches = [ids[start : start + options.batch_size] for start in range(0, len(ids), options.batch_size)]
        done = sum(len(batch) for number, batch in enumerate(self.batches) if partial.has(number))
        self.progress = GradingProgress(len(ids) * options.samples, done * options.samples)

    @property
    def batches_done(self) -> int:
        return sum(map(self._partial.has, range(len(self.batches))))

    async def all_batches(self, engine: Engine, judge: Judge) -> None:
        """Generate, judge and save every batch that is not there yet."""
        if self.batches_done == len(self.batches):
            return
        self.progress.say(f"loading {self._options.model}; vLLM's log is {self._partial.log}")
        try:
            too_long = set(await engine.start({id: row["prompt"] for id, row in self._rows.items()}))
            if too_long:
                self.progress.say(f"{len(too_long)} problems leave no room for a response and are not graded")
            self.progress.started()
            for number, batch in enumerate(self.batches):
                if not self._partial.has(number):
                    self._partial.save(number, await self._one_batch(engine, judge, batch, too_long))
        finally:
            await engine.close()

    async def _one_batch(
        self, engine: Engine, judge: Judge, batch: list[str], too_long: set[str]
    ) -> list[JudgedRollout]:
        """Rollouts of these problems, by problem and sample; each is judged as soon as it is finished."""
        samples, seed = self._options.samples, self._options.seed
        requests = [
            Request(problem, sample, rollout_seed(seed, problem, sample))
            for problem in batch
            if problem not in too_long
            for sample in range(samples)
        ]
        self.progress.generated(len(batch) * samples - len(requests), 0)
        judged = {}
        async for completions in engine.generate(requests):
            self.progress.generated(len(completions), sum(completion.tokens for completion in completions))
            for completion in completions:
                task = asyncio.create_task(self._judge(judge, completion))
                judged[completion.problem, completion.sample] = task
        return [await judged[request.problem, request.sample] for request in requests]

    async def _judge(self, judge: Judge, completion: Completion) -> JudgedRollout:
        row = self._rows[completion.problem]
        verdict = await judge.judge(
            Response(
                text=completion.text,
                ground_truth=row["reward_model"]["ground_truth"],
                data_source=row["data_source"],
                problem=completion.problem,
                extra_info=row.get("extra_info") or {},
                tokens=completion.tokens,
                budget=self._options.max_tokens,
                truncated=completion.truncated,
                group=completion.problem,
                group_size=self._options.samples,
            )
        )
        return JudgedRollout(
            id=completion.problem,
            sample=completion.sample,
            response=completion.text,
            tokens=completion.tokens,
            truncated=completion.truncated,
            outcome=verdict.outcome.value,
            score=verdict.score,
            detail=verdict.detail,
        )


def _read(problems: Path, out: Path) -> pa.Table:
    if out.suffix != ".parquet":
        raise UserError(f"--out {out}: expected a .parquet file")
    table = read_problems(problems)
    try:
        check_rows(table)
    except UserError as error:
        raise UserError(f"{problems}: {error}") from None
    return table


def _check_rollouts(path: Path, out: Path) -> None:
    """Make the folder; a file that is there may be replaced only if it holds rollouts of an earlier grading."""
    import pyarrow as pa
    import pyarrow.parquet

    if os.path.abspath(path) == os.path.abspath(out):
        raise UserError(f"--rollouts {path}: is the --out: choose another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or pa.parquet.read_schema(path).names == list(JudgedRollout.__dataclass_fields__):
            return
    except pa.ArrowInvalid:
        pass
    except OSError as error:
        raise UserError(f"--rollouts {path}: {error.strerror or error}") from error
    raise UserError(f"--rollouts {path}: exists and holds no rollouts: choose another name")


def _unique_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Each problem once, in the file's order."""
    columns = [name for name in ("id", *SAYS, "extra_info") if name in table.column_names]
    rows: list[dict[str, Any]] = table.select(columns).take(Problems.from_table(table).rows).to_pylist()
    for row in rows:
        row["data_source"] = str(row["data_source"])
    return rows


def _finished(problems: Path, out: Path, grader: str, fingerprint: Mapping[str, Any]) -> pa.Table | None:
    """What is in `out`, if this very grading has been done.

    Raises:
        UserError: `out` holds something else that would be lost.
    """
    import pyarrow as pa
    import pyarrow.parquet

    if not out.exists():
        return None
    try:
        metadata = pa.parquet.read_schema(out).metadata
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"--out {out}: exists and is no parquet file: choose another name") from error
    done = made_with(metadata, grader)
    if done == fingerprint:
        return pa.parquet.read_table(out)
    if done is not None:
        raise UserError(f"--out {out}: has pass rates of '{grader}' made otherwise: choose another --grader or --out")
    if not (problems.exists() and out.samefile(problems)):
        raise UserError(f"--out {out}: exists: remove it, or choose another name")
    return None
