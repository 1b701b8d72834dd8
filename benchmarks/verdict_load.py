"""Hours of load on one judge, math and programs, while its processes are killed at random: what grows, what is false?

Every response has a known outcome; it may become `not_judged`, as we kill, but never another one. Each minute the
judge's memory, open files, threads, processes, zombies and files in temporary folders are noted. Prints a line for each
minute and, as its last line, one JSON object; raw results go to `results/verdict_load.json`, or with `--tier B` to
`results/verdict_load_B.json`. Ends with status 1 if a verdict was false, or if a process or a file is left when the
judge is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from stagerl_plugins.config import Judging
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.judge import Judge
from stagerl_plugins.types import Outcome, Response

RESULTS = Path(__file__).parent / "results"
SANDBOX = {"workers": 2, "remember_mb": 1}  # full within minutes, so that what grows later is no memory of executions
REWARDS = {"math": "math", "code": {"code": {"seconds": 1, "memory_mb": 256, "sandbox": {"local": SANDBOX}}}}
BATCH = 200  # responses that are judged at a time
HOSTILE_SHARE = 0.05
HOSTILE_MATH = ["{}^{{9^9}}+x", "({}0000000)!+0.5", "2^{{2^{{3{}}}}}+x"]
TESTS = json.dumps({"inputs": ["1 2\n", "3 4\n", "5 6\n"], "outputs": ["3\n", "7\n", "11\n"]})
SUM = "a, b = map(int, input().split())\n"
PROGRAMS = {
    Outcome.CORRECT: SUM + "print(a + b)",
    Outcome.PARTIAL: SUM + "print(a + b if a < 4 else 0)",
    Outcome.WRONG: SUM + "print(a - b)",
}
HOSTILE_PROGRAMS = {
    "while True: pass": Outcome.TIMED_OUT,
    "x = []\nwhile True: x.append(bytearray(10**7))": Outcome.WRONG,
    "while True: print('x' * 10**6)": Outcome.WRONG,
    "import os\nfor n in range(10**4): os.fork()": Outcome.WRONG,
    "import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass": Outcome.WRONG,
    "for n in range(10**4): open(f'file_{n}', 'w').write('x' * 10**5)": Outcome.WRONG,
    "import os\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)": Outcome.WRONG,
    "import time\ntime.sleep(1000)": Outcome.TIMED_OUT,
}


@dataclass(frozen=True)
class Sample:
    """What the judge holds at a moment; memory in MiB."""

    minute: float
    judged: int
    own_memory: float
    memory: float  # with all processes below it
    open_files: int
    threads: int
    processes: int
    zombies: int
    temporary: int  # entries of the folder for temporary files


def responses(rng: random.Random, count: int) -> list[tuple[Response, Outcome]]:
    """So many responses and the outcome of each."""
    return [rng.choice((math, code))(rng) for _ in range(count)]


def math(rng: random.Random) -> tuple[Response, Outcome]:
    if rng.random() < HOSTILE_SHARE:
        answer, outcome = rng.choice(HOSTILE_MATH).format(rng.randrange(9, 99)), Outcome.TIMED_OUT
        return Response(rf"\boxed{{{answer}}}", "5", "math"), outcome
    number, off = rng.randrange(2, 1000), rng.randrange(2)
    answer = rf"\frac{{{2 * number + off}}}{{2}}"
    return Response(rf"It is $\boxed{{{answer}}}$.", str(number), "math"), Outcome.WRONG if off else Outcome.CORRECT


def code(rng: random.Random) -> tuple[Response, Outcome]:
    if rng.random() < HOSTILE_SHARE:
        program, outcome = rng.choice(list(HOSTILE_PROGRAMS.items()))
    else:
        outcome = rng.choice(list(PROGRAMS))
        program = PROGRAMS[outcome]
    text = f"```python\n# {rng.getrandbits(60)}\n{program}\n```"  # the sandbox remembers what it has run
    return Response(text, TESTS, "code"), outcome


def below() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def temporary_entries() -> list[str]:
    return sorted(map(str, Path(tempfile.gettempdir()).iterdir()))


def sample(began: float, judged: int) -> Sample:
    gc.collect()
    me, memory, zombies = psutil.Process(), 0, 0
    own = me.memory_info().rss
    processes = below()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            memory += process.memory_info().rss
            zombies += process.status() == psutil.STATUS_ZOMBIE
    return Sample(
        minute=round((time.monotonic() - began) / 60, 2),
        judged=judged,
        own_memory=round(own / 2**20, 1),
        memory=round((own + memory) / 2**20, 1),
        open_files=me.num_fds(),
        threads=me.num_threads(),
        processes=len(processes),
        zombies=zombies,
        temporary=len(temporary_entries()),
    )


class Killer(threading.Thread):
    """Kills one of the processes below us, any, about every so many seconds."""

    def __init__(self, seconds: float, rng: random.Random) -> None:
        super().__init__(daemon=True)
        self._seconds, self._rng = seconds, rng
        self._ended = threading.Event()
        self.killed: Counter[str] = Counter()  # by name

    def run(self) -> None:
        while self._seconds and not self._ended.wait(self._rng.expovariate(1 / self._seconds)):
            if processes := below():
                with suppress(psutil.Error):
                    process = self._rng.choice(processes)
                    name = process.name()
                    process.kill()
                    self.killed[name] += 1

    def end(self) -> None:
        self._ended.set()
        self.join()


@dataclass(frozen=True)
class Seen:
    """What the judge said: how often each outcome became which one, why it lost responses, and what was false."""

    outcomes: Counter[str]
    lost: Counter[str]
    false: list[str]


async def load(judge: Judge, minutes: float, rng: random.Random) -> tuple[Seen, list[Sample]]:
    """Judge for so long, and look at it each minute."""
    seen = Seen(Counter(), Counter(), [])
    began = time.monotonic()
    samples: list[Sample] = []
    while (passed := time.monotonic() - began) < 60 * minutes:
        batch = responses(rng, BATCH)
        verdicts = await judge.judge_all([response for response, _ in batch])
        for (response, expected), verdict in zip(batch, verdicts, strict=True):
            seen.outcomes[f"{expected} as {verdict.outcome}"] += 1
            if verdict.outcome is Outcome.NOT_JUDGED:
                seen.lost[verdict.detail] += 1
            elif verdict.outcome is not expected:
                seen.false.append(f"{expected} as {verdict.outcome} ({verdict.detail}): {response.text}")
                print(f"FALSE: {seen.false[-1]}", flush=True)
        if passed >= 60 * len(samples):
            samples.append(sample(began, seen.outcomes.total()))
            print("  ".join(f"{name} {value}" for name, value in asdict(samples[-1]).items()), flush=True)
    return seen, samples


def growth(samples: list[Sample]) -> dict[str, float]:
    """By how much each number's median in the last third is above that in the second third; the first is warm-up."""
    third = len(samples) // 3
    if not third:
        return {}
    names = ("own_memory", "memory", "open_files", "threads", "processes", "temporary")
    middle, last = samples[third : 2 * third], samples[-third:]
    return {name: round(middle_of(last, name) - middle_of(middle, name), 1) for name in names}


