"""A checkpoint as a Hugging Face folder, by verl's own merger."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

from stagerl_plugins.errors import UserError
from stagerl_plugins.training.checkpoints import Checkpoints
from stagerl_plugins.whole_files import beside


def export(folder: Path, step: int | None, out: Path) -> int:
    """Write the actor of a whole checkpoint as a Hugging Face folder; `out` appears when it is whole.

    Args:
        folder: A run's folder.
        step: The checkpoint's step; None takes the newest.
        out: A folder that does not exist yet.

    Returns:
        The step.

    Raises:
        UserError: `out` exists, there is no such checkpoint, or verl's merger failed.
    """
    steps = Checkpoints(folder).steps()
    if not steps:
        raise UserError(f"{folder}: has no whole checkpoint yet")
    step = steps[-1] if step is None else step
    if step not in steps:
        raise UserError(f"{folder}: has no whole checkpoint of step {step}; there are {', '.join(map(str, steps))}")
    export_actor(Checkpoints(folder).path(step) / "actor", out)
    return step


def export_actor(actor: Path, out: Path) -> None:
    """Merge the shards of one saved actor; see `export`."""
    if out.exists():
        raise UserError(f"{out}: exists already; name a folder that does not")
    fresh = beside(out, "new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(fresh.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror or error}") from error
    command = [sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    done = subprocess.run(
        [*command, "--local_dir", str(actor), "--target_dir", str(fresh)],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    if done.returncode or not any(fresh.glob("*.safetensors")):
        shutil.rmtree(fresh, ignore_errors=True)
        raise UserError(f"verl's merger failed on {actor}: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    fresh.rename(out)
