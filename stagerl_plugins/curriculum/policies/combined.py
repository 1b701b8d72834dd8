"""What `any_of` and `all_of` share: children, and which move goes first."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from stagerl_plugins.config import PluginSpec
from stagerl_plugins.plugins import Options
from stagerl_plugins.protocols import Context, Setup, StagePolicy
from stagerl_plugins.types import PRECEDENCE, Decision


class CombinedOptions(Options):
    policies: list[PluginSpec] = Field(min_length=1, description="The stage policies, each `name: {option: value}`.")


class Combined(StagePolicy):
    """Asks several stage policies. The core tells the children what happens, and saves them."""

    def __init__(self, options: CombinedOptions, setup: Setup) -> None:
        self._policies: list[StagePolicy] = [
            setup.build("stage_policy", spec, f"policies.{place}") for place, spec in enumerate(options.policies)
        ]

    def ask(self, context: Context) -> list[Decision]:
        """The children's decisions, in order."""
        return [policy.decide(context) for policy in self._policies]


def first_in_precedence(decisions: Sequence[Decision]) -> Decision:
    """The decision that goes first: stop before back before advance before stay; of equal ones the first."""
    return min(decisions, key=lambda decision: PRECEDENCE.index(decision.move))
