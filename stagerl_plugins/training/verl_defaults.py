"""verl's own configuration, and whether another one has keys and values, and numbers, where that has them."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from stagerl_plugins.errors import UserError

# sections that verl or we read whatever they hold; of the others null makes an empty one
_READ = (
    "actor_rollout_ref",
    "actor_rollout_ref.actor",
    "actor_rollout_ref.actor.optim",
    "actor_rollout_ref.model",
    "actor_rollout_ref.rollout",
    "actor_rollout_ref.rollout.agent",
    "actor_rollout_ref.rollout.val_kwargs",
    "algorithm",
    "algorithm.kl_ctrl",
    "critic",
    "data",
    "reward",
    "reward.custom_reward_function",
    "reward.reward_manager",
    "trainer",
    "trainer.v1",
    "trainer.v1.sampler",
)

_TEXT_TOO = ("algorithm.rollout_correction.rollout_is_threshold",)  # numbers by default that verl also takes as text


@functools.cache
def verl_defaults() -> dict[str, Any]:
    """The configuration that verl composes when nothing is overridden: verl ships it as a file."""
    found = importlib.util.find_spec("verl")  # verl itself takes seconds to import
    assert found is not None
    assert found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0]) / "trainer" / "config"
    tree = OmegaConf.to_container(OmegaConf.load(folder / "_generated_ppo_trainer.yaml"), resolve=True)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items()}


def check_kinds(config: DictConfig) -> None:
    """Refuse a value where verl has keys and values by default, and anything but a number where it has a number.

    verl itself finds few of these before everything is running, and some never. Where null means something it is taken.

    Raises:
        UserError: One line with the key, its value and what is expected.
    """
    defaults = list(_nodes(verl_defaults()))
    # first all sections: a number may refer to a key in any of them
    for key in [key for key, default in defaults if isinstance(default, Mapping)]:
        value = OmegaConf.select(config, key)
        if not isinstance(value, DictConfig) and (value is not None or key in _READ):
            raise UserError(f"{key}={value}: expected keys and values")
    for key in [key for key, default in defaults if _is_number(default) and key not in _TEXT_TOO]:
        value = OmegaConf.select(config, key)
        if value is not None and not _is_number(value):
            raise UserError(f"{key}={value}: expected a number")


def _nodes(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All keys of a tree, dotted, with what they hold; a section comes before its keys."""
    for key, value in tree.items():
        yield f"{prefix}{key}", value
        if isinstance(value, Mapping):
            yield from _nodes(value, f"{prefix}{key}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
