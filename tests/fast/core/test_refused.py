"""verl settings that a staged run cannot work with end in one line that names the key."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from stagerl_plugins.config import parse
from stagerl_plugins.errors import UserError
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.training.refused import check, check_accepted
from stagerl_plugins.training.verl_defaults import check_kinds, verl_defaults

VERL = """
algorithm:
  adv_estimator: grpo
  filter_groups: {enable: false}
  use_kl_in_reward: false
  kl_ctrl: {type: fixed}
data: {train_batch_size: 8, max_prompt_length: 64, max_response_length: 64, gen_batch_size: null}
trainer:
  use_v1: true
  resume_mode: auto
  val_only: false
  del_local_ckpt_after_load: false
  max_actor_ckpt_to_keep: null
  max_critic_ckpt_to_keep: null
  default_local_dir: runs/one
  nnodes: 1
  n_gpus_per_node: 1
  v1: {trainer_mode: stagerl_sync, sampler: {custom_sampler: {path: null}}}
reward:
  reward_model: {enable: false}
  reward_manager: {source: register, name: naive}
actor_rollout_ref:
  rollout: {name: vllm, n: 8, tensor_model_parallel_size: 1, agent: {agent_loop_manager_class: null}}
  actor: {strategy: fsdp, use_kl_loss: false, ppo_mini_batch_size: 4, checkpoint: {async_save: false}}
