"""Checkpoints are whole or absent, whatever a kill left of them."""

import os

import pytest

from stagerl_plugins.training.checkpoints import TRACKER, Checkpoints


def save(folder, step, complete=True):
    """A checkpoint as verl and we write it, up to the last file if wanted."""
    checkpoints = Checkpoints(folder)
    checkpoints.save_state(step, {"step": step})
    (checkpoints.path(step) / "actor").mkdir()
    (checkpoints.path(step) / "actor" / "model.pt").write_text(f"weights of {step}")
    if complete:
        checkpoints.complete(step)
    return checkpoints


@pytest.mark.parametrize("tracker", [None, "", "30", "10", "nonsense"])
def test_the_tracker_is_made_to_name_the_newest_whole_checkpoint(tmp_path, tracker):
    save(tmp_path, 10)
    save(tmp_path, 20)
    save(tmp_path, 30, complete=False)
    if tracker is not None:
        (tmp_path / TRACKER).write_text(tracker)
    assert Checkpoints(tmp_path).repair() == 20
    assert (tmp_path / TRACKER).read_text() == "20"
    assert not (tmp_path / "global_step_30").exists()


def test_with_no_whole_checkpoint_the_run_starts_anew(tmp_path):
    save(tmp_path, 10, complete=False)
    (tmp_path / TRACKER).write_text("10")
    assert Checkpoints(tmp_path).repair() is None
    assert not (tmp_path / TRACKER).exists()


def test_a_checkpoint_whose_weights_verl_deleted_does_not_count(tmp_path):
    checkpoints = save(tmp_path, 10)
    save(tmp_path, 20)
    (checkpoints.path(10) / "actor" / "model.pt").unlink()
    (checkpoints.path(10) / "actor").rmdir()
    assert checkpoints.steps() == [20]
    assert checkpoints.repair() == 20
    assert checkpoints.path(10).exists()  # its curriculum's state harms nobody


def test_what_is_kept_for_going_back_outlives_its_checkpoint(tmp_path):
    checkpoints = save(tmp_path, 10)
    checkpoints.keep(10, "easy")
    (checkpoints.path(10) / "actor" / "model.pt").unlink()
    folder, step = checkpoints.kept("easy")
    assert step == 10
    assert (folder / "actor" / "model.pt").read_text() == "weights of 10"
    assert checkpoints.kept("hard") is None
    save(tmp_path, 20).keep(20, "easy")
    assert checkpoints.kept("easy")[1] == 20


def test_it_is_copied_where_a_file_system_has_no_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    checkpoints = save(tmp_path, 10)
    checkpoints.keep(10, "easy")
    assert (checkpoints.kept("easy")[0] / "actor" / "model.pt").read_text() == "weights of 10"


def test_all_of_a_checkpoint_lies_on_the_disk_before_it_counts(tmp_path, monkeypatch):
    checkpoints, synced = save(tmp_path, 10, complete=False), []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    checkpoints.complete(10)
    last = max(place for place, path in enumerate(synced) if not path.endswith("complete.json.new"))
    written = [str(path) for path in checkpoints.path(10).rglob("*") if path.name != "complete.json"]
    assert {*written, str(checkpoints.path(10))} <= set(synced[: last + 1])
    assert synced[-1].endswith("complete.json.new")
