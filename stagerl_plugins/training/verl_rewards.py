"""Our rewards in verl's own trainers: what stands under `reward.stagerl`, checked before Ray is started."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import Field, ValidationError

from stagerl_plugins.config import (
    Model,
    PluginLoading,
    PluginSpec,
    VerdictBounds,
    explain,
    on_plugin_error,
    parse_options,
)
from stagerl_plugins.errors import PluginError, UserError
from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.rewards.judge import check_data_sources, check_rewards, takes_groups

REWARD_MODULE = "pkg://stagerl_plugins.training.reward_manager"
MANAGER = "VerdictManager"
SECTION = "reward.stagerl"


class VerlRewards(Model):
    """Everything under `reward.stagerl`."""

    rewards: dict[str, PluginSpec] = Field(
        default={"default": {"math": {}}}, description="Reward of each `data_source`; `default` for all others."
    )
    judging: VerdictBounds = VerdictBounds()
    plugins: PluginLoading = PluginLoading()


def reward_function(config: DictConfig) -> dict[str, Any] | None:
    """verl's `reward.custom_reward_function` as a reward of ours."""
    function = config.reward.custom_reward_function
    if not function.path:
        return None
    return {"default": {"verl_function": {"path": function.path, "name": function.name}}}


def with_text_keys(value: Any) -> Any:
    """The same with all keys as text: Hydra takes a level or data source `1` for a number."""
    if isinstance(value, dict):
        return {str(key): with_text_keys(item) for key, item in value.items()}
    return [with_text_keys(item) for item in value] if isinstance(value, list) else value


def read(config: DictConfig) -> tuple[VerlRewards, Plugins]:
    """The rewards of a run of verl's own trainers, validated, and the loaded plugins.

    Raises:
        UserError: Something is wrong; the path begins with `reward.stagerl`.
    """
    node = OmegaConf.select(config, SECTION)
    raw = {} if node is None else node
    raw = with_text_keys(OmegaConf.to_container(raw, resolve=True)) if isinstance(raw, DictConfig) else raw
    if isinstance(raw, dict) and "rewards" not in raw and (function := reward_function(config)):
        raw["rewards"] = function
    try:
        section = VerlRewards.model_validate(raw)
    except ValidationError as error:
        raise UserError(explain(error, VerlRewards, SECTION)) from error
    plugins = load_plugins(on_plugin_error(raw), lambda line: print(line, file=sys.stderr))
    for source, spec in section.rewards.items():
        parse_options(plugins, "reward", spec, f"{SECTION}.rewards.{source}")
    return section, plugins


def check(config: DictConfig) -> None:
    """Everything that can be refused before Ray is started, if the configuration names our manager without stages.

    Raises:
        UserError: One line.
    """
    manager = config.reward.reward_manager
    if (manager.source, manager.name, manager.module.path) != ("importlib", MANAGER, REWARD_MODULE):
        return
    section, plugins = read(config)
    check_no_sandbox(config)
    if config.reward.reward_model.enable:
        raise UserError("reward.reward_model.enable=True: verl then asks its model and no reward manager; turn it off")
    rollout = config.actor_rollout_ref.rollout
    for source, spec in section.rewards.items():
        (name,) = spec
        if takes_groups(spec, plugins) and rollout.n != rollout.val_kwargs.n:
            raise UserError(
                f"{SECTION}.rewards.{source}: '{name}' takes all rollouts of a problem at once, and verl does not tell "
                "it which ones are a validation's: let actor_rollout_ref.rollout.val_kwargs.n be "
                f"actor_rollout_ref.rollout.n, which is {rollout.n}"
            )
    try:
        check_rewards(section.rewards, plugins)
        if (known := _data_sources(config)) is not None:
            check_data_sources(section.rewards, known)
    except UserError as error:
        raise UserError(f"reward.stagerl.{error}") from None


def check_no_sandbox(config: DictConfig) -> None:
    """Refuse the server that verl's own reward functions would run programs on: each reward names its sandbox.

    Raises:
        UserError: One line with what to write instead.
    """
    if url := OmegaConf.select(config, "reward.sandbox_fusion.url"):
        raise UserError(
            f"reward.sandbox_fusion.url={url}: only verl's own reward functions ask it; remove it, and give the reward "
            f"`code` the option sandbox={{sandbox_fusion:{{endpoints:['{url}']}}}}"
        )


def _data_sources(config: DictConfig) -> set[str] | None:
    """Those in the problem files; None where they cannot be told before verl itself reads them."""
    import pyarrow as pa
    import pyarrow.parquet

    if OmegaConf.select(config, "data.custom_cls.path"):
        return None
    found: set[str] = set()
    for key in ("train_files", "val_files"):
        files = config.data[key]
        for path in [files] if isinstance(files, str) or not isinstance(files, Sequence) else files:
            try:
                column = pa.parquet.read_table(Path(str(path)).expanduser(), columns=["data_source"])["data_source"]
            except (OSError, KeyError, pa.ArrowException):
                return None
            found.update(map(str, column.unique().to_pylist()))
    return found


def install(module: Any) -> None:
    """Have verl check ours where it checks its own configuration.

    Args:
        module: `verl.utils.config`, which has no seam for that.
    """
    real = module.validate_config

    @functools.wraps(real)
    def validate_config(config: DictConfig, *args: Any, **named: Any) -> None:
        try:
            check(config)
        except (UserError, PluginError) as error:
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
            sys.exit(2)
        real(config, *args, **named)

    module.validate_config = validate_config
