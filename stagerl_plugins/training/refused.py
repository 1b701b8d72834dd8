"""What of verl's settings a staged run refuses: what would fight it, and what no run of verl's could work with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from stagerl_plugins.config import Config
from stagerl_plugins.errors import UserError, nearest
from stagerl_plugins.training.checkpoints import Checkpoints
from stagerl_plugins.training.resume import fingerprint
from stagerl_plugins.training.verl_rewards import check_no_sandbox

AGENT_LOOP_MANAGER = "stagerl_plugins.training.agent_loop.StagedAgentLoopManager"
REWARD_MANAGER = "StagedRewardManager"

_COUNTS = (
    "data.train_batch_size",
    "data.max_prompt_length",
    "data.max_response_length",
    "actor_rollout_ref.rollout.n",
    "actor_rollout_ref.rollout.tensor_model_parallel_size",
    "actor_rollout_ref.actor.ppo_mini_batch_size",
    "trainer.nnodes",
    "trainer.n_gpus_per_node",
)

_REFUSED: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("trainer.resume_mode", ("auto",), "a run goes on from its own last checkpoint; give a new one another name"),
    ("trainer.val_only", (False, None), "use `stagerl grade`, which takes any model"),
    ("actor_rollout_ref.actor.strategy", ("fsdp", "fsdp2"), "stages set FSDP's learning rate; use fsdp or fsdp2"),
    ("trainer.use_v1", (True,), "stages need verl's V1 trainer; leave it at True"),
    ("trainer.v1.trainer_mode", ("stagerl_sync",), "any other trainer knows no stages; leave it at stagerl_sync"),
    ("custom_reward_function.path", (None,), "verl reads this no more; use reward.custom_reward_function.path"),
    ("reward_model.enable", (False, None), "verl reads this no more; make it a reward plugin"),
    ("actor_rollout_ref.rollout.name", ("vllm",), "seeds and settings of single requests are vLLM's; use vllm"),
    ("algorithm.filter_groups.enable", (False, None), "use `stagerl.gates={zero_variance:{}}`, which refills exactly"),
    ("trainer.v1.sampler.custom_sampler.path", (None,), "the replay buffer asks our gates; make yours a gate plugin"),
    ("reward.reward_model.enable", (False,), "reward models are not supported; make it a reward plugin"),
    ("actor_rollout_ref.actor.checkpoint.async_save", (False, None), "a checkpoint must be whole when its step ends"),
    ("trainer.del_local_ckpt_after_load", (False,), "a resume needs the checkpoint; leave it at False"),
    ("data.gen_batch_size", (None,), "stages draw exactly what a batch needs; leave it at null"),
)

# of estimators of verl's the input that its V1 trainer, unlike the one before, does not give them
_NOT_FED = {
    "remax": "a greedy rollout of each problem",
    "gdpo": "rewards in parts",
    "optimal_token_baseline": "sums of squared probabilities",
    "tir_optimal_token_baseline": "sums of squared probabilities",
}


def check(config: DictConfig, settings: Config) -> None:
    """Refuse verl settings that a staged run cannot work with.

    Raises:
        UserError: One line with the key, its value and what to do.
    """
    if OmegaConf.is_missing(config.actor_rollout_ref.rollout, "name"):
        raise UserError("actor_rollout_ref.rollout.name: is missing: use vllm")
    for key, wanted, remedy in _REFUSED:
        value = OmegaConf.select(config, key)
        if value not in wanted:
            raise UserError(f"{key}={value}: {remedy}")
    estimator = str(config.algorithm.adv_estimator)
    if estimator in _NOT_FED:
        raise UserError(
            f"algorithm.adv_estimator={estimator}: needs {_NOT_FED[estimator]}, which verl's V1 trainer does not make; "
            "use grpo, rloo, reinforce_plus_plus or another one that needs rewards alone"
        )
    for key in _COUNTS:
        count = OmegaConf.select(config, key)
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise UserError(f"{key}={count}: must be a whole number, 1 or more")
    if not isinstance(config.trainer.default_local_dir, str):
        raise UserError(f"trainer.default_local_dir={config.trainer.default_local_dir}: must name a folder")
    manager = OmegaConf.select(config, "actor_rollout_ref.rollout.agent.agent_loop_manager_class")
    if manager not in (None, AGENT_LOOP_MANAGER):
        raise UserError(
            f"actor_rollout_ref.rollout.agent.agent_loop_manager_class={manager}: stages reach the engine "
            "through ours; remove it, and register your loop by name instead (default_agent_loop)"
        )
    if config.reward.reward_manager.source == "importlib" and config.reward.reward_manager.name != REWARD_MANAGER:
        raise UserError("reward.reward_manager: verdicts come through ours; make yours a reward plugin")
    for name in ("max_actor_ckpt_to_keep", "max_critic_ckpt_to_keep"):
        if config.trainer.get(name) == 1:
            raise UserError(
                f"trainer.{name}=1: verl deletes the old checkpoint before the new one counts; use 2, or null"
            )
    check_no_sandbox(config)
    _check_kl(config)
    longest = config.data.max_response_length
    for name, stage in settings.stages.items():
        if stage.response_budget is not None and stage.response_budget > longest:
            raise UserError(
                f"stagerl.stages.{name}.response_budget={stage.response_budget}: "
                f"more than data.max_response_length={longest}, which the engine is sized for"
            )
        group_size = stage.group_size or config.actor_rollout_ref.rollout.n
        if group_size < least_judged(config):
            raise UserError(
                f"stagerl.stages.{name}.group_size: {config.algorithm.adv_estimator} compares the rollouts of a "
                f"problem, {group_size} is too few; set it, or actor_rollout_ref.rollout.n, to 2 or more"
            )


def least_judged(config: DictConfig) -> int:
    """Judged rollouts that a group needs: a critic judges each by itself, all else compares those of a problem."""
    return 1 if config.algorithm.adv_estimator == "gae" else 2


def _check_kl(config: DictConfig) -> None:
    """A stage's `kl_coeff` means one term, and that term's coefficient is the stage's alone."""
    if not config.algorithm.use_kl_in_reward:
        return
    if config.actor_rollout_ref.actor.use_kl_loss:
        raise UserError(
            "algorithm.use_kl_in_reward and actor_rollout_ref.actor.use_kl_loss: a stage's kl_coeff would be that of "
            "both; turn one off"
        )
    if config.algorithm.kl_ctrl.type != "fixed":
        raise UserError(
            f"algorithm.kl_ctrl.type={config.algorithm.kl_ctrl.type}: verl saves no controller's state, so a resumed "
            "run would be another; use fixed, and a stage's kl_coeff"
        )


