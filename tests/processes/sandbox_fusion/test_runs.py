"""What a server is asked, and what is told before anything starts."""

from __future__ import annotations

import asyncio
import logging

import pytest
from fusion_server import really

from stagerl_plugins.errors import UserError
from stagerl_plugins.testing import check_plugin
from stagerl_plugins.types import Ended, Limits


def test_it_keeps_the_contract(start, plugins):
    servers = [start(execute=really) for _ in range(2)]
    check_plugin("sandbox", "sandbox_fusion", {"endpoints": [server.url for server in servers]}, plugins=plugins)


def test_a_server_is_asked_with_the_limits_and_plain_text(start, build, run):
    server = start()
    run(build(server), "print('\ud83d')", "in\ud83d", seconds=2.5, memory_mb=64)
    assert server.asked[-1] == {
        "language": "python",
        "code": "print('?')",
        "stdin": "in?",
        "compile_timeout": 2.5,
        "run_timeout": 2.5,
        "memory_limit_MB": 64,
        "files": {},
        "fetch_files": [],
    }


def test_a_cookie_does_not_tie_us_to_one_of_the_servers_behind_a_url(start, build, run):
    server = start()
    run(build(server), "print(1)")
    assert len(server.headers) == 2
    assert not any("Cookie" in headers for headers in server.headers)


@pytest.mark.parametrize("path", ["", "/", "/run_code", "/run_code/"])
def test_one_url_is_enough_with_or_without_its_end(start, build, run, path):
    server = start()
    assert run(build(endpoints=server.url + path), "print(1)").stdout == "1\n"
    assert set(server.paths) == {"/run_code"}


def test_the_same_program_on_the_same_input_runs_once(start, build):
    server = start()
    sandbox = build(server)
    for _ in range(2):
        seen = asyncio.run(sandbox.run("print(1)", ["a", "b", "a"], Limits()))
        assert [one.stdout for one in seen] == ["1\n"] * 3
    assert len(server.asked) == 1 + 2


def test_a_run_that_was_lost_is_run_again_when_it_is_asked_for_again(start, build, run, after_start):
    sandbox = build(start(fault=after_start("broken")), attempts=1)
    assert run(sandbox, "print(1)").ended is Ended.LOST
    assert run(sandbox, "print(1)").stdout == "1\n"


def test_a_start_without_any_server_says_what_is_wrong_with_each(start, build):
    dead, refuses = start(), start(fault=lambda: "refused")
    other, broken = start(fault=lambda: b"{}"), start(execute=lambda asked: NO_PYTHON)
    dead.stop()
    with pytest.raises(UserError) as error:
        build(dead, refuses, other, broken)
    (line,) = str(error.value).splitlines()
    assert line.startswith("no SandboxFusion server runs Python: ")
    assert f"{dead.url}: ConnectError: All connection attempts failed" in line
    assert f"{refuses.url}: 422 refused" in line
    assert f"{other.url}: it answers what no SandboxFusion server does" in line
    assert f"{broken.url}: print('…') ended with status 127: bash: python: command not found" in line


NO_PYTHON = {
    "status": "Finished",
    "execution_time": 0.01,
    "return_code": 127,
    "stdout": "",
    "stderr": "bash: python: command not found\n",
}


def test_a_start_with_some_servers_warns_of_the_others(start, build, run, caplog):
    dead, well = start(), start()
    dead.stop()
    with caplog.at_level(logging.WARNING):
        assert run(build(dead, well), "print(1)").stdout == "1\n"
    assert f"not all servers run Python: {dead.url}: ConnectError" in caplog.text


def test_a_server_that_is_busy_at_the_start_is_one(start, build, run):
    busy = ["busy"]
    assert run(build(start(fault=lambda: busy.pop() if busy else None)), "print(1)").stdout == "1\n"


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        ([], "no server: name some as `endpoints`"),
        (["host:8080"], "endpoints, 1: expected a URL such as http://host:8080"),
        (["http://host", "ftp://host"], "endpoints, 2: expected a URL"),
        (["http://host:x"], "endpoints, 1: expected a URL"),
        (["http://"], "endpoints, 1: expected a URL"),
    ],
)
def test_a_url_that_is_none_is_one_line(build, endpoints, message):
    with pytest.raises(UserError, match=message):
        build(endpoints=endpoints)
