"""Rows to score, one at a time: JSON lines or parquet, however long the file."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stagerl_plugins.errors import UserError, nearest
from stagerl_plugins.rewards.call import printable
from stagerl_plugins.scoring.verifiers import reward_of
from stagerl_plugins.types import Response

if TYPE_CHECKING:
    import pyarrow as pa

STANDARD = Path("-")  # standard input or output, in JSON lines
READ = ("data_source", "reward_model", "response", "extra_info", "id")
BATCH = 256  # rows of parquet that are read together

Content: TypeAlias = "dict[str, Any] | pa.RecordBatch"


@dataclass(frozen=True, slots=True)
class Row:
    """One response to judge.

    Args:
        number: Counted from 1; of JSON lines the number of the line.
        response: What the reward is given.
        content: All that the row holds: of parquet a batch of one row, which keeps its types, unless it becomes JSON.
    """

    number: int
    response: Response
    content: Content


class BadRowError(UserError):
    """A row that cannot be judged, with its number."""


def is_parquet(path: Path) -> bool:
    """Whether this path is one of parquet; else it is one of JSON lines.

    Raises:
        UserError: It is neither.
    """
    if path != STANDARD and path.suffix not in (".parquet", ".jsonl", ".json"):
        raise UserError(f"{path}: expected a .parquet or .jsonl file, or -")
    return path.suffix == ".parquet"


def read_rows(
    path: Path, rewards: Mapping[str, Any], bad: Callable[[BadRowError], None], as_lines: bool = False
) -> Iterator[Row]:
    """Read rows with `data_source`, `reward_model.ground_truth` and `response`.

    Args:
        path: A file, or `-`.
        rewards: The reward of each data source; rows of any other are malformed.
        bad: Called with each row that is malformed, which is left out then.
        as_lines: All that a row of parquet holds is to become a line of JSON.

    Raises:
        UserError: The file cannot be read.
    """
    for number, fields, content in _parquet(path, as_lines) if is_parquet(path) else _json_lines(path):
        fault = fields if isinstance(fields, str) else _fault_in(fields, rewards)
        if fault is not None:
            bad(BadRowError(f"{'standard input' if path == STANDARD else path}, row {number}: {fault}"))
        else:
            yield Row(number, _response(fields), content)


def _json_lines(path: Path) -> Iterator[tuple[int, Any, Content]]:
    """Number, fields or what is wrong, and content of each line that is not blank."""
    standard = path == STANDARD
    if standard and sys.stdin is None:
        raise UserError("standard input is closed")
    try:
        # not sys.stdin: a thread that waits in it holds its lock when the interpreter ends
        with open(sys.stdin.fileno() if standard else path, "rb", closefd=not standard) as lines:
            for number, line in enumerate(lines, 1):
                if number == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                if line.strip():
                    fields = _parsed(line)
                    yield number, fields, {} if isinstance(fields, str) else fields
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def _parsed(line: bytes) -> dict[str, Any] | str:
    """A line's object, or what is wrong with it."""
    try:
        value = json.loads(line.decode().strip(), object_pairs_hook=_without_twins)
    except _TwinError as error:
        return f"has the key '{error}' twice"
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    except json.JSONDecodeError as error:
        return f"is no JSON: {error.msg} at column {error.colno}"
    except (ValueError, RecursionError) as error:
        return f"is no JSON that can be read: {error}"
    return value if isinstance(value, dict) else f"expected a JSON object, got {value!r:.40}"


class _TwinError(Exception):
    """A key that an object has twice."""


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwinError(printable(next(name for name in names if names.count(name) > 1))[:40])
    return found


def _parquet(path: Path, as_lines: bool) -> Iterator[tuple[int, Any, Content]]:
    import pyarrow as pa
    import pyarrow.parquet

    number = 0
    try:
        with closing(pa.parquet.ParquetFile(path)) as file:
            names = file.schema_arrow.names
            if twins := sorted({name for name in names if names.count(name) > 1}):
                raise UserError(f"{path}: has two columns '{twins[0]}': rename or remove one of them")
            read = names if as_lines else [name for name in READ if name in names]
            for batch in file.iter_batches(BATCH):
                for index, fields in enumerate(_fields(batch.select(read))):
                    number += 1
                    yield number, fields, fields if as_lines else batch.slice(index, 1)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error


def _fields(batch: pa.RecordBatch) -> list[Any]:
    """The fields of each row, or what is wrong with them."""
    try:
        return list(batch.to_pylist())
    except (ValueError, OverflowError):  # text that is no UTF-8, or a date that Python does not have
        return [_fields_of_one(batch.slice(index, 1)) for index in range(len(batch))]


def _fields_of_one(row: pa.RecordBatch) -> dict[str, Any] | str:
    fields: dict[str, Any] = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            (fields[name],) = column.to_pylist()
        except (ValueError, OverflowError) as error:
            return f"{name}: cannot be read: {error}"
    return fields


def _fault_in(fields: Mapping[str, Any], rewards: Mapping[str, Any]) -> str | None:
    """Why a row cannot be judged; None if it can."""
    for name in ("data_source", "response"):
        if fields.get(name) is None:
            return f"has no {name}"
        if not isinstance(fields[name], str):
            return f"{name}: expected text, got {fields[name]!r:.40}"
    for name in ("reward_model", "extra_info"):
        if not isinstance(fields.get(name), dict | None):
            return f"{name}: expected keys and values, got {fields[name]!r:.40}"
    if (fields.get("reward_model") or {}).get("ground_truth") is None:
        return "has no reward_model.ground_truth"
    source = fields["data_source"]
    if reward_of(source, rewards) is None:
        return f"no reward for data source '{source}': {nearest(source, rewards)}"
    return None


def _response(fields: Mapping[str, Any]) -> Response:
    return Response(
        text=fields["response"],
        ground_truth=fields["reward_model"]["ground_truth"],
        data_source=fields["data_source"],
        problem=str(fields.get("id") or ""),
        extra_info=fields.get("extra_info") or {},
    )
