"""The columns of parquet that rows of JSON fit into, known before any of them is judged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stagerl_plugins.errors import UserError
from stagerl_plugins.scoring.rows import Content

if TYPE_CHECKING:
    import pyarrow as pa


class Columns:
    """Grows with the rows.

    Args:
        path: Where these come from.

    Attributes:
        schema: That of all rows so far; None before the first.
        widened: Rows that fitted then may not fit now: a large whole number where a fraction came later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.schema: pa.Schema | None = None
        self.widened = False

    def add(self, contents: list[Content]) -> None:
        """Take in more rows.

        Raises:
            UserError: They do not fit together.
        """
        import pyarrow as pa

        with self._fitting():
            new = pa.schema(list(pa.array(contents).type))
            before = new if self.schema is None else self.schema
            self.schema = pa.unify_schemas([before, new], promote_options="permissive")
            self.widened |= any(self.schema.field(old.name) != old for old in before)

    def check(self, contents: list[Content]) -> None:
        """Make sure that rows that were added fit in the end.

        Raises:
            UserError: They do not.
        """
        import pyarrow as pa

        with self._fitting():
            pa.RecordBatch.from_pylist(contents, self.schema)

    def check_kinds(self) -> None:
        """Make sure that parquet has such columns; it has no object that is empty in all rows, for one.

        Raises:
            UserError: It does not.
        """
        import pyarrow as pa
        import pyarrow.parquet

        if self.schema is not None:
            with self._fitting(), pa.parquet.ParquetWriter(pa.BufferOutputStream(), self.schema):
                pass

    @contextmanager
    def _fitting(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{self._path}: its rows do not fit into columns: {reason}: write a .jsonl file") from error
