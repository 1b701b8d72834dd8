"""The plugin manager: everything, our built-ins too, comes in through the entry-point group `stagerl_plugins`."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint, distributions
from types import ModuleType
from typing import Any

import pluggy
from pydantic import BaseModel, ConfigDict

from stagerl_plugins import hookspecs
from stagerl_plugins.errors import PluginError, UserError, account_of, nearest
from stagerl_plugins.loading_guard import guarded

GROUP = "stagerl_plugins"
LOAD_VARIABLE = "STAGERL_LOAD_PLUGINS"  # names of distributions or entry points, by comma; unset: all; empty: none
KINDS = {
    "difficulty_metric": "register_difficulty_metrics",
    "stage_policy": "register_stage_policies",
    "sampler": "register_samplers",
    "gate": "register_gates",
    "reward": "register_rewards",
    "sandbox": "register_sandboxes",
}
NO_TEXT = ("true", "false", "yes", "no", "on", "off", "null", "nan", "inf")  # to YAML or to Hydra
NUMBER = re.compile(r"\d[\d_]*(e-?[\d_]+)?|0[bx][\da-f_]+|\d{4}-\d\d?-\d\d?", re.ASCII | re.IGNORECASE)
EVENTS = ("run_started", "stage_started", "step_ended", "checkpoint_saved", "run_ended")


class DuplicateError(PluginError):
    """One name is registered twice."""


class Options(BaseModel):
    """Base for a plugin's options. A plugin without options uses it.

    Refused are unknown keys, infinity, NaN, and values of another type, such as `true` or `"16"` for a number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Registration:
    """A registered name, and where it came from."""

    kind: str
    name: str
    factory: Callable[[Any, Any], Any]
    options: type[BaseModel]
    distribution: str
    version: str

    @property
    def summary(self) -> str:
        """The first line of the factory's docstring."""
        return (inspect.getdoc(self.factory) or "").split("\n")[0]

    def make(self, options: BaseModel, setup: Any) -> Any:
        """What the factory makes.

        Raises:
            PluginError: It takes something else than options and setup, or would end the interpreter; any other
                exception of its own comes through.
        """
        try:
            return self.factory(options, setup)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            said = f"its factory is called as factory(options, setup): {error}{self.unmarked}"
            raise PluginError(f"{self}: {said}") from error
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit above all: a plugin does not end what uses it
            raise PluginError(f"{self}: its factory raised {account_of(error)}") from error

    @property
    def unmarked(self) -> str:
        """A hint where a factory was expected and may be a function that judges; else nothing."""
        judges = self.kind == "reward" and inspect.isfunction(self.factory)
        return ": a function that judges needs @reward" if judges else ""

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}' of {self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Watcher:
    """A plugin that implements event hooks, and where it came from."""

    name: str
    hooks: tuple[str, ...]
    distribution: str
    version: str


@dataclass
class Plugins:
    """All registered plugins, and pluggy's manager for the event hooks."""

    manager: pluggy.PluginManager
    registrations: dict[tuple[str, str], Registration] = field(default_factory=dict)
    watchers: list[Watcher] = field(default_factory=list)
    distributions: dict[str, str] = field(default_factory=dict)

    def find(self, kind: str, name: str) -> Registration:
        """The plugin of this kind and name.

        Raises:
            UserError: There is none; names the nearest one.
        """
        if kind not in KINDS:
            raise UserError(f"there is no kind of plugin '{kind}': {nearest(kind, KINDS)}")
        if (kind, name) not in self.registrations:
            raise UserError(f"no {kind} is called '{name}': {nearest(name, self.names(kind))}")
        return self.registrations[kind, name]

    def names(self, kind: str) -> list[str]:
        return sorted(name for k, name in self.registrations if k == kind)

    def add(self, plugin: object, distribution: str, version: str) -> None:
        """Register one plugin object or module: check its contract, collect its names. All of it is added, or nothing.

        Raises:
            PluginError: Wrong contract, a misspelt hook or argument, a hook that raises, or what it registers is none.
            DuplicateError: It registers a name that another plugin has.
        """
        where = f"{_name_of(plugin)} of {distribution} {version}"
        _check_contract(plugin, where)
        known = dict(self.registrations)
        try:
            self.manager.register(plugin)
            self.manager.check_pending()
            _check_hooks(plugin, self.manager)
            for kind, hook in KINDS.items():
                others = [p for p in self.manager.get_plugins() if p is not plugin]
                caller = self.manager.subset_hook_caller(hook, remove_plugins=others)
                caller(register=self._registrar(kind, distribution, version))
        except BaseException as error:
            self.registrations = known
            if self.manager.is_registered(plugin):
                self.manager.unregister(plugin)
            if isinstance(error, PluginError | KeyboardInterrupt):
                raise
            raise PluginError(f"{where}: {_fault(error)}") from error
        self.distributions[distribution] = version
        if watched := tuple(hook for hook in EVENTS if hasattr(plugin, hook)):
            self.watchers.append(Watcher(_name_of(plugin), watched, distribution, version))

    def _registrar(self, kind: str, distribution: str, version: str) -> hookspecs.Register:
        def register(name: str, factory: Any, options: Any = None) -> None:
            new = Registration(kind, name, factory, options or Options, distribution, version)
            if fault := _fault_of_name(name):
                raise PluginError(f"{kind} of {distribution} {version}: {fault}")
            if not callable(factory):
                raise PluginError(f"{new}: its factory must be callable as factory(options, setup), got {factory!r}")
            if not (isinstance(new.options, type) and issubclass(new.options, BaseModel)):
                raise PluginError(f"{new}: its options must be a pydantic model class, got {options!r}")
            old = self.registrations.setdefault((kind, name), new)
            if old is not new and old.distribution == new.distribution:
                raise DuplicateError(f"{new} is registered twice: rename one of the two")
            if old is not new:
                raise DuplicateError(
                    f"two plugins register the {kind} '{name}': {old} and {new}: "
                    f"rename, uninstall one, or leave one out by {LOAD_VARIABLE}"
                )

        return register

    def emit(self, hook: str, report: Callable[[str], None], **arguments: Any) -> None:
        """Call an event hook of every plugin; one plugin's exception is reported and reaches no other."""
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                implementation.function(**{name: arguments[name] for name in implementation.argnames})
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  a watcher must not stop what it watches
                report(f"{hook} of plugin {_name_of(implementation.plugin)} failed: {error!r}")


