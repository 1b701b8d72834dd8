"""Answers to jobs without processes, for tests about the service alone: a thousand programs in seconds."""

from __future__ import annotations

import ast
import base64
import json
import re
import zlib
from typing import Any

_JOB, _NONCE = re.compile(r"input=(b'[^']*')"), re.compile(r"print\('(\w+)'")


def at_once(code: str) -> str:
    """What the code of a job prints."""
    sent, nonce = _JOB.search(code), _NONCE.search(code)
    assert sent is not None
    assert nonce is not None
    job = json.loads(zlib.decompress(base64.b64decode(ast.literal_eval(sent[1]))))
    answer = [_run(job["program"], stdin) for stdin in job["inputs"]]
    return f"{nonce[1]} 0 {base64.b64encode(zlib.compress(json.dumps(answer).encode())).decode()}\n"


def _run(program: str, stdin: str) -> dict[str, Any]:
    printed: list[str] = []
    status = 0
    try:
        exec(program, {"input": lambda: stdin, "print": lambda value: printed.append(f"{value}\n")})  # noqa: S102
    except Exception:  # noqa: BLE001
        status = 1
    stdout = base64.b64encode("".join(printed).encode()).decode()
    return {"ended": "exited", "exit_code": status, "stdout": stdout, "stderr": "", "seconds": 0.0, "detail": ""}
