"""The paper's stage files: verl and we accept every key, and the plan is the paper's. Starts nothing."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import BIN, ROOT, sums, write_rows

EXAMPLE = Path("examples") / "paper_two_stage"


def level(name: str, domain: str) -> list[dict[str, Any]]:
    """Some stand-in problems of one level and domain."""
    rows = sums(200, (3,), f"{name}-{domain}", domain=lambda number: domain)
    return [{**row, "data_source": domain, "levels": [name]} for row in rows]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the example's README has in `build/paper/` before training, with stand-in problems."""
    folder = tmp_path_factory.mktemp("paper")
    shutil.copytree(ROOT / EXAMPLE, folder / EXAMPLE)
    paper = folder / "build" / "paper"
    for name in ("levels", "mixed"):
        (paper / name).mkdir(parents=True)
    for name in ("2", "3"):
        write_rows(paper / "levels" / f"level_{name}.parquet", level(name, "math") + level(name, "code"))
    write_rows(paper / "mixed" / "level_math_1.parquet", level("math_1", "math"))
    write_rows(paper / "mixed" / "level_code_3.parquet", level("code_3", "code"))
    for name in ("aime2024", "math500"):
        write_rows(paper / f"{name}.parquet", sums(4, (3,), name))
    return folder


def dry_run(folder: Path, name: str, *arguments: str) -> str:
    command = [BIN / "stagerl", "train", EXAMPLE / name, "--dry-run", *arguments]
    wide = {"COLUMNS": "200", "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=wide, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert not (folder / "runs").exists()
    return done.stdout


def cells(printed: str, stage: str) -> list[str]:
    """The row of a stage in the plan."""
    line = next(line for line in printed.splitlines() if f" {stage} " in line)
    return re.split(r"\s{2,}", line.strip())


def test_the_two_stages_are_the_paper_s(folder: Path) -> None:
    printed = dry_run(folder, "two_stage.yaml")
    tokens = [f"{128 * 16 * (1024 + budget):,}" for budget in (16384, 24576)]
    assert cells(printed, "level_2") == ["level_2", "200", "1,600", "fixed_steps", "128", "16", "16,384", tokens[0]]
    assert cells(printed, "level_3") == ["level_3", "200", "1,000", "plateau", "128", "16", "24,576", tokens[1]]


def test_the_mixed_run_takes_both_domains(folder: Path) -> None:
    printed = dry_run(folder, "mixed.yaml")
    assert cells(printed, "mixed")[:4] == ["mixed", "400", "1,000", "plateau"]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A server that runs programs as SandboxFusion's API has it; `broken` makes it fail."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            done = subprocess.run(
                [sys.executable, "-c", asked["code"]], input=asked["stdin"], capture_output=True, text=True
            )
            run = {"status": "Finished", "stdout": done.stdout, "stderr": done.stderr, "return_code": done.returncode}
            status = "Failed" if done.returncode else "Success"
            answer = {"status": "SandboxError" if server.broken else status, "run_result": run}  # type: ignore[attr-defined]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.broken = False  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SANDBOX_FUSION_URL", f"http://127.0.0.1:{server.server_port}/run_code")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def code_reward() -> ModuleType:
    spec = importlib.util.spec_from_file_location("code_reward", ROOT / EXAMPLE / "code_reward.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TWICE = {"inputs": ["1\n", "2\n", "30\n"], "outputs": ["2\n", "4\n", "60\n"]}


@pytest.mark.parametrize(
    ("response", "score"),
    [
        ("```python\nprint(2 * int(input()))\n```", 1.0),
        ("```python\nprint('no')\n```, or rather ```python\nprint(2 if input() == '1' else 60)\n```", 2 / 3),
        ("```python\nraise SystemExit(1)\n```", 0.0),
        ("no program", 0.0),
    ],
)
def test_the_code_reward_is_the_share_of_passed_cases(
    sandbox: ThreadingHTTPServer, code_reward: ModuleType, response: str, score: float
) -> None:
    assert code_reward.compute_score("code", response, json.dumps(TWICE)) == pytest.approx(score)


def test_a_broken_sandbox_is_not_a_wrong_answer(sandbox: ThreadingHTTPServer, code_reward: ModuleType) -> None:
    sandbox.broken = True  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="sandbox"):
        code_reward.compute_score("code", "```python\nprint(1)\n```", TWICE)
