"""The shipped part of GSM8K: whole, in verl's format, and no problem in both files."""

from pathlib import Path

from stagerl_plugins.problem_files import read_problems
from stagerl_plugins.problems import Problems

FOLDER = Path(__file__).parents[3] / "examples" / "quickstart" / "gsm8k_small"


def test_it_holds_short_word_problems_with_whole_numbers_as_answers() -> None:
    for name, count in (("train", 64), ("held_out", 32)):
        table = read_problems(FOLDER / f"{name}.parquet")
        assert len(table) == count
        assert set(table["data_source"].to_pylist()) == {"gsm8k"}
        assert all(truth["ground_truth"].isdigit() for truth in table["reward_model"].to_pylist())
        sizes = [info["n"] for info in table["extra_info"].to_pylist()]
        assert set(sizes) == {1, 2, 3, 4}
        assert min(sum(n <= 2 for n in sizes), sum(n > 2 for n in sizes)) >= 8  # a level each in word_levels.yaml


def test_no_problem_is_in_both_files() -> None:
    train, held_out = (read_problems(FOLDER / f"{name}.parquet") for name in ("train", "held_out"))
    prompts = [{prompt[0]["content"] for prompt in table["prompt"].to_pylist()} for table in (train, held_out)]
    assert not prompts[0] & prompts[1]
    assert not set(Problems.from_table(train).ids) & set(Problems.from_table(held_out).ids)
