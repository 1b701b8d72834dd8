"""A local server that answers as ByteDance's SandboxFusion was seen to, and fails as told."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Run = dict[str, Any]  # the `run_result` of an answer
Fault = Callable[[], str | bytes | None]  # for a request, what goes wrong: a name, or bytes to answer instead

PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable
STATUSES = {
    "refused": 422,
    "refused at length": 422,
    "limited": 429,
    "unauthorized": 401,
    "no route": 404,
    "broken": 500,
    "bad gateway": 502,
    "busy": 503,
    "gateway timeout": 504,
}


def really(asked: dict[str, Any]) -> Run:
    """Runs the program in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "program.py").write_text(asked["code"])
        command, timeout = [PYTHON, "program.py"], asked["run_timeout"]
        try:
            ran = subprocess.run(
                command, cwd=folder, input=asked["stdin"], capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            return too_slow()
    return finished(ran.stdout[:200_000], ran.stderr, ran.returncode)


def at_once(asked: dict[str, Any]) -> Run:
    """Runs the program without a process: a thousand in seconds. One that raises TimeoutError was too slow."""
    printed: list[str] = []
    try:
        exec(asked["code"], {"input": lambda: asked["stdin"], "print": lambda value: printed.append(f"{value}\n")})  # noqa: S102
    except TimeoutError:
        return too_slow()
    except Exception as error:  # noqa: BLE001
        return finished("".join(printed), repr(error), 1)
    return finished("".join(printed))


def finished(stdout: str, stderr: str = "", code: int = 0) -> Run:
    return {"status": "Finished", "execution_time": 0.01, "return_code": code, "stdout": stdout, "stderr": stderr}


def too_slow() -> Run:
    return {
        "status": "TimeLimitExceeded",
        "execution_time": 1.0,
        "return_code": None,
        "stdout": "",
        "stderr": "",
    }


def answer_with(run: Run) -> dict[str, Any]:
    status = "Success" if run["return_code"] == 0 else "Failed"
    about = {"message": "", "compile_result": None, "executor_pod_name": None, "files": {}}
    return {"status": status, **about, "run_result": run}


class FusionServer:
    """The server, between `with` and its end.

    Args:
        execute: What runs programs.
        fault: What goes wrong.
        port: Where it listens; 0 for any.
    """

    def __init__(
        self, execute: Callable[[dict[str, Any]], Run] = at_once, fault: Fault = lambda: None, port: int = 0
    ) -> None:
        self.execute, self.fault = execute, fault
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.running = self.peak = self.sent = 0
        self.lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"fusion": self}))
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FusionServer:
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it as a crash would: whatever it was asked is not answered, and nothing listens any more."""
        self._server.shutdown()
        self._server.server_close()
        with self.lock:
            for connection in self._open:
                connection.shutdown(socket.SHUT_RDWR)
            self._open.clear()


def reset(connection: socket.socket) -> None:
    """Close it so that the other side sees an error and no end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of the test's business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fusion: FusionServer

    def log_message(self, *_: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        with self.fusion.lock:
            self.fusion._open.add(self.connection)

    def finish(self) -> None:
        with self.fusion.lock:
            self.fusion._open.discard(self.connection)
        super().finish()

    def do_POST(self) -> None:
        fusion = self.fusion
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with fusion.lock:
            fusion.asked.append(asked)
            fusion.paths.append(self.path)
            fusion.headers.append(dict(self.headers))
            fusion.times.append(time.monotonic())
            fusion.running += 1
            fusion.peak = max(fusion.peak, fusion.running)
            fault = fusion.fault()
        try:
            self._answer(asked, fault)
        finally:
            with fusion.lock:
                fusion.running -= 1

    def _answer(self, asked: dict[str, Any], fault: str | bytes | None) -> None:
        if isinstance(fault, bytes):
            self._send(200, fault)
        elif fault in STATUSES:
            time.sleep(0.1 if fault == "busy" else 0)
            far = " " * 270 if "length" in fault else ""
            said = f"{fault}:{far} {self.path}, {self.headers.get('Authorization')}\x1b[2J"
            self._send(STATUSES[fault], said.encode(), **({"Retry-After": "1"} if fault == "limited" else {}))
        elif fault == "sandbox error":
            run = {**finished(""), "status": "Error", "return_code": None, "stderr": "cannot fork"}
            self._send_json({**answer_with(run), "status": "SandboxError", "message": "cannot fork"})
        elif fault == "crash":
            self.fusion.stop()
        elif fault == "reset":
            self.close_connection = True
            reset(self.connection)
        elif fault == "hanging":
            self.rfile.read(1)  # until the client goes away
            self.close_connection = True
        elif fault == "endless":
            self._endless()
        elif fault == "twice":
            answer = json.dumps(answer_with(self.fusion.execute(asked))).encode()
            self._send(200, answer)
            self._send(200, answer)  # what a proxy may mix up
        else:
            time.sleep(0.2 if fault == "slow" else 0)
            self._send_json(answer_with(self.fusion.execute(asked)), cut=fault == "cut")

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            self.fusion.sent += 65_536

    def _send_json(self, content: Any, cut: bool = False) -> None:
        self._send(200, json.dumps(content, ensure_ascii=False).encode(), cut=cut)

    def _send(self, status: int, body: bytes, cut: bool = False, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Set-Cookie", "pod=1; Path=/")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut
