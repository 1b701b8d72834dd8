"""The tree of plugins that live in the curriculum: how they are built, called, saved and restored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from stagerl_plugins.config import parse_options
from stagerl_plugins.errors import PluginError, UserError, account_of, at
from stagerl_plugins.plugins import Plugins, Registration
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import DifficultyMetric, Gate, Part, Sampler, StagePolicy
from stagerl_plugins.types import IntArray

T = TypeVar("T")
BASES: dict[str, type[Part]] = {
    "sampler": Sampler,
    "gate": Gate,
    "stage_policy": StagePolicy,
    "difficulty_metric": DifficultyMetric,
}


class Node:
    """One plugin with what the core keeps for it: generator, columns, children. It is the plugin's `Setup`."""

    def __init__(self, tree: Tree, path: str, where: str, registration: Registration) -> None:
        self.tree = tree
        self.path = path
        self.where = where  # its key in the configuration
        self.registration = registration
        self.problems = tree.problems
        self.rng: Generator = tree.generator(path)
        self.columns: dict[str, tuple[NDArray[Any], float]] = {}
        self.part: Part

    @property
    def plugin(self) -> str:
        """Kind and name, by which its saved state is known as its own."""
        return f"{self.registration.kind} {self.registration.name}"

    def column(self, name: str, fill: float) -> NDArray[Any]:
        """An array with one row a problem, filled with `fill`, of `fill`'s type; saved and re-mapped by problem id.

        Raises:
            PluginError: Asked for twice, or not in the factory.
        """
        self._in_factory("column")
        if name in self.columns:
            raise PluginError(f"{self.registration} asks for column '{name}' twice")
        values = np.full(len(self.problems), fill)
        self.columns[name] = (values, fill)
        return values

    def build(self, kind: str, spec: Any, name: str) -> Any:
        """A child plugin of this kind; the core calls, saves and restores it too.

        Raises:
            PluginError: Not asked for in the factory, or as `Tree.build` does.
        """
        self._in_factory("build")
        return self.tree.build(kind, spec, f"{self.path}/{name}", f"{self.where}.{name}")

    def _in_factory(self, asked: str) -> None:
        if hasattr(self, "part"):
            raise PluginError(f"{self.registration}: setup.{asked} may be called in its factory alone")


