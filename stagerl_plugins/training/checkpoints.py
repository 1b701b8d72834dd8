"""Checkpoints that are whole or absent, and what a rollback needs, kept from verl's own deletion.

A checkpoint is verl's `global_step_N` with our `stagerl/` inside and `complete.json` written last. verl writes its
tracker file in place, so a kill may leave it empty or ahead: it is made to name the newest whole checkpoint before verl
reads it.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from stagerl_plugins.curriculum.state import has_state, load_state, save_state
from stagerl_plugins.whole_files import beside, replacing, sync_all, write_json

TRACKER = "latest_checkpointed_iteration.txt"
COMPLETE = "complete.json"
STATE = "stagerl"
KEPT = "kept"


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: verl's `trainer.default_local_dir`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, step: int) -> Path:
        return self.folder / f"global_step_{step}"

    def steps(self) -> list[int]:
        """Steps of the whole checkpoints, ascending."""
        found = []
        for path in self.folder.glob("global_step_*"):
            number = path.name.removeprefix("global_step_")
            whole = (path / COMPLETE).is_file() and (path / "actor").is_dir() and has_state(path / STATE)
            if number.isdigit() and whole:
                found.append(int(number))
        return sorted(found)

    def repair(self) -> int | None:
        """Remove what a kill left half written, make the tracker name the newest whole checkpoint; return its step."""
        whole = self.steps()
        for path in self.folder.glob("global_step_*"):
            number = path.name.removeprefix("global_step_")
            if number.isdigit() and int(number) not in whole and int(number) > (whole[-1] if whole else 0):
                shutil.rmtree(path)
        tracker = self.folder / TRACKER
        if not whole:
            tracker.unlink(missing_ok=True)
            return None
        with replacing(tracker) as fresh:
            fresh.write_text(str(whole[-1]), encoding="utf-8")
        return whole[-1]

    def save_state(self, step: int, state: dict[str, Any]) -> None:
        """Write the curriculum's state into a step's checkpoint, replacing an earlier form as a whole."""
        save_state(self.path(step) / STATE, state)

    def load_state(self, step: int) -> dict[str, Any]:
        return load_state(self.path(step) / STATE)

    def complete(self, step: int) -> None:
        """Mark a checkpoint as whole. Everything else is written before, and lies on the disk."""
        sync_all(self.path(step))
        write_json(self.path(step) / COMPLETE, {"step": step})

    def keep(self, step: int, stage: str) -> None:
        """Keep a checkpoint for going back to the end of `stage`, by hard links if it can; an earlier one is let go."""
        target = self.folder / KEPT / stage
        fresh = beside(target, "new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(self.path(step), fresh, copy_function=_link)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)

    def kept(self, stage: str) -> tuple[Path, int] | None:
        """Folder and step of the checkpoint at the end of `stage`, or None."""
        target = self.folder / KEPT / stage
        if not (target / COMPLETE).is_file():
            return None
        return target, int(json.loads((target / COMPLETE).read_text(encoding="utf-8"))["step"])


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # some file systems have no links
        shutil.copy2(source, target)
