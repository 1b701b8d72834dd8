"""`make demo` from wherever it is started, and started again when something has changed; no command is run."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


class Demo:
    """The demo's module in an empty folder, and the commands that it would have run."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.setting = module.choose(None, None, 0)
        self.asked: list[str] = []
        self.setting.folder.mkdir(parents=True)

    def stagerl(self, command: str, *words: str) -> None:
        self.asked.append(command)
        if command == "export":
            Path(words[1]).mkdir()

    def end_a_run(self) -> None:
        """What a run that ends now leaves."""
        shutil.rmtree("runs", ignore_errors=True)
        whole = Path("runs") / self.setting.name / "global_step_5" / "complete.json"
        whole.parent.mkdir(parents=True)
        whole.touch()

    def export(self) -> list[str]:
        """The commands that the demo runs for the weights after training."""
        self.asked.clear()
        self.module.export_trained(self.setting)
        return self.asked


@pytest.fixture
def demo(imported: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Demo:
    monkeypatch.chdir(tmp_path)
    module = imported("demo")
    demo = Demo(module)
    monkeypatch.setattr(module, "stagerl", demo.stagerl)
    return demo


def test_it_works_in_the_folder_where_it_is_started(demo: Demo) -> None:
    assert demo.setting.config.is_file()
    assert not demo.setting.folder.is_absolute()
    demo.module.write_problems(demo.setting)
    assert (demo.setting.folder / "train.parquet").is_file()


def test_weights_are_exported_once_for_each_run(demo: Demo) -> None:
    demo.end_a_run()
    assert demo.export() == ["export"]
    assert demo.export() == []


def test_weights_of_an_earlier_run_go_with_all_that_was_graded_with_them(demo: Demo) -> None:
    demo.end_a_run()
    demo.export()
    after, partial = (demo.setting.folder / name for name in ("after.parquet", "after.parquet.partial"))
    after.touch()
    partial.mkdir()
    an_hour_ago = time.time() - 3600
    os.utime(demo.setting.folder / "trained", (an_hour_ago, an_hour_ago))
    demo.end_a_run()
    assert demo.export() == ["export"]
    assert not after.exists()
    assert not partial.exists()


def test_what_is_graded_already_is_for_the_command_to_say(demo: Demo) -> None:
    arguments: dict[str, Any] = {"problems": "train.parquet", "name": "start", "out": "graded.parquet"}
    for _ in range(2):
        demo.module.grade(demo.setting, "a/model", **arguments, seed=1, samples=2)
        (demo.setting.folder / "graded.parquet").touch()
    assert demo.asked == ["grade", "grade"]


def test_models_of_one_name_do_not_share_a_folder(demo: Demo) -> None:
    settings = [demo.module.choose(model, None, 0) for model in ("one/model", "other/model", "/one/model")]
    assert len({setting.folder for setting in settings}) == 3
    assert all(setting.name.startswith("demo-") for setting in settings)
