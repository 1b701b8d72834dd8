"""Work on many things at a time, and take the results in the things' order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


async def in_order(
    things: Iterable[Thing], work: Callable[[Thing], Awaitable[Result]], at_once: int
) -> AsyncGenerator[tuple[Thing, Result], None]:
    """Each thing with its result, as soon as those before it are there.

    Things are taken in a thread of their own: what is finished goes on while the next one is waited for, in a pipe say.

    Args:
        things: What to work on; whatever this raises comes through after the results of all before.
        work: Begun at once with each thing.
        at_once: No more things are held.
    """
    loop = asyncio.get_running_loop()
    begun: asyncio.Queue[tuple[Thing, asyncio.Future[Result]] | BaseException | None] = asyncio.Queue()
    free = threading.Semaphore(at_once)
    stopped = False

    def begin(thing: Thing) -> None:
        result = asyncio.ensure_future(work(thing))
        result.add_done_callback(_look)
        begun.put_nowait((thing, result))

    def take() -> None:
        ended: BaseException | None = None
        with suppress(RuntimeError):  # the loop has ended, and nobody waits for us
            try:
                for thing in things:
                    free.acquire()
                    if stopped:
                        return
                    loop.call_soon_threadsafe(begin, thing)
            except Exception as error:  # noqa: BLE001  raised again where the results are taken
                ended = error
            loop.call_soon_threadsafe(begun.put_nowait, ended)

    # a daemon: nothing ends a thread that waits for standard input
    threading.Thread(target=take, name="reads-ahead", daemon=True).start()
    try:
        while isinstance(one := await begun.get(), tuple):
            thing, result = one
            yield thing, await result
            free.release()
        if one is not None:
            raise one
    finally:
        stopped = True
        free.release()


def _look(result: asyncio.Future[Result]) -> None:
    """Take note of an error: the first one is raised, and asyncio would print those of all others that nobody took."""
    if not result.cancelled():
        result.exception()
