"""Whose a sandbox is: written into its metadata, so that it can be found after its owner was killed."""

from __future__ import annotations

import hashlib
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

_START = 19  # its place in `/proc/PID/stat`, counted from behind the name
_PLACE, _PROCESS, _POOL = "stagerl_place", "stagerl_process", "stagerl_pool"


@dataclass(frozen=True, slots=True)
class Owner:
    """A pool of sandboxes and its process.

    Args:
        place: Where process ids mean something; tells nothing about the machine.
        process: Process id and start.
        pool: This pool among all that there are.
    """

    place: str
    process: str
    pool: str

    @staticmethod
    def new() -> Owner:
        """A new pool of this process."""
        return Owner(_place(), f"{os.getpid()}-{_start_of(os.getpid())}", uuid.uuid4().hex)

    @property
    def metadata(self) -> dict[str, str]:
        return {_PLACE: self.place, _PROCESS: self.process, _POOL: self.pool}

    @property
    def of_pool(self) -> dict[str, str]:
        """What all sandboxes of this pool have, and no others."""
        return {_POOL: self.pool}

    @property
    def of_place(self) -> dict[str, str]:
        """What the sandboxes of all processes of this place have."""
        return {_PLACE: self.place}


def is_left_over(metadata: dict[str, str]) -> bool:
    """Whether the process that a sandbox of this place belonged to is gone."""
    pid, _, start = metadata.get(_PROCESS, "").partition("-")
    return pid.isdecimal() and _start_of(int(pid)) != start


def _start_of(pid: int) -> str | None:
    """When a process began, in ticks since the machine did: a later one may have its id, and clocks are set."""
    try:
        _, _, fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
    except OSError:
        return None
    return fields.split()[_START]


def _place() -> str:
    """This boot of this machine, and this namespace of processes."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    namespace = os.stat("/proc/self/ns/pid").st_ino
    return hashlib.sha256(f"{boot} {namespace}".encode()).hexdigest()[:16]
