"""Rewards as a command line names them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from stagerl_plugins.config_files import flatten, parse_yaml
from stagerl_plugins.errors import UserError


def parse_rewards(texts: Iterable[str], option: str = "--reward") -> dict[str, Any]:
    """Rewards by data source, from texts `SPEC` (for all others) or `SOURCE=SPEC`; a SPEC is YAML.

    Raises:
        UserError: A SPEC is no YAML, or a data source has two.
    """
    rewards: dict[str, Any] = {}
    for text in texts:
        named = re.fullmatch(r"([^{=]+)=(.+)", text, re.DOTALL)
        source, spec = named.groups() if named else ("default", text)
        if source in rewards:
            raise UserError(f"{option} {text}: '{source}' has a reward already")
        try:
            value = parse_yaml(spec)
        except yaml.YAMLError as error:
            raise UserError(f"{option} {text}: is no valid YAML") from error
        rewards[source] = {value: {}} if isinstance(value, str) else value
    return rewards


def reward_files(rewards: Mapping[str, Any]) -> list[Path]:
    """The files that the rewards' options name, such as that of a verl function."""
    values = flatten(rewards).values()
    paths = [os.path.expanduser(value) for value in values if isinstance(value, str)]
    return [Path(path) for path in paths if os.path.isfile(path)]  # `Path.is_file` raises for a long text
