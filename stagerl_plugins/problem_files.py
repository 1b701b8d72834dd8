"""Files of problems: verl's columns, made of simple rows where they are missing, and a stable id for every row."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stagerl_plugins.errors import UserError
from stagerl_plugins.problems import SAYS, read_table, row_ids
from stagerl_plugins.whole_files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

TEXT_COLUMNS = ("problem", "question")
INSTRUCTION = "Reason step by step, and put the final answer within \\boxed{}."


def read_problems(path: Path) -> pa.Table:
    """Read problems from a parquet or JSONL file and give every row an `id` (text).

    Rows without verl's `prompt` but with `problem` or `question` and `answer` are taken for math problems: they get
    `prompt` (the problem, then "Reason step by step, and put the final answer within \\boxed{}."), `reward_model` (its
    ground truth is the answer; of one in GSM8K's form what follows `####`), `data_source` and `ability` ("math", unless
    the file has these columns). All other columns stay.

    The id is the column `id`, else `extra_info.id`, else made of data source, prompt and ground truth, as
    `Problems.from_table` does it.

    Raises:
        UserError: The file cannot be read, is empty, lacks some of verl's columns, or its rows cannot be told apart.
    """
    check_no_folder(path)
    table = read_table([path])
    if len(table) == 0:
        raise UserError(f"{path}: has no rows")
    if lacking := [name for name in SAYS if name not in table.column_names and "prompt" in table.column_names]:
        raise UserError(f"{path}: has no column {' or '.join(lacking)}: expected verl's columns beside prompt")
    text = next((name for name in TEXT_COLUMNS if name in table.column_names), None)
    if "prompt" not in table.column_names and text is not None and "answer" in table.column_names:
        table = _with_verl_columns(table, text, path)
    try:
        return _set(table, "id", row_ids(table))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def check_no_folder(path: Path) -> None:
    """Refuse a folder in place of a file.

    Raises:
        UserError: It is one.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder: name the files in it")


def check_rows(table: pa.Table) -> None:
    """Make sure that every row is a problem that can be asked and judged.

    Raises:
        UserError: There is no row, a column is missing, or a row's prompt or ground truth is; names the row.
    """
    if len(table) == 0:
        raise UserError("has no rows")
    missing = [name for name in SAYS if name not in table.column_names]
    if missing:
        raise UserError(
            f"has no column {' or '.join(missing)}: expected verl's columns, as `stagerl levels` writes them"
        )
    columns = (table[name].to_pylist() for name in ("prompt", "reward_model"))
    for row, (prompt, reward_model) in enumerate(zip(*columns, strict=True)):
        messages = prompt if isinstance(prompt, list) else []
        if not messages or not all(
            isinstance(m, dict) and m.get("role") and m.get("content") is not None for m in messages
        ):
            raise UserError(f"row {row}: prompt: expected a list of messages with role and content, got {prompt!r:.80}")
        if not isinstance(reward_model, dict) or reward_model.get("ground_truth") is None:
            raise UserError(f"row {row}: reward_model: has no ground_truth")
    for row, extra in enumerate(table["extra_info"].to_pylist() if "extra_info" in table.column_names else []):
        if not isinstance(extra, dict | None):
            raise UserError(f"row {row}: extra_info: expected keys and values, got {extra!r:.80}")


def write_table(table: pa.Table, path: Path) -> None:
    """Write a parquet file whole or not at all."""
    import pyarrow.parquet

    with replacing(path) as fresh:
        pyarrow.parquet.write_table(table, fresh)


def _with_verl_columns(table: pa.Table, text: str, path: Path) -> pa.Table:
    problems, answers = table[text].to_pylist(), table["answer"].to_pylist()
    for row, (problem, answer) in enumerate(zip(problems, answers, strict=True)):
        if problem is None or answer is None:
            raise UserError(f"{path}: row {row} has no {text if problem is None else 'answer'}")
    truths = [_truth(answer) for answer in answers]
    made: dict[str, list[Any]] = {
        "data_source": ["math"] * len(table),
        "prompt": [[{"role": "user", "content": f"{problem}\n{INSTRUCTION}"}] for problem in problems],
        "ability": ["math"] * len(table),
        "reward_model": [{"style": "rule", "ground_truth": truth} for truth in truths],
    }
    for name, values in made.items():
        if name not in table.column_names:
            table = _set(table, name, values)
    return table


def _truth(answer: Any) -> str | list[str]:
    """An answer as a ground truth: of several right ones each, a number without exponent, text without GSM8K's way."""
    if isinstance(answer, list):
        return [str(_truth(one)) for one in answer]
    if isinstance(answer, float) and math.isfinite(answer):
        return format(Decimal(str(answer)), "f")
    return str(answer).rsplit("####")[-1].strip()


def _set(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    """The table with this column added, or replaced."""
    import pyarrow as pa

    if name in table.column_names:
        table = table.drop_columns([name])
    return table.append_column(name, pa.array(values))
