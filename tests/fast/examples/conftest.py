"""The modules of an example's folder, as a script there imports them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="session")
def imported() -> Callable[..., ModuleType]:
    """Imports a module of an example, the quickstart's if none is named; it and its neighbours are forgotten again."""

    def module(name: str, example: str = "quickstart") -> ModuleType:
        folder = EXAMPLES / example
        before = dict(sys.modules)
        sys.path.insert(0, str(folder))
        try:
            return __import__(name)
        finally:
            sys.path.remove(str(folder))
            for added in {path.stem for path in folder.glob("*.py")} - before.keys():
                sys.modules.pop(added, None)

    return module
