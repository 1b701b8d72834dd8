"""Runs of programs a second: the sandbox `local` beside a plain subprocess, bwrap, and verl's own scorer of code.

Prints tables and, as its last line, one JSON object with the ratios; raw results go to `results/code_verdicts.json`.
All methods take turns within one run, as machines are shared and noisy; a ratio is that of the medians over the turns.

bwrap (the package bubblewrap) is left out where it is not installed, a tier where the machine does not offer it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.rewards.code.reward import CodeOptions, CodeReward
from stagerl_plugins.sandboxes.interpreter import Interpreter
from stagerl_plugins.sandboxes.local import LocalOptions, LocalSandbox
from stagerl_plugins.sandboxes.tiers import failure_of
from stagerl_plugins.types import Ended, Limits, Response

RESULTS = Path(__file__).parent / "results" / "code_verdicts.json"
PYTHON = getattr(sys, "_base_executable", sys.executable)
PREFIX = sys.base_prefix
PROGRAM = "print({})"  # with another number each time: the sandbox remembers what it has run
BWRAP = [
    "bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib",
    "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev",
    "--tmpfs", "/tmp", "--ro-bind", PREFIX, PREFIX,
]  # fmt: skip

Run = Callable[[str], tuple[str, float]]  # program -> standard output, seconds


def by_command(*around: str) -> Run:
    def run(program: str) -> tuple[str, float]:
        began = time.perf_counter()
        command = [*around, PYTHON, "-I", "-S", "-c", program]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return done.stdout, time.perf_counter() - began

    return run


def rate(run: Run, programs: list[str], workers: int) -> tuple[float, list[float]]:
    """Runs a second, and the seconds of each run."""
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        seen = list(pool.map(run, programs))
    took = time.perf_counter() - began
    assert all(PROGRAM.format(stdout.strip()) == program for (stdout, _), program in zip(seen, programs, strict=True))
    return len(programs) / took, [seconds for _, seconds in seen]


def by_sandbox(sandbox: Sandbox, programs: list[str]) -> tuple[float, list[float]]:
    """The same for a sandbox, which bounds what runs at a time itself."""

    async def all_of_them() -> list[float]:
        async def one(program: str) -> float:
            (execution,) = await sandbox.run(program, [""], Limits())
            assert execution.ended is Ended.EXITED
            assert PROGRAM.format(execution.stdout.strip()) == program
            return execution.seconds

        return list(await asyncio.gather(*map(one, programs)))

    began = time.perf_counter()
    seconds = asyncio.run(all_of_them())
    return len(programs) / (time.perf_counter() - began), seconds


def tiers() -> dict[str, LocalOptions]:
    """The tiers that this machine offers, with an interpreter that each can read."""
    found = {}
    for tier in "ABC":
        for python in (None, shutil.which("python3", path="/usr/bin")):
            if failure_of(tier, Interpreter.of(python, [])) is None:
                found[tier] = LocalOptions(tier=tier, python=python)
                break
    return found


def trivial_programs(rounds: int, count: int, workers: int, rng: random.Random) -> dict[str, Any]:
    """Runs of a trivial program by each method, in turns."""
    commands = {"subprocess": by_command()}
    if shutil.which("bwrap"):
        commands["bwrap"] = by_command(*BWRAP)
    sandboxes = {
        f"tier {tier}": LocalSandbox(options.model_copy(update={"workers": workers}), None)
        for tier, options in tiers().items()
    }
    rates: dict[str, list[float]] = {}
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name in rng.sample([*commands, *sandboxes], len(commands) + len(sandboxes)):
            programs = [PROGRAM.format(rng.getrandbits(60)) for _ in range(count)]
            if name in commands:
                per_second, seconds = rate(commands[name], programs, workers)
            else:
                per_second, seconds = by_sandbox(sandboxes[name], programs)
            rates.setdefault(name, []).append(per_second)
            times.setdefault(name, []).extend(seconds)
    for sandbox in sandboxes.values():
        asyncio.run(sandbox.close())
    return {
        name: {
            "runs_per_second": statistics.median(values),
            "p50_ms": 1000 * statistics.median(times[name]),
            "p95_ms": 1000 * statistics.quantiles(times[name], n=20)[-1],
            "all": values,
        }
        for name, values in rates.items()
    }


def tested_programs(count: int, rng: random.Random) -> tuple[list[str], list[str]]:
    """Programs that add numbers, a third of them wrongly, and their tests of five inputs each."""
    programs, truths = [], []
    for number in range(count):
        pairs = [(rng.randrange(1000), rng.randrange(1000)) for _ in range(5)]
        off = " + 1" if number % 3 == 0 else ""
        programs.append(f"# {rng.getrandbits(60)}\na, b = map(int, input().split())\nprint(a + b{off})\n")
        truths.append(
            json.dumps({"inputs": [f"{a} {b}\n" for a, b in pairs], "outputs": [f"{a + b}\n" for a, b in pairs]})
        )
    return programs, truths


def by_verl(program: str, truth: str) -> float:
    """verl's score of one program."""
    from verl.utils.reward_score.prime_code import compute_score

    score, _ = compute_score(program, truth, continuous=True)
    return float(score)


