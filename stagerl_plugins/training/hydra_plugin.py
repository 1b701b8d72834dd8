"""Hydra finds `+stagerl=…` through this, and a wrong configuration ends here, before Ray or a model is started."""

from __future__ import annotations

import sys
import traceback
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

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
        except (UserError, PluginError) as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            sys.exit(2)
        except Exception:  # noqa: BLE001  Hydra would make a warning of it, and go on
            traceback.print_exc()
            sys.exit(1)
        if finished:
            print(f"stagerl: {finished}", flush=True)
            sys.exit(0)


def install() -> None:
    """Register the search path with Hydra's singleton."""
    Plugins.instance().register(StagerlSearchPath)
