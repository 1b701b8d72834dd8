"""One number of a validation."""

from __future__ import annotations

from collections.abc import Mapping

from stagerl_plugins.errors import UserError, nearest


def validation_value(values: Mapping[str, float], name: str | None) -> float:
    """The mean score of the validation set `name`, or the mean over all sets.

    Raises:
        UserError: There is no such set.
    """
    if name is None:
        return float(sum(values.values()) / len(values))
    if name not in values:
        raise UserError(f"no validation set is called '{name}': {nearest(name, values)}")
    return float(values[name])