def check_names(config: DictConfig) -> None:
    """What verl looks up only when everything is running."""
    from verl.trainer.ppo.core_algos import ADV_ESTIMATOR_REGISTRY, POLICY_LOSS_REGISTRY

    if OmegaConf.select(config, "actor_rollout_ref.model.external_lib"):
        return  # imported later, by the workers: it may register more
    for key, known in (
        ("algorithm.adv_estimator", ADV_ESTIMATOR_REGISTRY),
        ("actor_rollout_ref.actor.policy_loss.loss_mode", POLICY_LOSS_REGISTRY),
    ):
        name = OmegaConf.select(config, key)
        if name not in known:
            raise UserError(f"{key}={name}: verl has none of this name: {nearest(str(name), known)}")


def check_accepted(config: DictConfig, settings: Config) -> None:
    """Refuse a misspelt `--accept-change` where nothing is resumed; on a resume the keys it began with count, too.

    Raises:
        UserError: The configuration has no such key.
    """
    if Checkpoints(Path(config.trainer.default_local_dir)).steps():
        return
    known = {key[:end] for key in fingerprint(config) for end in [*_dots(key), len(key)]}  # sections are keys, too
    for name in settings.accept_changes:
        if name not in known:
            typed = name.removeprefix("verl.")  # as in a file, where ours stand above and verl's below
            meant = typed if typed.partition(".")[0] in known else f"stagerl.{typed}"
            raise UserError(f"--accept-change {name}: the run has no such key; {nearest(meant, known)}")


def _dots(key: str) -> list[int]:
    return [place for place, letter in enumerate(key) if letter == "."]
