"""A special checker: a reward, trusted code, that says whether an output is right where several are."""

from __future__ import annotations

import json
from typing import Any

from stagerl_plugins.protocols import Reward
from stagerl_plugins.rewards.call import describe, shown
from stagerl_plugins.rewards.code.running import NotJudgedError
from stagerl_plugins.types import Outcome, Response, Verdict


class Checker:
    """Asks a reward about one output: what was printed, or a returned value as JSON.

    The reward is given it as the text of a response, with `input` and `output` of the test as the ground truth. It is
    awaited where it is asked, in no process of its own; `correct` passes the test, anything else does not.

    Args:
        reward: Who is asked.
        response: The response that is judged.
    """

    def __init__(self, reward: Reward, response: Response) -> None:
        self._reward = reward
        self._response = response

    async def printed(self, text: str, given: Any, expected: Any) -> bool:
        """Whether a text is right.

        Raises:
            NotJudgedError: The checker failed.
        """
        about = self._response
        truth = {"input": given, "output": expected}
        try:
            answer = await self._reward.score(
                [Response(text, truth, about.data_source, about.problem, about.extra_info)]
            )
        except (Exception, SystemExit) as error:
            raise NotJudgedError(f"the checker raised {describe(error)}") from error
        if not (isinstance(answer, list | tuple) and len(answer) == 1 and isinstance(answer[0], Verdict)):
            raise NotJudgedError(f"the checker returned {shown(answer)} instead of a list of one verdict")
        if not answer[0].judged:
            why = " ".join(answer[0].detail.split())
            raise NotJudgedError(f"the checker did not judge: {why or 'it did not say why'}")
        return answer[0].outcome == Outcome.CORRECT

    async def returned(self, value: Any, given: Any, expected: Any) -> bool:
        """Whether a value is right; one that JSON cannot hold is not.

        Raises:
            NotJudgedError: The checker failed.
        """
        try:
            text = json.dumps(value)
        except (TypeError, ValueError):
            return False
        return await self.printed(text, given, expected)
