"""Math and code problems of public data sets as one file: `python real_data.py --math FILE --code FILE --out FILE`.

Files are JSONL as published. Math: GSM8K, or any rows with `problem` (or `question`) and `answer`. Code: MBPP,
HumanEval or APPS. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

from stagerl_plugins.errors import UserError
from stagerl_plugins.problem_files import read_problems, write_table
from stagerl_plugins.rewards.code.records import read_tests

INSTRUCTION = "Answer with the whole program in one block that begins with ```python."


def math_rows(path: Path) -> list[dict[str, Any]]:
    """Math problems in verl's format: asked for an answer within \\boxed{}."""
    table = read_problems(path).select(["prompt", "reward_model"])
    return [{**row("math", f"{path.stem} {number}"), **found} for number, found in enumerate(table.to_pylist())]


def code_rows(path: Path) -> list[dict[str, Any]]:
    """Code problems in verl's format; the tests are in the ground truth, as the reward `code` takes them.

    Raises:
        UserError: A row is of no known data set, or its tests cannot be read.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        try:
            question, tests = question_and_tests(json.loads(line))
            read_tests(tests)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: row {number}: {error}") from error
        prompt = [{"role": "user", "content": f"{question}\n\n{INSTRUCTION}"}]
        truth = {"style": "rule", "ground_truth": json.dumps(tests)}
        rows.append({**row("code", f"{path.stem} {number}"), "prompt": prompt, "reward_model": truth})
    return rows


def row(domain: str, name: str) -> dict[str, Any]:
    """What a row says besides its question and its ground truth; the data source picks the reward."""
    identifier = f"{domain}: {name}"
    return {"id": identifier, "data_source": domain, "ability": domain, "extra_info": {"id": identifier, "set": domain}}


def question_and_tests(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What to ask of a published record, and its tests."""
    if "entry_point" in record:  # HumanEval
        tests = {key: record[key] for key in ("test", "entry_point", "prompt")}
        return f"Complete this function:\n\n{record['prompt']}", tests
    if "test_list" in record:  # MBPP; one test is shown, or nobody would know the function's name
        tests = {key: record[key] for key in ("test_list", "test_setup_code") if key in record}
        return f"{record['text']}\nIt must pass `{record['test_list'][0]}`.", tests
    if "input_output" in record:  # APPS
        starter = f"\nBegin with:\n{record['starter_code']}" if record.get("starter_code") else ""
        return f"{record['question']}{starter}", json.loads(record["input_output"])
    raise ValueError(f"neither MBPP, HumanEval nor APPS: it has {', '.join(record)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--math", type=Path, required=True, help="JSONL with math problems")
    parser.add_argument("--code", type=Path, required=True, help="JSONL with code problems")
    parser.add_argument("--out", type=Path, required=True, help="parquet file to write")
    arguments = parser.parse_args()
    try:
        math, code = math_rows(arguments.math), code_rows(arguments.code)
    except (UserError, OSError) as error:
        sys.exit(f"real_data: {error}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_table(pa.Table.from_pylist(math + code), arguments.out)
    print(f"{len(math)} math and {len(code)} code problems in {arguments.out}")


if __name__ == "__main__":
    main()
