"""The life of a forked process that runs one program as `python solution.py` would."""

from __future__ import annotations

import atexit
import builtins
import gc
import io
import linecache
import os
import random
import resource
import signal
import sys
import threading
import traceback
from types import ModuleType
from typing import Any, NoReturn, TextIO, cast


def prepare(folder: str) -> None:
    """What every program begins with, made once before any is forked: environment, standard streams, arguments.

    Args:
        folder: Its working directory.
    """
    os.environ.clear()
    os.environ.update(PATH="/usr/bin:/bin", HOME=folder, LANG="C.UTF-8", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    sys.stdin, sys.stdout, sys.stderr = _streams()
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc, assignment]
    sys.argv = ["solution.py"]


def run(text: str, folder: str) -> NoReturn:
    """Run a program with standard streams 0 to 2, which are pipes, and end this process with its exit status.

    Args:
        text: The program.
        folder: Its working directory, and the first place of its imports.
    """
    os.chdir(folder)
    sys.path.insert(0, folder)
    random.seed()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main = ModuleType("__main__")
    main.__file__ = sys.argv[0]
    main.__dict__["__builtins__"] = builtins  # where `exec` would put a dictionary
    sys.modules["__main__"] = main
    # there is no such file: what is asked of its lines is told from here
    linecache.cache[main.__file__] = len(text), None, io.StringIO(text, newline=None).readlines(), main.__file__
    ours = 2 + sum(1 for _ in traceback.walk_stack(sys._getframe()))  # calls around the program's first one
    sys.setrecursionlimit(sys.getrecursionlimit() + ours)
    _bound_stacks()
    gc.enable()
    os._exit(_end(_exit_status(text, main), main))


def _streams() -> tuple[TextIO, TextIO, TextIO]:
    """Text streams on the descriptors 0 to 2 for the time when these are pipes: a stream asks once what it is on."""
    kept = [os.dup(descriptor) for descriptor in range(3)]
    pipe = read, write = os.pipe()
    try:
        for descriptor, end in enumerate((read, write, write)):
            os.dup2(end, descriptor)
        return _stream(0, "r", "surrogateescape"), _stream(1, "w", "strict"), _stream(2, "w", "backslashreplace")
    finally:
        for descriptor, end in enumerate(kept):
            os.dup2(end, descriptor)
        for descriptor in (*kept, *pipe):
            os.close(descriptor)


def _stream(descriptor: int, mode: str, errors: str) -> TextIO:
    return cast(TextIO, open(descriptor, mode, encoding="utf-8", errors=errors, closefd=False))


def _bound_stacks() -> None:
    """Give a thread a stack that fits: solutions ask for 512 MB, which may be all memory, and use little of it."""
    most, stack_size = resource.getrlimit(resource.RLIMIT_AS)[0] // 2, threading.stack_size
    threading.stack_size = lambda size=0, /: stack_size(min(size, most))


def _exit_status(text: str, main: ModuleType) -> int:
    try:
        exec(compile(text, "solution.py", "exec", dont_inherit=True), main.__dict__)  # noqa: S102  what we are for
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return int(end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001  as the interpreter does it
        _print_error()
        return 1
    return 0


def _print_error() -> None:
    kind, error, place = sys.exc_info()
    if place is not None:
        place = place.tb_next  # without this file
    try:
        traceback.print_exception(kind, error, place)
    except BaseException:  # noqa: BLE001  an exception whose text raises
        os.write(2, b"the program ended with an error that cannot be shown\n")


def _end(status: int, main: ModuleType) -> int:
    """What the interpreter does at its end: wait for threads, call what was registered, write out what is buffered."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        status = _flush(status, "stdout", "stderr")  # of a kind of its own, perhaps, which needs its names
        main.__dict__.clear()  # files that it left open are closed
    except BaseException:  # noqa: BLE001
        status = status or 1
    _flush(0, "__stdout__", "__stderr__")  # which it may have detached: only what replaced them counts
    return status


def _flush(status: int, *names: str) -> int:
    for name in names:
        stream: Any = getattr(sys, name, None)
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except BaseException:  # noqa: BLE001
            status = status or 120
    return status
