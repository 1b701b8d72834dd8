"""Tier C, which root cannot have: tried as a user without rights, in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import socket
from pathlib import Path

import pytest
from attacks import ATTACKS

from stagerl_plugins.sandboxes import warm as warm_module
from stagerl_plugins.sandboxes.interpreter import Interpreter
from stagerl_plugins.sandboxes.tiers import failure_of
from stagerl_plugins.sandboxes.warm import WarmInterpreter
from stagerl_plugins.types import Ended, Limits

NOBODY = 65_533
SYSTEM_PYTHON = shutil.which("python3", path="/usr/bin")

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or SYSTEM_PYTHON is None, reason="as root, with an interpreter that all users can read"
)


@pytest.fixture
def as_nobody(open_folder, monkeypatch):
    """Calls a function in a forked process of another user; what it returns comes back."""
    folder = open_folder("readable")
    shutil.copytree(Path(warm_module.__file__).parent / "zygote", folder / "zygote")
    monkeypatch.setattr(warm_module, "FOLDER", folder)

    def call(function):
        ours, theirs = multiprocessing.Pipe()

        def live():
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            theirs.send(function())

        process = multiprocessing.get_context("fork").Process(target=live)
        process.start()
        theirs.close()
        try:
            return ours.recv()
        finally:
            process.join()

    return call


def test_it_withstands_the_attacks_at_its_start_and_root_may_not_have_it(as_nobody):
    interpreter = Interpreter.of(SYSTEM_PYTHON, [])
    assert as_nobody(lambda: failure_of("C", interpreter)) is None
    assert failure_of("C", interpreter) == "PermissionError: [Errno 1] programs would be root"


def test_no_attack_gets_through(as_nobody, open_folder):
    folder = open_folder("target")
    (folder / "file").write_text("the secret")
    (folder / "file").chmod(0o666)
    os.chown(folder / "file", NOBODY, NOBODY)  # the program's own user's
    with (
        socket.create_server(("127.0.0.1", 0)) as port,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
    ):
        name = f"stagerl-attacked-c-{os.getpid()}"
        abstract.bind("\0" + name)
        named.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o777)
        target = {"abstract": name, "port": port.getsockname()[1], "socket": str(folder / "socket")}

        def attacked():
            mine = {**target, "file": str(folder / "file"), "folder": str(folder), "pid": os.getpid()}
            warm = WarmInterpreter("C", Interpreter.of(SYSTEM_PYTHON, []))
            seen = {one.name: warm.run(one.program(mine), "", Limits(seconds=5)) for one in ATTACKS}
            warm.close()
            return {name: one for name, one in seen.items() if one.ended is not Ended.EXITED or one.stdout != "held\n"}

        assert as_nobody(attacked) == {}
    assert (folder / "file").read_text() == "the secret"
    assert (folder / "file").stat().st_mode & 0o777 == 0o666
    assert sorted(path.name for path in folder.iterdir()) == ["file", "socket"]
