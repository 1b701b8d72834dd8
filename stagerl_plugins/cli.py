"""`stagerl`: parses, calls, prints. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stagerl_plugins.errors import PluginError, UserError


class OneLine(click.ClickException):
    """An error of the user's, or of a plugin: one line, exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"stagerl: {' '.join(self.message.split())}", err=True)


class Commands(click.Group):
    """A group whose commands end on a user's mistake with one line, and on Ctrl-C with a notice and status 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (UserError, PluginError) as error:
            raise OneLine(str(error)) from error
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
    from stagerl_plugins.difficulty.level_files import write_levels
    from stagerl_plugins.difficulty.level_table import level_tables
    from stagerl_plugins.difficulty.rule_files import read_rules
    from stagerl_plugins.problem_files import read_problems

    rules = read_rules(rules_source)
    report = write_levels(read_problems(graded), rules, folder)
    _print(*level_tables(report))
    click.echo(f"{report['problems']} problems; levels are in {folder}", err=True)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of text.")
def plugins(as_json: bool) -> None:
    """List every registered plugin with its kind, package and options.

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
        click.echo(json.dumps(entries, indent=2))
    else:
        _print(catalog_text(entries))


def _print(*results: Any) -> None:
    """Print for people on standard output, with a blank line between."""
    from rich.console import Console

    console = Console(soft_wrap=True)
    for place, result in enumerate(results):
        if place:
            console.print()
        console.print(result)
