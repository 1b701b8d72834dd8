"""Rollouts that could not be judged are in no loss, no statistics and no difficulty; a run bears only so many."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from harness import Run, configuration, train, write_rows

from stagerl_plugins.curriculum.state import load_state


@pytest.fixture(scope="module")
def run(tmp_path_factory, files) -> Run:
    folder = tmp_path_factory.mktemp("not_judged")
    rows = pa.parquet.read_table(files["train"]).drop_columns(["id", "extra_info"]).to_pylist()
    config = configuration(
        {**files, "train": write_rows(folder / "without_ids.parquet", rows)},
        rewards={"default": "half_judged"},
        difficulty={"running_pass_rate": {}},
        guards={"plateau": {"signal": "validation"}},
        judging={"most_not_judged": 0.2, "not_judged_steps": 3},
        stages={"only": {"max_steps": 9}},
        verl={"trainer.test_freq": 1, "trainer.save_freq": 2},
    )
    return train(folder, config, plugins=True)


def test_a_run_whose_verdicts_fail_for_too_long_ends_with_the_share_and_the_reason(run):
    assert run.code == 1, run.stderr + run.log[-3000:]
    assert [entry["step"] for entry in run.metrics] == [1, 2]  # two such steps are borne
    (line,) = {line for line in run.stderr.splitlines() if "of the rollouts of step 3 could not be judged" in line}
    assert "more than 20% (judging.most_not_judged) in each of 3 steps; most often: reward 'half_judged'" in line
    assert "the last whole checkpoint is of step 2" in run.stderr


def test_verdicts_are_made_while_other_responses_are_being_generated(run):
    generated, verdicts = run.seen("generated"), run.seen("verdict")
    step_1 = len(run.observations(1))
    # how many of them depends on how busy the machine is
    assert min(verdict["time"] for verdict in verdicts) < max(response["time"] for response in generated[:step_1])


def by_problem(rows: list[dict]) -> dict[str, list[dict]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row["problem"]].append(row)
    return groups


def test_some_rollouts_were_not_judged_and_some_were(run):
    outcomes = {row["outcome"] for row in run.observations(1)}
    assert outcomes == {"not_judged", "partial"}


def test_it_is_told_in_each_step_s_line_and_its_reason_in_the_log(run):
    lines = [line for line in run.stdout.splitlines() if line.startswith("step ")]
    assert all("not judged " in line for line in lines)
    assert "reward 'half_judged' of stagerl-test-plugins 1.0: " in run.log


def test_a_reward_is_told_the_problem_s_id_also_where_the_file_has_none(run):
    rows = run.observations(1)
    assert all(row["detail"].endswith(row["problem"]) for row in rows)  # not_judged names the plugin before it
    assert len({row["problem"] for row in rows}) >= 8


def test_a_validation_that_lacks_a_set_counts_for_no_policy(run):
    assert all("validation/held-easy" in entry and "validation/held-hard" not in entry for entry in run.metrics)
    assert "validation of step 2 counts for no policy: nothing of ['held-hard'] was judged" in run.log
    parts = load_state(run.folder / "global_step_2" / "stagerl")["curriculum"]["parts"]
    assert parts["guards.plateau"]["state"] == {"values": []}


def test_only_judged_rollouts_reach_the_loss(run):
    trained = sum(r["outcome"] != "not_judged" and r["admitted"] for step in (1, 2) for r in run.observations(step))
    assert sum(tokens > 0 for loss in run.seen("loss") for tokens in loss["mask"]) == trained


def test_a_group_s_advantages_are_those_of_its_judged_rollouts_alone(run):
    first = run.seen("advantages")[0]
    seen = defaultdict(list)
    for uid, value in zip(first["uids"], first["values"], strict=True):
        seen[uid].append(value)
    for rows in by_problem(run.observations(1)).values():
        scores = np.array([row["score"] for row in rows if row["score"] is not None])
        if len(scores) < 2:
            continue
        expected = sorted((scores - scores.mean()) / (scores.std(ddof=1) + 1e-6))
        assert any(
            len(values) == len(expected) and np.allclose(sorted(values), expected, atol=1e-4)
            for values in seen.values()
        )
