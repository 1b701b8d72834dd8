"""What is sent into a sandbox and what comes out of it: a job as code to run, and executions, decoded strictly."""

from __future__ import annotations

import base64
import json
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any

from stagerl_plugins.sandboxes.worker import LostError
from stagerl_plugins.types import Ended, Execution, Limits

_STDERR_BYTES = 16_384
_START_SECONDS = 2.0  # of each run, and
_SPARE_SECONDS = 30.0  # so much more before a sandbox that does not answer is lost
# the interpreter that runs this has state and threads of its own: what runs programs is another one
_CODE = """\
import subprocess, sys
_ran = subprocess.run([sys.executable, "-I", "-c", {runner!r}], input={job!r}, capture_output=True)
print({nonce!r}, _ran.returncode, _ran.stdout.decode() or _ran.stderr.decode(errors="replace")[-300:])
"""


@dataclass(frozen=True, slots=True)
class Job:
    """A program, its inputs, and the code that runs it on all of them inside of a sandbox.

    Args:
        code: What the sandbox runs.
        nonce: What its answer begins with: an answer to something else has another one.
        inputs: How many executions there will be.
        limits: Of each.
    """

    code: str
    nonce: str
    inputs: int
    limits: Limits

    @staticmethod
    def of(program: str, inputs: Sequence[str], limits: Limits) -> Job:
        content = {
            "program": _plain(program),
            "inputs": [_plain(stdin) for stdin in inputs],
            "bounds": asdict(limits),
            "launch": _source("launch.py"),
        }
        job = base64.b64encode(zlib.compress(json.dumps(content).encode()))
        nonce = uuid.uuid4().hex
        return Job(_CODE.format(runner=_source("runner.py"), job=job, nonce=nonce), nonce, len(inputs), limits)

    @property
    def seconds(self) -> float:
        """How long a sandbox that works may take at most."""
        return self.inputs * (self.limits.seconds + _START_SECONDS) + _SPARE_SECONDS

    @property
    def longest_answer(self) -> int:
        """Letters of an answer, whatever the program prints: packed and then encoded, it is hardly any longer."""
        return 1_000 + 2 * self._most

    @property
    def _most(self) -> int:
        """Bytes of an answer that is unpacked."""
        return self.inputs * 2 * (self.limits.output_bytes + 50_000)

    def executions(self, printed: str) -> list[Execution]:
        """The executions in what the sandbox printed.

        Raises:
            LostError: That is no answer to this job.
        """
        nonce, _, rest = printed.strip().partition(" ")
        status, _, answer = rest.partition(" ")
        if nonce != self.nonce:
            raise LostError("the sandbox did not answer")
        if status.startswith("-"):  # only the program can have done that to its own runner
            return [Execution(Ended.OVER_LIMIT, detail="it took the process down that runs it")] * self.inputs
        if status != "0":
            raise LostError(f"the sandbox failed: {' '.join(answer.split())}")
        try:
            rows = json.loads(_unpacked(answer, self._most))
            executions = [_execution(row, self.limits) for row in rows]
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            raise LostError("the sandbox sent nonsense") from error
        if len(executions) != self.inputs:
            raise LostError("the sandbox sent nonsense")
        return executions


def _unpacked(text: str, most: int) -> bytes:
    """Raises ValueError or zlib.error for what is broken or too long."""
    unpack = zlib.decompressobj()
    data = unpack.decompress(base64.b64decode(text, validate=True), most)
    if not unpack.eof:
        raise ValueError("too long")
    return data


def _execution(row: dict[str, Any], limits: Limits) -> Execution:
    """Raises ValueError, KeyError or TypeError for what is none."""
    ended, code, detail = Ended(row["ended"]), row["exit_code"], row["detail"]
    if not isinstance(code, int | None) or not isinstance(detail, str) or ended is Ended.LOST:
        raise ValueError("no execution")
    stdout, stderr = (base64.b64decode(row[name], validate=True) for name in ("stdout", "stderr"))
    return Execution(
        ended,
        stdout[: limits.output_bytes].decode(errors="surrogateescape"),
        stderr[:_STDERR_BYTES].decode(errors="replace"),
        code,
        float(row["seconds"]),
        detail,
    )


def _plain(text: str) -> str:
    """Text that can be sent: a response's half surrogate pairs cannot."""
    return text.encode("utf-8", "replace").decode()


@cache
def _source(name: str) -> str:
    return (resources.files("stagerl_plugins.sandboxes.e2b.inside") / name).read_text()
