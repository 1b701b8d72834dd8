"""Whatever a program writes instead of its answer: it never passes a test whose expected value it does not name."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.rewards.code.judging import run_tests
from stagerl_plugins.rewards.code.records import ProblemTests
from stagerl_plugins.rewards.code.running import NotJudgedError, Result, Rules
from stagerl_plugins.types import Ended, Execution, Limits

SECRET = uuid.uuid4().hex
RULES = Rules(Limits(), 60.0, 1e-6, stop_at_failure=False)
RETURNED = ProblemTests(([1],), ({"answer": [SECRET, 1.5]},), "f")
PRINTED = ProblemTests(("1",), (SECRET,))

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary().map(bytes.hex),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["#", "of", "answer", "returned"]), inner, max_size=3)
        | st.tuples(st.sampled_from(["set", "dict", "int", "tuple", "float", "opaque", "range", "bytes"]), inner).map(
            lambda pair: {"#": pair[0], "of": pair[1]}
        )
    ),
    max_leaves=12,
)
texts = (
    st.text()
    | values.map(json.dumps)
    | st.tuples(st.sampled_from(["returned", "raised", "passed"]), values).map(json.dumps)
    | st.binary().map(lambda b: b.decode(errors="surrogateescape"))
)
executions = st.builds(Execution, st.sampled_from([*Ended]), texts, st.text(), st.none() | st.integers())


class Says(Sandbox):
    def __init__(self, execution: Execution) -> None:
        self.execution = execution

    async def run(self, program, inputs, limits):
        return [self.execution for _ in inputs]


@pytest.mark.parametrize("tests", [RETURNED, PRINTED], ids=["returned", "printed"])
@given(execution=executions)
@example(execution=Execution(Ended.EXITED, '["returned", {"#": "opaque", "of": "x"}]', exit_code=0))
@example(execution=Execution(Ended.EXITED, '["returned", ' + "9" * 4000 + "]", exit_code=0))
@example(execution=Execution(Ended.EXITED, '["returned", ' + "[" * 5000, exit_code=0))
def test_it_does_not_pass(tests, execution):
    try:
        (result,) = asyncio.run(run_tests(Says(execution), "", tests, RULES))
    except NotJudgedError:
        assert execution.ended is Ended.LOST
    else:
        assert result is not Result.PASSED


def test_it_passes_where_it_is_right():
    right = json.dumps(["returned", {"#": "dict", "of": [["answer", {"#": "tuple", "of": [SECRET, 1.5]}]]}])
    for tests, text in ((RETURNED, right), (PRINTED, SECRET)):
        (result,) = asyncio.run(run_tests(Says(Execution(Ended.EXITED, text, exit_code=0)), "", tests, RULES))
        assert result is Result.PASSED
        (late,) = asyncio.run(run_tests(Says(Execution(Ended.TIMED_OUT, text, exit_code=0)), "", tests, RULES))
        assert late is Result.TIMED_OUT
        (over,) = asyncio.run(run_tests(Says(Execution(Ended.OVER_LIMIT, text)), "", tests, RULES))
        assert over is Result.FAILED
