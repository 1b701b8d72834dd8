"""The gate `some_success`."""

from __future__ import annotations

from pydantic import Field

from stagerl_plugins import Admission, Context, Gate, Group, Options, Setup


class SomeSuccessOptions(Options):
    at_least: float = Field(1.0, gt=0, le=1, description="Score that one response of a group must reach.")


class SomeSuccess(Gate):
    """Rejects a group in which no response scored enough.

    Some of reasoning-gym's verifiers give a wrong answer partial credit, so that a group without any right answer has
    an advantage to offer all the same: for a better wrong answer.
    """

    def __init__(self, options: SomeSuccessOptions, setup: Setup) -> None:
        self._at_least = options.at_least

    def admit(self, context: Context, group: Group) -> Admission:
        if group.scores.max() >= self._at_least:
            return Admission(True)
        return Admission(False, f"no score of {self._at_least:g}")
