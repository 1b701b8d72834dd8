"""Verdicts on math a second: the reward `math` beside Math-Verify called directly, and verl's own scorer.

Prints tables and, as its last line, one JSON object with the ratios; raw results go to `results/math_verdicts.json`.
All methods judge the same responses in turns within one run, as machines are shared and noisy; a ratio is the median of
the turns' ratios, above 1 where ours is faster. All start with warm processes and have as many of them. Responses are
new in each turn.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import logging
import multiprocessing
import os
import platform
import random
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from stagerl_plugins.config import Judging
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.judge import Judge
from stagerl_plugins.types import Response

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "math_verdicts.json"
LONG = 100_000  # characters
BATCH, HOSTILE_SHARE = 2048, 0.01
GROUP = 16  # responses of one problem
HOSTILE = ["{}^{{9^9}}", "({}0000000)!+0.5", "x+{}^{{2^{{33}}}}", r"\dfrac{{5^{{(5^{{(5^{{(5^5)}})}}-4)}}-{}}}{{16}}"]

Pair = tuple[str, str]  # ground truth, response
Judged = tuple[list[float], float]  # scores, seconds
Method = Callable[[list[Pair]], Judged]


# -- responses --------------------------------------------------------------------------------------------------------


def answers() -> list[str]:
    """The answers of all problems of the data sets, each as often as it comes."""
    with gzip.open(HERE / "data" / "math_answers.txt.gz", "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def short(rng: random.Random, count: int, group: int = 1) -> list[Pair]:
    """So many short responses, half of them right, `group` of them to each problem."""
    everything, pairs = answers(), []
    for _ in range(count // group):
        truth = rng.choice(everything)
        for _ in range(group):
            answer = truth.replace(r"\frac", r"\dfrac") if rng.random() < 0.5 else rng.choice(everything)
            pairs.append((truth, rf"So the answer is $\boxed{{{answer}}}$."))
    rng.shuffle(pairs)
    return pairs


def lengthened(rng: random.Random, pairs: list[Pair]) -> list[Pair]:
    """The same after pages of sums and formulas."""
    return [(truth, f"{thoughts(rng)}{response}") for truth, response in pairs]


def thoughts(rng: random.Random) -> str:
    def sentences() -> Iterator[str]:
        while True:
            a, b = rng.randrange(1000), rng.randrange(1000)
            yield rf"Let $x = {a}$, then $\frac{{x}}{{{b + 1}}} + {b} = y$, and {a} + {b} = {a + b}. Wait, is it? "

    return "".join(islice(sentences(), LONG // 60))[:LONG]


def with_hostile_ones(rng: random.Random, pairs: list[Pair]) -> list[Pair]:
    hostile = [HOSTILE[n % 4].format(9 + n) for n in range(round(HOSTILE_SHARE * len(pairs)))]
    for place, answer in zip(rng.sample(range(len(pairs)), len(hostile)), hostile, strict=True):
        pairs[place] = "5", rf"So the answer is $\boxed{{{answer}}}$."
    return pairs


# -- methods ----------------------------------------------------------------------------------------------------------


@contextmanager
def ours(processes: int) -> Iterator[Method]:
    with Judge({"default": "math"}, load_plugins(), Judging(processes=processes, seconds=600)) as judge:

        def method(pairs: list[Pair]) -> Judged:
            responses = [Response(response, truth) for truth, response in pairs]
            began = time.perf_counter()
            verdicts = asyncio.run(judge.judge_all(responses))
            seconds = time.perf_counter() - began
            outcomes.update(str(verdict.outcome) for verdict in verdicts)
            return [verdict.score or 0.0 for verdict in verdicts], seconds

        yield method


outcomes: Counter[str] = Counter()  # of the latest verdicts of ours


@contextmanager
def direct(processes: int) -> Iterator[Method]:
    """Math-Verify, as its documentation calls it but without time limits, in a plain pool of processes."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, initializer=quiet) as pool:

        def method(pairs: list[Pair]) -> Judged:
            began = time.perf_counter()
            scores = pool.map(verify_directly, pairs, chunksize=max(1, len(pairs) // (8 * processes)))
            return scores, time.perf_counter() - began

        yield method


def quiet() -> None:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")


def verify_directly(pair: Pair) -> float:
    from math_verify import parse, verify

    truth, response = pair
    gold, answer = parse(rf"\boxed{{{truth}}}", parsing_timeout=None), parse(response, parsing_timeout=None)
    return float(verify(gold, answer, timeout_seconds=None))


@contextmanager
def verl(processes: int) -> Iterator[Method]:
    """verl's scorer with Math-Verify, with its time limits, called from threads as its reward workers do."""
    from verl.utils.reward_score import math_verify

    context = multiprocessing.get_context("spawn")
    with (
        ThreadPoolExecutor(processes) as threads,
        ProcessPoolExecutor(processes, context, initializer=quiet) as math_verify._pool,
    ):

        def method(pairs: list[Pair]) -> Judged:
            began = time.perf_counter()
            scores = list(threads.map(lambda pair: math_verify.compute_score(pair[1], pair[0]), pairs))
            return scores, time.perf_counter() - began

        yield method


METHODS = {"stagerl": ours, "direct": direct, "verl": verl}


# -- measurement ------------------------------------------------------------------------------------------------------


def compare(methods: dict[str, Method], batches: list[list[Pair]], rng: random.Random) -> dict[str, Any]:
    """Each method on each batch, in turns: seconds, and how often its score is another one than ours."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    differ: Counter[str] = Counter()
    outcomes.clear()
    for batch in batches:
        scores = {}
        for name in rng.sample(list(methods), len(methods)):
            scores[name], took = methods[name](batch)
            seconds[name].append(took)
        for name in methods:
            differ[name] += sum(a != b for a, b in zip(scores["stagerl"], scores[name], strict=True))
    others = [name for name in methods if name != "stagerl"]
    return {
        "responses": len(batches[0]),
        "seconds": seconds,
        "other_scores": {name: differ[name] for name in others},
        "outcomes": dict(outcomes),
        "ratios": {
            name: statistics.median(b / a for a, b in zip(seconds["stagerl"], seconds[name], strict=True))
            for name in others
        },
    }


def measure(processes: int, rounds: int, count: int, with_verl: bool, rng: random.Random) -> dict[str, Any]:
    """All workloads with so many processes."""
    names = list(METHODS) if with_verl else ["stagerl", "direct"]
    found = {}
    with ours(processes) as stagerl, direct(processes) as directly:
        methods = {"stagerl": stagerl, "direct": directly}
        if "verl" in names:
            with verl(processes) as scorer:
                methods["verl"] = scorer
                found.update(workloads(methods, rounds, count, rng))
                del methods["direct"]  # it has no time limit: hostile answers would hold it for ever
                batches = [with_hostile_ones(rng, short(rng, BATCH, GROUP))]
                found["hostile"] = compare(methods, batches, rng)
        else:
            found.update(workloads(methods, rounds, count, rng))
    return found


def workloads(methods: dict[str, Method], rounds: int, count: int, rng: random.Random) -> dict[str, Any]:
    for method in methods.values():
        method(short(rng, 100))  # every process is warm
    return {
        "short": compare(methods, [short(rng, count) for _ in range(rounds)], rng),
        "groups": compare(methods, [short(rng, count, GROUP) for _ in range(rounds)], rng),
        "long": compare(methods, [lengthened(rng, short(rng, count // 8)) for _ in range(rounds)], rng),
    }


TITLES = {
    "short": "short responses, each to another problem",
    "groups": f"short responses, {GROUP} to each problem",
    "long": f"responses of {LONG:,} characters",
    "hostile": f"a batch of {BATCH:,}, {HOSTILE_SHARE:.0%} hostile",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="turns of each method")
    parser.add_argument("--count", type=int, default=1024, help="short responses in a turn; an eighth of it are long")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--without-verl", action="store_true", help="where verl is not installed")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    results, ratios = {}, {}
    for processes in given.processes:
        found = measure(processes, given.rounds, given.count, not given.without_verl, rng)
        results[f"{processes} processes"] = found
        for workload, numbers in found.items():
            print(f"{TITLES[workload]}, {processes} at a time")
            for name, seconds in numbers["seconds"].items():
                ratio = numbers["ratios"].get(name)
                speed = f"{len(seconds) * numbers['responses'] / sum(seconds):8.1f} verdicts/s"
                beside = f"   stagerl is {ratio:.2f} times as fast" if ratio else ""
                print(f"  {name:<8} {statistics.median(seconds):8.2f} s   {speed}{beside}", flush=True)
                if ratio:
                    ratios[f"{workload}: {name} / stagerl, {processes} at a time"] = ratio
    about = {
        "seed": given.seed,
        "python": platform.python_version(),
        "math-verify": version("math-verify"),
        "sympy": version("sympy"),
        "verl": None if given.without_verl else version("verl"),
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
    }
    RESULTS.write_text(json.dumps({"about": about, "results": results, "ratios": ratios}, indent=1) + "\n")
    print(json.dumps({name: round(ratio, 2) for name, ratio in ratios.items()}))


if __name__ == "__main__":
    main()
