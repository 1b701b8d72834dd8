"""Evaluate a model on held-out problems: grading under another name, read with intervals."""

from __future__ import annotations

from pathlib import Path

from stagerl_plugins.evaluation.results import Evaluation, read_evaluation
from stagerl_plugins.grading.grade import grade
from stagerl_plugins.grading.options import GradeOptions
from stagerl_plugins.plugins import Plugins


def evaluate(problems: Path, out: Path, options: GradeOptions, plugins: Plugins) -> Evaluation:
    """Sample a model on held-out problems, as grading does, and read pass@1 from it.

    The paper evaluates with k = 16 or 4 samples of each problem at temperature 0.6 and top_p 0.95 (arXiv 2504.00829).
    Levels must not come from these samples: problems picked as hard by the very samples that are then counted seem
    harder than they are. Grade the held-out problems with another seed for that.

    Args:
        problems: Parquet or JSONL file of held-out problems, with `levels` if accuracy by level is wanted.
        out: Parquet file to write, as `grade` does; a killed evaluation goes on from there.
        options: The model, its name in the columns, the number of samples, and how to sample.
        plugins: Where rewards are found.

    Raises:
        UserError: Something that was given is wrong, the engine broke down, or nothing could be judged.
        KeyboardInterrupt: On Ctrl-C; says what is kept.
    """
    return read_evaluation(grade(problems, out, options, plugins).table, options.grader)
