"""State on disk: a folder with `state.json` and `arrays.npz`, complete or absent, never a pickle."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from stagerl_plugins.errors import UserError
from stagerl_plugins.whole_files import beside, sync

FORMAT = 1
_ARRAY = "__array__"


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """Write a tree of JSON values and NumPy arrays; what stood in `folder` is replaced as a whole.

    Raises:
        TypeError: The state holds something that is neither.
    """
    arrays: dict[str, Any] = {}
    tree = {"format": FORMAT, "state": _pack(state, arrays, "")}
    fresh, old = beside(folder, "new"), beside(folder, "old")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    np.savez(fresh / "arrays.npz", **arrays)
    (fresh / "state.json").write_text(json.dumps(tree), encoding="utf-8")
    for path in fresh.iterdir():
        sync(path)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def load_state(folder: Path) -> dict[str, Any]:
    """Read what `save_state` wrote, also when it was killed between its two renames.

    Raises:
        UserError: It is absent, damaged, or of a newer format.
    """
    candidate = _newest_whole(folder)
    if candidate is None:
        raise UserError(f"{folder}: no state is saved here")
    try:
        tree = json.loads((candidate / "state.json").read_text(encoding="utf-8"))
        with np.load(candidate / "arrays.npz", allow_pickle=False) as arrays:
            if tree["format"] != FORMAT:
                raise UserError(f"{candidate}: has format {tree['format']}, this version reads {FORMAT}")
            state: dict[str, Any] = _unpack(tree["state"], arrays)
            return state
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(f"{candidate}: the saved state is damaged ({error!r})") from error


def has_state(folder: Path) -> bool:
    """Whether a whole state is saved here."""
    return _newest_whole(folder) is not None


def _newest_whole(folder: Path) -> Path | None:
    """Where the state lies: between the two renames of `save_state` there is an old one, and the new one is whole."""
    fresh, old = beside(folder, "new"), beside(folder, "old")
    if folder.is_dir():
        return folder
    if not old.is_dir():
        return None
    return fresh if fresh.is_dir() else old


def _pack(value: Any, arrays: dict[str, Any], path: str) -> Any:
    """JSON values as they are, NumPy scalars as JSON values, arrays into `arrays` with a mark in their place."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"state at '{path}' is an array of Python objects; only numbers and text can be saved")
        key = f"a{len(arrays)}"
        arrays[key] = value
        return {_ARRAY: key}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"state at '{path}' has a key that is no text")
        if _ARRAY in value:
            raise TypeError(f"state at '{path}' has the key '{_ARRAY}', which marks arrays")
        return {key: _pack(item, arrays, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(item, arrays, f"{path}[{place}]") for place, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"state at '{path}' is a {type(value).__name__}; only JSON values and NumPy arrays can be saved")


def _unpack(value: Any, arrays: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {key: _unpack(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_unpack(item, arrays) for item in value]
    return value
