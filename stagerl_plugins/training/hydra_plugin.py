"""Hydra finds `+stagerl=…` through this, and a wrong configuration ends here, before Ray or a model is started."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stagerl_plugins.errors import PluginError, UserError

CONFIG_PACKAGE = "pkg://stagerl_plugins.training.conf"


class StagerlSearchPath(SearchPathPlugin):
    """Adds the folder with our stage files."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("stagerl", CONFIG_PACKAGE)


class CheckConfiguration(Callback):
    """Validates `stagerl` and what it needs of verl when Hydra has composed the configuration."""

    def on_job_start(self, config: Any, **kwargs: Any) -> None:
        from stagerl_plugins.training.resume import nothing_left
        from stagerl_plugins.training.verl_config import build_curriculum, check_all

        job = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
        try:
            adopted, settings, plugins = check_all(job)
            build_curriculum(adopted, settings, plugins)
            finished = nothing_left(job, settings)
        except (UserError, PluginError, OmegaConfBaseException) as error:
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
            sys.exit(2)
        except Exception:  # noqa: BLE001  Hydra would make a warning of it, and go on
            traceback.print_exc()
            sys.exit(1)
        if finished:
            print(f"stagerl: {finished}", flush=True)
            sys.exit(0)


def check_words(words: Sequence[str]) -> str | None:
    """What is wrong with a verl command line that names us but no stage file: nothing of ours would be loaded.

    Args:
        words: The command's arguments.
    """
    keys = [word.lstrip("+~").partition("=")[0] for word in words if "=" in word and not word.startswith("-")]
    if "stagerl" in keys:
        return None
    for key in keys:
        if key.startswith("stagerl."):
            return (
                f"{key}: add a stage file such as `+stagerl=two_stage` first, or `+stagerl=base` for stages of your own"
            )
        if "." not in key and key != "stagerl_device" and get_close_matches(key, ["stagerl"], cutoff=0.8):
            return f"{key}: did you mean `+stagerl=…`?"
    return None


def install() -> None:
    """Register the search path with Hydra's singleton, and refuse a command line that would run without stages."""
    if "verl.trainer.main_ppo" in sys.orig_argv and (fault := check_words(sys.argv[1:])):
        print(f"error: {fault}", file=sys.stderr, flush=True)
        os._exit(2)  # verl logs what a plugin raises at DEBUG, and goes on
    Plugins.instance().register(StagerlSearchPath)
