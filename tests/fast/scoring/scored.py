"""A reward that judges in the command's own process, so that nothing is started, and rows for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stagerl_plugins import Options, Outcome, Reward, Verdict, hookimpl


class SameOptions(Options):
    lower: bool = False


class Same(Reward):
    """Right is a response that is the ground truth; `lower` ignores case. What waits is judged after what does not."""

    isolated = False
    asked: list[str] = []  # noqa: RUF012  what all of them were asked

    def __init__(self, options: SameOptions, setup: Any) -> None:
        self.lower = options.lower

    async def score(self, responses: Any) -> list[Verdict]:
        (response,) = responses
        self.asked.append(response.text)
        if response.text.startswith("stop"):
            raise KeyboardInterrupt
        if response.text.startswith("wait"):
            await asyncio.sleep(0.05)
        if response.text == "fail":
            raise RuntimeError("no idea")
        text, truth = response.text, response.ground_truth
        right = text.lower() == truth.lower() if self.lower else text == truth
        return [Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right), f"said {text}")]


class SamePlugin:
    stagerl_contract = 1

    @hookimpl
    def register_rewards(self, register: Any) -> None:
        register("same", Same, options=SameOptions)


def row(response: Any, truth: Any = "a", **more: Any) -> dict[str, Any]:
    return {"data_source": "math", "reward_model": {"ground_truth": truth}, "response": response, **more}


def write_lines(path: Path, *rows: Mapping[str, Any] | bytes) -> Path:
    path.write_bytes(b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in rows))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
