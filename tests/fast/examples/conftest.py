"""The modules of the quickstart's folder, as a script there imports them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[3] / "examples" / "quickstart"


@pytest.fixture(scope="session")
def imported() -> Callable[[str], ModuleType]:
    """Imports a module of the folder; it and what it imports from there are forgotten again."""

    def module(name: str) -> ModuleType:
        before = dict(sys.modules)
        sys.path.insert(0, str(FOLDER))
        try:
            return __import__(name)
        finally:
            sys.path.remove(str(FOLDER))
            for added in {path.stem for path in FOLDER.glob("*.py")} - before.keys():
                sys.modules.pop(added, None)

    return module
