"""The stage plan of a run that is not started: problems, steps, tokens, memory."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from stagerl_plugins.curriculum.curriculum import Curriculum
from stagerl_plugins.errors import UserError
from stagerl_plugins.training.launch import Launch
from stagerl_plugins.training.stage_settings import VerlDefaults

TRAINED_BYTES = 16  # a parameter in training: weight, gradient and two moments of Adam, float32 each


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage as it will be run."""

    name: str
    problems: int
    steps: int
    until: str
    prompts: int
    group_size: int
    response_budget: int
    tokens: int  # at most, of one step, prompts included


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run as it will be run."""

    stages: list[StagePlan]
    steps: int
    parameters: int | None
    memory_gib: float | None  # of weights, gradients, optimizer and engine over all devices; activations come on top


def compose(launch: Launch) -> DictConfig:
    """verl's whole configuration as the command would compose it, validated by verl and by us. Starts nothing.

    Raises:
        UserError: Hydra, verl or we refuse it.
    """
    os.environ.update(launch.environment)
    import verl  # noqa: F401  first: its plugins tell Hydra where our stage files are
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from stagerl_plugins.training.resume import nothing_left
    from stagerl_plugins.training.verl_config import check_all

    try:
        with contextlib.redirect_stdout(sys.stderr), initialize_config_module("verl.trainer.config", version_base=None):
            config = hydra_compose("ppo_trainer", overrides=launch.overrides)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise UserError(f"verl refuses the configuration: {' '.join(str(error).split())}") from error
    with contextlib.redirect_stdout(io.StringIO()):  # verl prints that all is well
        adopted = check_all(config)[0]
    nothing_left(config, launch.config)
    return adopted


def make_plan(launch: Launch, config: DictConfig, curriculum: Curriculum) -> Plan:
    """What each stage will do at most.

    Args:
        launch: The run.
        config: verl's composed configuration.
        curriculum: Built on the run's problems.
    """
    defaults = VerlDefaults.of(config)
    prompts = config.data.train_batch_size
    stages = []
    for name, stage in launch.config.stages.items():
        settings = defaults.fill(stage)
        longest = config.data.max_prompt_length + settings.response_budget
        stages.append(
            StagePlan(
                name=name,
                problems=curriculum.size_of(name),
                steps=stage.max_steps,
                until=" ".join(stage.until) if stage.until else "its bound",
                prompts=prompts,
                group_size=settings.group_size,
                response_budget=settings.response_budget,
                tokens=prompts * settings.group_size * longest,
            )
        )
    parameters = count_parameters(str(config.actor_rollout_ref.model.path))
    return Plan(stages, launch.config.planned_steps, parameters, _memory(config, parameters))


def count_parameters(model: str) -> int | None:
    """Parameters of a model folder with safetensors weights, from the files' headers; None for anything else."""
    try:
        return _parameters_of(Path(model).expanduser())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        return None  # what is wrong with it verl will say


def _parameters_of(folder: Path) -> int | None:
    sizes = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1}
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > 100_000_000:
                return None
            header: dict[str, Any] = json.loads(file.read(length))
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                total += (end - begin) // sizes.get(entry["dtype"], 4)
    return total or None


def _memory(config: DictConfig, parameters: int | None) -> float | None:
    if parameters is None:
        return None
    from verl.trainer.ppo.utils import need_critic, need_reference_policy

    trained = 1 + int(need_critic(config))
    rollout = config.actor_rollout_ref.rollout
    served = (4 if rollout.dtype == "float32" else 2) * rollout.tensor_model_parallel_size
    frozen = 4 * int(need_reference_policy(config))
    return float(parameters * (trained * TRAINED_BYTES + served + frozen) / 2**30)
