"""Passwords and tokens reach their server, and nothing else."""

from __future__ import annotations

import base64
import logging

import pytest
from fusion_server import finished

from stagerl_plugins.errors import UserError
from stagerl_plugins.sandboxes.sandbox_fusion.plugin import SandboxFusionOptions

PASSWORD, TOKEN = "p@ss-0815", "t0ken-4711"


@pytest.fixture
def file(tmp_path):
    def write(server):
        secret = server.url.replace("http://", "http://user:p%40ss-0815@") + f"/base/run_code?key={TOKEN}"
        (tmp_path / "endpoints").write_text(f"# ours\n\n{secret}\n")
        return str(tmp_path / "endpoints")

    return write


def test_they_come_from_a_file_and_appear_in_no_log_no_detail_and_no_representation(
    start, build, run, after_start, soon, file, caplog, capfd
):
    server = start(fault=after_start("unauthorized", "sandbox error", None, then="refused"))  # some repeat all secrets
    options = {"endpoints_file": file(server)}
    with caplog.at_level(logging.DEBUG):
        sandbox = build(**options)
        seen = [run(sandbox, "print(1)"), run(sandbox, "print(2)")]
    assert seen[0].stdout == "1\n"
    assert "refuses it: 422 refused: /base/run_code?…, Basic …" in seen[1].detail

    assert set(server.paths) == {f"/base/run_code?key={TOKEN}"}
    login = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    assert {headers["Authorization"] for headers in server.headers} == {f"Basic {login}"}

    objects = [sandbox, sandbox._pool, *sandbox._pool._servers, SandboxFusionOptions(**options), *seen, vars(sandbox)]
    shown = [caplog.text, *capfd.readouterr(), *map(repr, objects)]
    assert [text for text in shown if TOKEN in text or PASSWORD in text or login in text or "p%40ss" in text] == []
    assert "HTTP Request: POST http://127.0.0.1" in caplog.text  # the client does log what it asks


def test_no_part_of_one_is_told_where_a_long_text_is_cut(start, build, after_start, run, file):
    sandbox = build(endpoints_file=file(start(fault=after_start("refused at length"))))
    assert run(sandbox, "print(1)").detail.endswith("refuses it: 422 refused at length: /base/run_code?…, Basic …?[2J")


def test_a_program_that_prints_one_does_not_have_it_told(start, build, file):
    server = start(execute=lambda asked: finished("", f"a\nError: {TOKEN}", code=1))
    with pytest.raises(UserError, match=r"ended with status 1: Error: …$"):
        build(endpoints_file=file(server))


def test_no_configuration_may_hold_them(build, start):
    url = start().url
    for secret in (url.replace("//", f"//user:{PASSWORD}@"), f"{url}/run_code?key={TOKEN}"):
        with pytest.raises(UserError) as error:
            build(endpoints=[secret])
        assert str(error.value).startswith(f"endpoints, 1: {url} has a password or a query")
        assert "endpoints_file" in str(error.value)
        assert PASSWORD not in str(error.value)
        assert TOKEN not in str(error.value)


def test_a_file_that_is_wrong_is_one_line(build, tmp_path):
    with pytest.raises(UserError, match="nowhere cannot be read on this machine: No such file"):
        build(endpoints_file=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="~nobody-here/it cannot be read on this machine: No such file"):
        build(endpoints_file="~nobody-here/it")
    (tmp_path / "wrong").write_text(f"# servers\nhost:{TOKEN}\n")
    with pytest.raises(UserError, match="endpoints_file, line 2: expected a URL") as error:
        build(endpoints_file=str(tmp_path / "wrong"))
    assert TOKEN not in str(error.value)
    (tmp_path / "empty").touch()
    with pytest.raises(UserError, match="no server"):
        build(endpoints_file=str(tmp_path / "empty"))
