"""A first look through a file of rows: what is malformed is told before hours of judging, not after them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stagerl_plugins.errors import UserError
from stagerl_plugins.scoring.columns import Columns
from stagerl_plugins.scoring.rows import BadRowError, Row, is_parquet, read_rows

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE = 1000  # rows whose types are looked at together


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in a file of rows.

    Args:
        digest: Hash of the file's bytes.
        sources: Number of rows of each data source.
        schema: Columns, where they were asked for.
    """

    digest: str
    sources: Counter[str]
    schema: pa.Schema | None


def survey(
    path: Path, rewards: Mapping[str, Any], bad: Callable[[BadRowError], None], with_schema: bool, as_lines: bool
) -> Survey:
    """Look through a file.

    Args:
        path: The file.
        rewards: The reward of each data source.
        bad: Called with each row that is malformed.
        with_schema: Whether rows of JSON must fit into columns,
        as_lines: or rows of parquet into lines of JSON.

    Raises:
        UserError: The file is missing or cannot be read, or its rows do not fit into columns.
    """
    try:
        is_file = path.is_file()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not is_file:
        raise UserError(_why_no_file(path))
    found: Counter[str] = Counter()
    columns = Columns(path) if with_schema and not is_parquet(path) else None
    for rows in _some(read_rows(path, rewards, bad, as_lines)):
        found.update(row.response.data_source for row in rows)
        if columns is not None:
            columns.add([row.content for row in rows])
    if columns is not None:
        _check(columns, path, rewards)
    schema = None if columns is None else columns.schema
    if with_schema and is_parquet(path):
        import pyarrow.parquet

        schema = pyarrow.parquet.read_schema(path)
    with path.open("rb") as file:
        return Survey(hashlib.file_digest(file, "sha256").hexdigest()[:16], found, schema)


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        return f"{path}: is a folder"
    return f"{path}: is no file: name a file, or - for standard input" if path.exists() else f"no such file: {path}"


def _check(columns: Columns, path: Path, rewards: Mapping[str, Any]) -> None:
    columns.check_kinds()
    if columns.widened:
        for rows in _some(read_rows(path, rewards, told_already)):
            columns.check([row.content for row in rows])


def told_already(error: BadRowError) -> None:
    """A malformed row that was told of when it was read first."""


def _some(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some
