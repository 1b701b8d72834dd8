"""A vLLM engine in a process of its own, which never outlives this one."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from stagerl_plugins.errors import UserError
from stagerl_plugins.grading.engine import Completion, Messages, Request
from stagerl_plugins.grading.options import GradeOptions

LINE_BYTES = 1 << 28
GRACE_SECONDS = 20.0  # for an idle engine to end by itself


class VllmEngine:
    """One vLLM engine; see `Engine`.

    Args:
        options: How to sample.
        log: A file for what vLLM says.
    """

    def __init__(self, options: GradeOptions, log: Path) -> None:
        self._options = options
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._idle = False

    async def start(self, prompts: Mapping[str, Messages]) -> list[str]:
        if importlib.util.find_spec("vllm") is None:
            raise UserError("vLLM is not installed: install the extra 'gpu' or 'cpu' of stagerl-plugins")
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "stagerl_plugins.grading.vllm_process"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=LINE_BYTES,
                start_new_session=True,  # Ctrl-C is for us alone, and we can end it with all that it started
            )
        options = self._options
        settings = {
            "model": options.model,
            "device": options.device,
            "engine": dict(options.engine),
            "sampling": {
                "temperature": options.temperature,
                "top_p": options.top_p,
                "max_tokens": options.max_tokens,
            },
            "prompts": {problem: list(messages) for problem, messages in prompts.items()},
        }
        await self._send(settings)
        answer = await self._receive()
        self._idle = True
        return list(answer["too_long"])

    async def generate(self, requests: Sequence[Request]) -> AsyncIterator[list[Completion]]:
        self._idle = False
        await self._send([[request.problem, request.seed] for request in requests])
        missing = len(requests)
        while missing:
            finished = (await self._receive())["finished"]
            missing -= len(finished)
            yield [
                Completion(requests[number].problem, requests[number].sample, text, tokens, truncated)
                for number, text, tokens, truncated in finished
            ]
        self._idle = True

    async def close(self) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE_SECONDS if self._idle else 0)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def _send(self, message: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # it is gone: what it said last will be read
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()

    async def _receive(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise UserError(f"vLLM ended with status {await self._process.wait()}; all it said is in {self._log}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise UserError(answer["error"])
        if "broken" in answer:
            raise UserError(f"vLLM broke down: {answer['broken']}; all it said is in {self._log}")
        return answer
