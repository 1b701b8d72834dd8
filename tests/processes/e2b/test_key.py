"""The key is where the client needs it, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from stand_in import KEY

from stagerl_plugins.errors import UserError
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.sandboxes.e2b.key import read_key
from stagerl_plugins.sandboxes.e2b.plugin import E2BOptions
from stagerl_plugins.types import Limits


def test_it_appears_in_no_log_no_list_of_processes_and_no_representation(start, build, caplog, capfd, tmp_path):
    start(fault=lambda what: "refused" if what == "kill" else None)  # the stand-in's refusal repeats the key
    (tmp_path / "key").write_text(KEY + "\n")
    options = {"key_file": str(tmp_path / "key"), "runs_per_sandbox": 1}
    with caplog.at_level(logging.DEBUG):
        sandbox = build(**options)
        asyncio.run(sandbox.run("print(1)", [""], Limits()))
        children = psutil.Process().children(recursive=True)
        seen = [" ".join(child.cmdline()) for child in children]
        seen += [str(child.environ()) for child in children]
        asyncio.run(sandbox.close())
    assert children
    assert "refuses the key" in caplog.text
    objects = [E2BOptions(**options), sandbox, sandbox._worker, sandbox._pool._service, vars(sandbox)]
    seen += [repr(one) for one in objects] + [repr(vars(sandbox._pool._service))]
    seen += [caplog.text, *capfd.readouterr(), Path("/proc/net/unix").read_text()]
    assert [text for text in seen if KEY in text] == []


def test_it_appears_in_no_detail_that_an_answer_repeats_it_in(start, build):
    start(fault=lambda what: "error" if what == "execute" else None)
    (seen,) = asyncio.run(build().run("print(1)", [""], Limits()))
    assert seen.detail == "the sandbox failed: Error: …"


@pytest.mark.parametrize("text", [f"{KEY}\n{KEY}", f"key: {KEY}", f"{KEY}\0x", f"{KEY}é"])
def test_what_is_no_key_is_one_line_that_does_not_repeat_it(tmp_path, monkeypatch, text):
    (tmp_path / "key").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"key holds no key of E2B's: expected one word$") as refused:
        read_key(str(tmp_path / "key"))
    assert KEY not in str(refused.value)
    monkeypatch.setenv("E2B_API_KEY", f"{KEY} {KEY}")
    with pytest.raises(UserError, match=r"^E2B_API_KEY holds no key of E2B's: expected one word$"):
        read_key(None)


def test_a_missing_key_is_one_line_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("E2B_API_KEY", raising=False)
    with pytest.raises(UserError, match="no key for E2B on this machine: set E2B_API_KEY"):
        read_key(None)
    with pytest.raises(UserError, match="nowhere cannot be read on this machine: No such file"):
        read_key(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="key_file: ~nobody-here/key cannot be read on this machine: No such file"):
        read_key("~nobody-here/key")
    (tmp_path / "empty").touch()
    with pytest.raises(UserError, match="is empty"):
        read_key(str(tmp_path / "empty"))


def test_no_configuration_takes_it():
    assert [name for name in E2BOptions.model_fields if "key" in name] == ["key_file"]


def test_a_missing_client_is_one_line_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "e2b_code_interpreter", None)
    monkeypatch.setenv("E2B_API_KEY", KEY)
    with pytest.raises(UserError, match=r"pip install 'stagerl-plugins\[e2b\]'"):
        load_plugins().find("sandbox", "e2b").make(E2BOptions(), None)


def test_loading_the_plugins_imports_no_client():
    code = "import sys; from stagerl_plugins.plugins import load_plugins; load_plugins().find('sandbox', 'e2b'); "
    code += "sys.exit('e2b' in sys.modules or 'httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
