"""Whatever comes back from a warm interpreter, even from one that a program has taken over, is an execution or lost."""

from __future__ import annotations

import json
import math
import socket
import struct
import threading
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagerl_plugins.sandboxes import warm as warm_module
from stagerl_plugins.sandboxes.interpreter import Interpreter
from stagerl_plugins.sandboxes.warm import LostError, WarmInterpreter
from stagerl_plugins.types import Ended, Execution, Limits

LIMITS = Limits(seconds=1, output_bytes=100)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*Ended]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
keys = ["ended", "detail", "exit_code", "seconds"]
answers = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, json_values)) | json_values


def framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


def run_against(said: bytes) -> Execution | None:
    """What `run` makes of an interpreter that says this and ends; None if it is lost."""
    ours, theirs = socket.socketpair()
    warm = WarmInterpreter("A", Interpreter("/nowhere/python", (), (), ()))
    warm._socket = ours  # as if it had been started

    def speak() -> None:
        with theirs:
            theirs.recv(1 << 20)
            theirs.sendall(said)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        return warm.run("print(1)", "", LIMITS)
    except LostError:
        return None
    finally:
        thread.join()
        warm.close()


@given(
    st.binary(max_size=50) | st.binary(max_size=50).map(framed) | answers.map(lambda v: framed(json.dumps(v).encode()))
)
@example(framed(b"[" * 100_000))
@example(framed(b'{"ended": "exited", "seconds": NaN}'))
@example(framed(b'{"ended": "exited", "seconds": 1e999}'))
@example(framed(b'{"ended": "exited", "exit_code": true}'))
@example(framed(b'{"ended": "exited", "exit_code": 1e5}'))
@example(framed(b'{"ended": ["exited"]}'))
@example(framed(b'{"ended": "exited", "seconds": ' + b"9" * 10_000 + b"}"))
@example(framed(b'{"ended": "exited", "seconds": 1, "detail": "", "stdout": "' + b"x" * 1000 + b'"}'))
@example(struct.pack("!I", 2**32 - 1))
def test_it_is_an_execution_of_the_right_types_or_lost(said):
    seen = run_against(said)
    if seen is not None:
        assert isinstance(seen.ended, Ended)
        assert all(isinstance(text, str) for text in (seen.stdout, seen.stderr, seen.detail))
        assert seen.exit_code is None or type(seen.exit_code) is int
        assert math.isfinite(seen.seconds)
        assert seen.seconds >= 0
        assert len(seen.stdout) <= LIMITS.output_bytes


def test_one_that_says_a_byte_now_and_then_does_not_hold_us_for_ever(monkeypatch):
    monkeypatch.setattr(warm_module, "_PATIENCE", 0)
    monkeypatch.setattr(warm_module, "_SPARE_SECONDS", 0.5)
    ours, theirs = socket.socketpair()
    warm = WarmInterpreter("A", Interpreter("/nowhere/python", (), (), ()))
    warm._socket = ours
    done = threading.Event()

    def trickle() -> None:
        theirs.send(struct.pack("!I", 1000))
        while not done.wait(0.1):
            theirs.send(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    began = time.monotonic()
    with pytest.raises(LostError, match="does not answer"):
        warm.run("print(1)", "", LIMITS)
    assert time.monotonic() - began < 20
    done.set()
    thread.join()
    theirs.close()
