"""What `stagerl plugins` shows: every registered name with its kind, its package and its options, then the watchers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from rich.console import Group
from rich.text import Text

from stagerl_plugins.plugins import Plugins


def catalog(plugins: Plugins) -> list[dict[str, Any]]:
    """A JSON value for each registered name, by kind and name, and for each plugin that watches runs.

    Returns:
        `kind`, `name`, `distribution`, `version`, `summary` (the first line of the docstring), and `options`: for each
        `name`, `type`, `required`, `default` (where it is not required) and `description`. A watcher is registered
        under no name: its kind is `watcher`, its name that of its module or class, its summary the events it takes.
    """
    registered = [
        {
            "kind": kind,
            "name": name,
            "distribution": found.distribution,
            "version": found.version,
            "summary": found.summary,
            "options": _options(found.options),
        }
        for (kind, name), found in sorted(plugins.registrations.items())
    ]
    watchers = [
        {
            "kind": "watcher",
            "name": watcher.name,
            "distribution": watcher.distribution,
            "version": watcher.version,
            "summary": f"Called at {', '.join(watcher.hooks)}.",
            "options": [],
        }
        for watcher in plugins.watchers
    ]
    return registered + watchers


def catalog_text(entries: Iterable[Mapping[str, Any]]) -> Group:
    """The same for people: a paragraph for each name, under its kind."""
    lines: list[Text] = []
    kind = None
    for entry in entries:
        if entry["kind"] != kind:
            lines.extend([Text()] if kind else [])
            kind = entry["kind"]
            lines.append(Text(kind.replace("_", " "), style="bold underline"))
        lines.append(
            Text.assemble("  ", (entry["name"], "bold"), (f"  {entry['distribution']} {entry['version']}", "dim"))
        )
        lines.extend([Text(f"    {entry['summary']}")] if entry["summary"] else [])
        lines.extend(Text(f"      {_option_line(option)}") for option in entry["options"])
    return Group(*lines)


def _option_line(option: Mapping[str, Any]) -> str:
    default = " (required)" if option["required"] else f" = {option['default']!r}"
    described = f"  {option['description']}" if option["description"] else ""
    return f"{option['name']}: {option['type']}{default}{described}"


def _options(model: type[BaseModel]) -> list[dict[str, Any]]:
    described = []
    for name, field in model.model_fields.items():
        option: dict[str, Any] = {"name": name, "type": _type(field.annotation), "required": field.is_required()}
        if not field.is_required():
            option["default"] = _plain(field.get_default(call_default_factory=True))
        described.append({**option, "description": field.description or ""})
    return described


def _type(annotation: Any) -> str:
    """The type as its author wrote it, without packages and validators."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return " | ".join(map(repr, arguments))
    if origin in (Union, UnionType):
        return " | ".join(map(_type, arguments))
    if origin is not None and arguments:
        return f"{_type(origin)}[{', '.join(map(_type, arguments))}]"
    if annotation is NoneType:
        return "None"
    return getattr(annotation, "__name__", str(annotation))


def _plain(value: Any) -> Any:
    """A default as a JSON value."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
