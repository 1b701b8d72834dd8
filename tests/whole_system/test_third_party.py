"""A run made of a third-party package alone: it is installed, our own plugins are switched off, and verl trains."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pytest
import yaml
from harness import BIN, ROOT, Run, configuration, train, write_rows

PACKAGE = ROOT / "examples" / "third_party_plugin"
NAME = "stagerl-reasoning-gym"
PRIOR, TARGET = 8.0, 0.6  # of the difficulty metric and the sampler


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory):
    """The package in a folder of its own on the path, and nothing else allowed, in all processes that start here."""
    target = str(tmp_path_factory.mktemp("packages"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", target]
    subprocess.run([*pip, str(PACKAGE)], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", target)
        patch.setenv("STAGERL_LOAD_PLUGINS", NAME)
        yield


def make_problems(path: Path, *arguments: str) -> Path:
    """Problems as the package's command makes them, asked in the alphabet of the tiny model: `a5-b9=` for 5 - 9."""
    command = [sys.executable, "-m", "stagerl_reasoning_gym.problems", "--out", str(path), *arguments]
    subprocess.run(command, check=True, capture_output=True)
    rows = pyarrow.parquet.read_table(path).to_pylist()
    for row in rows:
        expression = json.loads(row["reward_model"]["ground_truth"])["metadata"]["expression"]
        letters = iter("abcdefghij")
        text = re.sub(r"\d+", lambda number, letters=letters: next(letters) + number[0], expression.replace(" ", ""))
        row["prompt"] = [{"role": "user", "content": f"{text}="}]
    return write_rows(path, rows)


@pytest.fixture(scope="module")
def problem_files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reasoning_gym")
    return {
        "train": make_problems(folder / "train.parquet", "--levels", "4", "--each", "16"),
        "held_out": make_problems(folder / "held_out.parquet", "--levels", "4", "--each", "2", "--seed", "1"),
    }


@pytest.fixture(scope="module")
def run(problem_files, tmp_path_factory) -> Run:
    """The package's own stages, three steps of them, its policy asked to be content early."""
    settings = yaml.safe_load((PACKAGE / "stages.yaml").read_text())
    settings["rewards"] = {"default": {"reasoning_gym": {"pattern": r"\\boxed\{(.*?)\}"}}}
    run = train(
        tmp_path_factory.mktemp("third_party"),
        configuration(problem_files, max_steps=3, **settings),
        f"sampler.frontier.target={TARGET}",
        "stages.lowest.until.mastered.rollouts=16",
        "stages.lowest.until.mastered.pass_rate=0.02",
    )
    assert run.code == 0, run.stderr + run.log[-3000:]
    return run


@pytest.fixture(scope="module")
def entries(problem_files) -> dict[str, dict]:
    """reasoning-gym's entry of each problem, with its level."""
    rows = pyarrow.parquet.read_table(problem_files["train"]).to_pylist()
    return {row["id"]: {**json.loads(row["reward_model"]["ground_truth"]), "level": row["level"]} for row in rows}


def pass_rates(run: Run, entries: dict, until: int) -> list[float]:
    """What the difficulty metric must say of each level after this step, from what the run wrote down."""
    judged, right = Counter(), Counter()
    for step in range(1, until + 1):
        for row in run.observations(step):
            level = entries[row["problem"]]["level"]
            judged[level] += row["outcome"] != "not_judged"
            right[level] += row["outcome"] == "correct"
    return [(PRIOR * (4 - level) / 5 + right[level]) / (PRIOR + judged[level]) for level in range(4)]


