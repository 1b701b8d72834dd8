"""Which confinement this machine offers: the first that withstands all attacks."""

from __future__ import annotations

import logging
import threading
from functools import cache

from stagerl_plugins.errors import UserError
from stagerl_plugins.sandboxes.canaries import HELD, canaries
from stagerl_plugins.sandboxes.interpreter import Interpreter
from stagerl_plugins.sandboxes.warm import LostError, WarmInterpreter
from stagerl_plugins.types import Ended, Limits

TIERS = ("A", "B", "C")
_ATTEMPTS = 3  # a kill at the start must not cost a machine its tier
_REMEDY = (
    "allow user namespaces, or run as root in the container, or use a kernel with Landlock (5.13 or newer); "
    "or take a sandbox elsewhere: e2b, sandbox_fusion"
)
_log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()
_LIMITS = Limits(seconds=5, memory_mb=256)


def choose_tier(wanted: str, interpreter: Interpreter) -> str:
    """The wanted tier, or with "best" the first one, that this machine offers and that withstands the attacks; logged.

    Looked for once in a process.

    Raises:
        UserError: None does; names for each what was missing or which attack got through, and what to do.
    """
    with _one_at_a_time:
        return _chosen_tier(wanted, interpreter)


@cache
def _chosen_tier(wanted: str, interpreter: Interpreter) -> str:
    failures = {}
    for tier in TIERS if wanted == "best" else (wanted,):
        failure = failure_of(tier, interpreter)
        if failure is None:
            _log.warning("sandbox 'local': tier %s", tier)  # shown also where nobody has set up a log
            return tier
        failures[tier] = failure
    shown = "; ".join(f"tier {tier}: {failure}" for tier, failure in failures.items())
    raise UserError(f"no sandbox on this machine: {shown}. {_REMEDY[0].upper()}{_REMEDY[1:]}")


def failure_of(tier: str, interpreter: Interpreter) -> str | None:
    """Why a tier cannot be used here, or None. One whose processes are killed meanwhile is tried again."""
    lost = ""
    for _ in range(_ATTEMPTS):
        warm = WarmInterpreter(tier, interpreter)
        try:
            return _failure_in(warm)
        except LostError as error:
            lost = str(error)
        finally:
            warm.close()
    return lost


def _failure_in(warm: WarmInterpreter) -> str | None:
    """What is wrong with programs that run there, or None.

    Raises:
        LostError: As it says.
    """
    sane = warm.run("import wave; print(6 * 7)", "", _LIMITS)
    if sane.ended is Ended.LOST:
        raise LostError(sane.detail)
    if sane.stdout.strip() != "42":
        said = (sane.stderr.strip().splitlines() or [sane.detail])[-1]
        return f"a plain program does not run: {said}"
    with canaries() as attacks:
        for attack in attacks:
            limits = Limits(seconds=5, memory_mb=256, processes=attack.processes)
            seen = warm.run(attack.program, "", limits)
            if seen.ended is Ended.EXITED and seen.stdout.strip() != HELD:
                return f"a program could {attack.name}"
            if seen.ended is Ended.LOST:
                raise LostError(seen.detail)
    return None
