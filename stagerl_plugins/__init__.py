"""Difficulty-aware staged reinforcement learning for LLM reasoning, as plugins on top of verl."""

from stagerl_plugins.config import PluginSpec
from stagerl_plugins.hookspecs import CONTRACT, hookimpl
from stagerl_plugins.plugins import Options
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import (
    Context,
    DifficultyMetric,
    Gate,
    Part,
    Pool,
    Reward,
    Sampler,
    Sandbox,
    Setup,
    StagePolicy,
)
from stagerl_plugins.types import (
    Admission,
    Decision,
    Estimate,
    Execution,
    Group,
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

__all__ = [
    "CONTRACT",
    "Admission",
    "Context",
    "Decision",
    "DifficultyMetric",
    "Estimate",
    "Execution",
    "Gate",
    "Group",
    "Limits",
    "Move",
    "Options",
    "Outcome",
    "Part",
    "PluginSpec",
    "Pool",
    "Problems",
    "PromptRequest",
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
    "Verdict",
    "hookimpl",
]
