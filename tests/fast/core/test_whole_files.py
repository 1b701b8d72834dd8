"""Whoever reads a file while it is being written, or after a writer died, finds the old one or the new one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stagerl_plugins.whole_files import replacing, write_json

DIES = """
import os, pathlib, sys
from stagerl_plugins.whole_files import replacing
with replacing(pathlib.Path(sys.argv[1])) as fresh:
    fresh.write_text("half of wh")
    os._exit(1)
"""


def test_a_file_is_replaced_at_the_end_of_the_block(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as fresh:
        fresh.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"old": 1})
    with pytest.raises(TypeError, match="keys must be"):
        write_json(path, {"new": {(1, 2): "no JSON"}})
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_died_leaves_the_old_one_and_the_next_one_is_not_hindered(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    assert subprocess.run([sys.executable, "-c", DIES, str(path)]).returncode == 1
    assert path.read_text() == "old"
    with replacing(path) as fresh:
        fresh.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
