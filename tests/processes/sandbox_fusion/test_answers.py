"""What a server answers is somebody else's: nothing in it is trusted."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from fusion_server import answer_with, finished

from stagerl_plugins.types import Ended


def changed(**values):
    return json.dumps({**answer_with(finished("1\n")), **values}).encode()


def changed_run(**values):
    return changed(run_result={**finished("1\n"), **values})


NONSENSE = {
    "no JSON": b"<html>502 Bad Gateway</html>",
    "no UTF-8": b'{"status": "\xff"}',
    "no object": b"[1, 2]",
    "deep": b"[" * 1_000_000,
    "deep in an answer": changed(files={}).replace(b"{}", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "cut": changed()[:-20],
    "an unknown status": changed(status="Pwned"),
    "no run": changed(run_result=None),
    "a run that is a list": changed(run_result=[]),
    "text for a number": changed_run(return_code="0"),
    "true for a number": changed_run(return_code=True),
    "a number for text": changed_run(stdout=7),
    "a list for text": changed_run(stdout=["1"]),
    "a huge status": changed_run(return_code=10**30),
    "a huger one": changed_run(return_code=12345678).replace(b"12345678", b"1" * 100_000),
    "no time": changed_run(execution_time=float("nan")),
    "endless time": changed_run(execution_time=float("inf")),
    "half a surrogate pair": changed_run(stdout="X").replace(b"X", b"\\ud83d"),
    "success and a failing status": changed_run(return_code=3),
    "failure and a good status": changed(status="Failed"),
    "success and too slow": changed_run(status="TimeLimitExceeded", return_code=None),
    "finished without a status": changed(status="Failed", run_result={**finished("1\n"), "return_code": None}),
    "an error that is a success": changed_run(status="Error"),
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
def test_an_answer_of_another_shape_is_the_server_s_failure(start, build, run, after_start, body):
    sandbox = build(start(fault=after_start(body)), attempts=1)
    seen = run(sandbox, "print(1)")
    assert seen.ended is Ended.LOST
    assert seen.detail.endswith("it answers what no SandboxFusion server does")


def test_more_keys_than_are_known_are_no_harm(start, build, run, after_start):
    answer = changed(executor_pod_name="pod-1", new_key={"a": [1]})
    assert run(build(start(fault=after_start(answer))), "print(1)").stdout == "1\n"


def test_a_second_answer_is_not_that_to_the_next_request(start, build, run):
    sandbox = build(start(fault=lambda: "twice"))
    assert [run(sandbox, f"print({n})").stdout for n in range(20)] == [f"{n}\n" for n in range(20)]


def test_an_answer_without_an_end_is_given_up_before_it_fills_the_memory(start, build, run, after_start):
    server = start(fault=after_start("endless"))
    tracemalloc.start()
    seen = run(build(server, attempts=1), "print(1)")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen.ended is Ended.LOST
    assert "its answer is longer than" in seen.detail
    assert peak < 64 << 20


@pytest.mark.parametrize("shown", ["x", "ä", "\x01", "😀"])
def test_output_is_cut_at_its_limit(start, build, run, after_start, shown):
    answer = json.dumps(answer_with(finished(shown * 100_000))).encode()  # as ASCII: the longest form
    seen = run(build(start(fault=after_start(answer))), "print('…')", output_bytes=1001)
    assert (seen.ended, seen.detail) == (Ended.OVER_LIMIT, "more than 1001 bytes of output")
    assert 997 < len(seen.stdout.encode()) <= 1001
    assert set(seen.stdout) == {shown}


def test_output_that_a_server_may_have_cut_is_over_the_limit(start, build, run, after_start):
    whole, cut = (json.dumps(answer_with(finished("x" * length))).encode() for length in (131_072, 131_073))
    blocked = {**finished("x" * 219_264), "status": "TimeLimitExceeded", "return_code": None}
    sandbox = build(start(fault=after_start(whole, cut, json.dumps(answer_with(blocked)).encode())))
    assert run(sandbox, "1", output_bytes=10**6).ended is Ended.EXITED
    for program in ("2", "3"):
        seen = run(sandbox, program, output_bytes=10**6)
        assert (seen.ended, seen.detail) == (Ended.OVER_LIMIT, "more than 131072 bytes of output")
        assert len(seen.stdout) == 131_072


def test_what_a_server_says_is_one_short_line_that_no_terminal_obeys(start, build, run, after_start):
    loud = changed(status="SandboxError", message="\x1b[2J\r\nforged line\n" + "x" * 10_000)
    seen = run(build(start(fault=after_start(loud)), attempts=1), "print(1)")
    assert seen.ended is Ended.LOST
    assert "SandboxError: ?[2J forged line xxx" in seen.detail
    assert seen.detail.isprintable()
    assert len(seen.detail) < 300
