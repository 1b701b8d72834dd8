"""Rules files: which problems are dropped, and which level takes which of the others.

```yaml
seed: 0                          # with a problem's id it decides what `keep` keeps
drop:                            # reason: condition
  never solved: p == 0
levels:                          # name: condition, or several of which one must hold
  easy: 0.5 <= p < 1
  hard:
    - 0 < p < 0.5
    - {when: p == 1, keep: 0.1}  # a tenth of these
  hardest_third: quantile(p) < 0.333
```
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from stagerl_plugins.config_files import read_yaml
from stagerl_plugins.difficulty.expressions import Condition
from stagerl_plugins.errors import UserError, nearest

SHIPPED = Path(str(files("stagerl_plugins.difficulty") / "rules"))
KEYS = ("seed", "drop", "levels")
NAME = re.compile(r"[\w-][\w.-]*")  # a level's name becomes part of a file's name


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition, and the share of the problems it holds for that the level takes."""

    when: Condition
    keep: float = 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """A rules file: conditions for dropping by reason, clauses by level in the file's order."""

    source: str
    seed: int
    drop: Mapping[str, Condition]
    levels: Mapping[str, tuple[Clause, ...]]

    @property
    def conditions(self) -> list[Condition]:
        """All conditions, those of `drop` first."""
        return [*self.drop.values(), *(clause.when for clauses in self.levels.values() for clause in clauses)]


def read_rules(source: str) -> Rules:
    """Read a rules file.

    Args:
        source: The file's path, or the name of one that we ship, such as `paper`.

    Raises:
        UserError: There is no such file, or its content is wrong: names the key.
    """
    shipped = {path.stem: path for path in SHIPPED.glob("*.yaml")}
    path = shipped.get(source, Path(source))
    if not path.is_file():
        raise UserError(f"--rules: no such file: {source} (rules by name: {', '.join(sorted(shipped))})")
    return parse_rules(read_yaml(path), source)


def parse_rules(raw: Mapping[str, Any], source: str) -> Rules:
    """Check the content of a rules file; see `read_rules`."""
    for key in raw:
        if key not in KEYS:
            raise UserError(f"{source}: {key}: unknown key; {nearest(str(key), KEYS)}")
    seed = raw.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise UserError(f"{source}: seed: expected a whole number, got {seed!r}")
    drop = _mapping(raw.get("drop") or {}, f"{source}: drop", "reason: condition")
    levels = _mapping(raw.get("levels"), f"{source}: levels", "name: condition")
    if not levels:
        raise UserError(f"{source}: levels: names no level")
    for name in levels:
        if not NAME.fullmatch(name):
            raise UserError(
                f"{source}: levels: '{name}' cannot be part of a file's name; use letters, digits, _ . -, no dot first"
            )
    return Rules(
        source=source,
        seed=seed,
        drop={reason: _condition(text, f"{source}: drop.{reason}") for reason, text in drop.items()},
        levels={name: _clauses(value, f"{source}: levels.{name}") for name, value in levels.items()},
    )


def _mapping(value: Any, where: str, form: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"{where}: expected a mapping, {form}" + ("" if value is None else f", got {value!r}"))
    named = {str(key): item for key, item in value.items()}
    if len(named) != len(value):
        raise UserError(f"{where}: two keys are the same text")
    return named


def _clauses(value: Any, where: str) -> tuple[Clause, ...]:
    if not isinstance(value, list):
        return (_clause(value, where),)
    if not value:
        raise UserError(f"{where}: has no condition")
    return tuple(_clause(item, f"{where}[{place}]") for place, item in enumerate(value))


def _clause(value: Any, where: str) -> Clause:
    if not isinstance(value, Mapping):
        return Clause(_condition(value, where))
    for key in value:
        if key not in ("when", "keep"):
            raise UserError(f"{where}: {key}: unknown key; {nearest(str(key), ('when', 'keep'))}")
    if "when" not in value:
        raise UserError(f"{where}: when: is missing")
    keep = value.get("keep", 1.0)
    if isinstance(keep, bool) or not isinstance(keep, int | float) or not 0 <= keep <= 1:
        raise UserError(f"{where}.keep: expected a share between 0 and 1, got {keep!r}")
    return Clause(_condition(value["when"], f"{where}.when"), float(keep))


def _condition(text: Any, where: str) -> Condition:
    if not isinstance(text, str):
        raise UserError(f"{where}: expected a condition such as '0 < p15 < 1', got {text!r}")
    return Condition(text, where)
