"""The page of hooks and protocols says exactly what the code does, and every hook has a test."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
from doc_pages import ROOT, blocks

import stagerl_plugins
from stagerl_plugins import hookspecs, protocols
from stagerl_plugins.problems import Problems

PAGE = ROOT / "docs" / "hooks.md"
HOOKS = {name: value for name, value in vars(hookspecs).items() if hasattr(value, "stagerl_plugins_spec")}
PROTOCOLS = ["Setup", "Part", "Sampler", "Pool", "Gate", "StagePolicy", "DifficultyMetric", "Reward", "Sandbox"]


@pytest.fixture(scope="module")
def documented() -> dict[str, Any]:
    """The functions and classes that the page's code blocks define."""
    namespace: dict[str, Any] = {}
    for block in blocks(PAGE):
        if block.language == "python":
            exec(f"from __future__ import annotations\n{block.text}", namespace)  # noqa: S102
    return namespace


def signature(function: Callable[..., Any]) -> str:
    return str(inspect.signature(function)).replace("'", "")


def members(one: type) -> dict[str, str]:
    """Public methods, properties and attributes of a class, each as text that shows its exact form."""
    found = {name: f"annotated {annotation}" for name, annotation in inspect.get_annotations(one).items()}
    for name, value in vars(one).items():
        if isinstance(value, property):
            found[name] = f"property {signature(value.fget)}"  # type: ignore[arg-type]
        elif inspect.isfunction(value) and (not name.startswith("_") or name == "__len__"):
            found[name] = f"{'async ' if inspect.iscoroutinefunction(value) else ''}def {signature(value)}"
        elif isinstance(value, bool) or (value is None and not name.startswith("_")):
            found[name] = f"{found.get(name, '')} = {value}"
    return {name: text for name, text in found.items() if not name.startswith("_") or name == "__len__"}


def test_there_is_something_to_compare() -> None:
    assert len(HOOKS) == 11
    assert members(protocols.Gate) == {
        "admit": "def (self, context: Context, group: Group) -> Admission",
    }
    assert members(protocols.Reward)["isolated"] == " = True"


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_exact_signature(name: str, documented: dict[str, Any]) -> None:
    assert name in documented, f"docs/hooks.md does not tell of the hook {name}"
    assert signature(documented[name]) == signature(HOOKS[name])


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_documented_with_its_exact_members(name: str, documented: dict[str, Any]) -> None:
    real = getattr(protocols, name)
    assert name in documented, f"docs/hooks.md does not tell of {name}"
    assert members(documented[name]) == members(real)
    parent = [base.__name__ for base in real.__bases__ if base.__name__ == "Part"]
    assert [base.__name__ for base in documented[name].__bases__ if base is not object] == parent


def test_no_protocol_is_left_out() -> None:
    defined = [name for name, value in vars(protocols).items() if inspect.isclass(value)]
    defined = [name for name in defined if getattr(protocols, name).__module__ == protocols.__name__]
    assert sorted(defined) == sorted([*PROTOCOLS, "Context", "DrawContext"])  # contexts are among the page's values


def test_the_problems_are_as_documented(documented: dict[str, Any]) -> None:
    for name, text in members(documented["Problems"]).items():
        if text.startswith("def"):
            assert members(Problems)[name] == text
        else:
            assert hasattr(Problems(["a"]), name)


def test_register_is_as_documented() -> None:
    assert signature(hookspecs.Register.__call__) == "(self, name: str, factory: Any, options: Any = None) -> None"
    assert "`register(name, factory, options=None)`" in PAGE.read_text()


def test_the_documented_contract_is_the_current_one() -> None:
    text = PAGE.read_text()
    assert f"`stagerl_contract = {stagerl_plugins.CONTRACT}`" in text
    assert f"contract, version {stagerl_plugins.CONTRACT}." in text


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_test(name: str) -> None:
    wanted = re.compile(rf"^(async )?def test_hook_{name}\b", re.MULTILINE)
    tests = (ROOT / "tests").rglob("test_*.py")
    assert any(wanted.search(path.read_text()) for path in tests), f"no test is called test_hook_{name}"
