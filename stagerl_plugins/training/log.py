"""Our own log lines in verl's processes, where libraries raise the root logger to ERROR while a run is built."""

from __future__ import annotations

import logging
import sys


def log_to_stderr() -> None:
    """Write what we log from INFO on to standard error, as verl does with its own lines, whatever happens to the root.

    A handler that is there already stays, and nothing is added to it.
    """
    logger = logging.getLogger("stagerl_plugins")
    if logger.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s:%(asctime)s:%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
