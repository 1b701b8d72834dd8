"""Every registered built-in passes the contract tests that a plugin author runs."""

import json

import pytest

from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.testing import check_plugin

PLUGINS = load_plugins()

# options that let a plugin work, or decide, within the 26 steps of a simulated run
OPTIONS = {
    "plateau": {"window": 8, "min_gain": 0.2, "alpha": 0.2, "patience": 2},
    "fixed_steps": {"steps": 3},
    "pass_rate_threshold": {"threshold": 0.3, "window": 3},
    "token_budget": {"tokens": 500},
    "validation_drop": {"window": 1, "alpha": 0.05},
    "any_of": {"policies": ["validation_drop", {"fixed_steps": {"steps": 4}}]},
    "all_of": {"policies": [{"pass_rate_threshold": {"threshold": 0.3, "window": 3}}, {"fixed_steps": {"steps": 4}}]},
    "greso": {"inner": {"mopps": {"candidates": 2}}, "p_easy": 0.2},
    "pass_rate": {"grader": "sim"},
    "overlong": {"cache_tokens": 512},
    "format": {"form": "think_boxed"},
    "weighted": {
        "rewards": {
            "answer": {"reward": "math"},
            "length": {"reward": {"overlong": {"cache_tokens": 9}}, "weight": 0.5},
        }
    },
}
GROUND_TRUTHS = {"code": json.dumps({"inputs": ["1\n"], "outputs": ["2\n"]})}
ELSEWHERE = {"e2b", "sandbox_fusion"}  # they need a service: tests/processes
OURS = [
    (r.kind, r.name)
    for r in PLUGINS.registrations.values()
    if r.distribution == "stagerl-plugins" and r.name not in ELSEWHERE
]


def a_verl_function(tmp_path):
    file = tmp_path / "score.py"
    file.write_text("def compute_score(data_source, solution_str, ground_truth, extra_info):\n    return 1.0\n")
    return {"path": str(file)}


@pytest.mark.parametrize(("kind", "name"), OURS)
def test_contract(kind, name, tmp_path):
    options = a_verl_function(tmp_path) if name == "verl_function" else OPTIONS.get(name)
    check_plugin(kind, name, options, plugins=PLUGINS, ground_truth=GROUND_TRUTHS.get(name, "42"))


def test_there_are_built_ins_of_every_kind_that_lives_in_the_curriculum():
    kinds = {kind for kind, _ in OURS}
    assert {"sampler", "gate", "stage_policy", "difficulty_metric"} <= kinds
