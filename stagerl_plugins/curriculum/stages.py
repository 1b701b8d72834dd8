"""Which problems belong to a stage."""

from __future__ import annotations

import numpy as np

from stagerl_plugins.config import Stage
from stagerl_plugins.errors import UserError, nearest
from stagerl_plugins.problems import Problems
from stagerl_plugins.types import BoolArray


def stage_members(problems: Problems, name: str, stage: Stage) -> BoolArray:
    """Mask of the problems of a stage, shape (problems,).

    Raises:
        UserError: An unknown level or domain, or no problem is left.
    """
    members = np.ones(len(problems), bool)
    if stage.levels is not None:
        for level in stage.levels:
            if level not in problems.levels:
                hint = nearest(level, problems.levels)
                raise UserError(f"stages.{name}.levels: the problems have no level '{level}': {hint}")
        members &= np.any([problems.levels[level] for level in stage.levels] or [np.zeros(len(problems), bool)], axis=0)
    known = set(problems.domains.tolist())
    for domain in [*(stage.domains or []), *(stage.mix or {})]:
        if domain not in known:
            raise UserError(f"stages.{name}: the problems have no domain '{domain}': {nearest(domain, known)}")
    wanted = stage.domains or (list(stage.mix) if stage.mix else None)
    if wanted is not None:
        members &= np.isin(problems.domains, wanted)
    if stage.mix:
        for domain in stage.mix:
            if not (members & (problems.domains == domain)).any():
                raise UserError(f"stages.{name}.mix: no problem of domain '{domain}' is in the stage")
    if not members.any():
        raise UserError(f"stages.{name}: no problem belongs to this stage")
    return members
