"""Starts real runs: verl, Ray and vLLM on the CPU. A start costs a minute, so runs are shared between assertions."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml

from stagerl_plugins.run_folder import RunFolder
from stagerl_plugins.training.supervise import marked

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
MODEL = Path(os.environ.get("STAGERL_TEST_MODEL", ROOT / "examples" / "quickstart" / "model"))
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Run:
    """A run that has ended, and what it left."""

    folder: Path
    code: int
    stdout: str
    stderr: str
    spy: Path

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return RunFolder(self.folder).metrics()

    @property
    def log(self) -> str:
        return (self.folder / "verl.log").read_text(errors="replace")

    def observations(self, step: int) -> list[dict[str, Any]]:
        path = self.folder / "observations" / f"step_{step:08d}.parquet"
        return pa.parquet.read_table(path).to_pylist()

    def seen(self, event: str) -> list[dict[str, Any]]:
        """What the spy saw in verl's and vLLM's processes, in the order of time."""
        lines = [line for path in self.spy.glob("*.jsonl") for line in path.read_text().splitlines()]
        events = [json.loads(line) for line in lines]
        return sorted((e for e in events if e["event"] == event), key=lambda e: e["time"])


def sums(count: int, terms: Iterable[int], tag: str, domain: Callable[[int], str] = lambda i: "math") -> list[dict]:
    """Rows in verl's format: sums of named terms, as the quickstart's model knows them."""
    rng = random.Random(tag)
    choices = list(terms)
    rows = []
    for number in range(count):
        n = rng.choice(choices)
        values = [rng.randint(1, 9) for _ in range(n)]
        signs = ["+", *(rng.choice("+-") for _ in values[1:])]
        text = "".join(
            f"{sign if place else ''}{'abcdefghij'[place]}{value}"
            for place, (sign, value) in enumerate(zip(signs, values, strict=True))
        )
        total = sum(value if sign == "+" else -value for sign, value in zip(signs, values, strict=True))
        rows.append(
            {
                "id": f"{tag}-{number}",
                "data_source": "sums",
                "prompt": [{"role": "user", "content": f"{text}="}],
                "ability": domain(number),
                "reward_model": {"style": "rule", "ground_truth": str(total)},
                "extra_info": {"id": f"{tag}-{number}", "set": tag},
                "levels": [tag],
            }
        )
    return rows


def write_rows(path: Path, rows: list[dict]) -> Path:
    pa.parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def configuration(files: dict[str, Path], **changes: Any) -> dict[str, Any]:
    """A small run's file; `changes` replaces top-level keys, and `verl` updates verl's."""
    verl = {
        "algorithm.adv_estimator": "grpo",
        "data.train_files": str(files["train"]),
        "data.val_files": str(files["held_out"]),
        "data.train_batch_size": 8,
        "data.max_prompt_length": 48,
        "data.max_response_length": 32,
        "actor_rollout_ref.model.path": str(MODEL),
        "actor_rollout_ref.actor.optim.lr": 1e-4,
        "actor_rollout_ref.actor.ppo_mini_batch_size": 4,
        "actor_rollout_ref.rollout.n": 8,
        "actor_rollout_ref.rollout.max_model_len": 128,
        "actor_rollout_ref.rollout.max_num_batched_tokens": 4096,
        "actor_rollout_ref.rollout.max_num_seqs": 128,
        "trainer.save_freq": -1,
        "trainer.test_freq": -1,
        "trainer.val_before_train": False,
    }
    verl.update(changes.pop("verl", {}))
    return {"device": "cpu", "seed": 7, **changes, "verl": verl}


def environment(spy: Path | None = None, plugins: bool = False) -> dict[str, str]:
    """The environment of a run, with the spy and the stub plugins if wanted."""
    env = dict(os.environ)
    paths = [str(HERE / "plugins")] if plugins else []
    if spy is not None:
        spy.mkdir(parents=True, exist_ok=True)
        paths.append(str(HERE / "spy"))
        env.update(STAGERL_SPY=str(spy), VERL_USE_EXTERNAL_MODULES="stagerl_spy")
    env["PYTHONPATH"] = os.pathsep.join([*paths, env.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return env


def train(folder: Path, config: dict[str, Any], *arguments: str, plugins: bool = False, kill: str | None = None) -> Run:
    """Run `stagerl train` to its end in `folder`; nothing of it may stay behind.

    Args:
        folder: Where to run; `runs/` appears in it.
        config: The configuration file's content.
        arguments: More words for the command line.
        plugins: Make the stub plugins known.
        kill: The moment at which all of the run's processes are killed, as `in step 3`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = config.setdefault("name", "run")
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    spy = folder / "spy"
    command = [str(BIN / "stagerl"), "train", "config.yaml", *arguments]
    env = environment(spy, plugins) | ({"STAGERL_TEST_KILL": kill} if kill else {})
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=900)
    return _ended(folder / "runs" / name, done.returncode, done.stdout, done.stderr, spy)


def heed_interrupts() -> None:
    """For a child: Ctrl-C works, also where the tests run in the background of a shell, which makes it be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt(folder: Path, config: dict[str, Any], line: str, plugins: bool = False) -> Run:
    """Run `stagerl train` until it prints a line with this text, then press Ctrl-C."""
    name = config.setdefault("name", "run")
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    spy = folder / "spy"
    process = subprocess.Popen(
        [str(BIN / "stagerl"), "train", "config.yaml"],
        cwd=folder,
        env=environment(spy, plugins),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    shown = []
    while (text := process.stdout.readline()) and line not in text:
        shown.append(text)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=120)
    return _ended(folder / "runs" / name, process.returncode, "".join([*shown, text, rest]), errors, spy)


@contextlib.contextmanager
def private_ray() -> Iterator[None]:
    """A folder of its own for a cluster that a test makes: runs that start beside it would join one in the common."""
    temporary = tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True)
    with temporary as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        yield


def working_below(folder: Path) -> list[str]:
    """Processes whose working directory lies there: what a run starts inherits it, whatever else it loses."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder):
                found.append(f"{process.pid}: {' '.join(process.cmdline())[:80]}")
    return found


def left_below(folder: Path, seconds: float) -> list[str]:
    """The same, of what has not ended after so many seconds: what was killed takes its time to end."""
    deadline = time.monotonic() + seconds
    while (left := working_below(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _ended(folder: Path, code: int, stdout: str, stderr: str, spy: Path) -> Run:
    assert not marked(str(folder)), "a process was left behind"
    left = left_below(folder.parents[1], 10)
    assert not left, f"left behind without the run's mark: {left}"
    return Run(folder, code, stdout, stderr, spy)
