"""Every Python, YAML and console block of README and documentation is run, validated or parsed."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from doc_pages import ROOT, Block, blocks_in, commands_of, write_titled
from omegaconf import OmegaConf

from stagerl_plugins.cli import main
from stagerl_plugins.config import Config, parse
from stagerl_plugins.config_files import override, read_yaml
from stagerl_plugins.difficulty.rule_files import KEYS, parse_rules
from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.training import verl_rewards
from stagerl_plugins.training.verl_defaults import verl_defaults

LANGUAGES = {"python", "yaml", "console", "toml", "text"}
CONF = ROOT / "stagerl_plugins" / "training" / "conf"
ONE_STAGE = {"stages": {"only": {"max_steps": 1}}}
MAKE_TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

WRONG_ON_PURPOSE = {"wrong.yaml", "unbounded.yaml"}  # their page's console blocks show the errors, and are run


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Plugins:
    """The built-ins, and those of the page on writing plugins."""
    folder = tmp_path_factory.mktemp("page_plugins")
    write_titled(ROOT / "docs" / "writing-plugins.md", folder)
    found = load_plugins()
    for path in folder.glob("[!t]*.py"):
        spec = importlib.util.spec_from_file_location(f"page_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.add(module, "docs", "0")
    return found


@pytest.mark.parametrize("block", blocks_in("python"), ids=str)
def test_python_blocks_run(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace = {"Part": object}  # the protocols' common base stands in a block of its own
    exec(compile(f"from __future__ import annotations\n{block.text}", str(block), "exec"), namespace)  # noqa: S102


@pytest.mark.parametrize("block", [b for b in blocks_in("yaml") if b.title not in WRONG_ON_PURPOSE], ids=str)
def test_yaml_blocks_are_valid(block: Block, plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_titled(block.page, tmp_path)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "block.yaml"
    path.write_text(block.text)
    raw = read_yaml(path)
    if raw.keys() <= set(KEYS):
        assert parse_rules(raw, str(block)).levels
    else:
        assert raw.keys() <= Config.model_fields.keys()
        parse({**ONE_STAGE, **raw}, plugins)


COMMANDS = [(block, command, shown) for block in blocks_in("console") for command, shown in commands_of(block)]


@pytest.mark.parametrize(("block", "command", "shown"), COMMANDS, ids=[f"{b}-{c[:30]}" for b, c, _ in COMMANDS])
def test_console_commands_are_understood(
    block: Block, command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(command)
    while "=" in words[0]:
        words.pop(0)  # the environment
    if words[0] == "stagerl":
        name, *arguments = words[1:]
        main.commands[name].make_context(name, list(arguments), parent=click.Context(main, **main.context_settings))
        if must_run(name, shown):
            write_titled(block.page, tmp_path)
            monkeypatch.chdir(tmp_path)
            never_start = ["--print-command"] if name == "train" and "--print-command" not in words else []
            done = CliRunner().invoke(main, [*words[1:], *never_start])
            assert done.output.strip() == shown
    elif words[:3] == ["python", "-m", "verl.trainer.main_ppo"]:
        check_overrides(words[3:])
    elif words[0] == "make":
        assert words[1] in MAKE_TARGETS
    elif words[:2] == ["pip", "install"]:
        assert all(name in EXTRAS for name in re.findall(r"\[(\w+)\]", command))
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file()
    else:
        assert words[0] in {"git", "cd", "pytest"}


def must_run(command: str, shown: str) -> bool:
    """Whether the output is that of something quick: an error, or a printed command."""
    return command in ("train", "levels") and shown.startswith(("stagerl: ", "python -m verl"))


def check_overrides(words: list[str]) -> None:
    """Hydra can read them, our keys are keys, and our groups are files."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    ours: dict[str, Any] = {}
    verl = OmegaConf.create(verl_defaults())
    for found in OverridesParser.create().parse_overrides(words):
        if found.key_or_group.startswith("stagerl."):
            override(ours, f"{found.key_or_group.removeprefix('stagerl.')}={json.dumps(found.value())}")
        elif found.key_or_group.startswith("reward."):
            OmegaConf.update(verl, found.key_or_group, found.value())
        elif found.is_add():
            assert (CONF / found.key_or_group / f"{found.value()}.yaml").is_file(), found.input_line
    stages = {name: {"max_steps": 1, **stage} for name, stage in ours.get("stages", {}).items()}
    parse({**ours, "stages": stages or ONE_STAGE["stages"]}, load_plugins())
    verl_rewards.check(verl)


def test_every_block_is_in_a_language_that_is_checked() -> None:
    assert {str(block): block.language for block in blocks_in() if block.language not in LANGUAGES} == {}


def test_toml_blocks_are_toml() -> None:
    for block in blocks_in("toml"):
        assert tomllib.loads(block.text)
