"""What a SandboxFusion server answers, checked strictly: it is somebody else's, and runs programs that attack it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from stagerl_plugins.sandboxes.worker import LostError
from stagerl_plugins.types import Ended, Execution, Limits

# A server stops reading when a program has printed more than this: the program blocks, or what follows is missing.
WHOLE_BYTES = 1 << 17
_STREAM_BYTES = 1 << 20  # of standard output and of standard error, which a server returns at most
_ESCAPED = 6  # bytes of JSON for one of text
_STDERR_BYTES = 16_384


class _Command(BaseModel):
    model_config = ConfigDict(strict=True)
    status: Literal["Finished", "Error", "TimeLimitExceeded"]
    execution_time: FiniteFloat | None = None
    return_code: Annotated[int, Field(ge=-255, le=255)] | None = None
    stdout: str | None = None
    stderr: str | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True)
    status: Literal["Success", "Failed", "SandboxError"]
    message: str = ""
    run_result: _Command | None = None


def longest_answer(program: str) -> int:
    """Bytes of an answer, whatever the program prints; an error repeats the program."""
    return _ESCAPED * (2 * _STREAM_BYTES + 4 * len(program)) + 65_536


def execution_of(body: bytes, limits: Limits) -> Execution:
    """The execution that an answer tells of.

    Raises:
        LostError: The server failed, or this is no answer.
    """
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError:
        raise LostError("it answers what no SandboxFusion server does") from None
    if answer.status == "SandboxError":
        raise LostError(f"SandboxError: {answer.message}")
    result = answer.run_result
    if result is None or answer.status != _status_of(result):
        raise LostError("it answers what no SandboxFusion server does")
    return _execution(result, limits)


def _status_of(result: _Command) -> str | None:
    """What an answer says of such a run; None for a run that cannot be."""
    if result.status == "TimeLimitExceeded" and result.return_code is None:
        return "Failed"
    if result.status == "Finished" and result.return_code is not None:
        return "Failed" if result.return_code else "Success"
    return None


def _execution(result: _Command, limits: Limits) -> Execution:
    most = min(limits.output_bytes, WHOLE_BYTES)
    stdout = (result.stdout or "").encode()
    if len(stdout) > most:
        ended, detail = Ended.OVER_LIMIT, f"more than {most} bytes of output"
    elif result.status == "TimeLimitExceeded":
        ended, detail = Ended.TIMED_OUT, f"longer than {limits.seconds:g} s"
    else:
        ended, detail = Ended.EXITED, ""
    return Execution(
        ended,
        stdout[:most].decode(errors="ignore"),
        (result.stderr or "")[:_STDERR_BYTES],
        result.return_code if ended is Ended.EXITED else None,
        max(0.0, result.execution_time or 0.0),  # by the server's wall clock, which may be set back
        detail,
    )
