"""Passed test cases over all test cases, in a SandboxFusion server: verl's client, used by `mixed.yaml`.

A stand-in until this project has a code reward of its own. Needs the environment variable SANDBOX_FUSION_URL, such as
`http://host:8080/run_code`.
"""

import json
import os
import re
import threading
from typing import Any

from verl.utils.reward_score.sandbox_fusion.utils import check_correctness

SANDBOX_FAILED = -1  # verl's code for it; not the program's fault
SECONDS, REQUESTS = 10, threading.Semaphore(8)  # for one test case; at a time, in each verdict process


def compute_score(data_source: str, solution_str: str, ground_truth: Any, extra_info: Any = None) -> float:
    """The share of test cases that the last code block of the response passes.

    Args:
        data_source: Not used.
        solution_str: The response.
        ground_truth: Test cases as APPS has them, a mapping or its JSON: inputs, outputs, and fn_name if there is one.
        extra_info: Not used.

    Raises:
        RuntimeError: The sandbox failed: the response is then not_judged, and not wrong.
    """
    programs = re.findall(r"```(?:python|py)?\n(.*?)```", solution_str, re.DOTALL)
    if not programs:
        return 0.0
    tests = json.loads(ground_truth) if isinstance(ground_truth, str) else ground_truth
    url = os.environ["SANDBOX_FUSION_URL"]
    results, _ = check_correctness(url, tests, programs[-1], timeout=SECONDS, concurrent_semaphore=REQUESTS)
    if not results or SANDBOX_FAILED in results:
        raise RuntimeError("the sandbox could not run every test case")
    return sum(result is True for result in results) / len(results)
