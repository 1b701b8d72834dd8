"""Sandboxes of the tiers A and B; C, which root cannot have, is in a file of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stagerl_plugins.sandboxes.interpreter import Interpreter
from stagerl_plugins.sandboxes.local import LocalOptions, LocalSandbox
from stagerl_plugins.sandboxes.tiers import failure_of
from stagerl_plugins.sandboxes.warm import WarmInterpreter


def interpreter_for(tier: str) -> Interpreter:
    """Ours; in tiers without a root of their own one that other users can read, if ours cannot be."""
    system = shutil.which("python3", path="/usr/bin")
    ours = Interpreter.of(None, [])
    return Interpreter.of(system, []) if tier != "A" and system and failure_of(tier, ours) else ours


@pytest.fixture(scope="session", params=["A", "B"])
def tier(request) -> str:
    name = str(request.param)
    if (failure := failure_of(name, interpreter_for(name))) is not None:
        if name == "A" or (name == "B" and os.getuid() == 0):
            pytest.fail(f"tier {name} is to hold here: {failure}")
        pytest.skip(f"tier {name} is not on this machine: {failure}")
    return name


@pytest.fixture(scope="session")
def open_folder(tmp_path_factory):
    """Makes a folder of the test's that every user can reach and write to."""

    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        for path in folder.parents:
            if path.name.startswith(("pytest-", "popen-")):
                path.chmod(0o755)
        folder.chmod(0o777)
        return folder

    return make


@pytest.fixture
def interpreter(tier) -> Interpreter:
    return interpreter_for(tier)


@pytest.fixture
def warm(tier, interpreter) -> Iterator[WarmInterpreter]:
    one = WarmInterpreter(tier, interpreter)
    yield one
    one.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    one = LocalSandbox(LocalOptions(), None)
    yield one
    asyncio.run(one.close())
