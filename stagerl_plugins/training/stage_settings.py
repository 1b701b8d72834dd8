"""Applies a stage to verl. Nothing else writes verl's configuration after the start of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import open_dict

from stagerl_plugins.config import Stage


@dataclass(frozen=True, slots=True)
class VerlDefaults:
    """verl's own values, taken once before any stage changed them: what a stage that leaves a setting out gets back."""

    response_budget: int
    group_size: int
    temperature: float
    entropy_coeff: float
    kl_coeff: float

    @classmethod
    def of(cls, config: Any) -> VerlDefaults:
        actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
        in_reward = config.algorithm.use_kl_in_reward
        return cls(
            response_budget=config.data.max_response_length,
            group_size=rollout.n,
            temperature=rollout.temperature,
            entropy_coeff=actor.entropy_coeff,
            kl_coeff=config.algorithm.kl_ctrl.kl_coef
            if in_reward
            else actor.kl_loss_coef
            if actor.use_kl_loss
            else 0.0,
        )

    def fill(self, stage: Stage) -> Settings:
        """A stage's settings with verl's values where it has none."""

        def own(name: str) -> Any:
            value = getattr(stage, name)
            return getattr(self, name) if value is None else value

        return Settings(
            response_budget=own("response_budget"),
            group_size=own("group_size"),
            temperature=own("temperature"),
            entropy_coeff=own("entropy_coeff"),
            kl_coeff=own("kl_coeff"),
            learning_rate_factor=stage.learning_rate_factor,
            truncated_in_loss=stage.truncated_in_loss,
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a stage decides, with no gaps left."""

    response_budget: int
    group_size: int
    temperature: float
    entropy_coeff: float
    kl_coeff: float
    learning_rate_factor: float
    truncated_in_loss: bool

    def sampling(self, response_budget: int | None = None) -> dict[str, Any]:
        """Sampling parameters of a prompt. They travel with it: the agent loops' own configuration is a copy."""
        return {"max_tokens": response_budget or self.response_budget, "temperature": self.temperature}


def apply_stage(config: Any, actor_workers: Any, kl_control: Any, settings: Settings) -> None:
    """Make everything from the next draw on follow these settings.

    Args:
        config: The driver's configuration, changed in place.
        actor_workers: The worker group of the actor (`StagedWorker`).
        kl_control: The controller of a KL term in the reward; None where there is no such term.
        settings: What is to hold.
    """
    rollout, actor = config.actor_rollout_ref.rollout, config.actor_rollout_ref.actor
    with open_dict(config):
        rollout.n = settings.group_size  # the number of updates and the padding follow the driver's value
        rollout.temperature = settings.temperature  # log-probabilities are computed at the driver's value
        actor.entropy_coeff = settings.entropy_coeff  # 0 here, and the driver asks for no entropy at all
    if kl_control is not None:
        kl_control.value = settings.kl_coeff
    actor_workers.apply_stage(settings.entropy_coeff, settings.kl_coeff, settings.learning_rate_factor)
