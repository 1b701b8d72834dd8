"""How much a program's files take is told also while it is at work among them."""

from __future__ import annotations

import os

import pytest

from stagerl_plugins.sandboxes.zygote import disk


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three files of a page, a folder with another, and one that is gone after it was listed."""
    for name in ("a", "b", "c", "gone"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "e").write_bytes(b"x")

    def scandir(path):
        entries = sorted(os_scandir(path), key=lambda entry: entry.name != "gone")
        (tmp_path / "gone").unlink(missing_ok=True)
        looked_into.append(path)
        return iter(entries)

    os_scandir, looked_into = os.scandir, []
    monkeypatch.setattr(os, "scandir", scandir)
    return str(tmp_path), looked_into


def test_one_that_is_gone_does_not_hide_the_others(folder):
    path, _ = folder
    assert disk.used(path, 1e9) == 5 * 4096


def test_more_than_it_may_be_is_not_counted_to_its_end(folder):
    path, looked_into = folder
    assert 8192 < disk.used(path, 8192) <= 4 * 4096
    assert looked_into == [path]


def test_so_many_files_are_too_many_whatever_they_hold(tmp_path):
    for number in range(disk.MOST_FILES):
        (tmp_path / str(number)).touch()
    assert disk.used(str(tmp_path), 1e9) == disk.MOST_FILES * 4096
    (tmp_path / "one more").touch()
    assert disk.used(str(tmp_path), 1e9) == float("inf")
