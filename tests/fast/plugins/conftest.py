"""Real distributions in a folder of their own, which lies on Python's path as any other place of installed packages."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from stagerl_plugins.plugins import LOAD_VARIABLE, Plugins, load_plugins


class Site:
    """A place of installed packages.

    Args:
        folder: The place.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def install(self, name: str, code: str, version: str = "1.0", entry: str | None = None) -> None:
        """Put a distribution with one module there, and an entry point for the module, or for what `entry` says."""
        module = name.replace("-", "_")
        self.modules.append(module)
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[stagerl_plugins]\n{module} = {entry or module}\n")
        begin = "from stagerl_plugins import *\nstagerl_contract = 1\n"
        (self.folder / f"{module}.py").write_text(begin + dedent(code))
        importlib.invalidate_caches()

    def load(self, limit: str | None = None, **arguments: Any) -> Plugins:
        """All plugins that `STAGERL_LOAD_PLUGINS` allows, here and now."""
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(self.folder))
            patch.delenv(LOAD_VARIABLE, raising=False)
            if limit is not None:
                patch.setenv(LOAD_VARIABLE, limit)
            return load_plugins(**arguments)

    def python(self, code: str, limit: str | None = None) -> Any:
        """Run code in a fresh process; what it prints last is JSON."""
        env = {**os.environ, "PYTHONPATH": str(self.folder)}
        env.pop(LOAD_VARIABLE, None)
        if limit is not None:
            env[LOAD_VARIABLE] = limit
        command = [sys.executable, "-c", dedent(code)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def forget(self) -> None:
        """Take back what this process has imported."""
        for module in self.modules:
            sys.modules.pop(module, None)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.forget()


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))
