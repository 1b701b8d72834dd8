"""Every hook, one short docstring each: the whole contract on one page.

Hooks register plugins or watch a run. They are never asked "what next?": the objects that the configuration chose are.
"""

from __future__ import annotations

from typing import Any, Protocol

import pluggy

from stagerl_plugins.types import RunInfo, StepRecord, Transition

CONTRACT = 1  # the version that a plugin declares as `stagerl_contract`

hookspec = pluggy.HookspecMarker("stagerl_plugins")
hookimpl = pluggy.HookimplMarker("stagerl_plugins")


class Register(Protocol):
    """Registers `factory(options, setup)` under a name; `options` is a pydantic model class, or None for no options."""

    def __call__(self, name: str, factory: Any, options: Any = None) -> None: ...


@hookspec
def register_difficulty_metrics(register: Register) -> None:
    """Register difficulty metrics."""


@hookspec
def register_stage_policies(register: Register) -> None:
    """Register stage policies."""


@hookspec
def register_samplers(register: Register) -> None:
    """Register samplers."""


@hookspec
def register_gates(register: Register) -> None:
    """Register gates."""


@hookspec
def register_rewards(register: Register) -> None:
    """Register rewards."""


@hookspec
def register_sandboxes(register: Register) -> None:
    """Register sandboxes."""


@hookspec
def run_started(run: RunInfo) -> None:
    """A run began or was resumed, before its first step."""


@hookspec
def stage_started(transition: Transition) -> None:
    """A stage began."""


@hookspec
def step_ended(record: StepRecord) -> None:
    """A step's groups were judged and observed."""


@hookspec
def checkpoint_saved(step: int, folder: str) -> None:
    """A whole checkpoint lies in `folder`."""


@hookspec
def run_ended(run: RunInfo, reason: str) -> None:
    """A run ended, for this reason."""
