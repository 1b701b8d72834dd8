"""Contract tests of resume: a run that was killed goes on as if it had not been."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np

from stagerl_plugins.config_files import flatten
from stagerl_plugins.curriculum.state import load_state, save_state
from stagerl_plugins.plugins import Registration
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import Context, DifficultyMetric
from stagerl_plugins.testing.contract_error import ContractError
from stagerl_plugins.testing.simulation import SimulatedRun
from stagerl_plugins.types import Estimate

NewRun = Callable[[Problems], SimulatedRun]


def check_resume(registration: Registration, new_run: NewRun, problems: Problems) -> None:
    """Kill and resume simulated runs; each must repeat the undisturbed one, step by step.

    They are killed at each step; every sixth goes on to the end; a last one finds its data set changed.

    Raises:
        ContractError: A resumed run differs, or the plugin's state cannot be saved or is by row.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, expected = new_run(problems), []
        while run.ended is None:
            expected.append(_next(run))
            _save(registration, run, folder / str(run.step))
        for kill in range(1, len(expected)):
            run = _resumed(new_run(problems), folder / str(kill))
            for wanted in expected[kill : None if kill % 6 == 0 else kill + 1]:
                _compare(registration, wanted, _next(run), f"step {kill}")
        half = folder / str(len(expected) // 2)
        run = _resumed(new_run(_with_other_rows(problems)), half)
        _compare_by_id(registration, _resumed(new_run(problems), half), run)
        while run.run_step() is not None:
            pass
    _check_not_by_row(registration, new_run, problems)


def _next(run: SimulatedRun) -> dict[str, Any]:
    """What the next step does, and what policies and difficulty metrics say after it; or why there is none."""
    if (step := run.run_step()) is None:
        return {"step": run.step + 1, "end": run.ended}
    curriculum = run.curriculum
    context = Context(run.step + 1, curriculum.stage, curriculum.stage_began_at, curriculum.visits[curriculum.stage])
    all_problems = np.arange(len(run.problems))
    decisions, estimates = {}, {}
    for path, node in curriculum.tree.nodes.items():
        if path in {f"stages.{curriculum.stage}.until", *(f"guards.{name}" for name in run.config.guards)}:
            decisions[path] = curriculum.tree.call(path, "decide", context)
        if isinstance(node.part, DifficultyMetric):
            estimate: Estimate = curriculum.tree.call(path, "estimate", all_problems)
            estimates[path] = [np.asarray(values).tolist() for values in (estimate.mean, estimate.low, estimate.high)]
    return {**step, "decision": decisions, "estimate": estimates}


def _save(registration: Registration, run: SimulatedRun, folder: Path) -> None:
    try:
        save_state(folder, run.state_dict())
    except TypeError as error:
        raise ContractError(f"{registration}: {error}") from error


def _resumed(run: SimulatedRun, folder: Path) -> SimulatedRun:
    run.load_state_dict(load_state(folder))
    return run


def _compare(registration: Registration, wanted: Mapping[str, Any], got: Mapping[str, Any], kill: str) -> None:
    differing = sorted(key for key in wanted.keys() | got.keys() if got.get(key) != wanted.get(key))
    if differing:
        raise ContractError(
            f"{registration}: in a run resumed after {kill}, step {wanted['step']} has another {', '.join(differing)}; "
            "state_dict must hold all that is kept between steps, and all random numbers must come from setup.rng"
        )


def _compare_by_id(registration: Registration, one: SimulatedRun, other: SimulatedRun) -> None:
    """What a metric knows of a problem goes with it wherever its row is."""
    ids = [identifier for identifier in one.problems.ids if other.problems.get(identifier) is not None]
    for path, node in one.curriculum.tree.nodes.items():
        if not isinstance(node.part, DifficultyMetric):
            continue
        means = []
        for run in (one, other):
            indices = np.array([run.problems.index_of(identifier) for identifier in ids])
            means.append(run.curriculum.tree.ask(path, "estimate", Estimate, indices).mean)
        if not np.array_equal(means[0], means[1]):
            raise ContractError(
                f"{registration}: once rows are in another order, problems have the estimates of others; "
                "keep what belongs to a problem in a column, or by its id"
            )


def _check_not_by_row(registration: Registration, new_run: NewRun, problems: Problems) -> None:
    """What is kept by row is another problem's once rows have changed.

    Draws cannot show it, as they may depend on the rows' order. So it is looked for in the state: as many numbers as
    there are problems, whatever their number, and no id.
    """
    by_row = [_kept_by_row(registration, new_run(some)) for some in (problems, _twice(problems))]
    for place in by_row[0] & by_row[1]:
        raise ContractError(
            f"{registration}: its state's {place} has a number for each row: once rows have changed, problems have "
            "those of others; keep what belongs to a problem in a column, or by its id"
        )


def _kept_by_row(registration: Registration, run: SimulatedRun) -> set[str]:
    """Where in a plugin's own state there is a number for each problem, at the end of a run; nowhere if it has ids."""
    while run.run_step() is not None:
        pass
    places = set()
    for node in run.curriculum.tree.nodes.values():
        if node.registration == registration:
            state = node.part.state_dict()
            shown = repr(state)
            if not any(identifier in shown for identifier in run.problems.ids):
                places |= {key for key, value in flatten(state).items() if _are_numbers(value, len(run.problems))}
    return places


def _are_numbers(value: Any, count: int) -> bool:
    """Whether a value is an array or a list of so many numbers, or of None where there is none yet."""
    if isinstance(value, np.ndarray):
        return count in value.shape and value.dtype.kind in "biuf"
    numbers = isinstance(value, list | tuple) and all(item is None or isinstance(item, Number) for item in value)
    return numbers and len(value) == count


def _twice(problems: Problems) -> Problems:
    """The same problems, and each once more under another id."""
    rows = np.tile(np.arange(len(problems)), 2)
    return Problems(
        ids=[*problems.ids, *(f"{identifier}, once more" for identifier in problems.ids)],
        domains=[str(domain) for domain in problems.domains[rows]],
        levels={name: mask[rows] for name, mask in problems.levels.items()},
        features={name: problems.feature(name)[rows] for name in problems.feature_names},
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
