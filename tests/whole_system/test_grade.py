"""`stagerl grade` with real vLLM: what it measures, and that a kill or Ctrl-C at any moment changes nothing."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness import BIN, MODEL, heed_interrupts, sums, write_rows

SAMPLES = 64  # so many that a batch takes long enough to be killed in
PROBLEMS = 120


@dataclass(frozen=True)
class Grading:
    """A command that grades into a folder."""

    problems: Path
    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "graded.parquet"

    @property
    def batches(self) -> list[Path]:
        return list(self.folder.glob("graded.parquet.partial/batch_*.parquet"))

    @property
    def rollouts(self) -> pa.Table:
        return pq.read_table(self.folder / "rollouts.parquet")

    def start(self, *more: str) -> subprocess.Popen[str]:
        command = [BIN / "stagerl", "grade", MODEL, self.problems, "--grader", "start", "--device", "cpu"]
        command += ["--out", self.out, "--rollouts", self.folder / "rollouts.parquet"]
        command += ["--samples", SAMPLES, "--max-tokens", 48, "--batch-size", 1, *more]
        self.folder.mkdir(exist_ok=True)
        pipe = subprocess.PIPE
        words = list(map(str, command))
        return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_interrupts)

    def stop(self, how: signal.Signals, batches: int) -> tuple[int, str]:
        """Start, send a signal once so many batches are finished, and see that no process is left."""
        process = self.start()
        log = self.folder / "graded.parquet.partial" / "vllm.log"
        log.unlink(missing_ok=True)
        wait_for(lambda: len(self.batches) >= batches and log.exists() and log.stat().st_size > 0)
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(how)
        _, stderr = process.communicate(timeout=60)
        wait_for(lambda: not any(map(alive, started)), seconds=4)
        assert batches <= len(self.batches) < PROBLEMS
        return process.returncode, stderr


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_for(what: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("problems") / "problems.parquet", sums(PROBLEMS, (2, 5, 7), "grade"))


@pytest.fixture(scope="module")
def undisturbed(problems: Path, tmp_path_factory: pytest.TempPathFactory) -> Grading:
    grading = Grading(problems, tmp_path_factory.mktemp("undisturbed"))
    process = grading.start()
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert "mean pass rate" in stdout
    assert "tokens/s" in stderr
    assert not grading.batches
    return grading


def test_pass_rates_are_what_the_responses_say(undisturbed: Grading) -> None:
    truths = {row["id"]: row["reward_model"]["ground_truth"] for row in pq.read_table(undisturbed.problems).to_pylist()}
    right: dict[str, list[bool]] = {problem: [] for problem in truths}
    for row in undisturbed.rollouts.to_pylist():
        right[row["id"]].append(row["response"].endswith(f"\\boxed{{{truths[row['id']]}}}"))
    table = pq.read_table(undisturbed.out)
    assert table["id"].to_pylist() == list(truths)
    assert table["pass_rate_start"].to_pylist() == [sum(values) / SAMPLES for values in right.values()]
    assert table["successes_start"].to_pylist() == [sum(values) for values in right.values()]
    assert set(table["samples_start"].to_pylist()) == {SAMPLES}
    assert 0 < sum(table["successes_start"].to_pylist()) < SAMPLES * PROBLEMS
    responses = undisturbed.rollouts["response"].to_pylist()
    assert len(set(responses)) > PROBLEMS  # the samples of a problem differ


def test_killed_and_stopped_by_ctrl_c_it_ends_with_the_same(undisturbed: Grading, tmp_path: Path) -> None:
    grading = Grading(undisturbed.problems, tmp_path / "stopped")
    grading.stop(signal.SIGKILL, batches=0)  # while the model is loaded
    code, stderr = grading.stop(signal.SIGINT, batches=2)
    assert code == 130
    assert "the same command goes on from there" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    grading.stop(signal.SIGKILL, batches=len(grading.batches) + 2)
    process = grading.start()
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert pq.read_table(grading.out).equals(pq.read_table(undisturbed.out), check_metadata=True)
    assert grading.rollouts.equals(undisturbed.rollouts)


def test_other_seed_and_a_short_budget(undisturbed: Grading, tmp_path: Path) -> None:
    grading = Grading(undisturbed.problems, tmp_path)
    process = grading.start("--seed", "1", "--max-tokens", "2")
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    table = pq.read_table(grading.out)
    assert set(table["response_length_start"].to_pylist()) == {2.0}
    assert set(table["truncated_start"].to_pylist()) == {1.0}
    begins = [
        text[: len(other)]
        for text, other in zip(*(g.rollouts["response"].to_pylist() for g in (undisturbed, grading)), strict=True)
    ]
    assert begins != grading.rollouts["response"].to_pylist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-tokens", "1000000"], "stagerl: --max-tokens 1000000: no prompt leaves room for it"),
        (["--engine", "dtyp=float32"], "stagerl: --engine dtyp: vLLM has no such argument; did you mean 'dtype'?"),
    ],
)
def test_what_only_vllm_knows_is_refused_in_one_line(
    problems: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    process = Grading(problems, tmp_path).start(*arguments)
    stdout, stderr = process.communicate(timeout=300)
    assert (process.returncode, stdout) == (2, "")
    loading, told = stderr.splitlines()
    assert loading.startswith("loading ")
    assert told.startswith(message)
