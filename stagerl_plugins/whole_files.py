"""Files that are written whole or not at all: to a hidden name beside them, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The name to write to in place of `path`; at the end of the block, once it lies on the disk, it becomes `path`.

    An exception inside the block leaves `path` as it was.
    """
    fresh = beside(path, "new")
    try:
        yield fresh
        sync(fresh)
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    with replacing(path) as fresh:
        fresh.write_text(json.dumps(value, indent=2, default=str) + "\n", encoding="utf-8")


def beside(path: Path, ending: str) -> Path:
    """A hidden name beside this one, for what is being written or replaced."""
    return path.with_name(f".{path.name}.{ending}")


def sync(path: Path) -> None:
    """Have the kernel write a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(folder: Path) -> None:
    """Have the kernel write a folder and all that is in it to the disk."""
    for path, _, files in os.walk(folder):
        for name in files:
            sync(Path(path, name))
        sync(Path(path))
