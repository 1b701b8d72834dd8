"""Our rewards in verl's own trainer, without stages: what is asserted is what verl itself wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import configuration, environment, left_below, sums, write_rows

from stagerl_plugins.config_files import flatten
from stagerl_plugins.training.launch import hydra_value

MANAGER = (
    "reward.reward_manager.source=importlib",
    "reward.reward_manager.module.path=pkg://stagerl_plugins.training.reward_manager",
    "reward.reward_manager.name=VerdictManager",
)
REWARDS = (
    "+reward.stagerl.rewards.sums=math",
    "+reward.stagerl.rewards.programs={code:{take:whole,sandbox:{local:{workers:1}}}}",
    "+reward.stagerl.rewards.odd=half_judged",
    "+reward.stagerl.judging.processes=1",
)


@dataclass(frozen=True)
class StockRun:
    """A finished run of verl's own, and the folder that it wrote to."""

    folder: Path
    done: subprocess.CompletedProcess[str]

    def validation(self, step: int) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "validation" / f"{step}.jsonl").read_text().splitlines()]

    @property
    def metrics(self) -> list[dict]:
        lines = (self.folder / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line)["data"] for line in lines]


def problems(count: int, tag: str) -> list[dict]:
    """Sums by three data sources in turn: the second asks for a program, the third is judged by a reward that fails."""
    rows = sums(count, (3, 4), tag)
    for row in rows[1::3]:
        tests = json.dumps({"inputs": ["1\n"], "outputs": ["1\n"]})
        row.update(data_source="programs", reward_model={"style": "rule", "ground_truth": tests})
    for row in rows[2::3]:
        row["data_source"] = "odd"
    return rows


@pytest.fixture(scope="module", params=["v1", "classic"])
def run(tmp_path_factory, request) -> StockRun:
    """A run of each of verl's two trainers."""
    folder = tmp_path_factory.mktemp("stock_rewards")
    files = {name: write_rows(folder / f"{name}.parquet", problems(24, name)) for name in ("train", "held_out")}
    verl = {
        "actor_rollout_ref.rollout.n": 4,
        "reward.num_workers": 2,
        "trainer.use_v1": request.param == "v1",
        "trainer.total_training_steps": 2,
        "trainer.total_epochs": 1,
        "trainer.test_freq": 2,
        "trainer.resume_mode": "disable",
        "trainer.logger": ["console", "file"],
        "trainer.validation_data_dir": str(folder / "validation"),
        "trainer.default_local_dir": str(folder / "checkpoints"),
    }
    own = [f"{key}={hydra_value(value)}" for key, value in flatten(configuration(files, verl=verl)["verl"]).items()]
    command = [sys.executable, "-m", "verl.trainer.main_ppo", "+stagerl_device=cpu", *own, *MANAGER, *REWARDS]
    env = environment(plugins=True) | {
        "VERL_PLATFORM": "cpu",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VERL_FILE_LOGGER_PATH": str(folder / "metrics.jsonl"),
    }
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert ("Legacy trainer" in done.stdout + done.stderr) == (request.param == "classic")
    return StockRun(folder, done)


def test_verl_took_both_steps_and_updated_the_weights(run):
    steps = [metrics for metrics in run.metrics if "actor/grad_norm" in metrics]
    assert len(steps) == 2
    assert all(metrics["actor/grad_norm"] > 0 for metrics in steps)
    assert all(0 <= metrics["critic/score/mean"] <= 1 for metrics in steps)


def test_each_data_source_is_judged_by_its_own_reward(run):
    rows = run.validation(2)
    by_source = {"sums": rows_of(rows, "sums"), "programs": rows_of(rows, "programs"), "odd": rows_of(rows, "odd")}
    assert {row["verdict"] for row in by_source["sums"]} <= {"correct", "wrong", "bad_format"}
    assert {row["verdict_detail"] for row in by_source["programs"]} == {"0 of 1 tests passed"}  # in the sandbox
    assert {row["verdict"] for row in by_source["odd"]} <= {"partial", "not_judged"}
    for row in by_source["sums"]:
        assert row["acc"] == row["score"] == float(row["verdict"] == "correct")


def rows_of(rows: list[dict], source: str) -> list[dict]:
    """Rows of verl's dump, which has no data source, by their ground truth."""
    held_out = problems(24, "held_out")
    texts = {row["prompt"][0]["content"]: row["data_source"] for row in held_out}
    return [row for row in rows if next(s for text, s in texts.items() if text in row["input"]) == source]


def test_what_was_not_judged_scores_0_and_is_counted_by_verl(run):
    rows = rows_of(run.validation(2), "odd")
    lost = [row["verdict"] == "not_judged" for row in rows]
    assert [row["not_judged"] for row in rows] == lost
    assert all(row["score"] == 0 for row, gone in zip(rows, lost, strict=True) if gone)
    (last,) = [metrics for metrics in run.metrics if "val-aux/odd/not_judged/mean@1" in metrics]
    assert last["val-aux/odd/not_judged/mean@1"] == pytest.approx(sum(lost) / len(rows))
    assert last["val-aux/sums/not_judged/mean@1"] == 0


def test_verl_s_accuracy_is_that_of_the_verdicts(run):
    rows = rows_of(run.validation(2), "sums")
    (last,) = [metrics for metrics in run.metrics if "val-core/sums/acc/mean@1" in metrics]
    right = sum(row["verdict"] == "correct" for row in rows)
    assert last["val-core/sums/acc/mean@1"] == pytest.approx(right / len(rows))


def test_the_first_failure_of_a_reward_is_told_once_a_node_and_not_once_a_worker(run):
    told = [line for line in (run.done.stdout + run.done.stderr).splitlines() if "told once" in line]
    assert len(told) == 1
    assert "reward 'half_judged' of stagerl-test-plugins 1.0: " in told[0]


def test_nothing_of_the_run_is_left(run):
    assert not left_below(run.folder, 60)  # verl's own trainer leaves it to Ray to end its processes
