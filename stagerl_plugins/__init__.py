"""Difficulty-aware staged reinforcement learning for LLM reasoning, as plugins on top of verl."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stagerl_plugins.errors import UserError
from stagerl_plugins.hookspecs import CONTRACT, Register, hookimpl
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import (
    Context,
    DifficultyMetric,
    DrawContext,
    Gate,
    Part,
    Pool,
    Reward,
    Sampler,
    Sandbox,
    Setup,
    StagePolicy,
)
from stagerl_plugins.rewards.function import reward
from stagerl_plugins.types import (
    Admission,
    Decision,
    Ended,
    Estimate,
    Execution,
    Group,
    IntArray,
    Limits,
    Move,
    Outcome,
    PromptRequest,
    Response,
    Rollout,
    RunInfo,
    StepRecord,
    Transition,
    Verdict,
)

if TYPE_CHECKING:
    from stagerl_plugins.config import PluginSpec
    from stagerl_plugins.plugins import Options

__all__ = [
    "CONTRACT",
    "Admission",
    "Context",
    "Decision",
    "DifficultyMetric",
    "DrawContext",
    "Ended",
    "Estimate",
    "Execution",
    "Gate",
    "Group",
    "IntArray",
    "Limits",
    "Move",
    "Options",
    "Outcome",
    "Part",
    "PluginSpec",
    "Pool",
    "Problems",
    "PromptRequest",
    "Register",
    "Response",
    "Reward",
    "Rollout",
    "RunInfo",
    "Sampler",
    "Sandbox",
    "Setup",
    "StagePolicy",
    "StepRecord",
    "Transition",
    "UserError",
    "Verdict",
    "hookimpl",
    "reward",
]

_MODELS = {"Options": "plugins", "PluginSpec": "config"}  # their pydantic takes as long to import as all the rest


def __getattr__(name: str) -> Any:
    """Import what is built with pydantic when it is first asked for."""
    if name not in _MODELS:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODELS[name]}"), name)
    return value
