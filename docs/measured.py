"""Tables of what `benchmarks/` measured."""

from __future__ import annotations

import importlib.util
import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tables import table

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def plateau_rates() -> str:
    """False triggers and detections of the stage policy `plateau`, as measured."""
    benchmark, measured = _benchmark("plateau_rates")
    sections = [f"{len(measured[0]['advances'])} simulated runs for each number."]
    for setting in dict.fromkeys(row["options"] for row in measured):
        rows = [{**row, **benchmark.rates(row)} for row in measured if row["options"] == setting]
        sections += [
            f"#### {setting}",
            "False triggers:",
            _matrix(rows, lambda row: f"{row['false']:.0%}"),
            "Plateaus found, and delay in steps: median (90th percentile):",
            _matrix([row for row in rows if "found" in row], _found),
        ]
    return "\n\n".join(sections)


def validation_drop_rates() -> str:
    """False alarms and detections of the guard `validation_drop`, as measured."""
    benchmark, measured = _benchmark("validation_drop_rates")
    falls = [name for name in measured[0] if name.startswith("fall ") and name != "fall 0"]
    rows = []
    for row in measured:
        rates = benchmark.rates(row)
        found = [f"{rates[f'found {fall}']:.0%}, {rates[f'delay {fall}']:.0f}" for fall in falls]
        rows.append([f"{row['alpha']:g}", str(row["before"]), f"{rates['false']:.1%}", *found])
    header = ["`alpha`", "validations before", "false", *(f"{fall}: found, delay" for fall in falls)]
    return f"{len(measured[0]['fall 0'])} simulated runs for each number.\n\n{table(header, rows)}"


def quickstart_controls() -> str:
    """What the quickstart's two stages and their controls reached on held-out problems, by seed."""
    _, measured = _benchmark("quickstart_controls")
    settings = list(dict.fromkeys(row["setting"] for row in measured))
    start = measured[0]["held_out"]
    rows = [["start model", "", "0", *(_interval(level["before"]) for level in start.values()), ""]]
    for row in sorted(measured, key=lambda row: (settings.index(row["setting"]), row["seed"])):
        reached = row["held_out"]
        gain = f"{_interval(reached['all']['difference'], '+')}, {reached['all']['verdict']}"
        cells = [_interval(reached[level]["after"]) for level in start]
        rows.append([f"`{row['setting']}`", str(row["seed"]), f"{row['tokens']:,}", *cells, gain])
    levels = [f"{name} ({level['problems']} problems)" for name, level in start.items()]
    return table(["training", "seed", "tokens", *levels, "gain on all"], rows)


def math_equivalence() -> str:
    """Where the reward `math` differs from Math-Verify, and how often."""
    if not (BENCHMARKS / "results" / "math_equivalence.json").is_file():
        return "Not measured yet."
    found = _results("math_equivalence")
    about = found["about"]
    rows = [[why, f"{count:,}", _example(found["examples"][why])] for why, count in found["differ"].items()]
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found["compared"].items())
    return (
        f"{sum(found['compared'].values()):,} pairs of a ground truth and a response ({kinds}), seed {about['seed']}, "
        f"Math-Verify {about['math-verify']}, SymPy {about['sympy']}.\n\n"
    ) + table(["reason", "verdicts", "ground truth", "response"], ([why, n, *shown] for why, n, shown in rows))


def _example(examples: list[dict[str, Any]]) -> list[str]:
    """The ground truth and the response of the shortest example."""
    shortest = min(examples, key=lambda one: len(one["truth"] + one["response"]))
    return [f"`{shortest['truth']}`", f"`{' '.join(shortest['response'].split())}`"]


def math_verdicts() -> str:
    """Speed of the reward `math` beside others."""
    benchmark, found = _benchmark("math_verdicts")
    about = found["about"]
    rows = []
    for processes, workloads in found["results"].items():
        for workload, numbers in workloads.items():
            took = {name: statistics.median(seconds) for name, seconds in numbers["seconds"].items()}
            cells = [f"{took[name]:.2f} s" if name in took else "" for name in ("stagerl", "direct", "verl")]
            times = [f"{numbers['ratios'][n]:.2f}" if n in took else "" for n in ("direct", "verl")]
            rows.append([benchmark.TITLES[workload], processes.split()[0], f"{numbers['responses']:,}", *cells, *times])
    header = ["responses", "processes", "number", "`math`", "Math-Verify", "verl", "times Math-Verify", "times verl"]
    turns = len(next(iter(found["results"].values()))["short"]["seconds"]["stagerl"])
    return (
        f"Medians of {turns} turns (of the hostile batch: 1), {about['cpus']} processors with a load of "
        f"{about['load'][0]:.0f}, verl {about['verl']}, Math-Verify {about['math-verify']}, seed {about['seed']}.\n\n"
    ) + table(header, rows)


