"""`stagerl score`: parses, calls, prints."""

from __future__ import annotations

from pathlib import Path

import click

from stagerl_plugins.command_parts import FiniteRange, print_results
from stagerl_plugins.errors import UserError


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--out",
    metavar="OUT",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File to write, .parquet or .jsonl; - for standard output.",
)
@click.option(
    "--reward",
    "rewards",
    multiple=True,
    metavar="[SOURCE=]SPEC",
    help="A reward's name, or {name: options}, for all rows; with SOURCE= for one data source.  "
    "[default: math=math, code=code]",
)
@click.option(
    "--compare",
    "compared",
    multiple=True,
    metavar="[SOURCE=]SPEC",
    help="Show where this other verifier disagrees; nothing is written unless there is an --out.",
)
@click.option(
    "--examples",
    default=5,
    show_default=True,
    type=click.IntRange(0),
    help="Examples of each kind of disagreement.",
)
@click.option("--skip-bad", is_flag=True, help="Leave malformed rows out and count them.")
@click.option(
    "--judge-seconds",
    default=30.0,
    show_default=True,
    type=FiniteRange(0, min_open=True),
    help="Time limit for one verdict; beyond it, the row is not_judged.",
)
@click.option(
    "--judge-processes", default=1, show_default=True, type=click.IntRange(1, 1024), help="Verdicts made at a time."
)
def score(
    source: Path,
    out: Path | None,
    rewards: tuple[str, ...],
    compared: tuple[str, ...],
    examples: int,
    skip_bad: bool,
    judge_seconds: float,
    judge_processes: int,
) -> None:
    """Judge responses in a file or a pipe.

    IN is a parquet or JSONL file, or - for JSONL on standard input. Its rows have `data_source`,
    `reward_model.ground_truth` and `response`. OUT gets them all, in order and with all columns, and `score`, `outcome`
    and `detail`. A code ground truth is JSON: {"inputs": [...], "outputs": [...], "fn_name": optional}.

    Memory does not grow with IN. From file to file, a killed call goes on when it is repeated, and ends with the same
    result.

    \b
    Example:
        stagerl score responses.jsonl --out scored.jsonl
        zcat responses.jsonl.gz | stagerl score - --out - | jq .score
        stagerl score responses.parquet --compare 'math={verl_function: {path: mine.py, name: compute_score}}'
    """
    from stagerl_plugins.config import Judging
    from stagerl_plugins.plugins import load_plugins
    from stagerl_plugins.rewards.specs import parse_rewards
    from stagerl_plugins.scoring.comparison import Comparison
    from stagerl_plugins.scoring.rows import STANDARD
    from stagerl_plugins.scoring.score import ScoreOptions
    from stagerl_plugins.scoring.score import score as run
    from stagerl_plugins.scoring.tally import Tally

    if out is None and not compared:
        raise UserError("--out is missing: name a file, or - for standard output")
    other = parse_rewards(compared, "--compare") if compared else None
    options = ScoreOptions(source, out, parse_rewards(rewards), other, skip_bad)
    judging = Judging(seconds=judge_seconds, processes=judge_processes)
    if compared:
        comparison = Comparison(examples)
        bad = run(options, load_plugins(), judging, comparison.add)
        print_results(*comparison.results(), err=out == STANDARD)
    else:
        tally = Tally()
        bad = run(options, load_plugins(), judging, tally.add)
        print_results(tally.table(), err=True)
    if bad.count:
        click.echo(f"{bad.count} malformed rows are left out; the first: {bad.first}", err=True)
    if out not in (None, STANDARD):
        click.echo(f"scores are in {out}", err=True)
