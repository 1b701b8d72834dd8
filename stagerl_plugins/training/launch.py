"""From a configuration file to a running verl: the equal command, and its process. Imports no verl."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import psutil

from stagerl_plugins.config import Config, on_plugin_error, parse
from stagerl_plugins.config_files import flatten, override, read_yaml
from stagerl_plugins.errors import UserError, nearest
from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.run_folder import RunFolder
from stagerl_plugins.training.checkpoints import Checkpoints
from stagerl_plugins.training.supervise import MARK, end_all, marked

LOG = "verl.log"
CPU_ENVIRONMENT = {"VERL_PLATFORM": "cpu", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True, slots=True)
class Launch:
    """A validated run that has not been started."""

    config: Config
    plugins: Plugins
    folder: Path
    overrides: list[str]
    environment: dict[str, str]

    @property
    def command(self) -> list[str]:
        """The verl command that does the same."""
        return ["python", "-m", "verl.trainer.main_ppo", *self.overrides]

    def shown(self) -> str:
        """The command as one would type it, with the environment it needs."""
        words = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " \\\n  ".join([" ".join([*words, *self.command[:3]]), *map(shlex.quote, self.overrides)])


def prepare(path: Path, assignments: Sequence[str] = (), accept: Sequence[str] = ()) -> Launch:
    """Read and validate a configuration file with overrides.

    Args:
        path: YAML file.
        assignments: `dotted.key=value` each.
        accept: Keys that may differ from what a resumed run began with.

    Raises:
        UserError: Anything about it is wrong.
    """
    raw = read_yaml(path)
    has_stages = bool(raw.get("stages"))  # else all of them come as overrides
    for assignment in assignments:
        if has_stages:
            _check_stage(raw, assignment)
        override(raw, assignment)
    if accept:
        known = raw.get("accept_changes")
        raw["accept_changes"] = [*(known if isinstance(known, list) else []), *accept]
    plugins = load_plugins(on_plugin_error(raw), lambda line: print(line, file=sys.stderr))
    raw.setdefault("name", re.sub(r"[^\w.-]+|^\.+", "_", path.stem, flags=re.ASCII))
    try:
        config = parse(raw, plugins)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if "trainer.default_local_dir" in flatten(config.verl):
        raise UserError(f"{path}: verl.trainer.default_local_dir: a run writes to runs/NAME; change its name instead")
    folder = (Path("runs") / config.name).absolute()
    environment = dict(CPU_ENVIRONMENT) if config.device == "cpu" else {}
    return Launch(config, plugins, folder, _overrides(raw, config), environment)


def _check_stage(raw: Mapping[str, Any], assignment: str) -> None:
    """A key below a stage that is not there is a misspelt one: a new stage is given whole, as `stages.NAME={…}`."""
    head, *below = assignment.partition("=")[0].split(".")
    stages = raw.get("stages")
    if head == "stages" and len(below) > 1 and isinstance(stages, Mapping) and below[0] not in stages:
        raise UserError(f"stages.{below[0]}: there is no such stage: {nearest(below[0], map(str, stages))}")


def _overrides(raw: Mapping[str, Any], config: Config) -> list[str]:
    """Hydra overrides for verl: its own keys as the file has them, ours below `stagerl`."""
    own = {key: value for key, value in raw.items() if key not in ("verl",)}
    words = ["+stagerl=base"]
    if config.device == "cpu":
        words.append("+stagerl_device=cpu")
    words += [f"{key}={hydra_value(value)}" for key, value in flatten(config.verl).items()]
    return words + [f"++stagerl.{key}={hydra_value(value)}" for key, value in _leaves(own)]


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted keys and values; a mapping with a key that no dotted key can hold stays whole."""
    leaves: list[tuple[str, Any]] = []
    for key, value in tree.items():
        plain = isinstance(value, Mapping) and value and all(re.fullmatch(r"[A-Za-z0-9_]+", str(k)) for k in value)
        leaves += _leaves(value, f"{prefix}{key}.") if plain else [(f"{prefix}{key}", value)]
    return leaves


