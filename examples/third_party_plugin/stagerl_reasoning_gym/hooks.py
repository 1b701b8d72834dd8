"""What this package adds: one plugin of each kind, under the names that a configuration uses."""

from __future__ import annotations

from stagerl_plugins import hookimpl
from stagerl_plugins.hookspecs import Register
from stagerl_reasoning_gym.difficulty import LevelPassRate, LevelPassRateOptions
from stagerl_reasoning_gym.gate import SomeSuccess, SomeSuccessOptions
from stagerl_reasoning_gym.policy import Mastered, MasteredOptions
from stagerl_reasoning_gym.reward import ReasoningGymOptions, ReasoningGymReward
from stagerl_reasoning_gym.sampler import Frontier, FrontierOptions
from stagerl_reasoning_gym.sandbox import Remembering, RememberingOptions

stagerl_contract = 1


@hookimpl
def register_difficulty_metrics(register: Register) -> None:
    register("level_pass_rate", LevelPassRate, LevelPassRateOptions)


@hookimpl
def register_stage_policies(register: Register) -> None:
    register("mastered", Mastered, MasteredOptions)


@hookimpl
def register_samplers(register: Register) -> None:
    register("frontier", Frontier, FrontierOptions)


@hookimpl
def register_gates(register: Register) -> None:
    register("some_success", SomeSuccess, SomeSuccessOptions)


@hookimpl
def register_rewards(register: Register) -> None:
    register("reasoning_gym", ReasoningGymReward, ReasoningGymOptions)


@hookimpl
def register_sandboxes(register: Register) -> None:
    register("remembering", Remembering, RememberingOptions)
