"""A local server that speaks E2B's protocol as its real client was seen to use it, and fails as told.

Both of E2B's sides on one port: the one that creates, lists and ends sandboxes, and the one inside of each that runs
code. Code really runs, in a process of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "e2b_0123456789abcdef0123456789abcdef01234567"

Fault = Callable[[str], str | None]  # from what is asked, `create`, `execute`, `kill` or `list`, to what goes wrong


# programs run as another user, who must be able to read it
PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable


def really(code: str) -> str:
    """What the code prints."""
    return subprocess.run([PYTHON, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout


@dataclass
class Box:
    """A sandbox of the stand-in's."""

    metadata: dict[str, str]
    ends_at: float
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    last: str = ""
    runs: int = 0


class StandIn:
    """The server, between `with` and its end.

    Args:
        execute: What runs code.
        fault: What goes wrong.
        most: Sandboxes at a time; more are answered by 429.
        lists_all: It lists sandboxes whatever metadata is asked for.
    """

    def __init__(
        self,
        execute: Callable[[str], str] = really,
        fault: Fault = lambda _: None,
        most: int = 1000,
        lists_all: bool = False,
    ) -> None:
        self.execute, self.fault, self.most, self.lists_all = execute, fault, most, lists_all
        self.boxes: dict[str, Box] = {}
        self.created: list[float] = []
        self.asked: list[str] = []
        self.peak = self.sent = 0
        self.lock = threading.Lock()
        self._by_request: dict[str, str] = {}
        handler = type("Handler", (_Handler,), {"stand_in": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> StandIn:
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What makes the real client talk to this server."""
        return {"E2B_API_URL": self.url, "E2B_SANDBOX_URL": self.url, "E2B_API_KEY": KEY}

    def create(self, wanted: dict[str, Any], request: str) -> str | None:
        """A new sandbox, or the one that was created by this request already; None at the limit."""
        with self.lock:
            if (known := self._by_request.get(request)) in self.boxes:
                return known
            if len(self.boxes) >= self.most:
                return None
            name = "i" + uuid.uuid4().hex[:19]
            self.boxes[name] = Box(wanted["metadata"], time.time() + wanted["timeout"])
            self._by_request[request] = name
            self.created.append(time.monotonic())
            self.peak = max(self.peak, len(self.boxes))
            return name


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of the test's business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stand_in: StandIn

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if self.path == "/v2/sandboxes":
            self._control("create", lambda: self._create(body))
        elif self.path == "/execute":
            self._execute(body)
        else:
            self._send(404, {"message": "no route"})

    def do_GET(self) -> None:
        if self.path.startswith("/v2/sandboxes"):
            self._control("list", self._list)
        else:  # the client asks how a sandbox is
            alive = self.headers.get("E2b-Sandbox-Id") in self.stand_in.boxes
            self._send(204) if alive else self._gone()

    def do_DELETE(self) -> None:
        self._control("kill", self._kill)

    def _control(self, what: str, do: Callable[[], None]) -> None:
        self.stand_in.asked.append(what)
        fault = self.stand_in.fault(what)
        if self.headers.get("X-API-Key") != KEY or fault == "refused":
            self._send(401, {"code": 401, "message": f"the key {self.headers.get('X-API-Key')} is not valid"})
        elif fault == "busy":
            self._send(503, {"code": 503, "message": "no capacity"})
        elif fault == "limited":
            self._send(429, {"code": 429, "message": "too many"})
        elif fault == "cut":
            do_and_tell_nobody, self._send = do, lambda *_, **__: None  # type: ignore[method-assign]
            do_and_tell_nobody()
            self.close_connection = True
        else:
            if fault == "slow":
                time.sleep(0.3)
            do()

    def _create(self, wanted: dict[str, Any]) -> None:
        name = self.stand_in.create(wanted, self.headers.get("Idempotency-Key") or uuid.uuid4().hex)
        if name is None:
            self._send(429, {"code": 429, "message": "the limit of sandboxes is reached"})
            return
        token = self.stand_in.boxes[name].token
        about = {"templateID": wanted["templateID"], "sandboxID": name, "clientID": "c", "envdVersion": "0.6.4"}
        self._send(201, {**about, "envdAccessToken": token})

    def _kill(self) -> None:
        killed = self.stand_in.boxes.pop(self.path.rpartition("/")[2], None)
        self._send(204) if killed else self._send(404, {"code": 404, "message": "not found"})

    def _list(self) -> None:
        """Pages of one sandbox each."""
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        asked_for = "" if self.stand_in.lists_all else query.get("metadata", [""])[0]
        wanted = dict(urllib.parse.parse_qsl(asked_for)).items()
        after = query.get("nextToken", [""])[0]
        with self.stand_in.lock:
            found = sorted((n, b) for n, b in self.stand_in.boxes.items() if wanted <= b.metadata.items() and n > after)
        times = {"startedAt": "2026-01-01T00:00:00Z", "endAt": "2026-01-01T01:00:00Z", "state": "running"}
        sizes = {"cpuCount": 2, "memoryMB": 512, "diskSizeMB": 512, "envdVersion": "0.6.4"}
        page = [
            {"templateID": "t", "sandboxID": name, "clientID": "c", "metadata": box.metadata, **times, **sizes}
            for name, box in found[:1]
        ]
        self._send(200, page, **({"x-next-token": found[0][0]} if found[1:] else {}))

    def _execute(self, wanted: dict[str, Any]) -> None:
        self.stand_in.asked.append("execute")
        name = self.headers.get("E2b-Sandbox-Id") or ""
        box = self.stand_in.boxes.get(name)
        fault = self.stand_in.fault("execute")
        if fault == "gone":
            self.stand_in.boxes.pop(name, None)
            box = None
        if box is None:
            self._gone()
        elif fault == "refused" or self.headers.get("X-Access-Token") != box.token:
            self._send(401, {"code": 401, "message": "not your sandbox"})
        elif fault == "busy":
            self._send(503, {"code": 503, "message": "busy"})
        elif fault == "hanging":
            self.rfile.read(1)  # until the client goes away
            self.close_connection = True
        elif fault == "endless":
            self._endless()
        elif fault == "error":
            self._lines([{"type": "error", "name": "Error", "value": f"\n{KEY}\n", "traceback": ""}])
        else:
            self._answer(box, wanted["code"], fault)

    def _answer(self, box: Box, code: str, fault: str | None) -> None:
        box.runs += 1
        if fault == "slow":
            time.sleep(0.3)
        printed = self.stand_in.execute(code)
        shown, box.last = (box.last if fault == "mixed" else "" if fault == "silent" else printed), printed
        middle = len(shown) // 2
        lines: list[dict[str, Any]] = [
            {"type": "number_of_executions", "execution_count": box.runs},
            {"type": "stdout", "text": shown[:middle], "timestamp": "2026-01-01T00:00:00Z"},
            {"type": "stdout", "text": shown[middle:], "timestamp": "2026-01-01T00:00:00Z"},
            {"type": "end_of_execution"},
        ]
        self._lines(lines[:2] if fault == "cut" else lines, cut=fault == "cut")

    def _endless(self) -> None:
        text = {"type": "stdout", "text": "x" * 65_536 + "\n", "timestamp": "2026-01-01T00:00:00Z"}

        def lines() -> Iterator[dict[str, Any]]:
            while True:
                self.stand_in.sent += 65_536
                yield text

        self._lines(lines())

    def _lines(self, lines: Iterable[dict[str, Any]], cut: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            data = json.dumps(line).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        if cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _gone(self) -> None:
        self._send(502, {"code": 502, "message": "The sandbox was not found"})

    def _send(self, status: int, content: Any = None, **headers: str) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
