"""Rows go out as they came in, with further columns: JSON lines or parquet, row by row."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from stagerl_plugins.errors import UserError
from stagerl_plugins.scoring.rows import STANDARD, Content, is_parquet
from stagerl_plugins.standard_output import standard_output
from stagerl_plugins.whole_files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

GROUP = 1000  # rows of parquet that are written together


class Writer(Protocol):
    def write(self, content: Content, columns: Mapping[str, Any]) -> None:
        """Write a row with these columns, which replace its own of the same name."""


@contextmanager
def writing(out: Path, columns: Sequence[str], schema: pa.Schema | None) -> Iterator[Writer]:
    """A writer to a file, which is there when all is written, or to standard output.

    Args:
        out: The file, or `-`.
        columns: What is added: names of texts, or of numbers if they end in `score`.
        schema: The rows' own columns, for parquet.

    Raises:
        UserError: The file cannot be written, or a row does not fit into its columns.
    """
    if out == STANDARD:
        with _to_standard_output() as lines:
            yield lines
        return
    import pyarrow as pa

    try:
        with replacing(out) as fresh:
            if is_parquet(out):
                with _Parquet(fresh, schema if schema is not None else pa.schema([]), columns) as parquet:
                    yield parquet
            else:
                with fresh.open("wb") as file:
                    yield _JsonLines(file)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UserError(f"--out {out}: cannot be written: {reason}") from error


@contextmanager
def _to_standard_output() -> Iterator[Writer]:
    """Rows alone: what a reward prints meanwhile goes to standard error."""
    if sys.stdout is None:
        raise UserError("standard output is closed")
    lines = _JsonLines(sys.stdout.buffer, at_once=True)
    with standard_output(), redirect_stdout(sys.stderr):
        yield lines


class _JsonLines:
    """Writes rows as JSON lines.

    Args:
        file: Where to.
        at_once: Whoever reads a pipe may wait for a row.
    """

    def __init__(self, file: BinaryIO, at_once: bool = False) -> None:
        self._file = file
        self._at_once = at_once

    def write(self, content: Content, columns: Mapping[str, Any]) -> None:
        assert isinstance(content, dict)  # parquet was read as lines
        self._file.write(_line({**content, **columns}))
        if self._at_once:
            self._file.flush()


def _line(fields: Mapping[str, Any]) -> bytes:
    try:
        return f"{json.dumps(fields, ensure_ascii=False, default=str)}\n".encode()
    except UnicodeEncodeError:  # half a surrogate pair: JSON can hold it as an escape alone
        return f"{json.dumps(fields, default=str)}\n".encode()


class _Parquet:
    def __init__(self, path: Path, schema: pa.Schema, columns: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet

        self._own = schema
        self._added = {name: pa.float64() if name.endswith("score") else pa.string() for name in columns}
        self._waiting: list[tuple[pa.RecordBatch, Mapping[str, Any]]] = []
        self._file = pa.parquet.ParquetWriter(path, self._with_columns(schema.empty_table(), []).schema)

    def write(self, content: Content, columns: Mapping[str, Any]) -> None:
        import pyarrow as pa

        if isinstance(content, dict):
            content = pa.RecordBatch.from_pylist([content], self._own)
        self._waiting.append((content, columns))
        if len(self._waiting) == GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        contents = pa.Table.from_batches([content for content, _ in self._waiting], self._own)
        self._file.write_table(self._with_columns(contents, [columns for _, columns in self._waiting]))
        self._waiting.clear()

    def _with_columns(self, table: pa.Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        import pyarrow as pa

        for name, kind in self._added.items():
            values = pa.array([row[name] for row in rows], kind)
            if name in table.column_names:
                table = table.set_column(table.column_names.index(name), name, values)
            else:
                table = table.append_column(name, values)
        return table

    def __enter__(self) -> _Parquet:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is None and self._waiting:
            self._flush()
        self._file.close()
