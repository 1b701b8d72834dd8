"""The mixed example: what its programs pass, what its alphabet holds, and public data sets as problems."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.errors import UserError
from stagerl_plugins.rewards.code.extract import program_in
from stagerl_plugins.rewards.code.records import read_tests

HUMAN_EVAL = Path(__file__).parents[2] / "processes" / "sandboxes" / "human_eval.jsonl.gz"


@pytest.fixture(scope="module")
def programs(imported: Callable[..., ModuleType]) -> ModuleType:
    return imported("programs", "mixed_math_code")


@pytest.fixture(scope="module")
def real_data(imported: Callable[..., ModuleType]) -> ModuleType:
    return imported("real_data", "mixed_math_code")


def passed(response: str, ground_truth: str, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Which tests the program in one of our own responses passes."""
    program, tests = program_in(response, "last_block"), read_tests(ground_truth)
    found = []
    for line, output in zip(tests.inputs, tests.outputs, strict=True):
        printed = io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO(line))
        try:
            with redirect_stdout(printed):
                exec(program or "", {})  # noqa: S102
        except ValueError:
            found.append(False)
        else:
            found.append(printed.getvalue().strip() == output)
    return found


@given(data=st.data(), seed=st.integers(0, 10_000))
def test_the_general_program_passes_all_tests_and_the_one_of_two_those_of_two(
    programs: ModuleType, data: st.DataObject, seed: int
) -> None:
    task = data.draw(st.sampled_from(programs.every_task(range(2, 40))))
    tests = task.tests(random.Random(seed))
    with pytest.MonkeyPatch.context() as patch:
        assert passed(task.general, tests, patch) == [True] * 5
        assert passed(task.of_two, tests, patch) == [True, True, False, False, False]


def test_the_alphabet_holds_every_problem_and_every_program(
    programs: ModuleType, imported: Callable[..., ModuleType]
) -> None:
    alphabet = {*programs.ALPHABET, *imported("task").ALPHABET}
    words = sorted((word for word in alphabet if len(word) > 1), key=len, reverse=True)
    pieces = re.compile("|".join([*map(re.escape, words), r"[\s\S]"]))
    for task in programs.every_task(range(2, 40)):
        for text in (task.text, task.general, task.of_two):
            assert set(pieces.findall(text)) <= alphabet


def test_published_records_become_questions_with_tests_that_the_reward_can_read(
    real_data: ModuleType, tmp_path: Path
) -> None:
    mbpp = {"text": "Add.", "test_setup_code": "", "test_list": ["assert add(1, 2) == 3"], "task_id": 1}
    apps = {"question": "Echo.", "input_output": '{"inputs": ["1"], "outputs": ["1"]}', "starter_code": ""}
    human_eval = gzip.decompress(HUMAN_EVAL.read_bytes()).decode().splitlines()
    path = tmp_path / "code.jsonl"
    path.write_text("\n".join([json.dumps(mbpp), json.dumps(apps), *human_eval]))
    rows = real_data.code_rows(path)
    assert len(rows) == len({row["id"] for row in rows}) == 2 + 164
    assert "assert add(1, 2) == 3" in rows[0]["prompt"][0]["content"]
    assert [read_tests(row["reward_model"]["ground_truth"]).function for row in rows[:3]] == [
        "add",
        None,
        "has_close_elements",
    ]


def test_an_unknown_record_is_named_with_its_row(real_data: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "code.jsonl"
    path.write_text('{"question": "?", "solutions": []}\n')
    with pytest.raises(UserError, match=r"code\.jsonl: row 0: neither MBPP, HumanEval nor APPS: it has question"):
        real_data.code_rows(path)
