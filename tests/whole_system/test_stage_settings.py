"""Each setting of a stage works in verl and vLLM from the first step of the stage on: seen in their own processes."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.parquet
import pytest
from harness import Run, configuration, train


@pytest.fixture(scope="module")
def run(tmp_path_factory, files) -> Run:
    """Two steps as verl is configured, then two of one single problem with every setting changed; a reference model."""
    # guesses at an answer of 10 have one digit or two: with a budget of four tokens some are cut and some are not
    rows = pa.parquet.read_table(files["train"]).to_pylist()
    problem = next(row["id"] for row in rows if "hard" in row["levels"] and row["reward_model"]["ground_truth"] == "10")
    config = configuration(
        files,
        sampler={"one_problem": {"stage": "changed", "problem": problem}},
        stages={
            "plain": {"levels": ["easy"], "max_steps": 2},
            "changed": {
                "levels": ["hard"],
                "max_steps": 2,
                "response_budget": 4,
                "group_size": 4,
                "temperature": 1.3,
                "entropy_coeff": 0.01,
                "kl_coeff": 0.1,
                "learning_rate_factor": 0.25,
                "truncated_in_loss": False,
            },
        },
        verl={"trainer.rollout_data_dir": "rollouts"},
    )
    run = train(tmp_path_factory.mktemp("settings"), config, plugins=True)
    assert run.code == 0, run.stderr + run.log[-3000:]
    return run


def in_stage(run: Run, event: str) -> tuple[list[dict], list[dict]]:
    """What the spy saw before and after the second stage's first request."""
    began = next(request["time"] for request in run.seen("request") if request["max_tokens"] == 4)
    seen = run.seen(event)
    return [e for e in seen if e["time"] < began], [e for e in seen if e["time"] >= began]


def test_the_engine_gets_budget_temperature_and_a_seed_of_its_own_for_each_rollout(run):
    plain, changed = in_stage(run, "request")
    assert {(r["max_tokens"], r["temperature"]) for r in plain} == {(32, 1.0)}
    assert {(r["max_tokens"], r["temperature"]) for r in changed} == {(4, 1.3)}
    seeds = [request["seed"] for request in plain + changed]
    assert None not in seeds
    assert len(set(seeds)) == len(seeds)


def test_the_engine_gets_the_sampler_s_one_problem_in_the_stage_s_group_size(run):
    plain, changed = in_stage(run, "request")
    assert Counter(Counter(str(r["prompt"]) for r in plain).values()) == {
        8: 16
    }  # 2 steps of 8 problems, 8 rollouts each
    assert list(Counter(str(r["prompt"]) for r in changed).values()) == [8]  # 2 steps of 1 problem, 4 rollouts each


def test_the_number_of_updates_follows_the_group_size(run):
    plain, changed = in_stage(run, "update")
    assert len(plain) == 4  # 2 steps of 64 rows in mini-batches of 4 x 8
    assert len(changed) == 2  # 2 steps of 4 rows, padded to one mini-batch of 4 x 4


def test_the_learning_rate_is_the_scheduled_one_times_the_factor(run):
    plain, changed = in_stage(run, "update")
    assert all(update["lr"] == [pytest.approx(1e-4)] for update in plain)
    assert all(update["lr"] == [pytest.approx(0.25e-4)] for update in changed)


def test_the_loss_has_the_stage_s_entropy_and_kl_terms(run):
    plain, changed = in_stage(run, "loss")
    for loss in plain:
        assert loss["loss"] == pytest.approx(loss["metrics"]["actor/pg_loss"], abs=1e-6)
    assert any(loss["metrics"]["actor/entropy_loss"] > 0 for loss in changed)
    for loss in changed:
        numbers = loss["metrics"]
        expected = numbers["actor/pg_loss"] - 0.01 * numbers["actor/entropy_loss"] + 0.1 * numbers["kl_loss"]
        assert loss["loss"] == pytest.approx(expected, rel=1e-4, abs=1e-6)  # float32 on a CPU; bfloat16 fails here


def test_truncated_responses_are_out_of_the_loss_and_others_are_in(run):
    _, changed = in_stage(run, "loss")
    rollouts = [row for step in (3, 4) for row in run.observations(step)]
    assert {row["truncated"] for row in rollouts} == {True, False}
    in_loss = sum(tokens > 0 for loss in changed for tokens in loss["mask"])
    assert in_loss == sum(not row["truncated"] for row in rollouts)


def test_verl_s_own_dump_shows_the_one_problem_and_short_responses(run):
    import json

    rows = [json.loads(line) for line in (run.folder.parents[1] / "rollouts" / "3.jsonl").read_text().splitlines()]
    assert len({row["input"] for row in rows if len(row["output"]) > 1}) == 1


def test_weights_go_through_a_socket_of_this_run_s_own(run):
    """verl's name for it is the same in any two runs on one machine, which then wait for each other for ever."""
    seen = run.seen("weights")
    assert {event["end"] for event in seen} == {"Sender", "Receiver"}
    (address,) = {event["address"] for event in seen}
    (daemon,) = {event["daemon"] for event in seen}
    assert f"-{daemon}-" in address
