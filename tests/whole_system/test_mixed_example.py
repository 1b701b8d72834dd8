"""The example with math and code in one batch: problems, model and run as its README has them, but shorter."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import BIN, ROOT, Run, train

from stagerl_plugins.problem_files import read_problems

EXAMPLE = ROOT / "examples" / "mixed_math_code"
HUMAN_EVAL = ROOT / "tests" / "processes" / "sandboxes" / "human_eval.jsonl.gz"
MATH, CODE, ROLLOUTS = 16, 8, 8  # prompts of each domain in a batch of 24, and rollouts of each


def script(folder: Path, name: str, *arguments: str | Path) -> str:
    """What a script of the example prints when it is started in `folder`."""
    command = [sys.executable, EXAMPLE / name, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two steps of the first stage and one of the second, with a model of less supervised training."""
    folder = tmp_path_factory.mktemp("mixed")
    script(folder, "make.py", "--scale", "0.25")
    config = yaml.safe_load((EXAMPLE / "mixed.yaml").read_text())
    run = train(folder, config, "stages.shown.max_steps=2", "stages.to_find.max_steps=1")
    assert run.code == 0, run.stderr + run.log[-3000:]
    return run


def rollouts_of(run: Run, domain: str) -> list[dict[str, Any]]:
    return [row for step in (1, 2, 3) for row in run.observations(step) if row["problem"].startswith(f"{domain}: ")]


def test_no_held_out_problem_is_trained_on(run: Run) -> None:
    made = run.folder.parents[1] / "build" / "mixed_math_code"
    train, held_out = (read_problems(made / f"{name}.parquet") for name in ("train", "held_out"))
    assert not {*train["id"].to_pylist()} & {*held_out["id"].to_pylist()}
    assert Counter(train["level"].to_pylist()) == {"shown": 240, "to_find": 120}


def test_every_batch_has_exactly_the_ratio(run: Run) -> None:
    assert [entry["stage"] for entry in run.metrics if "stage" in entry] == ["shown", "shown", "to_find"]
    for step, entry in zip((1, 2, 3), (e for e in run.metrics if "stage" in e), strict=True):
        rows = run.observations(step)
        assert all(row["admitted"] for row in rows)
        prompts = Counter(problem.partition(":")[0] for problem in {row["problem"] for row in rows})
        assert prompts == {"math": MATH, "code": CODE}
        assert len(rows) == (MATH + CODE) * ROLLOUTS == entry["rollouts/trained"]
        assert entry["curriculum/mix/owed/math"] == entry["curriculum/mix/owed/code"] == pytest.approx(0)


def test_both_domains_are_judged_by_their_own_reward(run: Run) -> None:
    math, code = (Counter(row["outcome"] for row in rollouts_of(run, domain)) for domain in ("math", "code"))
    assert {"correct", "wrong"} <= math.keys() <= {"correct", "wrong", "bad_format"}
    assert {"correct", "partial"} <= code.keys() <= {"correct", "partial", "wrong", "bad_format"}


def test_programs_ran_and_passed_the_tests_that_their_score_says(run: Run) -> None:
    for row in rollouts_of(run, "code"):
        if row["outcome"] != "bad_format":
            assert row["detail"] == f"{round(row['score'] * 5)} of 5 tests passed"
    of_two = {row["score"] for row in rollouts_of(run, "code") if row["outcome"] == "partial"}
    assert 0.4 in of_two  # programs for two numbers, in two of five tests


def test_every_domain_and_level_is_validated(run: Run) -> None:
    validated = [entry for entry in run.metrics if any(name.startswith("validation/") for name in entry)]
    assert [entry["step"] for entry in validated] == [0, 3]
    sets = {f"validation/{domain} {level}" for domain in ("math", "code") for level in ("shown", "to_find")}
    assert all(sets <= entry.keys() for entry in validated)


def test_the_run_is_shown_by_domain(run: Run) -> None:
    shown = script(run.folder.parents[1], "show.py")
    assert f"3 of 3 steps trained on {MATH} math and {CODE} code prompts" in shown
    assert shown.count(f" {MATH} : {CODE} ") == 3


def test_the_real_model_s_run_is_accepted_and_planned(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "examples" / "mixed_math_code")
    (tmp_path / "HumanEval.jsonl").write_bytes(gzip.decompress(HUMAN_EVAL.read_bytes()))
    (tmp_path / "math.jsonl").write_text('{"question": "Two and two?", "answer": "They are four.\\n#### 4"}\n' * 3)
    for name in ("train", "held_out"):
        out = f"build/mixed_real/{name}.parquet"
        script(tmp_path, "real_data.py", "--math", "math.jsonl", "--code", "HumanEval.jsonl", "--out", out)
    command = [BIN / "stagerl", "train", EXAMPLE / "real.yaml", "--dry-run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert " 167 " in done.stdout
    assert not (tmp_path / "runs").exists()
