"""A watcher: keeps a journal of the run, with how many rollouts were right at each level."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from stagerl_plugins import Outcome, RunInfo, StepRecord, Transition, hookimpl

NAME = "reasoning_gym.jsonl"


class Journal:
    """Appends a line to `reasoning_gym.jsonl` in the run's folder for each event."""

    stagerl_contract = 1

    @hookimpl
    def run_started(self, run: RunInfo) -> None:
        self._path = Path(run.folder) / NAME
        self._write("run_started", resumed_from=run.resumed_from, stages=run.stages)

    @hookimpl
    def stage_started(self, transition: Transition) -> None:
        self._write("stage_started", step=transition.step, stage=transition.target, reason=transition.reason)

    @hookimpl
    def step_ended(self, record: StepRecord) -> None:
        right: Counter[str] = Counter()
        judged: Counter[str] = Counter()
        for group, _ in record.groups:
            level = group.problem.rpartition("/")[0]  # the id begins with task and level
            judged[level] += len(group.scores)
            right[level] += sum(rollout.verdict.outcome is Outcome.CORRECT for rollout in group.rollouts)
        self._write("step_ended", step=record.step, right={level: [right[level], judged[level]] for level in judged})

    @hookimpl
    def checkpoint_saved(self, step: int) -> None:
        self._write("checkpoint_saved", step=step)

    @hookimpl
    def run_ended(self, reason: str) -> None:
        self._write("run_ended", reason=reason)

    def _write(self, event: str, **values: Any) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, **values}) + "\n")


journal = Journal()
