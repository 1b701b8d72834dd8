"""The stage policy `any_of`."""

from __future__ import annotations

from stagerl_plugins.curriculum.policies.combined import Combined, CombinedOptions, first_in_precedence
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.protocols import Context
from stagerl_plugins.types import Decision

stagerl_contract = 1


class AnyOf(Combined):
    """Moves as soon as one of several policies wants to; stop goes before back, back before advance."""

    def decide(self, context: Context) -> Decision:
        return first_in_precedence(self.ask(context))


@hookimpl
def register_stage_policies(register: Register) -> None:
    register("any_of", AnyOf, CombinedOptions)