def load_plugins(on_error: str = "fail", report: Callable[[str], None] | None = None) -> Plugins:
    """Load all plugins that `STAGERL_LOAD_PLUGINS` allows.

    Args:
        on_error: "fail" raises for a plugin that cannot be loaded, "skip" reports it and goes on; two of one name are
            refused in any case, as nobody could say which of them a run would get.
        report: Where skipped plugins are reported.

    Raises:
        PluginError: A plugin cannot be loaded and `on_error` is "fail".
        DuplicateError: Two register the same name.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    for entry, distribution in _entry_points():
        try:
            with guarded():
                plugins.add(_import(entry, distribution), distribution.name, distribution.version)
        except PluginError as error:
            if on_error == "fail" or isinstance(error, DuplicateError):
                raise
            if report:
                report(f"skipped: {error}")
    return plugins


def _import(entry: EntryPoint, distribution: Distribution) -> object:
    """What an entry point names."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what it prints must not mix with results
            return entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, too
        where = f"plugin {entry.value} of {distribution.name} {distribution.version}"
        raise PluginError(f"{where} cannot be imported: {_import_fault(error, entry)}") from error


def _fault_of_name(name: Any) -> str | None:
    """Why no configuration or override could name a plugin so; None if they can."""
    if not (isinstance(name, str) and re.fullmatch(r"\w[\w-]*", name, re.ASCII)):  # overrides are dotted
        return f"a name has letters, digits, `_` and `-`, got {name!r:.100}"
    if name.lower() in NO_TEXT or NUMBER.fullmatch(name):
        return f"a name must be text where it stands in YAML or in an override, got '{name}'"
    return None


def _entry_points() -> Iterator[tuple[EntryPoint, Distribution]]:
    """Entry points of our group in a fixed order, each once, as the environment variable allows."""
    limit = os.environ.get(LOAD_VARIABLE)
    allowed = None if limit is None else {name.strip() for name in limit.split(",") if name.strip()}
    found: dict[tuple[str, str], tuple[EntryPoint, Distribution]] = {}
    for distribution in distributions():
        for entry in distribution.entry_points.select(group=GROUP):
            if allowed is None or entry.name in allowed or distribution.name in allowed:
                found.setdefault((distribution.name, entry.name), (entry, distribution))
    if allowed is not None:
        missing = allowed - {name for key in found for name in key}
        if missing:
            raise UserError(f"{LOAD_VARIABLE} names {', '.join(sorted(missing))}, which no installed package provides")
    yield from (found[key] for key in sorted(found))


def _import_fault(error: BaseException, entry: EntryPoint) -> str:
    """Why an entry point cannot be loaded: its module raised, or what it names is not there."""
    importers = ("<frozen importlib", os.path.dirname(importlib.__file__))
    others = [f for f in traceback.extract_tb(error.__traceback__)[1:] if not f.filename.startswith(importers)]
    if others or isinstance(error, SyntaxError):
        return account_of(error)
    return f"{error!r} (entry point `{entry.name} = {entry.value}`)"


def _check_contract(plugin: object, where: str) -> None:
    declared = getattr(plugin, "stagerl_contract", None)
    if declared is None:
        raise PluginError(f"{where} declares no contract: add `stagerl_contract = {hookspecs.CONTRACT}`")
    if type(declared) is not int or declared < 1:
        raise PluginError(f"{where} declares contract {declared!r}: it must be a number from 1 on")
    if declared > hookspecs.CONTRACT:
        raise PluginError(
            f"{where} was made for contract {declared}, this is {hookspecs.CONTRACT}: update stagerl-plugins"
        )


class _HookError(Exception):
    """A hook that would silently do nothing."""


def _check_hooks(plugin: object, manager: pluggy.PluginManager) -> None:
    """Find hooks that would silently do nothing.

    Raises:
        _HookError: A function has a hook's name and no mark, would have to be awaited, or takes no `register`.
    """
    for hook in (*KINDS.values(), *EVENTS):
        function = getattr(plugin, hook, None)
        if not callable(function):
            continue
        if manager.parse_hookimpl_opts(plugin, hook) is None:
            raise _HookError(f"{hook} is no hook without its mark: put @hookimpl before it")
        if inspect.iscoroutinefunction(function):
            raise _HookError(f"{hook} must be a plain function: nothing awaits it")
        if hook in KINDS.values() and "register" not in inspect.signature(function).parameters:
            raise _HookError(f"{hook} must take one argument, `register`")


def _fault(error: BaseException) -> str:
    """What is wrong with a plugin that could not be added."""
    if isinstance(error, _HookError):
        return str(error)
    if not isinstance(error, pluggy.PluginValidationError):
        return account_of(error)
    shown = " ".join(str(error).split())
    if unknown := re.match(r"unknown hook '(\w+)'", shown):
        return f"there is no hook {unknown[1]}: {nearest(unknown[1], [*KINDS.values(), *EVENTS])}"
    return shown


def _name_of(plugin: object) -> str:
    return plugin.__name__ if isinstance(plugin, ModuleType | type) else type(plugin).__qualname__
