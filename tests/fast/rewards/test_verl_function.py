import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins import Outcome, Response, Verdict
from stagerl_plugins.config import parse_options
from stagerl_plugins.errors import UserError
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.call import WorkerSetup
from stagerl_plugins.rewards.verl_function import verdict_of

plugins = load_plugins()


def judge(path: Path, name: str = "compute_score", text: str = "right") -> Verdict:
    reward = WorkerSetup(plugins).build("reward", {"verl_function": {"path": str(path), "name": name}}, "rewards.x")
    response = Response(text, "right", "mine", extra_info={"weight": 0.5})
    (verdict,) = asyncio.run(reward.score([response]))
    return verdict


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "reward.py"
    path.write_text(
        "import asyncio\n"
        "def compute_score(data_source, solution_str, ground_truth, extra_info):\n"
        "    assert data_source == 'mine' and extra_info == {'weight': 0.5}\n"
        "    return float(solution_str == ground_truth)\n"
        "async def slowly(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    await asyncio.sleep(0)\n"
        "    return {'score': 0.5, 'acc': True, 'pred': solution_str}\n"
        "if True:\n"
        "    also = compute_score\n"
        "number = 5\n"
    )
    return path


def test_a_function_scores_a_response(file: Path) -> None:
    assert judge(file) == Verdict(Outcome.CORRECT, 1.0)
    assert judge(file, text="no") == Verdict(Outcome.WRONG, 0.0)
    assert judge(file, "also") == Verdict(Outcome.CORRECT, 1.0)


def test_so_does_a_coroutine_whose_other_numbers_become_parts(file: Path) -> None:
    assert judge(file, "slowly") == Verdict(Outcome.PARTIAL, 0.5, parts={"acc": 1.0})


def test_what_is_no_finite_number_is_no_part() -> None:
    result = {"score": 1.0, "nan": float("nan"), "inf": float("inf"), "huge": 10**400, "text": "1", "fine": 2}
    assert verdict_of(result) == Verdict(Outcome.CORRECT, 1.0, parts={"fine": 2.0})


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (True, Outcome.CORRECT),
        (False, Outcome.WRONG),
        (1, Outcome.CORRECT),
        (-1.0, Outcome.WRONG),
        (0.25, Outcome.PARTIAL),
        (np.float32(1.0), Outcome.CORRECT),
        (np.array([0.0]), Outcome.WRONG),
        ({"score": np.bool_(True)}, Outcome.CORRECT),
        (None, Outcome.NOT_JUDGED),
        ("1.0", Outcome.NOT_JUDGED),
        (float("nan"), Outcome.NOT_JUDGED),
        (float("inf"), Outcome.NOT_JUDGED),
        (10**400, Outcome.NOT_JUDGED),
        ([1.0], Outcome.NOT_JUDGED),
        ((1.0, "why"), Outcome.NOT_JUDGED),
        (np.array([1.0, 0.0]), Outcome.NOT_JUDGED),
        ({}, Outcome.NOT_JUDGED),
        ({"acc": 1.0}, Outcome.NOT_JUDGED),
        ({"score": None}, Outcome.NOT_JUDGED),
    ],
)
def test_what_a_result_means(result: Any, outcome: Outcome) -> None:
    verdict = verdict_of(result)
    assert verdict.outcome is outcome
    assert verdict.judged or "returned" in verdict.detail


@given(st.floats())
def test_every_float_is_a_verdict_and_keeps_its_score(score: float) -> None:
    verdict = verdict_of(score)
    assert verdict.score == (score if np.isfinite(score) else None)
    assert (verdict.outcome is Outcome.PARTIAL) == (0 < score < 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "nowhere.py"}, r"^rewards\.x\.verl_function\.path: no such file, got 'nowhere\.py'$"),
        ({}, r"^rewards\.x\.verl_function\.path: is missing$"),
        ({"path": "FILE", "name": "compute_scor"}, "defines no 'compute_scor': did you mean 'compute_score'"),
        ({"path": "BROKEN"}, "line 1: "),
        ({"path": "FILE", "nam": "x"}, r"verl_function\.nam: unknown key; did you mean 'name'\?"),
    ],
)
def test_a_wrong_configuration_is_one_clear_line(file: Path, options: dict[str, str], message: str) -> None:
    broken = file.with_name("broken.py")
    broken.write_text("def compute_score(:\n")
    paths = {"FILE": str(file), "BROKEN": str(broken)}
    options = {key: paths.get(value, value) for key, value in options.items()}
    with pytest.raises(UserError, match=message) as raised:
        parse_options(plugins, "reward", {"verl_function": options}, "rewards.x")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ("data_source, solution_str, ground_truth, extra_info=None, strict=False", ""),
        ("solution_str, *, ground_truth, **rest", ""),
        ("**rest", ""),
        ("x", "takes no data_source, solution_str, ground_truth, extra_info"),
        ("data_source, solution_str, ground_truth", "takes no extra_info"),
        ("data_source, solution_str, /, ground_truth, extra_info", "takes no data_source, solution_str"),
        ("model, **rest", "needs model"),
        ("data_source, solution_str, ground_truth, extra_info, *, model", "needs model"),
    ],
)
def test_a_function_must_take_what_verl_gives_it(tmp_path: Path, parameters: str, fault: str) -> None:
    path = tmp_path / "reward.py"
    path.write_text(f"def compute_score({parameters}):\n    return 1.0\n")
    spec = {"verl_function": {"path": str(path)}}
    if not fault:
        parse_options(plugins, "reward", spec, "rewards.x")
        return
    with pytest.raises(UserError) as error:
        parse_options(plugins, "reward", spec, "rewards.x")
    line = f"rewards.x.verl_function: 'compute_score' in {path} {fault}: it is called with data_source, solution_str, "
    assert str(error.value).startswith(line)


def test_a_function_that_is_decorated_or_bound_again_may_take_anything(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    for text in (
        "@adapted\ndef compute_score(x): ...\n",
        "def compute_score(x): ...\ncompute_score = f(compute_score)\n",
    ):
        path.write_text(text)
        parse_options(plugins, "reward", {"verl_function": {"path": str(path)}}, "rewards.x")


def test_a_configuration_is_checked_without_running_the_file(tmp_path: Path) -> None:
    path = tmp_path / "heavy.py"
    path.write_text("from nowhere_at_all import compute_score\n")
    parse_options(plugins, "reward", {"verl_function": {"path": str(path)}}, "rewards.x")


def test_what_is_no_function_cannot_be_built(file: Path) -> None:
    with pytest.raises(TypeError, match=r"'number' in .* is a int, no function"):
        judge(file, "number")
