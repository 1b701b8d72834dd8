"""What makes two gradings the same, and how rewards are named on the command line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagerl_plugins.errors import UserError
from stagerl_plugins.grading.options import GradeOptions, rollout_seed
from stagerl_plugins.rewards.specs import parse_rewards

OPTIONS = GradeOptions(model="org/model", grader="p")


@pytest.mark.parametrize(
    "change",
    [
        {"model": "org/other"},
        {"grader": "q"},
        {"samples": 16},
        {"temperature": 0.6},
        {"top_p": 0.95},
        {"max_tokens": 8},
        {"seed": 1},
        {"batch_size": 1},
        {"rewards": {"default": {"math": {"seconds": 1}}}},
        {"engine": {"dtype": "float32"}},
    ],
)
def test_every_option_that_decides_the_result_is_in_the_fingerprint(change: dict[str, Any]) -> None:
    assert OPTIONS.fingerprint(["a", "b"]) != replace(OPTIONS, **change).fingerprint(["a", "b"])


@pytest.mark.parametrize("problems", [["a"], ["b", "a"], ["ab"], ["a", "b", "c"]])
def test_the_problems_and_their_order_are_in_the_fingerprint(problems: list[str]) -> None:
    assert OPTIONS.fingerprint(["a", "b"]) != OPTIONS.fingerprint(problems)


def test_the_device_is_not_in_the_fingerprint() -> None:
    assert OPTIONS.fingerprint([]) == replace(OPTIONS, device="cpu").fingerprint([])


def test_the_weights_of_a_folder_are_in_the_fingerprint_and_its_place_is_not(tmp_path: Path) -> None:
    def fingerprint(place: str, weights: bytes) -> dict[str, Any]:
        folder = tmp_path / place / "model"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(weights)
        return replace(OPTIONS, model=str(folder)).fingerprint([])

    here = fingerprint("here", b"0" * 5_000_000)
    assert here == fingerprint("there", b"0" * 5_000_000)
    assert here != fingerprint("first", b"1" + b"0" * 4_999_999)
    assert here != fingerprint("last", b"0" * 4_999_999 + b"1")
    assert here != fingerprint("shorter", b"0" * 4_999_999)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no config\.json"):
        replace(OPTIONS, model=str(tmp_path)).check()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.text(max_size=3), st.integers(0, 99)), unique=True, max_size=50))
def test_seeds_differ_by_seed_problem_and_sample(requests: list[tuple[int, str, int]]) -> None:
    seeds = [rollout_seed(*request) for request in requests]
    assert len(set(seeds)) == len(requests)
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert seeds == [rollout_seed(*request) for request in requests]


@pytest.mark.parametrize(
    ("texts", "rewards"),
    [
        (["math"], {"default": {"math": {}}}),
        (["{math: {seconds: 2}}"], {"default": {"math": {"seconds": 2}}}),
        (["math", "code=apps"], {"default": {"math": {}}, "code": {"apps": {}}}),
        (["org/set={f: {path: a=b}}"], {"org/set": {"f": {"path": "a=b"}}}),
        (["{f: {path: a=b}}"], {"default": {"f": {"path": "a=b"}}}),
    ],
)
def test_rewards_by_data_source(texts: list[str], rewards: dict[str, Any]) -> None:
    assert parse_rewards(texts) == rewards


@pytest.mark.parametrize(
    ("texts", "message"),
    [(["math", "math"], "'default' has a reward already"), (["[1"], "--reward [1: is no valid YAML")],
)
def test_wrong_rewards_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        parse_rewards(texts)
    assert message in str(error.value)