def journal(run: Run, event: str) -> list[dict]:
    lines = map(json.loads, (run.folder / "reasoning_gym.jsonl").read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def groups(run: Run, step: int) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row in run.observations(step):
        found.setdefault(row["problem"], []).append(row)
    return found


def test_the_run_knows_the_package_s_plugins_and_no_others(run):
    written = json.loads((run.folder / "run.json").read_text())
    assert len(written["plugins"]) == 6
    assert all(plugin.endswith(f" of {NAME} 0.1.0") for plugin in written["plugins"])
    assert written["versions"][NAME] == "0.1.0"


def test_the_stage_policy_moved_the_run_long_before_its_bound(run):
    assert [(line["step"], line["stage"]) for line in run.metrics] == [(1, "lowest"), (2, "higher"), (3, "higher")]
    outcomes = Counter(row["outcome"] for row in run.observations(1))
    right, judged = outcomes["correct"], outcomes.total() - outcomes["not_judged"]
    assert run.metrics[1]["transition"] == f"advance: {right} of {judged} rollouts were right"


def test_the_sampler_drew_what_was_nearest_to_its_target_given_all_that_was_observed_before(run, entries):
    for step, levels in ((1, {0}), (2, {0, 1, 2, 3}), (3, {0, 1, 2, 3})):
        distance = [abs(rate - TARGET) for rate in pass_rates(run, entries, step - 1)]
        pool = {problem: distance[entry["level"]] for problem, entry in entries.items() if entry["level"] in levels}
        drawn = groups(run, step).keys()
        assert len(drawn) >= 8
        assert max(pool[problem] for problem in drawn) <= min(pool[problem] for problem in pool.keys() - drawn)


def test_the_gate_rejected_the_groups_without_a_right_answer(run):
    reasons = Counter()
    for step in (1, 2, 3):
        for rows in groups(run, step).values():
            solved = any(row["outcome"] == "correct" for row in rows)
            assert {row["admitted"] for row in rows} == {solved}
            reasons[rows[0]["reason"]] += 1
    assert reasons.keys() == {"", "no score of 1"}


def test_verl_trained_on_admitted_groups_alone(run):
    trained = [batch for batch in run.seen("advantages") if batch["uids"]]
    assert trained
    for batch in trained:
        best: dict[str, float] = {}
        for uid, score in zip(batch["uids"], batch["scores"], strict=True):
            if uid.startswith("s"):  # the others are rows that verl fills a mini-batch with; they have no loss
                best[uid] = max(score, best.get(uid, 0.0))
        assert set(best.values()) == {1.0}


def test_the_reward_is_the_verifier_s(run, entries):
    from reasoning_gym.factory import get_score_answer_fn

    verify = get_score_answer_fn("chain_sum")
    rows = [row for step in (1, 2, 3) for row in run.observations(step)]
    for row in rows:
        if row["outcome"] != "bad_format":
            assert row["score"] == verify(row["detail"], entries[row["problem"]])
    assert {"correct", "wrong"} <= {row["outcome"] for row in rows}


def test_the_difficulty_metric_is_in_the_log_and_learns(run, entries):
    for line in run.metrics:
        logged = [line[f"curriculum/difficulty.level_pass_rate/level_{level}"] for level in range(4)]
        assert logged == pytest.approx(pass_rates(run, entries, line["step"]))


def test_hook_run_started(run):
    assert journal(run, "run_started") == [
        {"event": "run_started", "resumed_from": None, "stages": ["lowest", "higher"]}
    ]


def test_hook_stage_started(run):
    assert [(line["step"], line["stage"]) for line in journal(run, "stage_started")] == [(1, "lowest"), (2, "higher")]


def test_hook_step_ended(run, entries):
    lines = journal(run, "step_ended")
    assert [line["step"] for line in lines] == [1, 2, 3]
    for line in lines:
        rows = run.observations(line["step"])
        assert sum(judged for _, judged in line["right"].values()) == sum(r["outcome"] != "not_judged" for r in rows)
        assert sum(right for right, _ in line["right"].values()) == sum(r["outcome"] == "correct" for r in rows)


def test_hook_checkpoint_saved(run):
    steps = [line["step"] for line in journal(run, "checkpoint_saved")]
    assert steps[0] == 1  # the end of the first stage
    assert sorted(path.name for path in run.folder.glob("global_step_*")) == [f"global_step_{step}" for step in steps]


def test_the_last_step_is_saved(run):
    assert journal(run, "checkpoint_saved")[-1]["step"] == 3
    assert json.loads((run.folder / "run.json").read_text())["ended"]["step"] == 3


def test_hook_run_ended(run):
    (line,) = journal(run, "run_ended")
    assert line["reason"] == json.loads((run.folder / "run.json").read_text())["ended"]["reason"]


def test_the_command_lists_the_package_alone():
    done = subprocess.run([BIN / "stagerl", "plugins", "--json"], check=True, capture_output=True, text=True)
    assert {(p["kind"], p["distribution"], p["version"]) for p in json.loads(done.stdout)} == {
        (kind, NAME, "0.1.0")
        for kind in ("difficulty_metric", "gate", "reward", "sampler", "sandbox", "stage_policy", "watcher")
    }


def test_the_package_s_own_tests_pass():
    env = {name: value for name, value in os.environ.items() if name != "STAGERL_LOAD_PLUGINS"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=PACKAGE, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