def hydra_value(value: Any) -> str:
    """A value in Hydra's override grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        odd = [key for key in value if not re.fullmatch(r"[A-Za-z0-9_./-]+( [A-Za-z0-9_./-]+)*", str(key))]
        if odd:
            raise UserError(f"'{odd[0]}': Hydra takes no such key; use letters, digits, blanks and _ . / -")
        return "{" + ",".join(f"{key}:{hydra_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(hydra_value(item) for item in value) + "]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    """Text as Hydra reads it back: bare where that is unambiguous, else quoted."""
    bare = re.fullmatch(r"[A-Za-z_/][A-Za-z0-9_./-]*", text) and text.lower() not in (
        "null",
        "true",
        "false",
        "nan",
        "inf",
    )
    if bare:
        return text
    literal = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)  # no interpolation of OmegaConf's
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", literal).replace("'", "\\'")
    return f"'{escaped}'"


class Training:
    """A started run.

    Args:
        launch: What to run.

    Raises:
        UserError: The run is in progress already.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.run_folder = RunFolder(launch.folder)
        self.log = launch.folder / LOG
        try:
            launch.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (launch.folder / "lock").open("w")  # no child inherits it
        except OSError as error:
            raise UserError(f"{launch.folder}: cannot be written: {error.strerror or error}") from error
        self._refuse_second()
        self._log_before = self.log.stat().st_size if self.log.exists() else 0
        command = [sys.executable, *launch.command[1:], f"hydra.run.dir={hydra_value(str(launch.folder / 'hydra'))}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stagerl_plugins.training.supervise", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to handle
                env={**_DEFAULTS, **os.environ, **launch.environment, MARK: str(launch.folder)},
            )

    def _refuse_second(self) -> None:
        """Two runs in one folder would mix; what a dead one left behind is ended."""
        folder = str(self.launch.folder)
        if not _locked(self._lock) or any(map(_supervises, marked(folder))):
            self._lock.close()
            raise UserError(
                f"run '{self.launch.config.name}' is in progress; wait for it, or give this one another name"
            )
        end_all(folder)

    def follow(self, show: Callable[[dict[str, Any]], None], poll: float = 0.3) -> int:
        """Call `show` with each new step's metrics until the run ends; returns its exit status."""
        stamp = self.run_folder.metrics_stamp()
        seen = {entry["step"]: entry for entry in self.run_folder.metrics()}
        while True:
            code = self.process.poll()
            before, stamp = stamp, self.run_folder.metrics_stamp()
            for entry in self.run_folder.metrics() if stamp != before else ():
                if seen.get(entry["step"]) != entry:
                    seen[entry["step"]] = entry
                    show(entry)
            if code is not None:
                self._end_all()
                return code
            time.sleep(poll)

    def stop(self) -> None:
        """End the run and all its processes."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._end_all()

    def _end_all(self) -> None:
        """End what is left: the supervisor may itself have been killed. Then the folder is free again."""
        end_all(str(self.launch.folder), self.process.pid)
        self._lock.close()

    def last_checkpoint(self) -> int | None:
        steps = Checkpoints(self.launch.folder).steps()
        return steps[-1] if steps else None

    def output(self) -> str:
        """What this start wrote to the log."""
        with self.log.open("rb") as file:
            file.seek(self._log_before)
            return file.read().decode("utf-8", errors="replace")


def _locked(file: TextIO) -> bool:
    """Whether this process has the file for itself now; the kernel takes it back from a killed one."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # any other: a file system without locks, where a run is known by its processes alone
        return not isinstance(error, BlockingIOError)
    return True


def _supervises(process: psutil.Process) -> bool:
    try:
        return "stagerl_plugins.training.supervise" in process.cmdline()
    except psutil.Error:
        return False  # it has just ended


_DEFAULTS = {
    "HYDRA_FULL_ERROR": "0",
    "PYTHONUNBUFFERED": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
}
