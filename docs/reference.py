"""Writes the parts of the documentation that the code knows best: `python docs/reference.py`.

A page holds such a part between `<!-- begin NAME -->` and `<!-- end NAME -->`. A test fails when a part is not current.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import measured
from pydantic import BaseModel
from tables import table

from stagerl_plugins import protocols, types
from stagerl_plugins.cli import main as stagerl
from stagerl_plugins.config import Config
from stagerl_plugins.plugins import KINDS, Plugins, load_plugins

DOCS = Path(__file__).parent
OURS = "stagerl-plugins"
WIDTH = 100  # of a command's help


def refreshed(page: str) -> str:
    """A page with all its made parts as they should be.

    Raises:
        KeyError: It has a part that nobody makes.
    """

    def part(found: re.Match[str]) -> str:
        name = found.group(1)
        return f"<!-- begin {name} -->\n\n{PARTS[name]().strip()}\n\n<!-- end {name} -->"

    return re.sub(r"<!-- begin ([\w-]+) -->.*?<!-- end \1 -->", part, page, flags=re.DOTALL)


# -- configuration ----------------------------------------------------------------------------------------------------


def configuration() -> str:
    """Every key of a configuration file, model by model."""
    schema = Config.model_json_schema()
    stage = schema["$defs"]["Stage"]
    nested = {key: value["$ref"] for key, value in schema["properties"].items() if "$ref" in value}
    sections = [_model("The file", schema), _model("`stages.NAME`", stage)]
    sections += [_model(f"`{key}`", schema["$defs"][ref.rpartition("/")[2]]) for key, ref in nested.items()]
    return "\n\n".join(sections)


def _model(title: str, schema: Mapping[str, Any]) -> str:
    lines = [f"## {title}"]
    if schema.get("description"):
        lines.append(schema["description"])
    return "\n\n".join([*lines, options_table(schema, first="key")])


def options_table(schema: Mapping[str, Any], first: str = "option") -> str:
    """The properties of a model as a table; empty for a model without any."""
    required = schema.get("required", [])
    rows = [
        [
            f"`{name}`",
            _type(prop),
            "required" if name in required else _default(prop),
            prop.get("description", "see below" if "$ref" in prop else ""),
        ]
        for name, prop in schema.get("properties", {}).items()
    ]
    return table([first, "type", "default", "meaning"], rows) if rows else ""


def _type(prop: Mapping[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in prop:
        return "mapping"
    if "anyOf" in prop:
        return " or ".join(_type(one) for one in prop["anyOf"] if one.get("type") != "null")
    if "enum" in prop or "const" in prop:
        return " or ".join(f"`{value}`" for value in prop.get("enum", [prop.get("const")]))
    kind = prop.get("type")
    if kind == "array":
        return f"list of {_type(prop['items'])}"
    if kind == "object":
        inner = prop.get("additionalProperties")
        if not isinstance(inner, Mapping):
            return "mapping"
        plugin = inner.get("type") == "object" and inner.get("additionalProperties") is True
        return "plugin" if plugin else f"mapping to {_type(inner)}"
    names = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    shown = [f"{sign}&nbsp;{prop[bound]:g}" for bound, sign in bounds.items() if bound in prop]
    return " ".join([names.get(str(kind), "anything"), ", ".join(shown)]).strip()


def _default(prop: Mapping[str, Any]) -> str:
    value = prop.get("default")
    if "$ref" in prop or value is None or value in ({}, []):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


# -- plugins ----------------------------------------------------------------------------------------------------------


def built_ins() -> str:
    """Every built-in plugin with its docstring and its options."""
    plugins = load_plugins()
    return "\n\n".join(_kind(plugins, kind) for kind in KINDS if _our_names(plugins, kind))


def _our_names(plugins: Plugins, kind: str) -> list[str]:
    return [name for name in plugins.names(kind) if plugins.find(kind, name).distribution == OURS]


def _kind(plugins: Plugins, kind: str) -> str:
    sections = [f"### {kind.replace('_', ' ').capitalize()}s".replace("policys", "policies").replace("boxs", "boxes")]
    for name in _our_names(plugins, kind):
        found = plugins.find(kind, name)
        doc, _, _ = (inspect.getdoc(found.factory) or "").partition("\nRaises:")
        sections += [f"#### `{name}`", doc.strip(), _own_options(found.options)]
    return "\n\n".join(section for section in sections if section)


def _own_options(options: type[BaseModel]) -> str:
    schema = options.model_json_schema()
    return options_table(schema) or "No options."


# -- values -----------------------------------------------------------------------------------------------------------


def values() -> str:
    """The frozen dataclasses that plugins and the core exchange, and their enumerations."""
    classes = [protocols.Context, protocols.DrawContext, *(value for value in vars(types).values() if _is_ours(value))]
    return "\n\n".join(_dataclass(one) if dataclasses.is_dataclass(one) else _enumeration(one) for one in classes)


def _is_ours(value: Any) -> bool:
    return inspect.isclass(value) and value.__module__ == types.__name__


def _dataclass(one: Any) -> str:
    doc = inspect.getdoc(one) or ""
    docs = [inspect.cleandoc(base.__doc__ or "") for base in reversed(one.__mro__)]  # a field keeps its base's meaning
    meanings = {name: text for base in docs for name, text in arguments(base).items()}
    rows = [
        [f"`{field.name}`", f"`{field.type}`", _field_default(field), meanings.get(field.name, "")]
        for field in dataclasses.fields(one)
    ]
    header = ["field", "type", "default", "meaning"]
    if not meanings:
        header, rows = header[:-1], [row[:-1] for row in rows]
    found = [
        f"`.{name}`: `{value.fget.__annotations__['return']!s}`" + (f". {text}" if (text := _first(value)) else "")
        for name, value in vars(one).items()
        if isinstance(value, property)
    ]
    return "\n\n".join([f"### {one.__name__}", doc.split("\n\n")[0], table(header, rows), *found])


def _enumeration(one: Any) -> str:
    members = ", ".join(f"`{one.__name__}.{member.name}`" for member in one)
    return "\n\n".join([f"### {one.__name__}", inspect.getdoc(one) or "", members])


def arguments(doc: str) -> dict[str, str]:
    """The section `Args:` of a docstring, by name."""
    _, _, section = doc.partition("Args:\n")
    found: dict[str, str] = {}
    for line in section.splitlines():
        if start := re.match(r" {4}(\w+): (.*)", line):
            name, text = start.groups()
            found[name] = text
        elif line.startswith(" " * 8) and found:
            found[name] += f" {line.strip()}"
        else:
            break
    return found


def _field_default(field: Any) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{field.default!r}`"
    return "`{}`" if field.default_factory is not dataclasses.MISSING else "required"


def _first(value: Any) -> str:
    return (inspect.getdoc(value) or "").split("\n")[0]


# -- commands ---------------------------------------------------------------------------------------------------------


def commands() -> str:
    """The help of each command."""
    return "\n\n".join(f"## stagerl {name}\n\n```text\n{_help(name)}\n```" for name in sorted(stagerl.commands))


def _help(name: str) -> str:
    parent = click.Context(stagerl, info_name="stagerl", terminal_width=WIDTH, **stagerl.context_settings)
    command = stagerl.commands[name]
    return command.get_help(click.Context(command, parent=parent, info_name=name, terminal_width=WIDTH))


# ---------------------------------------------------------------------------------------------------------------------


PARTS = {
    "configuration": configuration,
    "built-ins": built_ins,
    "values": values,
    "commands": commands,
    "plateau-rates": measured.plateau_rates,
    "validation-drop-rates": measured.validation_drop_rates,
    "quickstart-controls": measured.quickstart_controls,
    "math-equivalence": measured.math_equivalence,
    "math-verdicts": measured.math_verdicts,
    "code-verdicts": measured.code_verdicts,
    "verdict-load": measured.verdict_load,
}


def main() -> None:
    for path in sorted(DOCS.glob("*.md")):
        old = path.read_text(encoding="utf-8")
        new = refreshed(old)
        if new != old:
            path.write_text(new, encoding="utf-8")
            print(f"{path.name} is new")


if __name__ == "__main__":
    main()
