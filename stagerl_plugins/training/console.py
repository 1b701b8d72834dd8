"""`stagerl train` for people: a line a step, the log's end on a failure, and the plan of a run that is not started."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

from rich.table import Table

from stagerl_plugins.curriculum.curriculum import Curriculum
from stagerl_plugins.errors import UserError
from stagerl_plugins.training.launch import Launch, Training
from stagerl_plugins.training.plan import Plan, compose, make_plan

Print = Callable[[str], None]


def train(launch: Launch, out: Print, err: Print) -> int:
    """Run a launch to its end and return its exit status.

    Args:
        launch: What to run.
        out: Takes a line for each step, and the reason of the end.
        err: Takes everything else.

    Raises:
        UserError: verl or Hydra refused the configuration, or the run is in progress already.
        KeyboardInterrupt: Ctrl-C; every process of the run has ended by then, and the text names the checkpoint.
    """
    training = Training(launch)
    err(f"run '{launch.config.name}' in {launch.folder}; verl writes to {training.log}")
    resumed = training.last_checkpoint()
    if resumed is not None:
        err(f"resuming from the checkpoint of step {resumed}")
    err("checking the configuration, then starting Ray, the trainer and vLLM; the first step is a minute or two away")
    steps_shown: set[int] = set()

    def show(metrics: dict[str, Any]) -> None:
        whole = metrics["step"] not in steps_shown and "stage" in metrics
        out(step_line(metrics, launch.config.planned_steps) if whole else validation_line(metrics))
        steps_shown.add(metrics["step"])

    try:
        code = training.follow(show)
    except BaseException as error:
        training.stop()
        if not isinstance(error, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt(f"interrupted; {_where_it_stands(training.last_checkpoint())}") from None
    log = training.output()
    if code == 2:
        refused = [line.partition("error: ")[2] for line in log.splitlines() if line.startswith("error: ")]
        raise UserError(refused[-1] if refused else f"verl refused the configuration, see {training.log}")
    if code and (said := _hydra_said(log)):
        raise UserError(f"verl refuses the configuration: {said}")
    if code:
        err("\n".join(log.splitlines()[-30:]))
        err(f"the run failed (status {code}); all of verl's output is in {training.log}")
        err(_where_it_stands(training.last_checkpoint()))
        return 1
    for line in log.splitlines():
        if "stagerl: " in line:
            out(line.partition("stagerl: ")[2])
    return 0


def step_line(metrics: dict[str, Any], steps: int) -> str:
    """One step in one line: stage, reward, groups with signal, response length, seconds; then what is rare."""

    def number(name: str, pattern: str) -> str:
        return format(metrics[name], pattern) if name in metrics else "-"

    line = "  ".join(
        (
            f"step {metrics['step']:>4}/{steps}",
            f"{metrics.get('stage', ''):<10}",
            f"reward {number('reward/generated_mean', '.3f')}",
            f"signal {number('groups/with_signal', '4.0%')}",
            f"length {number('response_length/mean', '6.1f')}",
            f"{number('time/step', '5.1f')} s",
        )
    )
    if validation := _validation(metrics):
        line += f"  {validation}"
    if metrics.get("outcome/not_judged", 0) > 0:
        line += f"  not judged {metrics['outcome/not_judged']:.0%}"
    if metrics.get("groups/trained") == 0:
        line += "  no group to train on"
    if "transition" in metrics:
        line += f"  [{metrics['transition']}]"
    return line


def validation_line(metrics: dict[str, Any]) -> str:
    """A validation that came before the first step, or after the last one was shown."""
    return f"after step {metrics['step']}: {_validation(metrics)}"


def _validation(metrics: dict[str, Any]) -> str:
    scores = [f"{name.split('/')[1]} {metrics[name]:.3f}" for name in metrics if name.startswith("validation/")]
    return "validation " + ", ".join(scores) if scores else ""


def show_plan(launch: Launch) -> tuple[Table, Table, str]:
    """The stage plan, the plugins in force, and a line about steps and memory. Starts nothing.

    Raises:
        UserError: Anything about the configuration is wrong, verl's part included.
    """
    from stagerl_plugins.training.verl_config import build_curriculum

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # verl's, about its own defaults
        config = compose(launch)
        curriculum = build_curriculum(config, launch.config, launch.plugins)
        plan = make_plan(launch, config, curriculum)
    return _table(plan), _plugins_table(launch, curriculum), _summary(plan)


def _table(plan: Plan) -> Table:
    table = Table(title="stage plan", box=None, title_justify="left", header_style="bold")
    for heading in ("stage", "problems", "steps <=", "ends by", "prompts", "n", "budget", "tokens/step <="):
        table.add_column(heading, justify="left" if heading in ("stage", "ends by") else "right", overflow="fold")
    for stage in plan.stages:
        numbers = (stage.prompts, stage.group_size, stage.response_budget)
        table.add_row(
            stage.name,
            f"{stage.problems:,}",
            f"{stage.steps:,}",
            stage.until,
            *(f"{number:,}" for number in numbers),
            f"{stage.tokens:,}",
        )
    return table


def _plugins_table(launch: Launch, curriculum: Curriculum) -> Table:
    """Every plugin that the run is made of, with its place in the configuration and its package."""
    table = Table(title="plugins", box=None, title_justify="left", header_style="bold")
    for heading in ("key", "plugin", "package"):
        table.add_column(heading, overflow="fold")
    found = {node.where: node.registration for node in curriculum.tree.nodes.values()}
    for source, spec in launch.config.rewards.items():
        (name,) = spec
        found[f"rewards.{source}.{name}"] = launch.plugins.find("reward", name)
    for where, registration in found.items():
        table.add_row(where, registration.name, f"{registration.distribution} {registration.version}")
    return table


def _summary(plan: Plan) -> str:
    if plan.parameters is None or plan.memory_gib is None:
        memory = "memory: unknown, the model is no folder with safetensors weights"
    else:
        gib = plan.memory_gib
        size = f"{gib:,.1f} GiB" if gib >= 1 else f"{gib * 1024:,.0f} MiB"
        memory = (
            f"memory: about {size} over all devices for weights, gradients, optimizer and engine of "
            f"{plan.parameters / 1e6:,.1f} million parameters; activations and the engine's cache come on top"
        )
    short = [f"; stage {s.name} has fewer problems than a batch" for s in plan.stages if s.problems < s.prompts]
    return f"{plan.steps:,} steps at most; {memory}{''.join(short)}"


def _where_it_stands(step: int | None) -> str:
    if step is None:
        return "no checkpoint was written yet, the same command starts anew"
    return f"the last whole checkpoint is of step {step}, the same command goes on from there"


def _hydra_said(log: str) -> str:
    """What Hydra complained of in one line, if it could not compose the configuration; then nothing was started."""
    if "HYDRA_FULL_ERROR" not in log or "Error executing job" in log or "Traceback" in log:
        return ""
    said = [line for line in log.splitlines() if line.strip() and not line.startswith("INFO:")]
    return " ".join(" ".join(said).partition("Set the environment variable")[0].split())


def notice(text: str) -> None:
    """One line on standard error."""
    print(text, file=sys.stderr, flush=True)
