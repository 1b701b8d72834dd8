"""PPO with a critic, and a reference model whose KL term is in the reward, on the CPU platform."""

from __future__ import annotations

import pytest
from harness import Run, configuration, train


@pytest.fixture(scope="module")
def run(tmp_path_factory, files) -> Run:
    config = configuration(
        files,
        stages={
            "easy": {"levels": ["easy"], "max_steps": 1, "export": True},
            "hard": {"levels": ["hard"], "max_steps": 1, "export": True, "kl_coeff": 0.5, "group_size": 1},
        },
        verl={
            "algorithm.adv_estimator": "gae",
            "algorithm.use_kl_in_reward": True,
            "critic.model.path": "${actor_rollout_ref.model.path}",
            "critic.optim.lr": 1e-4,
            "critic.ppo_mini_batch_size": 4,
        },
    )
    run = train(tmp_path_factory.mktemp("ppo"), config)
    assert run.code == 0, run.stderr + run.log[-3000:]
    return run


def test_actor_and_critic_are_updated_in_both_stages(run):
    kinds = [update["kind"] for update in run.seen("update")]
    assert kinds.count("LanguageModelOnCPU") == kinds.count("ValueModelOnCPU") == 4  # 2 steps, 2 mini-batches each


def test_with_a_critic_a_problem_may_have_a_single_rollout(run):
    rows = run.observations(2)
    assert len({row["problem"] for row in rows}) == len(rows) == 8
    assert all(row["admitted"] for row in rows)


def test_the_kl_term_in_the_reward_has_the_stage_s_coefficient(run):
    easy, hard = run.seen("kl_penalty")
    assert abs(hard["kl"]) > 1e-3  # one update away from the reference
    assert hard["taken"] == pytest.approx(0.5 * hard["kl"], rel=1e-3)
    assert easy["taken"] == pytest.approx(0.001 * easy["kl"], rel=1e-3, abs=1e-5)  # verl's own coefficient


def test_the_log_has_the_critic_s_loss(run):
    assert all("critic/vf_loss" in step for step in run.metrics)


@pytest.mark.parametrize("name", ["easy-step1", "hard-step2"])
def test_the_weights_at_the_end_of_each_stage_are_a_hugging_face_folder(run, name):
    folder = run.folder / "exported" / name
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in folder.iterdir()}
