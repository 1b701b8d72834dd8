"""What `stagerl levels` leaves: `level_<name>.parquet` for each level, and `levels.json`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stagerl_plugins.difficulty.expressions import PASS_RATE, is_pass_rate
from stagerl_plugins.difficulty.levels import Assignment, assign
from stagerl_plugins.difficulty.rule_files import NAME, Rules
from stagerl_plugins.errors import UserError
from stagerl_plugins.problem_files import write_table
from stagerl_plugins.problems import Problems
from stagerl_plugins.types import BoolArray
from stagerl_plugins.whole_files import write_json

if TYPE_CHECKING:
    import pyarrow as pa

REPEATED = "repeats an earlier problem's id"


def write_levels(table: pa.Table, rules: Rules, folder: Path) -> dict[str, Any]:
    """Make levels of graded problems and write them.

    A level's file holds the rows of its problems with all their columns, and `levels`: all levels that a problem is in.
    Files that an earlier call left for other levels are removed at the end.

    Args:
        table: Graded problems, as `read_problems` returns them.
        rules: The rules.
        folder: Made if it is missing.

    Returns:
        The content of `levels.json`: `levels` (for each its number of problems by domain), `mean_pass_rate` (for each
        level by grader), `dropped` (row, id, domain and reason of each row in no level), `problems`, `rules`, `seed`.

    Raises:
        UserError: The rules name a column that the table lacks or that holds no numbers, a level is empty as no problem
            has its domain, or the folder cannot be written.
    """
    problems = Problems.from_table(table)
    _check_numbers(table, rules)
    assignment = assign(problems, rules)
    for name in [name for name, mask in assignment.members.items() if not mask.any()]:
        for clause in rules.levels[name]:
            clause.when.check_domains(problems.domains.tolist())
    report = _report(table, problems, assignment, rules)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        obsolete = _written_before(folder) - rules.levels.keys()
        for name, rows in _tables(table, problems, assignment).items():
            write_table(rows, _file(folder, name))
        write_json(folder / "levels.json", report)
        for name in obsolete:
            _file(folder, name).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: {error.strerror or error}") from error
    return report


def check_apart(graded: Path, folder: Path) -> None:
    """Refuse a folder whose level files include the graded problems themselves: they could be replaced or removed.

    Raises:
        UserError: They do.
    """
    if graded.name.startswith("level_") and graded.resolve().parent == folder.resolve():
        raise UserError(f"--out {folder}: holds {graded} itself, which a level could replace: choose another folder")


def _check_numbers(table: pa.Table, rules: Rules) -> None:
    import pyarrow as pa

    for condition in rules.conditions:
        for name in condition.names:
            kinds = {field.name: field.type for field in table.schema if field.name in (name, PASS_RATE + name)}
            if kinds and not any(pa.types.is_floating(kind) or pa.types.is_integer(kind) for kind in kinds.values()):
                column, kind = kinds.popitem()
                raise UserError(f"{condition.where}: the column '{column}' holds no numbers, but {kind}")


def _tables(table: pa.Table, problems: Problems, assignment: Assignment) -> dict[str, pa.Table]:
    import pyarrow as pa

    members = assignment.members
    levels = [[name for name, mask in members.items() if mask[index]] for index in range(len(problems))]
    rows = table.take(problems.rows).drop_columns([name for name in ("levels",) if name in table.column_names])
    rows = rows.append_column("levels", pa.array(levels, pa.list_(pa.string())))
    return {name: rows.filter(pa.array(mask)) for name, mask in members.items()}


def _report(table: pa.Table, problems: Problems, assignment: Assignment, rules: Rules) -> dict[str, Any]:
    graders = [name for name in problems.feature_names if is_pass_rate(name)]
    members = assignment.members.items()
    return {
        "rules": rules.source,
        "seed": rules.seed,
        "problems": len(problems),
        "levels": {name: dict(sorted(Counter(problems.domains[mask].tolist()).items())) for name, mask in members},
        "mean_pass_rate": {
            name: {grader.removeprefix(PASS_RATE): _mean(problems, grader, mask) for grader in graders}
            for name, mask in members
        },
        "dropped": _dropped(table, problems, assignment),
    }


def _dropped(table: pa.Table, problems: Problems, assignment: Assignment) -> list[dict[str, Any]]:
    """Every row in no level, in the order of the rows."""
    index_of_row = {int(row): index for index, row in enumerate(problems.rows)}
    dropped = []
    for row, identifier in enumerate(table["id"].to_pylist()):
        index = index_of_row.get(row)
        reason = REPEATED if index is None else assignment.reasons[index]
        if reason:
            domain = str(problems.domains[problems.index_of(identifier) if index is None else index])
            dropped.append({"row": row, "id": identifier, "domain": domain, "reason": reason})
    return dropped


def _mean(problems: Problems, column: str, mask: BoolArray) -> float | None:
    values = problems.feature(column)[mask]
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else None


def _written_before(folder: Path) -> set[str]:
    """The levels that an earlier call wrote here."""
    try:
        names = json.loads((folder / "levels.json").read_text(encoding="utf-8"))["levels"]
        return {name for name in names if NAME.fullmatch(name)}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _file(folder: Path, level: str) -> Path:
    return folder / f"level_{level}.parquet"
