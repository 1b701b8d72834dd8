"""An interpreter to run programs with that is none, or too old, is told in one line."""

from __future__ import annotations

import sys

import pytest

from stagerl_plugins.errors import UserError
from stagerl_plugins.sandboxes.interpreter import Interpreter


def test_it_may_be_another_one():
    assert Interpreter.of(sys.executable, []).folders == (sys.base_prefix,)


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("printf '/usr\\n3 9\\n'", "is Python 3.9; take 3.10 or newer"),
        ("echo hello", "is no Python interpreter that can be started"),
        ("exit 1", "is no Python interpreter that can be started"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path, says, message):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{says}\n")
    python.chmod(0o755)
    with pytest.raises(UserError, match=message):
        Interpreter.of(str(python), [])
