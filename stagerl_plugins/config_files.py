"""A configuration as it stands in files and on command lines: nested mappings, not validated yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stagerl_plugins.errors import UserError

MOST_VALUES = 100_000  # of a file, with each alias written out


class _Loader(yaml.SafeLoader):
    """A safe loader that takes 1e-6 for a number, as YAML 1.2 does, and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' is there twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def parse_yaml(text: str) -> Any:
    """A YAML value, read safely. Raises yaml.YAMLError for anything else, and for aliases that blow it up."""
    try:
        value = yaml.load(text, Loader=_Loader)
        if _written_out(value, {}) > MOST_VALUES:
            raise ValueError(f"its aliases stand for more than {MOST_VALUES:,} values")
        return value
    except (ValueError, LookupError, AttributeError, RecursionError) as error:  # 2024-99-99, !!int '', !!timestamp x
        shown = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise yaml.constructor.ConstructorError(None, None, f"holds a value that cannot be read: {shown}") from error


def _written_out(value: Any, known: dict[int, int]) -> int:
    """How many values there are when each alias is written out.

    Args:
        value: What to count.
        known: The counts by identity; 0 for what is being counted.

    Raises:
        ValueError: Something is inside itself.
    """
    if id(value) not in known:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        known[id(value)] = 0
        known[id(value)] = 1 + sum(_written_out(part, known) for part in parts)
    if not known[id(value)]:
        raise ValueError("it is inside itself")
    return known[id(value)]


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        UserError: The file is missing, is no YAML, or no mapping.
    """
    try:
        raw = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where}: {getattr(error, 'problem', None) or 'is no valid YAML'}") from error
    if not isinstance(raw, dict):
        found = "nothing" if raw is None else type(raw).__name__
        raise UserError(f"{path}: expected keys and values at the top, got {found}")
    return {str(key): value for key, value in raw.items()}


def override(raw: dict[str, Any], assignment: str) -> None:
    """Apply one `dotted.key=value` to a nested mapping, in place; the value is read as YAML.

    Raises:
        UserError: No `=`, a value that is no YAML, or a key that leads through something that is no mapping.
    """
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise UserError(f"'{assignment}': expected key=value")
    try:
        value = parse_yaml(text)
    except yaml.YAMLError as error:
        raise UserError(f"{key}: '{text}' is no valid YAML value") from error
    # verl's own keys stay dotted: whether a part is new is verl's to say
    head, *rest = key.split(".", 1) if key.startswith("verl.") else key.split(".")
    target = raw
    for part in [head, *rest][:-1]:
        if target.get(part) is None:
            target[part] = {}
        if isinstance(target[part], str):
            target[part] = {target[part]: {}}
        if not isinstance(target[part], dict):
            raise UserError(f"{key}: '{part}' is a {type(target[part]).__name__}, it has no keys below it")
        target = target[part]
    target[[head, *rest][-1]] = value


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Leaves of a nested mapping by dotted key; an empty mapping is a leaf."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Dotted keys whose values differ, sorted."""
    before, after = flatten(old), flatten(new)
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