def middle_of(samples: list[Sample], name: str) -> float:
    return float(statistics.median(getattr(sample, name) for sample in samples))


def left() -> list[str]:
    """Processes and temporary files that are still there, a while after the judge was closed."""
    deadline = time.monotonic() + 30
    while True:
        found = [str(process) for process in below()] + temporary_entries()
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kill-every", type=float, default=1.0, help="seconds between two kills on average; 0: none")
    parser.add_argument("--tier", choices="ABC", help="of the sandbox; the best one that holds if left out")
    parser.add_argument("--python", help="what programs run with; in tier B one that all users can read")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rewards = json.loads(json.dumps(REWARDS))
    chosen = {name: getattr(given, name) for name in ("tier", "python") if getattr(given, name)}
    rewards["code"]["code"]["sandbox"]["local"].update(chosen)
    killer = Killer(given.kill_every, random.Random(f"{given.seed} kills"))
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # in tier B programs are another user's
        os.environ["TMPDIR"] = tempfile.tempdir = folder  # nobody else's
        with Judge(rewards, load_plugins(), Judging(processes=2)) as judge:
            killer.start()
            seen, samples = asyncio.run(load(judge, given.minutes, random.Random(given.seed)))
            killer.end()
        remains = left()
        tempfile.tempdir = None
    about = {
        "seed": given.seed,
        "tier": given.tier,
        "minutes": given.minutes,
        "kill_every": given.kill_every,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
    }
    result = {
        "about": about,
        "seen": vars(seen),
        "killed": dict(killer.killed),
        "growth": growth(samples),
        "left": remains,
        "samples": [asdict(s) for s in samples],
    }
    name = f"verdict_load_{given.tier}.json" if given.tier else "verdict_load.json"
    (RESULTS / name).write_text(json.dumps(result, indent=1) + "\n")
    summary = {
        "judged": seen.outcomes.total(),
        "false": len(seen.false),
        "not_judged": seen.lost.total(),
        "killed": killer.killed.total(),
    }
    print(json.dumps({**summary, "growth": result["growth"], "left": remains}))
    if seen.false or remains:
        sys.exit(1)


if __name__ == "__main__":
    main()
