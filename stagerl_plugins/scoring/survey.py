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
from stagerl_plugins.scoring.rows import BadRowError, Content, is_parquet, read_rows

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
    schema = None
    every = read_rows(path, rewards, bad, as_lines)
    while rows := list(islice(every, AT_ONCE)):
        found.update(row.response.data_source for row in rows)
        if with_schema and not is_parquet(path):
            schema = _joined(schema, [row.content for row in rows], path)
    if with_schema and is_parquet(path):
        import pyarrow.parquet

        schema = pyarrow.parquet.read_schema(path)
    if schema is not None:
        _check_fits(schema, path)
    with path.open("rb") as file:
        return Survey(hashlib.file_digest(file, "sha256").hexdigest()[:16], found, schema)


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        return f"{path}: is a folder"
    return f"{path}: is no file: name a file, or - for standard input" if path.exists() else f"no such file: {path}"


@contextmanager
def _columns_of(path: Path) -> Iterator[None]:
    """What does not fit into columns is one line."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: its rows do not fit into columns: {reason}: write a .jsonl file") from error


def _joined(schema: pa.Schema | None, contents: list[Content], path: Path) -> pa.Schema:
    """The columns of all rows before, and of these."""
    import pyarrow as pa

    with _columns_of(path):
        new = pa.schema(list(pa.array(contents).type))
        return new if schema is None else pa.unify_schemas([schema, new], promote_options="permissive")


def _check_fits(schema: pa.Schema, path: Path) -> None:
    """Make sure that parquet has such columns; it has no object that is empty in all rows, for one."""
    import pyarrow as pa
    import pyarrow.parquet

    with _columns_of(path), pa.parquet.ParquetWriter(pa.BufferOutputStream(), schema):
        pass