"""


def checked(verl: dict[str, Any], **stage: Any) -> None:
    config = OmegaConf.create(VERL)
    assert isinstance(config, DictConfig)
    for key, value in verl.items():
        OmegaConf.update(config, key, value)
    check(config, parse({"stages": {"easy": {"max_steps": 1, **stage}}}, load_plugins()))


def test_what_verl_sets_by_default_is_taken() -> None:
    checked({})
    checked({"algorithm.adv_estimator": "reinforce_plus_plus"})
    checked({"algorithm.use_kl_in_reward": True}, kl_coeff=0.1)
    checked({"actor_rollout_ref.actor.use_kl_loss": True}, kl_coeff=0.1)


@pytest.mark.parametrize(
    ("verl", "line"),
    [
        ({"trainer.use_v1": False}, "trainer.use_v1=False: "),
        ({"trainer.resume_mode": "disable"}, "trainer.resume_mode=disable: "),
        ({"trainer.resume_mode": "resume_path"}, "trainer.resume_mode=resume_path: "),
        ({"trainer.val_only": True}, "trainer.val_only=True: "),
        ({"actor_rollout_ref.actor.strategy": "megatron"}, "actor_rollout_ref.actor.strategy=megatron: "),
        ({"algorithm.filter_groups.enable": True}, "algorithm.filter_groups.enable=True: "),
        ({"trainer.v1.sampler.custom_sampler.path": "my.py"}, "custom_sampler.path=my.py: "),
        ({"reward.reward_model.enable": True}, "reward.reward_model.enable=True: "),
        ({"actor_rollout_ref.actor.checkpoint.async_save": True}, "async_save=True: "),
        ({"trainer.del_local_ckpt_after_load": True}, "del_local_ckpt_after_load=True: "),
        ({"data.gen_batch_size": 64}, "data.gen_batch_size=64: "),
        ({"reward.sandbox_fusion.url": "http://a:8080"}, "reward.sandbox_fusion.url=http://a:8080: only verl's own"),
        ({"trainer.max_actor_ckpt_to_keep": 1}, "trainer.max_actor_ckpt_to_keep=1: "),
        ({"actor_rollout_ref.rollout.name": "???"}, "rollout.name: is missing"),
        ({"actor_rollout_ref.rollout.name": "sglang"}, "rollout.name=sglang: "),
        ({"actor_rollout_ref.rollout.agent.agent_loop_manager_class": "my.Manager"}, "class=my.Manager: "),
        ({"reward.reward_manager": {"source": "importlib", "name": "Mine"}}, "reward.reward_manager: "),
        (
            {"algorithm.use_kl_in_reward": True, "actor_rollout_ref.actor.use_kl_loss": True},
            "algorithm.use_kl_in_reward and actor_rollout_ref.actor.use_kl_loss: ",
        ),
        (
            {"algorithm.use_kl_in_reward": True, "algorithm.kl_ctrl.type": "adaptive"},
            "algorithm.kl_ctrl.type=adaptive: ",
        ),
        ({"trainer.v1.trainer_mode": "sync"}, "trainer.v1.trainer_mode=sync: any other trainer knows no stages"),
        ({"data.train_batch_size": "abc"}, "data.train_batch_size=abc: must be a whole number, 1 or more"),
        ({"data.max_prompt_length": None}, "data.max_prompt_length=None: must be"),
        ({"actor_rollout_ref.rollout.n": 2.5}, "actor_rollout_ref.rollout.n=2.5: must be"),
        ({"trainer.nnodes": True}, "trainer.nnodes=True: must be"),
        ({"trainer.default_local_dir": None}, "trainer.default_local_dir=None: must name a folder"),
        ({"algorithm.adv_estimator": "remax"}, "adv_estimator=remax: needs a greedy rollout of each problem, which"),
        ({"algorithm.adv_estimator": "gdpo"}, "adv_estimator=gdpo: needs rewards in parts, which"),
        ({"algorithm.adv_estimator": "optimal_token_baseline"}, "optimal_token_baseline: needs sums of squared"),
        ({"custom_reward_function": {"path": "mine.py"}}, "use reward.custom_reward_function.path"),
        ({"reward_model": {"enable": True}}, "reward_model.enable=True: verl reads this no more"),
        ({"actor_rollout_ref.rollout.n": 1}, "stages.easy.group_size: grpo compares"),
        (
            {"actor_rollout_ref.rollout.n": 1, "algorithm.adv_estimator": "rloo"},
            "stages.easy.group_size: rloo compares",
        ),
    ],
)
def test_what_would_fight_a_staged_run_is_refused_in_one_line(verl: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError) as error:
        checked(verl)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_a_budget_beyond_what_the_engine_is_sized_for_is_refused() -> None:
    with pytest.raises(UserError, match="response_budget=65: more than"):
        checked({}, response_budget=65)


def kinds_checked(key: str, value: Any) -> None:
    config = OmegaConf.create(verl_defaults())
    OmegaConf.update(config, key, value, merge=False)
    check_kinds(config)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trainer.save_freq", 5),
        ("actor_rollout_ref.rollout.top_p", 0.9),
        ("actor_rollout_ref.actor.clip_ratio_c", None),
        ("algorithm.rollout_correction", None),
        ("algorithm.rollout_correction.rollout_is_threshold", "0.5_2.0"),
        ("trainer.max_actor_ckpt_to_keep", "${trainer.nnodes}"),
    ],
)
def test_values_of_the_kind_that_verl_has_by_default_are_taken(key: str, value: Any) -> None:
    kinds_checked(key, value)


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("actor_rollout_ref.rollout", 4, "actor_rollout_ref.rollout=4: expected keys and values"),
        ("actor_rollout_ref.model", "foo", "actor_rollout_ref.model=foo: expected keys and values"),
        ("data", 4, "data=4: expected keys and values"),
        ("trainer", None, "trainer=None: expected keys and values"),
        ("actor_rollout_ref.actor.optim.lr", "high", "actor_rollout_ref.actor.optim.lr=high: expected a number"),
        ("trainer.save_freq", "often", "trainer.save_freq=often: expected a number"),
        ("trainer.test_freq", True, "trainer.test_freq=True: expected a number"),
    ],
)
def test_values_of_another_kind_are_refused_in_one_line(key: str, value: Any, line: str) -> None:
    with pytest.raises(UserError) as error:
        kinds_checked(key, value)
    assert str(error.value) == line


def accepted(folder: Path, *names: str) -> None:
    raw = {"stages": {"easy": {"max_steps": 1}}, "accept_changes": list(names)}
    config = OmegaConf.create({"stagerl": raw, "trainer": {"default_local_dir": str(folder), "test_freq": 5}})
    check_accepted(config, parse(raw, load_plugins()))


def test_a_change_is_accepted_in_keys_that_there_are(tmp_path: Path) -> None:
    accepted(tmp_path, "stagerl.stages", "stagerl.stages.easy.max_steps", "trainer.test_freq")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("stages.easy.max_steps", "stagerl.stages.easy.max_steps"),
        ("stages.aesy", "stagerl.stages.easy"),
        ("verl.trainer.test_frq", "trainer.test_freq"),
    ],
)
def test_a_key_that_there_is_none_of_is_told_before_the_run_has_begun(tmp_path: Path, name: str, nearest: str) -> None:
    with pytest.raises(UserError) as error:
        accepted(tmp_path, name)
    assert str(error.value) == f"--accept-change {name}: the run has no such key; did you mean '{nearest}'?"
