"""Results on standard output: where it takes none, as a disk is full, that is one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from stagerl_plugins.errors import UserError


@contextmanager
def standard_output() -> Iterator[None]:
    """What is written there in this block is there at its end.

    Raises:
        UserError: It cannot be written.
    """
    try:
        yield
        if sys.stdout is not None:  # it has been closed
            sys.stdout.flush()
    except BrokenPipeError:
        raise  # who reads it has enough
    except OSError as error:
        # what it has not taken is tried once more when the interpreter ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UserError(f"standard output: cannot be written: {error.strerror or error}") from error
