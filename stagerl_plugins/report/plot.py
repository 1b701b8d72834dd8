"""One picture of a run: reward, held-out accuracy, response length and stage over its steps."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from stagerl_plugins.errors import UserError
from stagerl_plugins.run_folder import RunFolder
from stagerl_plugins.types import FloatArray
from stagerl_plugins.whole_files import replacing

# Okabe and Ito's colours, told apart with any colour vision and in grey
BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = "osD^vP"
SHADES = ("#FFFFFF", "#E9EDF2", "#F6F0E2", "#E8F1EA", "#F3E9F0")
SMOOTHING = 5  # steps of the moving mean

Entry = dict[str, Any]


def plot_run(run: Path, out: Path | None = None) -> Path:
    """Draw a run's `metrics.jsonl` as one PNG.

    Args:
        run: The run's folder.
        out: Where to write it; `plot.png` in the run's folder if left out.

    Returns:
        The path of the picture.

    Raises:
        UserError: There is nothing to draw, the picture cannot be written, or matplotlib is not installed.
    """
    entries = RunFolder(run).metrics()
    if not entries:
        raise UserError(f"{run / 'metrics.jsonl'}: has no step yet, or is no run's folder: nothing to plot")
    out = out or run / "plot.png"
    figure = draw(entries, title=run.name)
    try:
        with replacing(out) as fresh:
            figure.savefig(fresh, format="png", dpi=150)
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}") from error
    return out


def draw(entries: list[Entry], title: str) -> Any:
    """The figure for these steps: one panel a quantity, over shaded stages. Returns a matplotlib Figure."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError("plots need matplotlib: pip install 'stagerl-plugins[report]'") from error

    figure = Figure(figsize=(8, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    reward, accuracy, length = figure.subplots(3, sharex=True)
    _draw_reward(reward, entries)
    _draw_accuracy(accuracy, entries)
    _draw_length(length, entries)
    figure.align_ylabels()
    length.set_xlabel(f"step (lines: means of up to {SMOOTHING} steps)")
    length.xaxis.get_major_locator().set_params(integer=True)
    length.set_xlim(entries[0]["step"] - 0.5, entries[-1]["step"] + 0.5)
    for panel in (reward, accuracy, length):
        _shade_stages(panel, entries, named=panel is reward)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="#D0D0D0", linewidth=0.6)
        panel.set_axisbelow(True)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(fontsize=8, loc="best", framealpha=0.85, edgecolor="none")
    return figure


def _draw_reward(panel: Any, entries: list[Entry]) -> None:
    panel.set_ylabel("reward")
    _draw_smoothed(panel, entries, "reward/generated_mean", BLUE, "all rollouts")
    if any(entry.get("reward/mean") != entry.get("reward/generated_mean") for entry in entries):
        _draw_smoothed(panel, entries, "reward/mean", ORANGE, "rollouts trained on")


def _draw_accuracy(panel: Any, entries: list[Entry]) -> None:
    panel.set_ylabel("held-out score")
    names = sorted({key for entry in entries for key in entry if key.startswith("validation/")})
    for number, name in enumerate(names):
        colour, marker = LINES[number % len(LINES)], MARKERS[number % len(MARKERS)]
        label = name.removeprefix("validation/")
        panel.plot(*series(entries, name), color=colour, marker=marker, markersize=4, label=label)
    if not names:
        panel.text(0.5, 0.5, "this run did not validate", ha="center", va="center", transform=panel.transAxes)


def _draw_length(panel: Any, entries: list[Entry]) -> None:
    panel.set_ylabel("response length (tokens)")
    _draw_smoothed(panel, entries, "response_length/mean", GREEN, None)
    panel.set_ylim(bottom=0)


def _draw_smoothed(panel: Any, entries: list[Entry], key: str, colour: str, label: str | None) -> None:
    """A dot for each step, and a line of moving means that starts anew where a stage does."""
    panel.plot(*series(entries, key), ".", color=colour, alpha=0.4, markersize=5)
    for number, (_, stay) in enumerate(_stays(entries)):
        steps, values = series(stay, key)
        panel.plot(steps, moving_mean(values), color=colour, label=label if number == 0 else None)


def _shade_stages(panel: Any, entries: list[Entry], named: bool) -> None:
    """A background for each stay in a stage, and its name above the panel; the same stage has the same shade."""
    stays = _stays(entries)
    names = list(dict.fromkeys(stage for stage, _ in stays))
    for number, (stage, stay) in enumerate(stays):
        left, right = stay[0]["step"] - 0.5, stay[-1]["step"] + 0.5
        panel.axvspan(left, right, color=SHADES[names.index(stage) % len(SHADES)], zorder=-2)
        if number > 0:
            panel.axvline(left, color="#666666", linewidth=0.8, linestyle=":")
        if named:
            where = {"ha": "center", "va": "bottom", "transform": panel.get_xaxis_transform()}
            panel.text((left + right) / 2, 1.02, stage, fontsize=9, **where)


def _stays(entries: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """Runs of steps in one stage; a validation before the first step belongs to none."""
    staged = [entry for entry in entries if "stage" in entry]
    return [(stage, list(stay)) for stage, stay in groupby(staged, key=lambda entry: str(entry["stage"]))]


def series(entries: list[Entry], key: str) -> tuple[FloatArray, FloatArray]:
    """Steps and values of the entries that have this key, two float64 arrays of one length."""
    pairs = [(entry["step"], entry[key]) for entry in entries if key in entry]
    steps, values = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return steps, values


def moving_mean(values: FloatArray, width: int = SMOOTHING) -> FloatArray:
    """The mean of the values at most `width // 2` steps away, fewer at the ends; float64, same length."""
    reach = width // 2
    windows = [values[max(0, i - reach) : i + reach + 1] for i in range(len(values))]
    return np.array([window.mean() for window in windows], dtype=np.float64)
