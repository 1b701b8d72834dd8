"""Entry point of verl's group `verl.plugins`: verl imports this in each of its processes, while half imported itself.

Only light work is done here. verl logs a failing plugin at DEBUG and goes on, so failures are made loud.
"""

from __future__ import annotations

import os
import sys
import traceback


def _load() -> None:
    import wrapt

    from stagerl_plugins.training import weight_sockets
    from stagerl_plugins.training.compat import check_versions
    from stagerl_plugins.training.log import log_to_stderr

    check_versions()
    log_to_stderr()
    weight_sockets.install()
    if os.environ.get("VERL_PLATFORM", "").strip().lower() == "cpu":
        from stagerl_plugins.training import cpu

        cpu.install()

    # the trainer costs seconds and 200 MB, so it is imported only in the process that imports verl's trainers
    def register_trainer(module: object) -> None:
        from stagerl_plugins.training import trainer

        trainer.register()

    def register_search_path(module: object) -> None:
        from stagerl_plugins.training import hydra_plugin

        hydra_plugin.install()

    def check_rewards(module: object) -> None:
        from stagerl_plugins.training import verl_rewards

        verl_rewards.install(module)

    wrapt.register_post_import_hook(register_trainer, "verl.trainer.ppo.v1.trainer_sync")
    wrapt.register_post_import_hook(register_search_path, "hydra")
    wrapt.register_post_import_hook(check_rewards, "verl.utils.config")


try:
    _load()
except Exception:
    traceback.print_exc()
    print("stagerl-plugins could not be loaded into verl: the run would go on without it", file=sys.stderr, flush=True)
    raise
