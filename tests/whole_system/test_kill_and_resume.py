"""A run killed in a step, at a stage boundary and during a checkpoint goes on as if nothing had happened."""

from __future__ import annotations

from collections import Counter

import pytest
from harness import Run, configuration, interrupt, train


def config_of(files) -> dict:
    """Two stages of three steps, the second with a mix; nothing in it depends on sampled rewards."""
    return configuration(
        files,
        difficulty={"running_pass_rate": {}},
        stages={
            "first": {"levels": ["easy"], "max_steps": 3},
            "second": {"levels": ["hard"], "mix": {"math": 2.1, "code": 1}, "max_steps": 3, "group_size": 4},
        },
        verl={"trainer.save_freq": 2, "trainer.test_freq": 2, "data.train_batch_size": 6},
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, files) -> Run:
    run = train(tmp_path_factory.mktemp("undisturbed"), config_of(files), plugins=True)
    assert run.code == 0, run.stderr + run.log[-3000:]
    return run


@pytest.fixture(scope="module")
def killed(tmp_path_factory, files) -> Run:
    """The same run, killed three times, stopped by Ctrl-C once, and started again with the same command each time."""
    folder = tmp_path_factory.mktemp("killed")
    for moment in ("in step 3", "at stage second", "saving 4"):
        died = train(folder, config_of(files), plugins=True, kill=moment)
        assert died.code == 1
    stopped = interrupt(folder, config_of(files), "step    4/6", plugins=True)
    assert stopped.code == 130
    assert "the last whole checkpoint is of step" in stopped.stderr
    run = train(folder, config_of(files), plugins=True)
    assert run.code == 0, run.stderr + run.log[-3000:]
    return run


def drawn(run: Run) -> list[list[tuple]]:
    """Stage and problems of each step, in the order of the draw."""
    return [[(row["stage"], row["problem"], row["rollout"]) for row in run.observations(step)] for step in range(1, 7)]


def test_the_killed_run_draws_the_same_problems_in_the_same_steps_and_stages(undisturbed, killed):
    assert drawn(killed) == drawn(undisturbed)
    assert [m["step"] for m in killed.metrics] == [1, 2, 3, 4, 5, 6]
    assert [m["stage"] for m in killed.metrics] == ["first"] * 3 + ["second"] * 3


def test_it_went_on_from_its_last_whole_checkpoints(killed):
    assert "resuming from the checkpoint of step 4" in killed.stderr


def test_sampled_responses_repeat_on_one_machine(undisturbed, killed):
    pairs = [
        (a["tokens"], a["outcome"], a["detail"]) == (b["tokens"], b["outcome"], b["detail"])
        for step in range(1, 7)
        for a, b in zip(undisturbed.observations(step), killed.observations(step), strict=True)
    ]
    print(f"equal responses after three kills: {sum(pairs)} of {len(pairs)}")
    assert sum(pairs) / len(pairs) > 0.9


def test_the_mix_is_owed_over_the_kill(killed):
    rows = [row for step in (4, 5, 6) for row in killed.observations(step) if row["rollout"] == 0]
    domains = Counter("code" if int(row["problem"].split("-")[1]) % 3 == 0 else "math" for row in rows)
    assert domains == {"math": 12, "code": 6}  # 2.1 : 1 of 18 is 12.2 : 5.8


def test_a_validation_is_made_up_for_but_not_repeated(killed):
    assert [m["step"] for m in killed.metrics if "validation/held-easy" in m] == [2, 4, 6]


def test_a_finished_run_has_nothing_left_to_do(killed, files):
    again = train(killed.folder.parents[1], config_of(files), plugins=True)
    assert again.code == 0
    assert "nothing left to do" in again.stdout


def test_a_changed_configuration_is_refused_and_an_accepted_one_goes_on(killed, files):
    folder = killed.folder.parents[1]
    config = config_of(files)
    config["stages"]["second"]["max_steps"] = 4
    refused = train(folder, config, plugins=True)
    assert refused.code == 2
    assert "stagerl.stages.second.max_steps: 3 -> 4" in refused.stderr

    accepted = train(folder, config, "--accept-change", "stagerl.stages.second.max_steps", plugins=True)
    assert accepted.code == 0, accepted.stderr
    assert [m["step"] for m in accepted.metrics] == [1, 2, 3, 4, 5, 6, 7]
