"""pass@1 by level, domain and data source, read from what grading writes; and gains, paired by problem."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stagerl_plugins.errors import UserError
from stagerl_plugins.evaluation.results import gains, read_evaluation


def row(identifier: str, successes: int, samples: int = 4, **columns: Any) -> dict[str, Any]:
    """A graded problem, as `stagerl grade` writes it under the name `model`."""
    return {
        "id": identifier,
        "data_source": "sums",
        "ability": "math",
        "levels": ["easy"],
        "successes_model": successes,
        "samples_model": samples,
    } | columns


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows))


def many(rng: np.random.Generator, rates: np.ndarray) -> pa.Table:
    return table(*(row(f"p{i}", int(rng.binomial(8, rate)), 8) for i, rate in enumerate(rates)))


def test_accuracy_is_told_for_all_and_for_each_level_domain_and_source() -> None:
    evaluation = read_evaluation(
        table(
            row("a", 4),
            row("b", 2, levels=["easy", "hard"]),
            row("c", 0, levels=["hard"], ability="code", data_source="apps"),
        ),
        "model",
    )
    told = {str(entry.subset): (entry.problems, entry.before.mean) for entry in gains(evaluation, evaluation)}
    assert told == {
        "all": (3, 0.5),
        "level easy": (2, 0.75),
        "level hard": (2, 0.25),
        "domain code": (1, 0.0),
        "domain math": (2, 0.75),
        "data source apps": (1, 0.0),
        "data source sums": (2, 0.75),
    }


def test_levels_come_easiest_first() -> None:
    levels = {"warm-up": 4, "basics": 2, "finals": 0, "a puzzle": 1}
    rows = [row(name, successes, levels=[name]) for name, successes in levels.items()]
    evaluation = read_evaluation(table(*rows), "model")
    names = [entry.subset.name for entry in gains(evaluation, evaluation)]
    assert names == ["", "warm-up", "basics", "a puzzle", "finals"]


def test_problems_count_alike_however_many_of_their_samples_were_judged() -> None:
    evaluation = read_evaluation(table(row("a", 1, samples=1), row("b", 0, samples=4)), "model")
    assert gains(evaluation, evaluation)[0].before.mean == 0.5


def test_problems_without_a_judged_sample_are_left_out_and_counted() -> None:
    evaluation = read_evaluation(table(row("a", 4), row("b", 0, samples=0)), "model")
    assert evaluation.ids == ("a",)
    assert evaluation.left_out == 1
    with pytest.raises(UserError, match="none of its 1 problems has a judged sample"):
        read_evaluation(table(row("b", 0, samples=0)), "model")


def test_a_table_that_was_not_graded_under_this_name_is_refused() -> None:
    with pytest.raises(UserError, match="no numeric column 'successes_other': did you mean 'successes_model'"):
        read_evaluation(table(row("a", 4)), "other")


def test_a_clear_gain_is_a_gain_and_the_other_way_round_a_loss() -> None:
    rng = np.random.default_rng(0)
    weak = read_evaluation(many(rng, np.full(40, 0.2)), "model")
    strong = read_evaluation(many(rng, np.full(40, 0.8)), "model")
    (found,) = gains(weak, strong)
    assert found.verdict == "gain"
    assert found.difference.mean == pytest.approx(found.after.mean - found.before.mean)
    assert gains(strong, weak)[0].verdict == "loss"


def test_two_samplings_of_one_model_are_no_gain_beyond_noise() -> None:
    rng = np.random.default_rng(0)
    rates = rng.beta(0.5, 0.5, 60)
    verdicts = [
        gains(read_evaluation(many(rng, rates), "model"), read_evaluation(many(rng, rates), "model"))[0].verdict
        for _ in range(40)
    ]
    assert verdicts.count("no gain beyond noise") >= 35


def test_gains_are_paired_by_id_not_by_row() -> None:
    before = read_evaluation(table(row("a", 4), row("b", 0), row("c", 2)), "model")
    after = read_evaluation(table(row("c", 2), row("a", 4), row("b", 0)), "model")
    assert gains(before, after)[0].difference == gains(before, before)[0].difference


def test_evaluations_of_different_problems_are_refused() -> None:
    before, after = read_evaluation(table(row("a", 4)), "model"), read_evaluation(table(row("b", 4)), "model")
    with pytest.raises(UserError, match="of different problems"):
        gains(before, after)


def test_a_problem_that_only_one_evaluation_judged_is_left_out_of_the_gain() -> None:
    before = read_evaluation(table(row("a", 4), row("b", 0), row("c", 0, samples=0)), "model")
    after = read_evaluation(table(row("a", 4), row("b", 0, samples=0), row("c", 4)), "model")
    (found,) = gains(before, after)
    assert (found.problems, found.difference.mean) == (1, 0.0)