def code_verdicts() -> str:
    """Speed of the sandbox `local` beside others."""
    found = _results("code_verdicts")
    about = found["about"]
    rows = []
    for name in sorted(next(iter(found["trivial"].values())), key=_tiers_first):
        cells = []
        for numbers in (runs[name] for runs in found["trivial"].values()):
            cells += [f"{numbers['runs_per_second']:.0f}", f"{numbers['p50_ms']:.1f} ms", f"{numbers['p95_ms']:.1f} ms"]
        rows.append([name, *cells])
    header = ["a trivial program"]
    for workers in found["trivial"]:
        header += [f"runs a second, {workers} at a time", "p50", "p95"]
    verdicts = {name: numbers["seconds"] for name, numbers in found["verdicts"].items()}
    turns = len(next(iter(found["verdicts"].values()))["all"])
    return (
        f"Medians of {turns} turns, {about['cpus']} processors, Python {about['python']}, Linux {about['kernel']}, "
        f"seed {about['seed']}.\n\n{table(header, rows)}\n\nVerdicts on 100 programs of five tests each, two at a "
        f"time: the reward `code` {verdicts['stagerl']:.1f} s, verl's `prime_code` {verdicts['verl prime_code']:.1f} s."
    )


def verdict_load() -> str:
    """What a judge did under load while its processes were killed at random, by tier of the sandbox."""
    rows = []
    for path in sorted((BENCHMARKS / "results").glob("verdict_load*.json")):
        found = _results(path.stem)
        about, outcomes, growth = found["about"], found["seen"]["outcomes"], found["growth"]
        counts = [sum(outcomes.values()), sum(found["killed"].values()), len(found["seen"]["false"])]
        lost = sum(count for name, count in outcomes.items() if name.endswith(" as not_judged"))
        memory = f"{growth['own_memory']:+.1f} MiB, {growth['memory']:+.1f} MiB"
        rest = str(len(found["left"])) if found["left"] else "0"
        numbers = [f"{count:,}" for count in (*counts, lost)]
        rows.append([about["tier"] or "best", f"{about['minutes']:g}", *numbers, memory, rest])
    header = [
        "tier",
        "minutes",
        "verdicts",
        "kills",
        "false",
        "`not_judged`",
        "memory: the judge's own, all",
        "left at the end",
    ]
    return table(header, rows)


def _tiers_first(name: str) -> tuple[bool, str]:
    return not name.startswith("tier"), name


def _interval(values: list[float], sign: str = "") -> str:
    mean, low, high = (f"{value:{sign}.2f}" for value in values)
    return f"{mean} ({low} to {high})"


def _results(name: str) -> Any:
    return json.loads((BENCHMARKS / "results" / f"{name}.json").read_text(encoding="utf-8"))


def _benchmark(name: str) -> tuple[Any, Any]:
    """A script of `benchmarks/` as a module, and its raw results."""
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    return benchmark, _results(name)


def _matrix(rows: list[dict[str, Any]], cell: Callable[[dict[str, Any]], str]) -> str:
    """A row a curve, a column a noise."""
    noises = list(dict.fromkeys((row["noise"], row["level"]) for row in rows))
    curves = list(dict.fromkeys(row["curve"] for row in rows))
    cells = {(row["curve"], row["noise"], row["level"]): cell(row) for row in rows}
    header = ["curve", *(f"{noise}, {level:g}" for noise, level in noises)]
    return table(
        header, [[curve.replace(" x ", " × "), *(cells[curve, *noise] for noise in noises)] for curve in curves]
    )


def _found(row: Mapping[str, Any]) -> str:
    delay = f", {row['delay']:.0f} ({row['delay_p90']:.0f})" if "delay" in row else ""
    return f"{row['found']:.0%}{delay}"
