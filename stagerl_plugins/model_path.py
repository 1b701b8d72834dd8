"""Whether a path or name can be that of a Hugging Face model."""

from __future__ import annotations

import os
from pathlib import Path

from stagerl_plugins.errors import UserError


def check_model_path(model: str, where: str) -> None:
    """Refuse what can be neither a folder with a model nor a name on the hub.

    Args:
        model: The folder or name.
        where: What it was given as, for the message.

    Raises:
        UserError: There is no such folder, or it holds no model.
    """
    folder = Path(os.path.expanduser(model))
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise UserError(f"{where} {model}: the folder has no config.json: expected a Hugging Face model")
    elif folder.exists() or model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise UserError(f"{where} {model}: no such folder")
