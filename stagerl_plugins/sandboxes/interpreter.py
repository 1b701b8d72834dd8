"""The interpreter that programs run with, and the folders that it needs to read."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stagerl_plugins.errors import UserError

_OLDEST = (3, 10)  # which has os.splice


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What a warm interpreter is started with.

    Args:
        python: The executable.
        folders: Folders that it and the modules lie in.
        paths: Additions to its search path.
        modules: Modules to import ahead.
    """

    python: str
    folders: tuple[str, ...]
    paths: tuple[str, ...]
    modules: tuple[str, ...]

    @classmethod
    def of(cls, python: str | None, modules: Sequence[str]) -> Interpreter:
        """This interpreter's base, or another one.

        Raises:
            UserError: It is none, or a module is not installed.
        """
        if python is not None:
            return cls(python, (_prefix_of(python),), (), tuple(modules))
        executable = getattr(sys, "_base_executable", None) or sys.executable
        paths = tuple(dict.fromkeys(_folder_of(module) for module in modules))
        return cls(executable, (sys.base_prefix, *paths), paths, tuple(modules))


def _folder_of(module: str) -> str:
    """The folder on the search path that a module lies in."""
    top = module.partition(".")[0]
    found = importlib.util.find_spec(top)
    if found is None or found.origin is None:
        raise UserError(f"modules: no module '{module}' is installed")
    place = Path(found.origin)
    return str(place.parent.parent if found.submodule_search_locations else place.parent)


@cache
def _prefix_of(python: str) -> str:
    code = "import sys; print(sys.base_prefix); print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True, check=True, timeout=30)
        prefix, version = done.stdout.splitlines()
        major, minor = map(int, version.split())
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UserError(f"python: '{os.fspath(python)}' is no Python interpreter that can be started") from error
    if (major, minor) < _OLDEST:
        raise UserError(f"python: '{os.fspath(python)}' is Python {major}.{minor}; take 3.10 or newer")
    return prefix
