"""The problems of a run: indices inside, stable ids at every boundary."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stagerl_plugins.errors import UserError, nearest
from stagerl_plugins.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa

SAYS = ("data_source", "prompt", "reward_model")  # the columns that say what a problem is


class Problems:
    """A read-only table of problems: whoever wants other values takes a copy.

    Args:
        ids: A stable, unique id for each problem.
        domains: The domain of each (verl's column `ability`), same length.
        levels: For each level's name a mask over the problems; a problem may be in several.
        features: Numeric columns, such as `pass_rate_p15`.
        rows: The row of each problem in the table it was read from.

    Raises:
        UserError: Ids repeat, or lengths differ.
    """

    def __init__(
        self,
        ids: Sequence[str],
        domains: Sequence[str] | None = None,
        levels: Mapping[str, BoolArray] | None = None,
        features: Mapping[str, FloatArray] | None = None,
        rows: IntArray | None = None,
    ) -> None:
        self.ids: tuple[str, ...] = tuple(ids)
        count = len(self.ids)
        self.domains: NDArray[np.str_] = np.array(
            domains if domains is not None else ["default"] * count, dtype=np.str_
        )
        self.levels: dict[str, BoolArray] = {name: np.array(mask, bool) for name, mask in (levels or {}).items()}
        self.rows: IntArray = np.array(np.arange(count) if rows is None else rows, np.int64)
        self._features = {name: np.array(values, np.float64) for name, values in (features or {}).items()}
        self._index = {identifier: index for index, identifier in enumerate(self.ids)}
        if len(self._index) != count:
            raise UserError(
                f"problems: ids repeat ({count} rows, {len(self._index)} ids): give each problem its own id"
            )
        for name, values in {"domains": self.domains, **self.levels, **self._features, "rows": self.rows}.items():
            if len(values) != count:
                raise UserError(f"problems: column '{name}' has {len(values)} values for {count} problems")
            values.setflags(write=False)

    def __len__(self) -> int:
        return len(self.ids)

    def index_of(self, identifier: str) -> int:
        """The index of the problem with this id.

        Raises:
            UserError: There is none.
        """
        if identifier not in self._index:
            example = f"; ids are such as '{self.ids[0]}'" if self.ids else ""
            raise UserError(f"there is no problem '{identifier}'{example}")
        return self._index[identifier]

    def get(self, identifier: str) -> int | None:
        """The index of the problem with this id, or None."""
        return self._index.get(identifier)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(self._features)

    def feature(self, name: str) -> FloatArray:
        """A numeric column of the problems, float64, shape (problems,); NaN where a problem has none.

        Raises:
            UserError: There is no such column.
        """
        if name not in self._features:
            raise UserError(f"problems have no numeric column '{name}': {nearest(name, self._features)}")
        return self._features[name]

    @classmethod
    def from_table(cls, table: pa.Table) -> Problems:
        """Read a table in verl's format; a problem that comes again is dropped, the levels of its rows are kept.

        The id of a row is its column `id`, else `extra_info.id`, else a hash of data source, prompt and ground truth,
        so that it survives a change of other rows. Domain: `ability`. Levels: `levels` (a list) or `level`.

        Raises:
            UserError: Different problems have one id.
        """
        import pyarrow as pa

        first: dict[str, int] = {}
        member: dict[str, set[str]] = {}
        says = list(zip(*(_column(table, name) for name in SAYS), strict=True))
        levels = zip(row_ids(table), _column(table, "levels"), _column(table, "level"), strict=True)
        for row, (key, many, one) in enumerate(levels):
            before = first.setdefault(key, row)
            if before != row and content_id(*says[before]) != content_id(*says[row]):
                raise UserError(f"rows {before} and {row} are different problems with the id '{key}': make ids unique")
            for level in _listed(one if many is None else many):
                member.setdefault(str(level), set()).add(key)
        rows = np.fromiter(first.values(), np.int64, len(first))
        ability = _column(table, "ability")
        numeric = [f.name for f in table.schema if pa.types.is_floating(f.type) or pa.types.is_integer(f.type)]
        return cls(
            ids=list(first),
            domains=[str(ability[row] or "default") for row in rows],
            levels={name: np.array([key in keys for key in first]) for name, keys in sorted(member.items())},
            features={
                name: np.array([np.nan if v is None else v for v in table[name].to_pylist()], np.float64)[rows]
                for name in numeric
                if name not in ("id", "level")
            },
            rows=rows,
        )


def row_ids(table: pa.Table) -> list[str]:
    """The id of each row: its column `id`, else `extra_info.id`, else made of what the problem says.

    Raises:
        UserError: A row has neither an id nor a prompt.
    """
    columns = (_column(table, name) for name in ("id", "extra_info", *SAYS))
    ids = []
    for row, (identifier, extra, source, prompt, truth) in enumerate(zip(*columns, strict=True)):
        found = extra.get("id") if identifier is None and isinstance(extra, Mapping) else identifier
        if found is None and prompt is None:
            raise UserError(
                f"row {row} has neither `prompt` nor `id`: expected verl's columns, or `problem` and `answer`"
            )
        ids.append(str(found) if found is not None else content_id(source, prompt, truth))
    return ids


def _column(table: pa.Table, name: str) -> list[Any]:
    """A column's values; None for every row where the table does not have it."""
    return list(table[name].to_pylist()) if name in table.column_names else [None] * len(table)


def _listed(levels: Any) -> list[Any]:
    """The levels of one row, which may be a list, a single one, or none."""
    if levels is None:
        return []
    return levels if isinstance(levels, list) else [levels]


def content_id(data_source: Any, prompt: Any, reward_model: Any) -> str:
    """An id made of what a problem says: 16 hexadecimal digits."""
    truth = reward_model.get("ground_truth") if isinstance(reward_model, Mapping) else reward_model
    text = json.dumps([data_source, _said(prompt), _said(truth)], sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _said(value: Any) -> Any:
    """The same without keys that have no value: a table gives every row the keys of all others."""
    if isinstance(value, Mapping):
        return {key: _said(item) for key, item in value.items() if item is not None}
    return [_said(item) for item in value] if isinstance(value, list) else value


def read_table(paths: Sequence[Path]) -> pa.Table:
    """Read parquet or JSONL files into one table.

    Raises:
        UserError: A file is missing, of another kind, broken, or does not fit the others.
    """
    import pyarrow as pa
    import pyarrow.parquet

    tables = []
    for path in paths:
        if not path.is_file():
            raise UserError(f"no such file: {path}")
        try:
            if path.suffix == ".parquet":
                tables.append(pa.parquet.read_table(path))
            elif path.suffix in (".jsonl", ".json"):
                tables.append(_read_lines(path))
            else:
                raise UserError(f"{path}: expected a .parquet or .jsonl file")
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UserError(f"problem files do not fit together: {str(error).splitlines()[0]}") from error


def _read_lines(path: Path) -> pa.Table:
    """Read JSON lines. pyarrow's own reader makes times of text such as 2024-05-01, and refuses long rows.

    Raises:
        UserError: A line is no JSON object, or the rows do not fit together.
    """
    import pyarrow as pa

    rows = []
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    rows.append(json.loads(line))
                    if not isinstance(rows[-1], dict):
                        raise UserError(f"{path}, line {number}: expected a JSON object, got {line.strip():.40}")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}, line {number}: is no JSON: {error}") from error
    try:
        return pa.Table.from_struct_array(pa.array(rows, pa.struct([]) if not rows else None))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as error:
        raise UserError(f"{path}: its rows do not fit together: {str(error).splitlines()[0]}") from error
