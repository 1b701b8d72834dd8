"""Finished rollouts of an unfinished grading: a folder beside the result, so that a killed grading goes on."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from stagerl_plugins.errors import UserError
from stagerl_plugins.problem_files import write_table
from stagerl_plugins.whole_files import write_json

if TYPE_CHECKING:
    import pyarrow as pa


MANIFEST = "grading.json"


@dataclass(frozen=True, slots=True)
class JudgedRollout:
    """One rollout with its verdict: a row of the work folder's files."""

    id: str
    sample: int
    response: str
    tokens: int
    truncated: bool
    outcome: str
    score: float | None
    detail: str


class PartialGrading:
    """The work folder of one grading, `OUT.partial`; use it as a context manager.

    It holds what the grading was begun with, one parquet file for each finished batch, and vLLM's log. Only one
    process may work in it.

    Args:
        out: The file that the grading will write.
        fingerprint: What decides the result.

    Raises:
        UserError: It was begun with something else, another process is at work, or it cannot be written.
    """

    def __init__(self, out: Path, fingerprint: Mapping[str, Any]) -> None:
        self.folder = _folder(out)
        self._manifest = self.folder / MANIFEST
        self._fingerprint = fingerprint
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("w")
        except OSError as error:
            raise UserError(f"--out {out}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel takes it back from a killed process
        except OSError as error:
            raise UserError(f"--out {out}: another process is grading into it") from error
        self._check()

    @property
    def log(self) -> Path:
        return self.folder / "vllm.log"

    def has(self, batch: int) -> bool:
        """Whether this batch is finished."""
        return self._file(batch).is_file()

    def save(self, batch: int, rollouts: Sequence[JudgedRollout]) -> None:
        """Write a finished batch whole or not at all."""
        import pyarrow as pa

        schema = pa.schema(
            {
                "id": pa.string(),
                "sample": pa.int64(),
                "response": pa.string(),
                "tokens": pa.int64(),
                "truncated": pa.bool_(),
                "outcome": pa.string(),
                "score": pa.float64(),
                "detail": pa.string(),
            }
        )
        write_table(pa.Table.from_pylist([asdict(rollout) for rollout in rollouts], schema), self._file(batch))

    def rollouts(self) -> pa.Table:
        """All finished rollouts, in the order of their problems and samples."""
        import pyarrow as pa
        import pyarrow.parquet

        return pa.concat_tables(pa.parquet.read_table(path) for path in self._batches())

    def remove(self) -> None:
        """Remove the folder: the grading is finished."""
        shutil.rmtree(self.folder)

    def __enter__(self) -> PartialGrading:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()

    def _file(self, batch: int) -> Path:
        return self.folder / f"batch_{batch:06d}.parquet"

    def _check(self) -> None:
        """Begin, or make sure that what was begun is the same."""
        if not any(self._batches()):
            write_json(self._manifest, self._fingerprint)
            return
        begun, now = json.loads(self._manifest.read_text(encoding="utf-8")), self._fingerprint
        differing = sorted(key for key in begun.keys() | now.keys() if begun.get(key) != now.get(key))
        if differing:
            self._lock.close()
            changes = ", ".join(f"{key} {begun.get(key)!r} (now {now.get(key)!r})" for key in differing)
            raise UserError(f"{self.folder} was begun with {changes}: repeat that command, or remove the folder")

    def _batches(self) -> list[Path]:
        return sorted(self.folder.glob("batch_*.parquet"))


def remove_leftover(out: Path, fingerprint: Mapping[str, Any]) -> None:
    """Remove the work folder of a grading that was killed after it had written its result."""
    try:
        begun = json.loads((_folder(out) / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if begun == fingerprint:
        with PartialGrading(out, fingerprint) as partial:
            partial.remove()


def _folder(out: Path) -> Path:
    return out.with_name(f"{out.name}.partial")
