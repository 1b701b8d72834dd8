"""Contract tests of resume: a run that was killed goes on as if it had not been."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stagerl_plugins.curriculum.state import load_state, save_state
from stagerl_plugins.plugins import Registration
from stagerl_plugins.problems import Problems
from stagerl_plugins.testing.contract_error import ContractError
from stagerl_plugins.testing.simulation import SimulatedRun

NewRun = Callable[[Problems], SimulatedRun]


def check_resume(registration: Registration, new_run: NewRun, problems: Problems) -> None:
    """Kill and resume simulated runs; each must repeat the undisturbed one, step by step.

    They are killed at each step; every sixth goes on to the end; a last one finds its data set changed.

    Raises:
        ContractError: A resumed run differs, or the plugin's state cannot be saved.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, expected = new_run(problems), []
        while (step := run.run_step()) is not None:
            expected.append(step)
            _save(registration, run, folder / str(run.step))
        for kill in range(1, len(expected)):
            run = _resumed(new_run(problems), folder / str(kill))
            for wanted in expected[kill : None if kill % 6 == 0 else kill + 1]:
                _compare(registration, wanted, run.run_step(), f"step {kill}")
        run = _resumed(new_run(_with_other_rows(problems)), folder / str(len(expected) // 2))
        while run.run_step() is not None:
            pass


def _save(registration: Registration, run: SimulatedRun, folder: Path) -> None:
    try:
        save_state(folder, run.state_dict())
    except TypeError as error:
        raise ContractError(f"{registration}: {error}") from error


def _resumed(run: SimulatedRun, folder: Path) -> SimulatedRun:
    run.load_state_dict(load_state(folder))
    return run


def _compare(registration: Registration, wanted: Mapping[str, Any], got: Mapping[str, Any] | None, kill: str) -> None:
    differing = [key for key in wanted if got is None or got[key] != wanted[key]]
    if differing:
        raise ContractError(
            f"{registration}: in a run resumed after {kill}, step {wanted['step']} has another {', '.join(differing)}; "
            "state_dict must hold all that is kept between steps, and all random numbers must come from setup.rng"
        )


def _with_other_rows(problems: Problems) -> Problems:
    """The same problems in another order, less three of them, and with three new ones."""
    rows = np.roll(np.arange(len(problems))[::-1], 7)
    return Problems(
        ids=[*(problems.ids[row] for row in rows[:-3]), "new-0", "new-1", "new-2"],
        domains=[str(domain) for domain in problems.domains[rows]],
        levels={name: mask[rows] for name, mask in problems.levels.items()},
        features={name: problems.feature(name)[rows] for name in problems.feature_names},
    )
