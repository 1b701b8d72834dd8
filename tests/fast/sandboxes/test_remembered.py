"""Executions that are remembered take no more memory than they may, whatever letters they are written in."""

from __future__ import annotations

import sys

import pytest

from stagerl_plugins.sandboxes.memory import Memory
from stagerl_plugins.types import Ended, Execution, Limits


@pytest.mark.parametrize("letter", ["a", "é", "字", "𝕊"])
def test_what_is_remembered_is_measured_in_bytes(letter):
    memory = Memory(1 << 20)
    kept = []
    for number in range(100):
        text = f"{number}{letter * 20_000}"
        future, new = memory.future_of((text, "", Limits()))
        assert new
        future.set_result(Execution(Ended.EXITED, stdout="x"))
        kept.append(text)
    remembered = [text for text in kept if not memory.future_of((text, "", Limits()))[1]]
    size = sum(map(sys.getsizeof, remembered))
    assert 1 << 19 < size <= 1 << 20
