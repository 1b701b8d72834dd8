"""Going back: weights, optimizer and curriculum return to the end of the stage before; step numbers go on rising."""

from __future__ import annotations

import pytest
from harness import Run, configuration, train


def config_of(files) -> dict:
    """Two steps, a move, one step, back, one step, a move again, one step."""
    return configuration(
        files,
        guards={"scripted": {"moves": {4: "back"}}},
        stages={
            "first": {"levels": ["easy"], "max_steps": 2, "until": {"scripted": {"moves": {5: "advance"}}}},
            "second": {"levels": ["hard"], "max_steps": 9, "temperature": 0.8},
        },
        max_steps=5,
        verl={"data.train_batch_size": 4, "trainer.max_actor_ckpt_to_keep": 2, "trainer.save_freq": 1},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory, files) -> Run:
    """Killed right after it went back, and started again: the rollback itself must survive a kill."""
    folder = tmp_path_factory.mktemp("back")
    assert train(folder, config_of(files), plugins=True, kill="in step 5").code == 1
    run = train(folder, config_of(files), plugins=True)
    assert run.code == 0, run.stderr + run.log[-3000:]
    return run


def test_step_numbers_rise_while_the_stage_goes_back(run):
    assert [(m["step"], m["stage"]) for m in run.metrics] == [
        (1, "first"),
        (2, "first"),
        (3, "second"),
        (4, "first"),
        (5, "second"),
    ]


def test_the_weights_are_those_of_the_end_of_the_first_stage(run):
    saved = {event["step"]: event["weights"] for event in run.seen("saved")}
    went_back = next(event for event in run.seen("loaded") if "kept" in event["path"])
    assert went_back["weights"] == saved[2]
    assert saved[3] != saved[2]


def test_what_a_rollback_needs_outlives_verl_s_own_deletion(run):
    assert not (run.folder / "global_step_1" / "actor").exists()
    assert (run.folder / "kept" / "first" / "actor").is_dir()


def test_after_going_back_other_problems_are_drawn_than_before(run):
    def problems(step):
        return {row["problem"] for row in run.observations(step)}

    assert problems(4) <= {f"easy-{number}" for number in range(60)}
    assert problems(4) not in (problems(1), problems(2))
