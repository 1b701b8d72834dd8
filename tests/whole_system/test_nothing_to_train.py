"""A step in which no group may be trained on changes no weights, and the run goes on."""

from __future__ import annotations

import pytest
from harness import Run, configuration, sums, train, write_rows


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """Two steps of problems that the model never solves, one in which the sampler draws nothing, one of easy ones."""
    folder = tmp_path_factory.mktemp("nothing")
    rows = sums(20, (3, 4), "easy") + sums(20, (9, 10), "hopeless")
    files = {
        "train": write_rows(folder / "train.parquet", rows),
        "held_out": write_rows(folder / "held_out.parquet", sums(8, (3,), "held-out")),
    }
    config = configuration(
        files,
        sampler={"one_problem": {"stage": "nothing", "problem": "hopeless-0"}},
        gates="zero_variance",
        refill={"attempts": 1},
        stages={
            "hopeless": {"levels": ["hopeless"], "max_steps": 2},
            "nothing": {"levels": ["easy"], "max_steps": 1},  # the one problem is not in it
            "easy": {"levels": ["easy"], "max_steps": 1},
        },
        verl={"trainer.save_freq": 1, "trainer.test_freq": 2, "trainer.rollout_data_dir": "rollouts"},
    )
    return train(folder, config, plugins=True)


def test_the_run_goes_on_to_its_end(run):
    assert run.code == 0, run.stderr + run.log[-3000:]
    assert [entry["step"] for entry in run.metrics if "stage" in entry] == [1, 2, 3, 4]
    assert all(row["score"] == 0 and not row["admitted"] for step in (1, 2) for row in run.observations(step))
    assert run.observations(3) == []


def test_only_the_step_with_groups_updates_the_weights(run):
    updates = run.seen("update")
    assert updates
    saved = (run.folder / "global_step_3" / "actor").stat().st_mtime
    assert all(update["time"] > saved for update in updates)


def test_such_a_step_is_told_in_its_line_and_in_the_log(run):
    lines = [line for line in run.stdout.splitlines() if line.startswith("step ")]
    assert ["no group to train on" in line for line in lines] == [True, True, True, False]
    for step in (1, 2, 3):
        assert f"step {step} has no group to train on: the weights stay as they are" in run.log


def test_verl_dumps_the_rollouts_of_that_step_alone(run):
    assert [path.name for path in (run.folder.parents[1] / "rollouts").iterdir()] == ["4.jsonl"]
