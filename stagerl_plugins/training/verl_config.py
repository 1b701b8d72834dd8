"""verl's configuration made ready for a staged run: what would fight ours is composed if well defined, else refused."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf, open_dict

from stagerl_plugins.config import Config, on_plugin_error, parse
from stagerl_plugins.curriculum.curriculum import Curriculum
from stagerl_plugins.errors import UserError, nearest
from stagerl_plugins.model_path import check_model_path
from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.problem_files import check_rows
from stagerl_plugins.problems import Problems, read_table
from stagerl_plugins.rewards.call import check_rewards
from stagerl_plugins.rewards.judge import check_data_sources
from stagerl_plugins.training.verdict_fields import validation_set

if TYPE_CHECKING:
    import pyarrow as pa

AGENT_LOOP_MANAGER = "stagerl_plugins.training.agent_loop.StagedAgentLoopManager"
REWARD_MODULE = "pkg://stagerl_plugins.training.reward_manager"
REWARD_MANAGER = "StagedRewardManager"


def read(config: DictConfig) -> tuple[Config, Plugins]:
    """Our part of a composed configuration, validated, and the loaded plugins.

    Raises:
        UserError: It is missing or wrong; the path begins with `stagerl.`.
    """
    node = config.get("stagerl")
    if node is None:
        raise UserError("stagerl: is missing: add a stage file such as `+stagerl=two_stage`")
    raw = OmegaConf.to_container(node, resolve=True)
    if not isinstance(raw, dict):
        raise UserError(f"stagerl: expected a mapping of keys, got {raw!r}")
    if raw.get("verl"):
        raise UserError("stagerl.verl: here verl's keys stand beside `stagerl`, not below it")
    raw = _with_text_keys(raw)
    plugins = load_plugins(on_plugin_error(raw), print)
    reward_function = _reward_function(config)
    if reward_function and "rewards" not in raw:
        raw["rewards"] = reward_function
    try:
        return parse(raw, plugins), plugins
    except UserError as error:
        raise UserError(f"stagerl.{error}") from None


def _with_text_keys(value: Any) -> Any:
    """The same with all keys as text: Hydra takes a level or data source `1` for a number."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


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


def build_curriculum(config: DictConfig, settings: Config, plugins: Plugins) -> Curriculum:
    """The curriculum on the problem files that verl is configured with, before verl has read them.

    To look at, not to train with: it has been told of a validation that has not been.

    Raises:
        UserError: A file is missing or broken, a data source has no reward, a stage has no problems, or a plugin
            refuses what it is given.
    """
    table = _problems_in(config, "train_files")
    held_out = _problems_in(config, "val_files")
    try:
        problems = Problems.from_table(table)
    except UserError as error:
        raise UserError(f"data.train_files: {error}") from None
    try:
        for rows in (table, held_out):
            if "data_source" in rows.column_names:
                check_data_sources(settings.rewards, map(str, rows["data_source"].unique().to_pylist()))
        curriculum = Curriculum(settings, problems, plugins, least_judged(config))
        # a plugin that waits for a set of another name says so now, and not when hours are over
        curriculum.observe_validation(0, dict.fromkeys(map(validation_set, held_out.to_pylist()), 0.0))
        return curriculum
    except UserError as error:
        raise UserError(f"stagerl.{error}") from None


def _problems_in(config: DictConfig, key: str) -> pa.Table:
    """The problems in the files that `data.KEY` names, with all that verl will ask of their rows.

    Raises:
        UserError: None is named, one is missing or broken, or a row lacks something.
    """
    files = config.data[key]
    files = [files] if isinstance(files, str) else files
    if not isinstance(files, Sequence) or not files or not all(isinstance(path, str) for path in files):
        raise UserError(f"data.{key}={files}: must name a file of problems, or a list of files")
    try:
        table = read_table([Path(os.path.expanduser(path)) for path in files])
        if config.data.prompt_key == "prompt":
            check_rows(table)
    except UserError as error:
        raise UserError(f"data.{key}: {error}") from None
    return table


def check_model(config: DictConfig) -> None:
    """Refuse a model path that can be none.

    Raises:
        UserError: It is no folder of a Hugging Face model, and no name of one.
    """
    path = config.actor_rollout_ref.model.path
    if not isinstance(path, str):
        raise UserError(f"actor_rollout_ref.model.path={path}: must name a Hugging Face model or folder")
    check_model_path(path, "actor_rollout_ref.model.path")


def adopt(config: DictConfig) -> tuple[Config, Plugins]:
    """Read, check and complete a composed configuration in place; called once, before verl's trainer is built."""
    settings, plugins = read(config)
    check(config, settings)
    plan = settings.planned_steps
    with open_dict(config):
        config.trainer.total_training_steps = plan
        config.trainer.total_epochs = settings.most_steps + 2  # of a step each at least: they never end a run
        config.data.dataloader_num_workers = 0  # its loader is not used, and eight processes would still start
        config.actor_rollout_ref.rollout.agent.agent_loop_manager_class = AGENT_LOOP_MANAGER
        config.reward.reward_manager.source = "importlib"
        config.reward.reward_manager.name = REWARD_MANAGER
        config.reward.reward_manager.module.path = REWARD_MODULE
        config.reward.custom_reward_function.path = None
        if needs_kl_loss(config, settings):
            if not config.actor_rollout_ref.actor.use_kl_loss:
                config.actor_rollout_ref.actor.kl_loss_coef = 0.0  # off, as it was, for the stages that leave it out
            config.actor_rollout_ref.actor.use_kl_loss = True  # from the start, so that the reference model is there
        if config.data.get("seed") is None:
            config.data.seed = settings.seed  # `train_max_samples` would take others at each start
        if not config.actor_rollout_ref.rollout.get("calculate_log_probs"):
            config.actor_rollout_ref.rollout.calculate_log_probs = False
        config.stagerl.rewards = settings.rewards
    return settings, plugins


def check_all(config: DictConfig) -> tuple[DictConfig, Config, Plugins]:
    """Everything that can be refused before Ray is started: by us, and by verl with what we complete.

    Returns:
        A completed copy of the configuration, our part of it, and the plugins.

    Raises:
        UserError: One line.
    """
    from hydra.errors import HydraException
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    adopted = copy.deepcopy(config)
    settings, plugins = adopt(adopted)
    check_model(adopted)
    _check_names(adopted)
    try:
        check_rewards(settings.rewards, plugins)
    except UserError as error:
        raise UserError(f"stagerl.{error}") from None
    try:
        validate_config(adopted, need_reference_policy(adopted), need_critic(adopted))
    except (AssertionError, ValueError, HydraException) as error:
        raise UserError(f"verl refuses the configuration: {' '.join(str(error).split())}") from error
    return adopted, settings, plugins


def _check_names(config: DictConfig) -> None:
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


def needs_kl_loss(config: DictConfig, settings: Config) -> bool:
    """Whether a stage wants a KL term that verl's own settings do not provide."""
    wanted = any(stage.kl_coeff for stage in settings.stages.values())
    return wanted and not config.algorithm.use_kl_in_reward


def _reward_function(config: DictConfig) -> dict[str, Any] | None:
    """verl's `reward.custom_reward_function` as a reward of ours."""
    function = config.reward.custom_reward_function
    if not function.path:
        return None
    return {"default": {"verl_function": {"path": function.path, "name": function.name}}}