class Tree:
    """All plugins of a curriculum by path, such as `sampler`, `sampler/inner`, `stages.easy.until`.

    A generator depends on the seed and on the plugin's path alone, so that one more plugin changes nobody's draws.
    """

    def __init__(self, problems: Problems, plugins: Plugins, seed: int) -> None:
        self.problems = problems
        self.plugins = plugins
        self.seed = seed
        self.rollbacks = 0
        self.nodes: dict[str, Node] = {}
        self.seconds: dict[str, float] = {}

    def generator(self, path: str) -> Generator:
        return np.random.default_rng([self.seed, self.rollbacks, *path.encode()])

    def build(self, kind: str, spec: Any, path: str, where: str | None = None) -> Any:
        """Build the plugin that `spec` names, and its children.

        Args:
            kind: The plugin's kind.
            spec: Its name and options.
            path: Its place in the tree.
            where: The key of `spec` in the configuration, for messages; `path` if left out.

        Raises:
            UserError: The spec is wrong, or the plugin refuses what it was given.
            PluginError: The plugin's factory raised.
        """
        where = path if where is None else where
        name, options = parse_options(self.plugins, kind, spec, where)
        node = Node(self, path, f"{where}.{name}", self.plugins.find(kind, name))
        if path in self.nodes:
            raise PluginError(f"two plugins want the place '{path}': {self.nodes[path].registration} was there first")
        self.nodes[path] = node
        try:
            node.part = node.registration.make(options, node)
        except UserError as error:
            raise at(node.where, error) from error
        except PluginError:
            raise
        except Exception as error:
            raise PluginError(f"{node.registration} could not be built: {account_of(error)}") from error
        if not isinstance(node.part, BASES[kind]):
            base = BASES[kind].__name__
            raise PluginError(f"{node.registration}: its factory must return a {base}, got {node.part!r:.200}")
        return node.part

    def call(self, path: str, method: str, *arguments: Any) -> Any:
        """Call a method of one plugin; its time is counted, its exception names it.

        Raises:
            UserError: The plugin refuses what the user wants of it.
            PluginError: The plugin raised anything else.
        """
        node = self.nodes[path]
        began = time.perf_counter()
        try:
            return getattr(node.part, method)(*arguments)
        except UserError as error:
            raise at(node.where, error) from error
        except PluginError:
            raise
        except Exception as error:
            given = ", ".join(repr(argument)[:200] for argument in arguments)
            raise PluginError(
                f"{node.registration} at {path} raised in {method}({given}): {account_of(error)}"
            ) from error
        finally:
            key = f"{path}.{method}"
            self.seconds[key] = self.seconds.get(key, 0.0) + time.perf_counter() - began

    def ask(self, path: str, method: str, answer: type[T], *arguments: Any) -> T:
        """Call a method of one plugin that must answer with a value of this type.

        Raises:
            PluginError: The plugin raised, or answered with something else.
        """
        value = self.call(path, method, *arguments)
        if not isinstance(value, answer):
            name, a = self.nodes[path].registration, "an" if answer.__name__[0] in "AE" else "a"
            raise PluginError(f"{name} at {path}: {method} must return {a} {answer.__name__}, got {value!r:.200}")
        return value

    def metrics(self) -> dict[str, float]:
        """Every plugin's own numbers, by path and name.

        Raises:
            PluginError: What a plugin says are its metrics are no numbers by name.
        """
        numbers = {}
        for path, values in self.call_all("metrics"):
            try:
                numbers.update({f"{path}/{name}": float(value) for name, value in values.items()})
            except (TypeError, ValueError, AttributeError) as error:
                name = self.nodes[path].registration
                raise PluginError(f"{name} at {path}: metrics must be numbers by name, got {values!r:.200}") from error
        return numbers

    def call_all(self, method: str, *arguments: Any) -> Iterator[tuple[str, Any]]:
        """Call a method of every plugin, parents before children; yields path and answer."""
        for path in list(self.nodes):
            yield path, self.call(path, method, *arguments)

    def state(self) -> dict[str, Any]:
        """Every plugin's own state, generator and columns, by path."""
        return {
            path: {
                "plugin": node.plugin,
                "state": self.call(path, "state_dict"),
                "rng": generator_state(node.rng),
                "columns": {name: values for name, (values, _) in node.columns.items()},
            }
            for path, node in self.nodes.items()
        }

    def load(self, saved: dict[str, Any], source: IntArray, keep: frozenset[str] = frozenset()) -> None:
        """Take back what `state` returned; a plugin that stands where another one was begins anew.

        Args:
            saved: The state.
            source: For each problem its row in the saved columns, -1 for a new problem; shape (problems,).
            keep: Paths of plugins to leave as they are.
        """
        known = source >= 0
        for path, node in self.nodes.items():
            entry = saved.get(path)
            if path in keep or entry is None or entry["plugin"] != node.plugin:
                continue
            for name, (values, fill) in node.columns.items():
                values[:] = fill
                if name in entry["columns"]:
                    values[known] = entry["columns"][name][source[known]]
            restore_generator(node.rng, entry["rng"])
            self.call(path, "load_state_dict", entry["state"])

    def reseed(self, rollbacks: int, keep: frozenset[str]) -> None:
        """Fresh random numbers after going back, so that the same fall is not repeated for ever."""
        self.rollbacks = rollbacks
        for path, node in self.nodes.items():
            if path not in keep:
                node.rng.bit_generator.state = self.generator(path).bit_generator.state


def generator_state(rng: Generator) -> dict[str, Any]:
    """A generator's state as JSON values; its 128-bit integers as text."""
    state: dict[str, Any] = dict(rng.bit_generator.state)
    return {**state, "state": {key: str(value) for key, value in state["state"].items()}}


def restore_generator(rng: Generator, saved: dict[str, Any]) -> None:
    """Take back what `generator_state` returned."""
    rng.bit_generator.state = {**saved, "state": {key: int(value) for key, value in saved["state"].items()}}
