"""A first look through a file of rows: what is malformed is told before hours of judging, not after them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stagerl_plugins.errors import UserError
from stagerl_plugins.scoring.rows import BadRowError, Content, Row, is_parquet, read_rows

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


def survey(path: Path, rewards: Mapping[str, Any], bad: Callable[[BadRowError], None], with_schema: bool) -> Survey:
    """Look through a file.

    Args:
        path: The file.
        rewards: The reward of each data source.
        bad: Called with each row that is malformed.
        with_schema: Whether rows of JSON must fit into columns.

    Raises:
        UserError: The file is missing or cannot be read, or its rows do not fit into columns.
    """
    try:
        is_file = path.is_file()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not is_file:
        raise UserError(f"{path}: is a folder" if path.is_dir() else f"no such file: {path}")
    found: Counter[str] = Counter()
    columns = None if is_parquet(path) or not with_schema else _Columns(path)
    for rows in _some(read_rows(path, rewards, bad)):
        found.update(row.response.data_source for row in rows)
        if columns is not None:
            columns.add([row.content for row in rows])
    if columns is not None and columns.widened:
        for rows in _some(read_rows(path, rewards, told_already)):
            columns.check([row.content for row in rows])
    schema = None if columns is None else columns.schema
    if with_schema and is_parquet(path):
        import pyarrow.parquet

        schema = pyarrow.parquet.read_schema(path)
    with path.open("rb") as file:
        return Survey(hashlib.file_digest(file, "sha256").hexdigest()[:16], found, schema)


def told_already(error: BadRowError) -> None:
    """A malformed row that was told of when it was read first."""


def _some(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some


class _Columns:
    """The columns that rows of JSON fit into.

    Attributes:
        schema: Those of all rows so far; None before the first.
        widened: Rows that fitted then may not fit now: a large whole number where a fraction came later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.schema: pa.Schema | None = None
        self.widened = False

    def add(self, contents: list[Content]) -> None:
        """Take in more rows."""
        import pyarrow as pa

        with self._fitting():
            new = pa.schema(list(pa.array(contents).type))
            before = self.schema or new
            self.schema = pa.unify_schemas([before, new], promote_options="permissive")
            self.widened |= any(self.schema.field(old.name) != old for old in before)

    def check(self, contents: list[Content]) -> None:
        """Make sure that these rows fit."""
        import pyarrow as pa

        with self._fitting():
            pa.RecordBatch.from_pylist(contents, self.schema)

    @contextmanager
    def _fitting(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{self._path}: its rows do not fit into columns: {reason}: write a .jsonl file") from error
