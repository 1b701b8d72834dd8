"""Going back: weights, optimizer and curriculum return to the end of the stage before; step numbers go on rising."""

from __future__ import annotations

import pytest
from harness import Run, configuration, train


def config_of(files) -> dict:
    """Two steps that change little, then a stage whose learning rate ruins the model in its first step."""
    return configuration(
        files,
        guards={"validation_drop": {"window": 1, "alpha": 0.05}},
        stages={
            "first": {"levels": ["easy"], "max_steps": 2, "learning_rate_factor": 0.01},
            "second": {"levels": ["hard"], "max_steps": 1, "learning_rate_factor": 300},
        },
        verl={
            "data.train_batch_size": 4,
            "trainer.max_actor_ckpt_to_keep": 2,
            "trainer.save_freq": 1,
            "trainer.test_freq": 1,
            "trainer.val_before_train": True,
        },
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory, files) -> Run:
    """Killed right after it went back, and started again: the rollback itself must survive a kill."""
    folder = tmp_path_factory.mktemp("back")
    assert train(folder, config_of(files), plugins=True, kill="in step 5").code == 1
    run = train(folder, config_of(files), plugins=True)
    assert run.code == 0, run.stderr + run.log[-3000:]
    return run


def test_step_numbers_rise_while_the_stage_goes_back_and_its_steps_are_done_again(run):
    assert [(m["step"], m["stage"]) for m in run.metrics if "stage" in m] == [
        (1, "first"),
        (2, "first"),
        (3, "second"),
        (4, "first"),
        (5, "first"),
        (6, "second"),
    ]


def validation(run: Run) -> dict[int, float]:
    """Mean score of the held-out problems after each step."""
    names = ("validation/held-easy", "validation/held-hard")
    return {entry["step"]: sum(entry[name] for name in names) / 2 for entry in run.metrics}


def test_a_fall_of_the_validation_moved_the_run_and_going_back_undid_it(run):
    scores = validation(run)
    assert min(scores[step] for step in (0, 1, 2)) > 2 * scores[3]
    assert min(scores[step] for step in (4, 5)) > 2 * scores[3]
    back = next(entry["transition"] for entry in run.metrics if entry["step"] == 4)
    assert back.startswith("back: validation fell by")


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
