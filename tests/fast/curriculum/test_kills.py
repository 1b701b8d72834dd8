"""Killed anywhere, any number of times, a curriculum repeats the undisturbed run: for every built-in."""

import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagerl_plugins.curriculum.state import load_state, save_state
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.testing.simulation import STAGES, SimulatedRun, simulated_config, simulated_problems

PLUGINS = load_plugins()
PROBLEMS = simulated_problems()


def until(policy):
    return {"stages": {name: {**stage, "until": policy} for name, stage in STAGES.items()}}


SETTINGS = {
    "uniform": {"sampler": "uniform"},
    "sequential": {"sampler": "sequential"},
    "mopps": {"sampler": {"mopps": {"candidates": 2}}},
    "greso": {"sampler": {"greso": {"p_easy": 0.2, "p_hard": 0.2, "adjustment": 0.1}}},
    "greso_around_mopps": {"sampler": {"greso": {"inner": "mopps"}}},
    "zero_variance": {"gates": "zero_variance"},
    "pass_rate": {"difficulty": {"pass_rate": {"grader": "sim"}}},
    "running_pass_rate": {"difficulty": {"running_pass_rate": {"discount": 0.5}}},
    "fixed_steps": until({"fixed_steps": {"steps": 4}}),
    "plateau": until({"plateau": {"window": 8, "min_gain": 0.3, "alpha": 0.3, "patience": 2}}),
    "pass_rate_threshold": until({"pass_rate_threshold": {"threshold": 0.35, "window": 3}}),
    "validation_drop": {"guards": {"validation_drop": {"window": 1, "alpha": 0.05}}},
    "any_of": until({"any_of": {"policies": ["validation_drop", {"fixed_steps": {"steps": 6}}]}}),
    "all_of": until(
        {"all_of": {"policies": [{"fixed_steps": {"steps": 4}}, {"pass_rate_threshold": {"threshold": 0.3}}]}}
    ),
    "all_at_once": {
        **until({"any_of": {"policies": [{"plateau": {"window": 8, "min_gain": 0.3, "alpha": 0.3}}]}}),
        "sampler": {"greso": {"inner": "uniform"}},
        "gates": "zero_variance",
        "guards": {"validation_drop": {"window": 1, "alpha": 0.05}},
        "difficulty": {"running_pass_rate": {}},
    },
}


def new_run(name, seed):
    return SimulatedRun(simulated_config(PLUGINS, **SETTINGS[name], seed=seed), PROBLEMS, PLUGINS)


@cache
def undisturbed(name, seed):
    run = new_run(name, seed)
    return tuple(iter(run.run_step, None)), run.ended


def run_with_kills(name, seed, kills, every, folder):
    """Run a curriculum whose process is killed again and again, and started again with the same command.

    A process does some steps, and is killed in the next one: before it begins, after its draw, or at its end, before
    the checkpoint. Every so many steps there is a checkpoint.
    """
    trace = {}
    run = new_run(name, seed)
    for alive, place in kills:
        latest = (run.step + alive) // every * every
        for _ in range(alive):
            step = run.run_step()
            if step is None:
                return trace, run.ended
            trace.setdefault(step["step"], []).append(step)
            if run.step == latest:
                save_state(folder, run.state_dict())
        if place == "drawn" and run.step > 0:
            run.curriculum.decide(run.step + 1)
            run.curriculum.begin_step(run.step + 1)
            run.curriculum.draw(5)
        if place == "unsaved":
            run.run_step()
        run = new_run(name, seed)
        if folder.exists():
            run.load_state_dict(load_state(folder))
    for step in iter(run.run_step, None):
        trace.setdefault(step["step"], []).append(step)
    return trace, run.ended


def check(name, seed, kills, every):
    expected, reason = undisturbed(name, seed)
    memory = Path("/dev/shm")  # saves a disk some thousand writes
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        trace, ended = run_with_kills(name, seed, kills, every, Path(folder) / "state")
    assert ended == reason
    for step in expected:
        for repeated in trace.pop(step["step"]):
            assert repeated == step
    assert not trace


schedules = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["begins", "drawn", "unsaved"])), min_size=10, max_size=20
)


@pytest.mark.parametrize("name", SETTINGS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 3), kills=schedules, every=st.integers(1, 3))
def test_ten_to_twenty_kills_in_a_run_change_nothing(name, seed, kills, every):
    check(name, seed, kills, every)


@pytest.mark.faults
@pytest.mark.parametrize("name", SETTINGS)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 50), kills=schedules, every=st.integers(1, 5))
def test_thousands_of_kills_change_nothing(name, seed, kills, every):
    check(name, seed, kills, every)


def test_the_runs_contain_what_they_are_to_show():
    """Advances by policy, a move back, and skips are in the runs that are killed above."""
    moves = {name: [step["moved"][0] for step in undisturbed(name, 0)[0] if step["moved"]] for name in SETTINGS}
    assert "back" in moves["validation_drop"]
    assert "back" in moves["any_of"]
    reasons = [step["moved"][1] for seed in range(4) for step in undisturbed("plateau", seed)[0] if step["moved"]]
    assert any("a plateau" in reason for reason in reasons)
    reasons = [step["moved"][1] for step in undisturbed("pass_rate_threshold", 0)[0] if step["moved"]]
    assert any("at or above" in reason for reason in reasons)
    assert undisturbed("greso", 0)[0][-1]["metrics"]["sampler/skipped"] > 10
