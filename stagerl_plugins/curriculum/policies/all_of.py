"""The stage policy `all_of`."""

from __future__ import annotations

from stagerl_plugins.curriculum.policies.combined import Combined, CombinedOptions, first_in_precedence
from stagerl_plugins.hookspecs import Register, hookimpl
from stagerl_plugins.protocols import Context
from stagerl_plugins.types import Decision, Move

stagerl_contract = 1


class AllOf(Combined):
    """Moves when none of several policies wants to stay; stop goes before back, back before advance."""

    def decide(self, context: Context) -> Decision:
        decisions = self.ask(context)
        staying = [decision for decision in decisions if decision.move is Move.STAY]
        if staying:
            return staying[0]
        first = first_in_precedence(decisions)
        return Decision(first.move, "; ".join(decision.reason for decision in decisions), first.evidence)


@hookimpl
def register_stage_policies(register: Register) -> None:
    register("all_of", AllOf, CombinedOptions)
