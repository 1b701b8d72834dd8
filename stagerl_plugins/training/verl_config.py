"""verl's configuration made ready for a staged run: what would fight ours is composed if well defined, else refused."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf, open_dict

from stagerl_plugins.config import Config, on_plugin_error, parse
from stagerl_plugins.curriculum.curriculum import Curriculum
from stagerl_plugins.errors import UserError
from stagerl_plugins.model_path import check_model_path
from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.problem_files import check_no_folder, check_rows
from stagerl_plugins.problems import Problems, read_table
from stagerl_plugins.rewards.judge import check_data_sources, check_rewards
from stagerl_plugins.training.refused import (
    AGENT_LOOP_MANAGER,
    REWARD_MANAGER,
    check,
    check_accepted,
    check_names,
    least_judged,
)
from stagerl_plugins.training.verdict_fields import validation_set
from stagerl_plugins.training.verl_defaults import check_kinds, verl_defaults
from stagerl_plugins.training.verl_rewards import REWARD_MODULE, reward_function, with_text_keys

if TYPE_CHECKING:
    import pyarrow as pa


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
    raw = with_text_keys(raw)
    plugins = load_plugins(on_plugin_error(raw), print)
    if "rewards" not in raw and (function := reward_function(config)):
        raw["rewards"] = function
    try:
        return parse(raw, plugins), plugins
    except UserError as error:
        raise UserError(f"stagerl.{error}") from None


def build_curriculum(config: DictConfig, settings: Config, plugins: Plugins) -> Curriculum:
    """The curriculum on the problem files that verl is configured with, before verl has read them.

    To look at, not to train with: it has been told of a validation that has not been.

    Raises:
        UserError: A file is missing or broken, a data source has no reward or a reward no data source, a stage has no
            problems, or a plugin refuses what it is given.
    """
    table = _problems_in(config, "train_files")
    held_out = _problems_in(config, "val_files")
    try:
        problems = Problems.from_table(table)
    except UserError as error:
        raise UserError(f"data.train_files: {error}") from None
    try:
        columns = [rows["data_source"] for rows in (table, held_out) if "data_source" in rows.column_names]
        if columns:
            check_data_sources(
                settings.rewards, {str(name) for column in columns for name in column.unique().to_pylist()}
            )
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
    if not isinstance(files, Sequence) or not files or not all(isinstance(path, str) and path for path in files):
        raise UserError(f"data.{key}={files}: must name a file of problems, or a list of files")
    paths = [Path(os.path.expanduser(path)) for path in files]
    if files == [verl_defaults()["data"][key]] and not paths[0].exists():
        raise UserError(f"data.{key}: is missing: name a file of problems, or a list of files")
    try:
        for path in paths:
            check_no_folder(path)
        table = read_table(paths)
        if config.data.prompt_key == "prompt":
            _check_rows(table, paths)
    except UserError as error:
        raise UserError(f"data.{key}: {error}") from None
    return table


def _check_rows(table: pa.Table, paths: Sequence[Path]) -> None:
    """Make sure of the rows of all files; for the message the one at fault is read once more.

    Raises:
        UserError: A row is no problem; names its file, and its place there.
    """
    try:
        check_rows(table)
    except UserError:
        for path in paths:
            try:
                check_rows(read_table([path]))
            except UserError as error:
                raise UserError(f"{path}: {error}") from None
        raise


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
    from omegaconf.errors import OmegaConfBaseException
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    adopted = copy.deepcopy(config)
    try:
        check_kinds(adopted)
        OmegaConf.resolve(adopted)
    except (OmegaConfBaseException, ValueError) as error:
        raise UserError(f"verl refuses the configuration: {' '.join(str(error).split())}") from error
    settings, plugins = adopt(adopted)
    check_accepted(config, settings)
    check_model(adopted)
    check_names(adopted)
    try:
        check_rewards(settings.rewards, plugins)
    except UserError as error:
        raise UserError(f"stagerl.{error}") from None
    try:
        validate_config(adopted, need_reference_policy(adopted), need_critic(adopted))
    except (AssertionError, ValueError, HydraException) as error:
        raise UserError(f"verl refuses the configuration: {' '.join(str(error).split())}") from error
    return adopted, settings, plugins


def needs_kl_loss(config: DictConfig, settings: Config) -> bool:
    """Whether a stage wants a KL term that verl's own settings do not provide."""
    wanted = any(stage.kl_coeff for stage in settings.stages.values())
    return wanted and not config.algorithm.use_kl_in_reward
