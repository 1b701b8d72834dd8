"""Every run that README and documentation show as a whole is accepted by verl and by us. Starts nothing."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from doc_pages import Block, blocks_in, commands_of
from harness import sums, write_rows

from stagerl_plugins.errors import UserError
from stagerl_plugins.training.console import show_plan
from stagerl_plugins.training.launch import prepare

MODEL = "actor_rollout_ref.model.path"


def stage_files() -> list[Block]:
    return [block for block in blocks_in("yaml") if MODEL in yaml.safe_load(block.text).get("verl", {})]


def verl_commands() -> list[str]:
    commands = [command for block in blocks_in("console") for command, _ in commands_of(block)]
    return [command for command in commands if command.startswith("python -m verl") and MODEL in command]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_problems(folder: Path, files: str | list[str]) -> None:
    """Stand-in problems; a level's file holds problems of that level, any other file those of `easy` and `hard`."""
    for name in [files] if isinstance(files, str) else files:
        levels = [name.removesuffix(".parquet").split("level_")[1]] if "level_" in name else ["easy", "hard"]
        rows: list[dict[str, Any]] = [row | {"levels": [level]} for level in levels for row in sums(20, (3,), level)]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_rows(folder / name, rows)


def staged_commands() -> list[str]:
    return [command for command in verl_commands() if "+stagerl=" in command]


def stock_commands() -> list[str]:
    return [command for command in verl_commands() if "+stagerl=" not in command]


def composed(command: str) -> Any:
    from hydra import compose, initialize_config_module

    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", overrides=shlex.split(command)[3:])


def test_there_are_runs_to_check() -> None:
    assert len(stage_files()) == 3
    assert len(staged_commands()) == 2
    assert len(stock_commands()) == 1


@pytest.mark.parametrize("block", stage_files(), ids=str)
def test_a_stage_file_is_accepted_and_planned(block: Block, here: Path) -> None:
    (here / "stages.yaml").write_text(block.text)
    verl = yaml.safe_load(block.text)["verl"]
    write_problems(here, [*verl["data.train_files"], verl["data.val_files"]])
    stages, plugins, summary = show_plan(prepare(here / "stages.yaml"))
    assert stages.row_count == 2
    assert plugins.row_count >= 2  # a sampler and a reward at least
    assert "steps at most" in summary


@pytest.mark.parametrize("command", staged_commands())
def test_a_staged_verl_command_is_accepted(command: str, here: Path) -> None:
    from stagerl_plugins.training.verl_config import build_curriculum, check_all

    config = composed(command)
    write_problems(here, [config.data.train_files, config.data.val_files])
    curriculum = build_curriculum(*check_all(config))
    assert [curriculum.size_of(stage) for stage in curriculum.config.stages] == [20, 20]


@pytest.mark.parametrize("command", stock_commands())
def test_our_rewards_are_accepted_in_a_command_of_verls_own_trainer(command: str, here: Path) -> None:
    from stagerl_plugins.training.verl_rewards import check

    config = composed(command)
    rows = [row | {"data_source": source} for source in config.reward.stagerl.rewards for row in sums(2, (3,), source)]
    for name in (config.data.train_files, config.data.val_files):
        write_rows(here / name, rows)
    check(config)
    write_rows(here / config.data.train_files, [row | {"data_source": "other"} for row in rows])
    with pytest.raises(UserError, match="other"):
        check(config)
