"""Contract tests of the plugins that live in the curriculum."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np

from stagerl_plugins.errors import PluginError, UserError, account_of
from stagerl_plugins.plugins import Plugins, Registration
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import Context
from stagerl_plugins.testing.contract_error import ContractError
from stagerl_plugins.testing.resume_checks import check_resume
from stagerl_plugins.testing.simulation import BATCH_SIZE, GROUP_SIZE, STAGES, SimulatedRun, simulated_config
from stagerl_plugins.types import Admission, Decision, Estimate, StepRecord


def check_in_curriculum(
    registration: Registration, options: Mapping[str, Any], plugins: Plugins, problems: Problems
) -> None:
    """All that is asked of a sampler, gate, stage policy or difficulty metric, in simulated runs.

    Raises:
        ContractError: The plugin breaks the contract.
    """
    try:
        _check_everywhere(registration, {registration.name: dict(options)}, plugins, problems)
    except PluginError as error:  # names it already
        raise ContractError(str(error)) from error
    except UserError as error:
        raise ContractError(f"{registration}: {error}") from error
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(f"{registration}: {account_of(error)}") from error


def _check_everywhere(
    registration: Registration, spec: Mapping[str, Any], plugins: Plugins, problems: Problems
) -> None:
    """In each place that a plugin of this kind may have in a configuration."""
    checks = {
        "sampler": _check_draws,
        "gate": _check_admissions,
        "stage_policy": _check_decisions,
        "difficulty_metric": _check_estimates,
    }
    for path, settings in _places(registration, spec, plugins, problems).items():

        def new_run(problems: Problems = problems, settings: Mapping[str, Any] = settings) -> SimulatedRun:
            return SimulatedRun(settings, problems, plugins)

        checks[registration.kind](registration, path, new_run())
        _check_purity(registration, path, new_run())
        check_resume(registration, new_run, problems)


def _places(
    registration: Registration, spec: Mapping[str, Any], plugins: Plugins, problems: Problems
) -> dict[str, dict[str, Any]]:
    """Where a plugin is tried: its path in the curriculum, and the settings that put it there."""
    if registration.kind == "sampler":
        unmixed = {name: {k: v for k, v in stage.items() if k != "mix"} for name, stage in STAGES.items()}
        settings = simulated_config(plugins, sampler=spec, stages=unmixed)
        sampler = SimulatedRun(settings, problems, plugins).curriculum.tree.nodes["sampler"].part
        return {"sampler": settings if getattr(sampler, "mixes", False) else {**settings, "stages": STAGES}}
    if registration.kind == "gate":
        return {f"gates.{registration.name}": simulated_config(plugins, gates=spec)}
    if registration.kind == "difficulty_metric":
        return {f"difficulty.{registration.name}": simulated_config(plugins, difficulty=spec)}
    until = {name: {**stage, "until": spec} for name, stage in STAGES.items()}
    return {
        "stages.first.until": simulated_config(plugins, stages=until),
        f"guards.{registration.name}": simulated_config(plugins, guards=spec),
    }


def _check_draws(registration: Registration, path: str, run: SimulatedRun) -> None:
    """Few, many and more than there are; the core itself refuses what is not distinct, allowed, or too much."""
    run.curriculum.start(1)
    for step, count in enumerate((1, 5, len(run.problems) - 1, 2 * len(run.problems)), start=1):
        run.curriculum.begin_step(step)
        if not run.curriculum.draw(count):
            raise ContractError(f"{registration}: draw returned nothing when asked for {count} of a full pool")
        run.curriculum.draw(2)


def _check_admissions(registration: Registration, path: str, run: SimulatedRun) -> None:
    run.curriculum.start(1)
    for index in range(len(run.problems)):
        group = run.group(1, index, GROUP_SIZE)
        if len(group.scores) < 2:
            continue
        run.curriculum.tree.ask(path, "admit", Admission, _context(run), group)


def _check_decisions(registration: Registration, path: str, run: SimulatedRun) -> None:
    """Between any two steps: asked twice, it answers twice the same."""
    run.curriculum.start(1)
    first = True
    while first or run.run_step() is not None:
        first = False
        one, two = (run.curriculum.tree.ask(path, "decide", Decision, _context(run)) for _ in range(2))
        if not all(isfinite(value) for value in one.evidence.values()):
            raise ContractError(
                f"{registration}: a Decision's evidence must be finite numbers, got {dict(one.evidence)}"
            )
        if one != two:
            raise ContractError(f"{registration}: decide must be pure, but asked twice it said {one} and {two}")


def _check_estimates(registration: Registration, path: str, run: SimulatedRun) -> None:
    while True:
        for indices in (np.arange(len(run.problems)), np.array([3, 1]), np.empty(0, dtype=np.int64)):
            estimate = run.curriculum.tree.ask(path, "estimate", Estimate, indices)
            low, mean, high = (np.asarray(values) for values in (estimate.low, estimate.mean, estimate.high))
            if not low.shape == mean.shape == high.shape == indices.shape:
                raise ContractError(
                    f"{registration}: estimate must have a value for each of the {len(indices)} indices"
                )
            if not ((low >= 0) & (low <= mean) & (mean <= high) & (high <= 1)).all():
                raise ContractError(f"{registration}: estimate must keep 0 <= low <= mean <= high <= 1")
        if run.run_step() is None:
            return


def _check_purity(registration: Registration, path: str, run: SimulatedRun) -> None:
    """To be asked for a decision, an estimate or metrics changes no state; a step without any group is survived."""
    while run.run_step() is not None:
        before = _fingerprint(run.state_dict())
        if registration.kind == "stage_policy":
            run.curriculum.tree.call(path, "decide", _context(run))
        if registration.kind == "difficulty_metric":
            run.curriculum.tree.call(path, "estimate", np.arange(len(run.problems)))
        numbers = run.curriculum.tree.call(path, "metrics")
        if not all(isinstance(name, str) and isfinite(value) for name, value in numbers.items()):
            raise ContractError(f"{registration}: metrics must be finite numbers by name, got {numbers}")
        if _fingerprint(run.state_dict()) != before:
            raise ContractError(f"{registration}: to be asked a question must change no state; only what happens may")
    run.curriculum.observe(StepRecord(run.step + 1, run.curriculum.stage, ()), BATCH_SIZE)


def _context(run: SimulatedRun) -> Context:
    curriculum = run.curriculum
    return Context(run.step + 1, curriculum.stage, curriculum.stage_began_at, curriculum.visits[curriculum.stage])


def _fingerprint(state: Any) -> str:
    """A text that is the same just for the same tree of JSON values and arrays."""
    if isinstance(state, np.ndarray):
        return f"{state.dtype}{state.shape}{hashlib.sha256(np.ascontiguousarray(state).tobytes()).hexdigest()}"
    if isinstance(state, Mapping):
        return "{" + ",".join(f"{key!r}:{_fingerprint(value)}" for key, value in state.items()) + "}"
    if isinstance(state, list | tuple):
        return "[" + ",".join(_fingerprint(value) for value in state) + "]"
    return repr(state)
