"""Problems of rising difficulty, in verl's format."""

import json

import pytest
from stagerl_reasoning_gym.problems import make_rows

from stagerl_plugins.errors import UserError


def test_levels_rise():
    rows = make_rows("chain_sum", levels=3, each=5)
    terms = [json.loads(row["reward_model"]["ground_truth"])["metadata"]["num_terms"] for row in rows]
    assert [row["level"] for row in rows] == [0] * 5 + [1] * 5 + [2] * 5
    assert terms == [2] * 5 + [3] * 5 + [4] * 5


def test_questions_are_distinct_and_the_same_each_time():
    rows = make_rows("chain_sum", levels=2, each=60)
    assert len({row["prompt"][0]["content"] for row in rows}) == len(rows) == 120
    assert rows == make_rows("chain_sum", levels=2, each=60)


def test_another_seed_gives_other_problems():
    one, two = ({r["prompt"][0]["content"] for r in make_rows("chain_sum", 2, 20, seed)} for seed in (1, 2))
    assert len(one & two) < 10


@pytest.mark.parametrize(("task", "message"), [("chian_sum", "chian_sum"), ("rubiks_cube", "refuses")])
def test_a_task_that_cannot_serve_is_refused(task, message):
    with pytest.raises(UserError, match=message):
        make_rows(task, levels=1, each=3)
