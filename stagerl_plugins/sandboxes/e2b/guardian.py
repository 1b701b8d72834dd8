"""A small process that outlives ours, and then ends our sandboxes: no signal can keep it from doing so.

It waits for the death of its parent, however that comes about, and needs no signal handler there. Until then it has
imported nothing. What it must know comes in on standard input: the key stands in no list of processes.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import SecretStr

_AGAIN_SECONDS = 3.0  # a creation that was under way may end after the first look
_PASSED_ON = ("PATH", "HOME", "E2B_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def start(key: SecretStr, template: str | None, metadata: dict[str, str]) -> Callable[[], None]:
    """Have these sandboxes ended when this process ends.

    Args:
        key: E2B's key.
        template: As for `Service`.
        metadata: What they can be found by.

    Returns:
        What to call when there are none left.
    """
    # without the mark of the run, for which its supervisor would end it too early, and without the key
    environment = {name: value for name, value in os.environ.items() if name.upper().startswith(_PASSED_ON)}
    environment.pop("E2B_API_KEY", None)
    process = subprocess.Popen(
        [sys.executable, "-P", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd="/",
        start_new_session=True,
    )
    assert process.stdin is not None
    told = {"parent": os.getpid(), "key": key.get_secret_value(), "template": template, "metadata": metadata}
    process.stdin.write(json.dumps(told).encode() + b"\n")
    process.stdin.flush()

    def finish() -> None:
        process.kill()  # it only waits
        process.communicate()

    return finish


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    told = json.loads(sys.stdin.buffer.readline())
    _wait_for_death(told["parent"])
    _end_all(told)


def _wait_for_death(parent: int) -> None:
    try:
        death = os.pidfd_open(parent)
    except ProcessLookupError:
        return
    # standard input ends with the parent, too, unless a process that it forked holds the other end
    select.select([sys.stdin.buffer, death], [], [])


def _end_all(told: dict[str, Any]) -> None:
    import asyncio

    from pydantic import SecretStr

    from stagerl_plugins.sandboxes.e2b.cleaning import kill_all
    from stagerl_plugins.sandboxes.e2b.service import Service

    async def end() -> None:
        service = Service(SecretStr(told["key"]), told["template"])
        await kill_all(service, told["metadata"])
        await asyncio.sleep(_AGAIN_SECONDS)
        await kill_all(service, told["metadata"])

    asyncio.run(end())


if __name__ == "__main__":
    main()
