"""E2B's key. It comes from the environment or a file of the machine it is used on, and from no configuration.

verl prints its whole configuration, and Ray's arguments stand in the list of processes.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import SecretStr

from stagerl_plugins.errors import UserError

VARIABLE = "E2B_API_KEY"


def read_key(file: str | None) -> SecretStr:
    """The key in this file, or in the environment where there is none.

    Args:
        file: Path of a file that holds the key and nothing else; `~` is the user's folder.

    Raises:
        UserError: There is no key, or something else in its place.
    """
    if file is None:
        if not (key := os.environ.get(VARIABLE, "").strip()):
            raise UserError(f"no key for E2B on this machine: set {VARIABLE} in its environment, or name a `key_file`")
        return _one_word(key, VARIABLE)
    try:
        # `Path.expanduser` raises for a user who is not there
        key = Path(os.path.expanduser(file)).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise UserError(f"key_file: {file} cannot be read on this machine: {reason}") from None
    if not key:
        raise UserError(f"key_file: {file} is empty")
    return _one_word(key, f"key_file: {file}")


def _one_word(key: str, where: str) -> SecretStr:
    """The key, if it can be one: of anything else the client would say what it was, as no header takes it."""
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UserError(f"{where} holds no key of E2B's: expected one word")
    return SecretStr(key)
