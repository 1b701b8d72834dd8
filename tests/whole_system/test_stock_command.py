"""verl's own command line with our overrides, and nothing of ours on it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from harness import configuration, environment, train

from stagerl_plugins.config_files import flatten
from stagerl_plugins.run_folder import RunFolder
from stagerl_plugins.training.launch import hydra_value


def command(files, *overrides: str) -> list[str]:
    own = [f"{key}={hydra_value(value)}" for key, value in flatten(configuration(files)["verl"]).items()]
    stock = [sys.executable, "-m", "verl.trainer.main_ppo", "+stagerl=two_stage", "+stagerl_device=cpu"]
    return [*stock, *own, *overrides]


def run(folder, files, *overrides: str) -> subprocess.CompletedProcess[str]:
    env = environment() | {"VERL_PLATFORM": "cpu", "VLLM_CPU_KVCACHE_SPACE": "1"}
    return subprocess.run(command(files, *overrides), cwd=folder, env=env, capture_output=True, text=True, timeout=900)


def test_a_stock_verl_command_trains_in_two_stages(tmp_path, files):
    bounds = ("++stagerl.stages.easy.max_steps=1", "++stagerl.stages.hard.max_steps=1", "++stagerl.name=stock")
    done = run(tmp_path, files, *bounds)
    assert done.returncode == 0, done.stdout[-3000:]
    assert [step["stage"] for step in RunFolder(tmp_path / "runs" / "stock").metrics()] == ["easy", "hard"]
    assert "stagerl: the run ended: all 2 planned steps are done" in done.stdout


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("++stagerl.smapler=uniform", "stagerl.smapler: unknown key; did you mean 'sampler'?"),
        ("algorithm.filter_groups.enable=True", "algorithm.filter_groups.enable=True: use `stagerl.gates="),
        ("++stagerl.stages.easy.levels=[esay]", "the problems have no level 'esay': did you mean 'easy'?"),
        ("data.train_files=/nowhere.parquet", "data.train_files: no such file: /nowhere.parquet"),
        ("++stagerl.stages.hard.until.plateau.windw=9", "until.plateau.windw: unknown key; did you mean 'window'?"),
        ("algorithm.adv_estimator=grop", "adv_estimator=grop: verl has none of this name: did you mean 'grpo'?"),
    ],
)
def test_a_mistake_is_one_line_before_ray_is_started(tmp_path, files, override, line):
    done = run(tmp_path, files, override)
    assert done.returncode == 2
    assert line in done.stderr
    assert "Traceback" not in done.stderr
    assert "ray init" not in done.stdout


def test_a_misspelt_key_of_verl_is_refused_before_anything_is_started(tmp_path, files):
    config = configuration(files, stages={"easy": {"max_steps": 1}}, verl={"data.trian_files": "x"})
    run = train(tmp_path, config)
    assert run.code == 2
    assert "stagerl: verl refuses the configuration: Could not override 'data.trian_files'" in run.stderr
    assert "failed" not in run.stderr
