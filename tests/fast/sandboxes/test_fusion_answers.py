"""Answers of SandboxFusion servers: an execution within its limits, or a lost one, whatever they hold."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.sandboxes.sandbox_fusion.answer import execution_of
from stagerl_plugins.sandboxes.worker import LostError
from stagerl_plugins.types import Ended, Limits

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def near(right):
    """Often right, sometimes anything."""
    return st.one_of(right, right, right, ANYTHING)


RUNS = st.fixed_dictionaries(
    {
        "status": near(st.sampled_from(["Finished", "Error", "TimeLimitExceeded"])),
        "return_code": near(st.none() | st.integers(-300, 300)),
        "stdout": near(st.text(max_size=30)),
        "stderr": near(st.none() | st.text(max_size=30)),
        "execution_time": near(st.floats()),
    }
)
ANSWERS = st.fixed_dictionaries(
    {"status": near(st.sampled_from(["Success", "Failed", "SandboxError"])), "run_result": near(RUNS)},
    optional={"message": near(st.text(max_size=5)), "more": ANYTHING},
)


@given(near(ANSWERS), st.integers(1, 40))
def test_an_answer_is_an_execution_within_its_limits_or_lost(answer, most):
    try:
        seen = execution_of(json.dumps(answer).encode(), Limits(output_bytes=most))
    except LostError:
        return
    assert seen.ended is not Ended.LOST
    assert len(seen.stdout.encode()) <= most
    assert answer["run_result"]["stdout"].startswith(seen.stdout)
    assert math.isfinite(seen.seconds)
    assert seen.seconds >= 0
    assert (seen.exit_code is None) == (seen.ended is not Ended.EXITED)
    assert (seen.ended is Ended.TIMED_OUT) <= (answer["run_result"]["status"] == "TimeLimitExceeded")


@given(st.binary())
def test_bytes_are_no_answer(body):
    try:
        execution_of(body, Limits())
    except LostError:
        return
    raise AssertionError(body)
