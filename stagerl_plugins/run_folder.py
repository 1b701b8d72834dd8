"""What a run leaves: `run.json`, `metrics.jsonl` and `observations/`. Reading it needs no verl."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stagerl_plugins.curriculum.state import write_json
from stagerl_plugins.errors import UserError
from stagerl_plugins.problem_files import write_table
from stagerl_plugins.types import StepRecord


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
        path = self.folder / "metrics.jsonl"
        torn = path.exists() and not path.read_bytes().endswith(b"\n")  # by a kill
        with path.open("a", encoding="utf-8") as file:
            file.write(("\n" if torn else "") + json.dumps({"step": step, **known}) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """One entry a step, ascending. Lines of one step are merged: after a kill the repeated one counts."""
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return []
        by_step: dict[int, dict[str, Any]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # a kill cut the last line short
            by_step.setdefault(int(entry["step"]), {}).update(entry)
        return [by_step[step] for step in sorted(by_step)]

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
        folder = self.folder / "observations"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"step_{record.step:08d}.parquet"
        write_table(pa.Table.from_pylist(rows, schema=_observation_schema()), path)


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
