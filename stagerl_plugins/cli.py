"""`stagerl`: parses, calls, prints. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stagerl_plugins.command_parts import FiniteRange, print_results
from stagerl_plugins.errors import PluginError, UserError, plain
from stagerl_plugins.scoring.command import score
from stagerl_plugins.standard_output import standard_output


class OneLine(click.ClickException):
    """An error of the user's, or of a plugin: one line, exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"stagerl: {plain(self.message)}", err=True)


class Commands(click.Group):
    """A group whose commands end on a user's mistake with one line, and on Ctrl-C with a notice and status 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (UserError, PluginError) as error:
            raise OneLine(str(error)) from error
        except click.UsageError as error:
            help_of = error.ctx.command_path if error.ctx else "stagerl"
            raise OneLine(f"{error.format_message().rstrip('.')}; see `{help_of} --help`") from error
        except KeyboardInterrupt as interrupt:
            click.echo(f"stagerl: {str(interrupt) or 'interrupted'}", err=True)
            ctx.exit(130)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stagerl-plugins", prog_name="stagerl", message="%(prog)s %(version)s")
def main() -> None:
    """Difficulty-aware staged reinforcement learning for LLM reasoning, on top of verl.

    \b
    problems -> stagerl grade -> stagerl levels -> stagerl train -> stagerl export
    """


@main.command()
@click.argument("model")
@click.argument("problems", type=click.Path(path_type=Path))
@click.option("--out", required=True, metavar="FILE", type=click.Path(path_type=Path), help="Parquet file to write.")
@click.option("--grader", required=True, metavar="NAME", help="Name of the model in columns and level rules.")
@click.option("--samples", default=8, show_default=True, type=click.IntRange(1), help="Rollouts for each problem.")
@click.option("--temperature", default=1.0, show_default=True, type=FiniteRange(0), help="0 is greedy.")
@click.option(
    "--top-p",
    default=1.0,
    show_default=True,
    type=FiniteRange(0, 1, min_open=True),
    help="Probability mass to sample from.",
)
@click.option("--max-tokens", default=4096, show_default=True, type=click.IntRange(1), help="Budget of a response.")
@click.option("--seed", default=0, show_default=True, help="Seeds every rollout.")
@click.option(
    "--batch-size",
    default=128,
    show_default=True,
    type=click.IntRange(1),
    help="Problems generated together; a killed grading loses at most one batch.",
)
@click.option(
    "--reward",
    "rewards",
    multiple=True,
    metavar="[SOURCE=]SPEC",
    help="A reward's name, or {name: options}; with SOURCE= for one data source alone.  [default: math]",
)
@click.option(
    "--judge-seconds",
    default=30.0,
    show_default=True,
    type=FiniteRange(0, min_open=True),
    help="Time limit for one verdict; beyond it, the rollout is left out.",
)
@click.option(
    "--judge-processes", default=1, show_default=True, type=click.IntRange(1, 1024), help="Verdicts made at a time."
)
@click.option("--device", type=click.Choice(["cpu"]), help="Insist on vLLM for CPUs; else the installed one is used.")
@click.option(
    "--engine", multiple=True, metavar="KEY=VALUE", help="Argument of vllm.LLM, as gpu_memory_utilization=0.8."
)
@click.option("--rollouts", metavar="FILE", type=click.Path(path_type=Path), help="Parquet file for all responses.")
def grade(
    model: str,
    problems: Path,
    out: Path,
    rewards: tuple[str, ...],
    judge_seconds: float,
    judge_processes: int,
    engine: tuple[str, ...],
    rollouts: Path | None,
    **sampling: Any,
) -> None:
    """Measure a model's pass rates on problems, with vLLM.

    MODEL is a Hugging Face folder or name with a chat template. PROBLEMS is a parquet or JSONL file with verl's
    columns, or with `problem` (or `question`) and `answer`. FILE gets all columns of PROBLEMS and, for the grader p15,
    pass_rate_p15, samples_p15, successes_p15, response_length_p15 and truncated_p15. Columns of other graders stay;
    FILE may be PROBLEMS itself, to add another grader.

    Finished batches lie in FILE.partial: a killed call goes on when it is repeated, and ends with the same result.

    \b
    Example:
        stagerl grade Qwen/Qwen2.5-1.5B-Instruct problems.parquet --grader p15 --samples 16 --out graded.parquet
    """
    from stagerl_plugins.config import Judging
    from stagerl_plugins.config_files import override
    from stagerl_plugins.grading.grade import grade as run
    from stagerl_plugins.grading.options import GradeOptions
    from stagerl_plugins.grading.summary import summary_table
    from stagerl_plugins.plugins import load_plugins
    from stagerl_plugins.rewards.specs import parse_rewards

    arguments: dict[str, Any] = {}
    for assignment in engine:
        override(arguments, assignment)
    if rewards:
        sampling["rewards"] = parse_rewards(rewards)
    options = GradeOptions(model, engine=arguments, **sampling)
    judging = Judging(seconds=judge_seconds, processes=judge_processes)
    graded = run(problems, out, options, load_plugins(), judging, rollouts)
    print_results(summary_table(graded.table, options.grader, graded.outcomes))
    click.echo(f"pass rates of {options.grader} are in {out}", err=True)


@main.command()
@click.argument("graded", metavar="IN", type=click.Path(path_type=Path))
@click.option("--rules", "rules_source", metavar="FILE|paper", required=True, help="Rules file, or one that we ship.")
@click.option("--out", "folder", metavar="DIR", required=True, type=click.Path(path_type=Path), help="Where to write.")
def levels(graded: Path, rules_source: str, folder: Path) -> None:
    """Make levels of graded problems, and print their sizes.

    IN is what `stagerl grade` wrote (parquet or JSONL). DIR gets `level_<name>.parquet` for each level, and
    `levels.json` with the counts and every dropped row with its reason. Levels may overlap.

    \b
    A rules file; a grader's name means its pass rate:
        drop:
          never solved: p == 0
        levels:
          easy: 0.5 <= p < 1
          hard:
            - p < 0.5
            - {when: p == 1, keep: 0.1}
          hardest_third: quantile(p) < 0.333

    \b
    Example:
        stagerl levels graded.parquet --rules paper --out levels/
    """
    from stagerl_plugins.difficulty.level_files import check_apart, write_levels
    from stagerl_plugins.difficulty.level_table import level_tables
    from stagerl_plugins.difficulty.rule_files import read_rules
    from stagerl_plugins.problem_files import read_problems

    rules = read_rules(rules_source)
    check_apart(graded, folder)
    report = write_levels(read_problems(graded), rules, folder)
    print_results(*level_tables(report))
    click.echo(f"{report['problems']} problems; levels are in {folder}", err=True)


@main.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--dry-run", is_flag=True, help="Validate everything, print the stage plan, start nothing.")
@click.option("--print-command", is_flag=True, help="Print the equal verl command, start nothing.")
@click.option("--accept-change", "accepted", multiple=True, metavar="KEY", help="Let KEY differ in a resumed run.")
def train(
    config: Path, assignments: tuple[str, ...], dry_run: bool, print_command: bool, accepted: tuple[str, ...]
) -> None:
    """Train through all stages of a configuration file, or go on where the last start was cut off.

    CONFIG is a YAML file; KEY=VALUE overrides one of its keys, as in stages.easy.max_steps=10. The run writes to
    runs/NAME. The same command resumes from the last whole checkpoint.

    \b
    Example:
        stagerl train two_stage.yaml seed=1 verl.trainer.save_freq=10
    """
    from stagerl_plugins.training import console
    from stagerl_plugins.training.launch import prepare

    launch = prepare(config, assignments, accepted)
    if print_command:
        with standard_output():
            click.echo(launch.shown())
    if dry_run:
        print_results(*console.show_plan(launch))
    if not (print_command or dry_run):
        raise SystemExit(console.train(launch, click.echo, console.notice))


@main.command()
@click.argument("run", metavar="RUN[@STEP]")
@click.argument("out", type=click.Path(path_type=Path))
def export(run: str, out: Path) -> None:
    """Write a run's weights as a Hugging Face folder.

    RUN is a name below runs/, or a folder; without @STEP the newest whole checkpoint is taken.

    \b
    Example:
        stagerl export quickstart@40 exported/
    """
    from stagerl_plugins.run_folder import find_run
    from stagerl_plugins.training.export import export as write

    folder, step = find_run(run)
    click.echo(f"step {write(folder, step, out)} of {folder} is in {out}", err=True)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of text.")
def plugins(as_json: bool) -> None:
    """List every registered plugin with its kind, package and options, and every plugin that watches runs.

    STAGERL_LOAD_PLUGINS (names of packages or entry points, by comma) limits what is loaded. A plugin that cannot be
    loaded is named on standard error and left out.

    \b
    Example:
        stagerl plugins --json | jq '.[].name'
    """
    from stagerl_plugins.catalog import catalog, catalog_text
    from stagerl_plugins.plugins import load_plugins

    entries = catalog(load_plugins(on_error="skip", report=lambda line: click.echo(line, err=True)))
    if as_json:
        with standard_output():
            click.echo(json.dumps(entries, indent=2))
    else:
        print_results(catalog_text(entries))


main.add_command(score)
