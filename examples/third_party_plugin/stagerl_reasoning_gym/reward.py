"""The reward `reasoning_gym`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache

from pydantic import Field

from stagerl_plugins import Options, Outcome, Response, Reward, Setup, Verdict


class ReasoningGymOptions(Options):
    pattern: re.Pattern[str] = Field(
        re.compile(r"<answer>(.*?)</answer>", re.DOTALL),
        description="Where the answer stands in a response: the one group of the last match.",
    )


class ReasoningGymReward(Reward):
    """The score that the task's own verifier in reasoning-gym gives the answer.

    The ground truth is a reasoning-gym entry as JSON; its `metadata.source_dataset` names the task.
    """

    def __init__(self, options: ReasoningGymOptions, setup: Setup) -> None:
        from reasoning_gym.factory import get_score_answer_fn  # takes a second: only where responses are judged

        self._pattern = options.pattern
        self._verifier = cache(get_score_answer_fn)

    async def score(self, responses: Sequence[Response]) -> list[Verdict]:
        return [self._judge(response) for response in responses]

    def _judge(self, response: Response) -> Verdict:
        entry = json.loads(response.ground_truth)
        verify = self._verifier(entry["metadata"]["source_dataset"])
        found = self._pattern.findall(response.text)
        if not found:
            return Verdict(Outcome.BAD_FORMAT, 0.0, "no answer found")
        answer = found[-1].strip()
        try:
            score = float(verify(answer, entry))
        except Exception as error:  # noqa: BLE001  some verifiers take only well-formed answers
            return Verdict(Outcome.BAD_FORMAT, 0.0, f"'{answer}' cannot be verified: {error!r}")
        outcome = Outcome.CORRECT if score == 1 else Outcome.PARTIAL if score > 0 else Outcome.WRONG
        return Verdict(outcome, score, answer)
