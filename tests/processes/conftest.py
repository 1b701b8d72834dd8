import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stagerl_plugins.plugins import Plugins, load_plugins


@pytest.fixture(autouse=True, scope="session")
def _heeds_interrupts() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would all that the tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def plugins() -> Iterator[Plugins]:
    """All plugins, those of a third-party package among them."""
    folder = str(Path(__file__).parent / "plugins")
    sys.path.insert(0, folder)
    yield load_plugins()
    sys.path.remove(folder)


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left() -> Iterator[None]:
    """Every file of tests ends without a process of its own, zombies included."""
    yield
    for thread in threading.enumerate():
        if thread.name == "ends-interpreter":  # it may have much to remove
            thread.join(90)
    assert not psutil.Process().children(recursive=True)