class Setup:
    """What the reward's factory is given."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def build(self, kind: str, spec: Any, name: str) -> Sandbox:
        return self._sandbox


def whole_verdicts(rounds: int, count: int, workers: int, rng: random.Random) -> dict[str, Any]:
    """Seconds for the verdicts on programs of five tests each, by us and by verl, in turns."""
    options = next(iter(tiers().values()))
    sandbox = LocalSandbox(options.model_copy(update={"workers": workers}), None)
    reward = CodeReward(CodeOptions(), Setup(sandbox))
    seconds: dict[str, list[float]] = {"stagerl": [], "verl prime_code": []}
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(by_verl, *tested_programs(workers, rng)))  # imports
        for _ in range(rounds):
            programs, truths = tested_programs(count, rng)
            responses = [
                Response(f"```python\n{program}```", truth) for program, truth in zip(programs, truths, strict=True)
            ]
            began = time.perf_counter()
            verdicts = asyncio.run(reward.score(responses))
            seconds["stagerl"].append(time.perf_counter() - began)
            began = time.perf_counter()
            scores = list(pool.map(by_verl, programs, truths))
            seconds["verl prime_code"].append(time.perf_counter() - began)
            assert [verdict.score for verdict in verdicts] == scores
    asyncio.run(sandbox.close())
    return {name: {"seconds": statistics.median(values), "all": values} for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="turns of each method")
    parser.add_argument("--count", type=int, default=200, help="trivial programs in a turn")
    parser.add_argument("--workers", type=int, default=2, help="programs at a time")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    trivial = {n: trivial_programs(given.rounds, given.count, n, rng) for n in sorted({1, given.workers})}
    for workers, found in trivial.items():
        print(f"a trivial program, {workers} at a time")
        for name, numbers in found.items():
            print(
                f"  {name:<12} {numbers['runs_per_second']:7.1f} runs/s   "
                f"p50 {numbers['p50_ms']:6.2f} ms   p95 {numbers['p95_ms']:6.2f} ms"
            )
    verdicts = whole_verdicts(given.rounds, given.count // 2, given.workers, rng)
    print(f"verdicts on {given.count // 2} programs of 5 tests, {given.workers} at a time")
    for name, numbers in verdicts.items():
        print(f"  {name:<16} {numbers['seconds']:6.2f} s")
    rates = {name: numbers["runs_per_second"] for name, numbers in trivial[given.workers].items()}
    alone = {name: numbers["runs_per_second"] for name, numbers in trivial[1].items()}
    ours = [name for name in rates if name.startswith("tier")]
    ratios = {f"{name} / {other}": rates[name] / rates[other] for name in ours for other in rates if other not in ours}
    ratios |= {f"{name}: {given.workers} workers / 1": rates[name] / alone[name] for name in ours}
    ratios["verl prime_code / stagerl"] = verdicts["verl prime_code"]["seconds"] / verdicts["stagerl"]["seconds"]
    about = {
        "seed": given.seed,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
    }
    RESULTS.write_text(
        json.dumps({"about": about, "trivial": trivial, "verdicts": verdicts, "ratios": ratios}, indent=1) + "\n"
    )
    print(json.dumps({name: round(ratio, 2) for name, ratio in ratios.items()}))


if __name__ == "__main__":
    main()
