"""Runs a program once for each input, inside a sandbox. `python -c SOURCE`; the job comes in on standard input.

Each run is a process of its own. What it prints comes through a pipe that only this process reads; as root, which we
are in E2B's own templates, programs have another user id and can neither reach nor end this process.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any

_UID = 61184  # of nobody, by convention
_LOOK_AT_DISK = 0.05  # seconds
_STDERR_BYTES = 16384
_NOT_DUMPABLE, _SUBREAPER = 4, 36
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_one(job: dict[str, Any], stdin: str) -> dict[str, Any]:
    """Run the program on one input and say how it ended."""
    folder = tempfile.mkdtemp(prefix="run-")
    try:
        with open(os.path.join(folder, "solution.py"), "w", encoding="utf-8") as file:
            file.write(job["program"])
        if job["uid"]:
            os.chown(folder, job["uid"], job["uid"])
        os.chmod(folder, 0o700)
        with tempfile.TemporaryFile() as file:
            file.write(stdin.encode(errors="surrogateescape"))
            file.seek(0)
            return watch(job, folder, file)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def watch(job: dict[str, Any], folder: str, stdin: IO[bytes]) -> dict[str, Any]:
    """Start the program and read from it until it ends or passes a limit."""
    status, theirs = os.pipe()
    settings = {"bounds": job["bounds"], "uid": job["uid"], "status": theirs}
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"}
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", job["launch"], json.dumps(settings)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={**environment, **dict.fromkeys(_ONE_THREAD, "1")},
        pass_fds=[theirs],
        start_new_session=True,
    )
    os.close(theirs)
    try:
        with os.fdopen(status, "rb") as told:
            if failure := told.read():
                raise OSError("a program cannot be started: " + failure.decode())
        began = time.monotonic()
        kept = {"stdout": bytearray(), "stderr": bytearray()}
        how, detail = read_until_end(process, kept, folder, job["bounds"], began)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
    return {
        "ended": how,
        "exit_code": process.returncode if how == "exited" else None,
        **{name: base64.b64encode(data).decode() for name, data in kept.items()},
        "seconds": time.monotonic() - began,
        "detail": detail,
    }


def read_until_end(
    process: subprocess.Popen[bytes], kept: dict[str, bytearray], folder: str, bounds: dict[str, Any], began: float
) -> tuple[str, str]:
    """How the program ended, and the limit that it passed; what it wrote is added to `kept`."""
    most = {"stdout": bounds["output_bytes"], "stderr": _STDERR_BYTES}
    streams = {getattr(process, name).fileno(): name for name in kept}
    ended = os.pidfd_open(process.pid)
    poll = select.poll()
    for descriptor in (*streams, ended):
        os.set_blocking(descriptor, False)
        poll.register(descriptor, select.POLLIN)
    try:
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(_LOOK_AT_DISK * 1000)}
            for descriptor in set(streams) if ended in ready else ready & set(streams):
                name = streams[descriptor]
                if not read_some(descriptor, kept[name], most[name], ended in ready):
                    poll.unregister(descriptor)
                    del streams[descriptor]
            if len(kept["stdout"]) > most["stdout"]:
                return "over_limit", f"more than {most['stdout']} bytes of output"
            if used(folder) > bounds["disk_mb"] << 20:
                return "over_limit", f"more than {bounds['disk_mb']} MB of files"
            if ended in ready:
                return "exited", ""
            if time.monotonic() - began > bounds["seconds"]:
                return "timed_out", f"longer than {bounds['seconds']:g} s"
    finally:
        os.close(ended)


def read_some(descriptor: int, kept: bytearray, most: int, to_the_end: bool) -> bool:
    """Keep one byte more than is allowed, so that it shows; False where nothing will come any more."""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except BlockingIOError:
            return True
        kept += part[: most + 1 - len(kept)]
        if not part or not to_the_end or len(kept) > most:
            return bool(part)


def used(folder: str) -> int:
    """Bytes in a folder, whatever the program does to it meanwhile, less the program itself."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(place, name))
            except OSError:
                continue
            total += status.st_blocks * 512
    return max(0, total - 65536)


def end_descendants() -> None:
    """Kill whatever the program started and left behind: it has become our child."""
    while True:
        processes = map(int, filter(str.isdecimal, os.listdir("/proc")))
        children = [pid for pid in processes if parent_of(pid) == os.getpid()]
        if not children:
            return
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def parent_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def main() -> None:
    job = json.loads(zlib.decompress(base64.b64decode(sys.stdin.buffer.read())))
    libc = ctypes.CDLL(None)
    libc.prctl(_NOT_DUMPABLE, 0, 0, 0, 0)  # where programs have our user id: they cannot look into this process
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    job["uid"] = _UID if os.getuid() == 0 else 0
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            answers = list(pool.map(lambda stdin: run_one(job, stdin), job["inputs"]))
    finally:
        end_descendants()
    print(base64.b64encode(zlib.compress(json.dumps(answers).encode())).decode())


if __name__ == "__main__":
    main()
