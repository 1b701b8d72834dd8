"""What a plugin is given with its options, and when it may ask for it."""

from types import ModuleType

import pytest

from stagerl_plugins.curriculum.tree import Tree
from stagerl_plugins.errors import PluginError
from stagerl_plugins.hookspecs import hookimpl
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import Sampler


class Late(Sampler):
    """Asks in a draw for what a factory asks for."""

    def __init__(self, options, setup):
        self.setup = setup

    def draw(self, context, count):
        if count == 1:
            self.setup.column("draws", 0)
        self.setup.build("sampler", "uniform", "inner")


class WithoutFactory(Sampler):
    """Takes nothing."""


class WithoutDraw(Sampler):
    """Draws nothing."""

    def __init__(self, options, setup):
        pass


def tree_of(factory):
    """A tree whose sampler this factory makes, unless it fails."""

    @hookimpl
    def register_samplers(register):
        register("best", factory)

    module = ModuleType("acme")
    module.stagerl_contract = 1
    module.register_samplers = register_samplers
    plugins = load_plugins()
    plugins.add(module, "acme", "1.2")
    tree = Tree(Problems(["a", "b"]), plugins, seed=0)
    tree.build("sampler", "best", "sampler")
    return tree


@pytest.mark.parametrize(("count", "asked"), [(1, "column"), (2, "build")])
def test_columns_and_children_are_asked_for_in_the_factory(count, asked):
    """Later it is too late: a resumed run would not know of them when it takes its state back."""
    tree = tree_of(Late)
    with pytest.raises(PluginError) as caught:
        tree.call("sampler", "draw", None, count)
    assert str(caught.value) == f"sampler 'best' of acme 1.2: setup.{asked} may be called in its factory alone"


@pytest.mark.parametrize("factory", [WithoutFactory, lambda: WithoutFactory()])
def test_a_factory_that_takes_something_else_is_told_what_it_is_given(factory):
    with pytest.raises(
        PluginError, match=r"of acme 1\.2: its factory is called as factory\(options, setup\): .* takes "
    ):
        tree_of(factory)


def test_a_method_that_is_missing_is_named():
    with pytest.raises(PluginError, match=r"of acme 1\.2 at sampler raised in draw\(.*'a sampler must have `draw`'"):
        tree_of(WithoutDraw).call("sampler", "draw", None, 1)
