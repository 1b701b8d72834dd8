"""What a run leaves: `run.json`, `metrics.jsonl` and `observations/`. Reading it needs no verl."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stagerl_plugins.errors import UserError
from stagerl_plugins.problem_files import write_table
from stagerl_plugins.types import StepRecord
from stagerl_plugins.whole_files import write_json


class RunFolder:
    """Reads and writes a run's own files.

    Args:
        folder: `runs/NAME`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # -- run.json -------------------------------------------------------------------------------------------------

    def read_run(self) -> dict[str, Any]:
        """The content of `run.json`; empty where there is none.

        Raises:
            UserError: It is damaged.
        """
        path = self.folder / "run.json"
        if not path.exists():
            return {}
        try:
            run: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if fault := _fault_of(run):
                raise ValueError(fault)
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error}): restore it, or give the run another name") from error
        return run

    def write_run(self, **values: Any) -> None:
        """Update keys of `run.json`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "run.json", {**self.read_run(), **values})

    # -- metrics.jsonl --------------------------------------------------------------------------------------------

    def append_metrics(self, step: int, values: Mapping[str, Any]) -> None:
        """Append one step's line; what is no finite number or text is left out."""
        known = {key: plain for key, value in values.items() if (plain := _plain(value)) is not None}
        line = json.dumps({"step": step, **known}).encode() + b"\n"
        with (self.folder / "metrics.jsonl").open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":  # a kill cut the last line short
                    line = b"\n" + line
            file.write(line)

    def metrics(self) -> list[dict[str, Any]]:
        """One entry a step, ascending, a validation's numbers with its step's.

        After a kill the repeated steps count: the line of a step, which has a `stage`, replaces all that an earlier
        attempt wrote of this step and of later ones.
        """
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return []
        by_step: dict[int, dict[str, Any]] = {}
        for line in path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
                step = int(entry["step"])
            except (ValueError, TypeError, KeyError):
                continue  # a kill cut the line short, or a crash of the machine left other bytes in its place
            while "stage" in entry and by_step and next(reversed(by_step)) >= step:
                by_step.popitem()
            by_step.setdefault(step, {}).update(entry)
        return [by_step[step] for step in sorted(by_step)]

    def metrics_stamp(self) -> tuple[int, int]:
        """Another value whenever `metrics.jsonl` is another file than before; much cheaper than reading it."""
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return 0, 0
        status = path.stat()
        return status.st_mtime_ns, status.st_size

    # -- observations ---------------------------------------------------------------------------------------------

    def write_observations(self, record: StepRecord) -> None:
        """Write one step's rollouts to `observations/step_N.parquet`, whole or not at all."""
        import pyarrow as pa

        rows = [
            {
                "step": record.step,
                "stage": group.stage,
                "problem": group.problem,
                "rollout": number,
                "outcome": rollout.verdict.outcome.value,
                "score": rollout.verdict.score,
                "detail": rollout.verdict.detail,
                "tokens": rollout.tokens,
                "truncated": rollout.truncated,
                "weights_step": rollout.weights_step,
                "admitted": admission.admit,
                "reason": admission.reason,
            }
            for group, admission in record.groups
            for number, rollout in enumerate(group.rollouts)
        ]
        path = self._observations_of(record.step)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(pa.Table.from_pylist(rows, schema=_observation_schema()), path)

    def drop_observations_after(self, step: int) -> None:
        """Remove what a killed attempt observed after this step: those steps are done again, or never."""
        for path in (self.folder / "observations").glob("step_*.parquet"):
            if path.name > self._observations_of(step).name:
                path.unlink()

    def _observations_of(self, step: int) -> Path:
        return self.folder / "observations" / f"step_{step:08d}.parquet"


def find_run(run: str) -> tuple[Path, int | None]:
    """The folder of `RUN[@step]`, where RUN is a name below `runs/` or a folder.

    Raises:
        UserError: There is no such run, or the step is no number.
    """
    if folder := _folder_of(run):
        return folder, None
    name, at, step = run.rpartition("@")
    numbered = re.fullmatch("[0-9]{1,9}", step)
    if at and (folder := _folder_of(name)):
        if not numbered:
            raise UserError(f"'{run}': expected RUN@STEP with a number")
        return folder, int(step)
    name = name if at and numbered else run
    raise UserError(f"no run '{name}': neither {name} nor {Path('runs') / name} holds a run.json")


def _folder_of(name: str) -> Path | None:
    return next((path for path in (Path(name), Path("runs") / name) if os.path.isfile(path / "run.json")), None)


def _fault_of(run: Any) -> str | None:
    """What is wrong with the content of a `run.json`, as far as a resume relies on it; None if nothing."""
    if not isinstance(run, dict):
        return f"expected a mapping, got {run!r:.40}"
    if not isinstance(run.get("fingerprint"), dict):
        return "its fingerprint is no mapping"
    if not isinstance(run.get("accepted_changes", []), list):
        return "its accepted_changes are no list"
    ended = run.get("ended")
    if ended is not None and not (isinstance(ended, dict) and {"step", "reason"} <= ended.keys()):
        return "its end has no step or no reason"
    return None


def _observation_schema() -> Any:
    import pyarrow as pa

    text, whole = pa.string(), pa.int64()
    return pa.schema(
        {
            "step": whole,
            "stage": text,
            "problem": text,
            "rollout": whole,
            "outcome": text,
            "score": pa.float64(),
            "detail": text,
            "tokens": whole,
            "truncated": pa.bool_(),
            "weights_step": whole,
            "admitted": pa.bool_(),
            "reason": text,
        }
    )


def _plain(value: Any) -> Any:
    """A JSON value; None for what is no finite number or text."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str) else None
