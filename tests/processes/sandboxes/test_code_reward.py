"""Reward `code` in a real sandbox: right programs pass, wrong ones do not."""

from __future__ import annotations

import ast
import asyncio
import gzip
import json
from pathlib import Path

import psutil
import pytest
from code_judging import ADD, LIST, PROMPT, SUMS, Setup, judge

from stagerl_plugins.config import Judging
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.protocols import Reward, Sandbox
from stagerl_plugins.rewards.code.reward import CodeOptions, CodeReward
from stagerl_plugins.rewards.judge import Judge
from stagerl_plugins.sandboxes.local import LocalOptions, LocalSandbox
from stagerl_plugins.types import Ended, Execution, Outcome, Response, Verdict

FILE = Path(__file__).parent / "human_eval.jsonl.gz"
HUMAN_EVAL = [json.loads(line) for line in gzip.decompress(FILE.read_bytes()).splitlines()]


def human_eval(sandbox, programs):
    reward = CodeReward(CodeOptions(), Setup(sandbox))
    pairs = zip(HUMAN_EVAL, programs, strict=True)
    responses = [Response(f"```python\n{program}\n```", json.dumps(row)) for row, program in pairs]
    return asyncio.run(reward.score(responses))


def test_all_canonical_solutions_of_human_eval_pass(sandbox):
    verdicts = human_eval(sandbox, [row["prompt"] + row["canonical_solution"] for row in HUMAN_EVAL])
    assert len(verdicts) == 164
    assert [v.detail for v in verdicts if v.outcome is not Outcome.CORRECT] == []


LONG = {"inputs": ["200000"], "outputs": ["\n".join(map(str, range(200_000)))]}
LONG_LIST = {"inputs": [[200_000]], "outputs": [list(range(200_000))], "fn_name": "f"}


def test_what_is_expected_may_be_printed_however_long_it_is(sandbox):
    right, endless = "for n in range(int(input())): print(n)", "while True: print(1)"
    assert [v.score for v in judge(sandbox, LONG, right, endless, output_bytes=1000)] == [1.0, 0.0]
    right, more = "def f(n): return list(range(n))", "def f(n): return list(range(n + 1))"
    assert [v.score for v in judge(sandbox, LONG_LIST, right, more, output_bytes=1000)] == [1.0, 0.0]


class ReturnsMore(ast.NodeTransformer):
    """Each returned value goes out in a list with another."""

    def visit_Return(self, node):
        value = node.value or ast.Constant(None)
        return ast.Return(ast.List([value, ast.Constant("more")], ast.Load()))


def test_no_mutated_solution_of_human_eval_passes(sandbox):
    wrong = []
    for row in HUMAN_EVAL:
        tree = ReturnsMore().visit(ast.parse(row["prompt"] + row["canonical_solution"]))
        wrong.append(ast.unparse(ast.fix_missing_locations(tree)))
    verdicts = human_eval(sandbox, wrong)
    assert [row["task_id"] for row, v in zip(HUMAN_EVAL, verdicts, strict=True) if v.outcome is Outcome.CORRECT] == []
    assert all(verdict.judged for verdict in verdicts)


@pytest.mark.parametrize(
    ("tests", "program", "score"),
    [
        (SUMS, "print(sum(map(int, input().split())))", 1.0),
        (SUMS, "print(3)", 0.25),
        (SUMS, "a, b = map(int, input().split())\nprint(a + b if a < 5 else 0)", 0.5),
        (SUMS, "print(", 0.0),
        (SUMS, "print(sum(map(int, input().split())))\nraise SystemExit(1)", 0.0),
        (ADD, "def add(a, b): return a + b", 1.0),
        (ADD, "class Solution:\n    def add(self, a, b): return a + b", 1.0),
        (ADD, "def add(a: int, b: int) -> Optional[int]:\n    print('noise')\n    return a + b", 1.0),
        (ADD, "def add(a, b): return 3", 0.5),
        (ADD, "def add(a): return a", 0.0),
        (ADD, "def other(a, b): return a + b", 0.0),
        (PROMPT, "def add(a, b): return a + b", 1.0),
        (PROMPT, "def add(a, b): return 3", 0.5),
        (LIST, "def add(a, b): return a + b", 1.0),
        (LIST, "def add(a, b): raise ValueError", 0.0),
        ({"inputs": [[1]], "outputs": [[[1, 2]]], "fn_name": "f"}, "def f(x): return (x, 2)", 1.0),
        ({"inputs": [[1], [2]], "outputs": [[1], [2]], "fn_name": "f"}, "def f(x): return x", 1.0),
        ({"inputs": [[1], [2]], "outputs": [[1], [2, 2]], "fn_name": "f"}, "def f(x): return x", 0.0),
        ({"inputs": [[0]], "outputs": [[1, 2]], "fn_name": "f", "unordered": True}, "def f(x): return [2, 1]", 1.0),
        ({"inputs": [[4, 6]], "outputs": [2], "fn_name": "gcd"}, "pass", 0.0),
        ({"inputs": [[4, 6]], "outputs": [2], "fn_name": "gcd"}, "from math import gcd", 1.0),
        ({"test_list": ["assert gcd(4, 6) == 2"]}, "pass", 0.0),
        ({"inputs": [[3]], "outputs": [3], "fn_name": "comb"}, "class Solution:\n    def comb(self, n): return n", 1.0),
        (ADD, "from __future__ import annotations\ndef add(a: Some, b) -> Thing: return a + b", 1.0),
        (PROMPT, "from __future__ import annotations\ndef add(a: Some, b) -> Thing: return a + b", 1.0),
        (ADD, "add = functools.partial(operator.add)", 1.0),
        (ADD, "import inspect\ndef add(a, b): return a + b if 'a + b' in inspect.getsource(add) else 0", 1.0),
        (ADD, "def add(a, b): return a + b\nif __name__ == '__main__': print(add(*map(int, input().split())))", 1.0),
        (ADD, "def add(a, b):\n    yield a + b", 0.0),
        (ADD, "async def add(a, b): return a + b", 0.0),
        (ADD, "def add(a, b): return float(a + b)", 1.0),
        (ADD, "def add(a, b): return str(a + b)", 0.0),
        (ADD, "def add(a, b): return 10**400", 0.0),
        (ADD, "def add(a, b): return {10**5000: 1}", 0.0),
        ({"test": "def check(f): f(1, 2)", "entry_point": "add"}, "def add(a, b): return a + b", 1.0),
        ({"test": "def check(f): f(1, 2)", "entry_point": "add"}, "def add(a, b): 1 / 0", 0.0),
        ({**SUMS, "inputs": SUMS["inputs"][:1], "outputs": ["3\n1"], "unordered": True}, "print(1)\nprint(3)", 1.0),
    ],
)
def test_the_score_is_the_part_of_the_tests_that_pass(sandbox, tests, program, score):
    (verdict,) = judge(sandbox, tests, program)
    assert verdict.score == score
    assert verdict.outcome is {1.0: Outcome.CORRECT, 0.0: Outcome.WRONG}.get(score, Outcome.PARTIAL)


def test_a_program_that_takes_too_long_is_the_response_s_own_fault(sandbox):
    (verdict,) = judge(sandbox, SUMS, "while True: pass", seconds=0.3, total_seconds=0.5)
    assert (verdict.outcome, verdict.score) == (Outcome.TIMED_OUT, 0.0)
    slow_once = "n = input()\nif n[0] == '1':\n    while True: pass\nprint(sum(map(int, n.split())))"
    (verdict,) = judge(sandbox, SUMS, slow_once, seconds=0.3)
    assert (verdict.outcome, verdict.score) == (Outcome.PARTIAL, 0.75)
    assert verdict.detail == "3 of 4 tests passed, 1 timed out"


def test_all_or_nothing_stops_at_the_first_failure(sandbox):
    wrong, right = judge(sandbox, SUMS, "print(3)", "print(sum(map(int, input().split())))", all_or_nothing=True)
    assert (wrong.outcome, wrong.score) == (Outcome.WRONG, 0.0)
    assert (right.outcome, right.score) == (Outcome.CORRECT, 1.0)


@pytest.mark.parametrize(
    ("tests", "program", "outcome"),
    [
        ({"inputs": ["12\n"], "outputs": ["2"]}, "print(4)", Outcome.CORRECT),
        ({"inputs": ["12\n"], "outputs": ["2"]}, "print(5)", Outcome.WRONG),
        ({"inputs": ["12\n"], "outputs": ["2"]}, "print(4); raise SystemExit(1)", Outcome.WRONG),
        ({"inputs": ["12\n"], "outputs": ["2"]}, "print('no number')", Outcome.NOT_JUDGED),
        ({"inputs": [[12]], "outputs": [2], "fn_name": "f"}, "def f(n): return 6", Outcome.CORRECT),
        ({"inputs": [[12]], "outputs": [2], "fn_name": "f"}, "def f(n): return 7", Outcome.WRONG),
        ({"inputs": [[12]], "outputs": [2], "fn_name": "f"}, "def f(n): return {6}", Outcome.WRONG),
        ({"inputs": [[12]], "outputs": [2], "fn_name": "f"}, "def f(n): 1 / 0", Outcome.WRONG),
    ],
)
def test_a_checker_decides_where_several_outputs_are_right(sandbox, tests, program, outcome):
    (verdict,) = judge(sandbox, tests, program, checker={"divides": {}})
    assert verdict.outcome is outcome
    if outcome is Outcome.NOT_JUDGED:
        assert verdict.detail.startswith("the checker raised ValueError: invalid literal")


class Answers(Reward):
    """A checker that answers what it is made with."""

    def __init__(self, answer) -> None:
        self.answer = answer

    async def score(self, responses):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ([Verdict.not_judged("no\nserver")], "the checker did not judge: no server"),
        ([None], "the checker returned [None] instead of a list of one verdict"),
        (None, "the checker returned None instead of a list of one verdict"),
        ([], "the checker returned [] instead of a list of one verdict"),
    ],
)
def test_a_checker_that_does_not_judge_says_why(sandbox, answer, detail):
    setup = Setup(sandbox)
    setup.build = lambda kind, spec, name: sandbox if kind == "sandbox" else Answers(answer)
    reward = CodeReward(CodeOptions(checker={"answers": {}}), setup)
    (verdict,) = asyncio.run(reward.score([Response("```python\nprint(3)\n```", json.dumps(SUMS))]))
    assert (verdict.outcome, verdict.detail) == (Outcome.NOT_JUDGED, detail)


def test_verdicts_tell_the_tier(sandbox):
    right, wrong = judge(sandbox, ADD, "def add(a, b): return a + b", "def add(a, b): return 0")
    assert right.parts == wrong.parts == {f"sandbox_tier_{sandbox.tier}": 1.0}


class Lost(Sandbox):
    async def run(self, program, inputs, limits):
        return [Execution(Ended.LOST, detail="gone") for _ in inputs]


@pytest.mark.parametrize("tests", [SUMS, ADD, PROMPT])
def test_a_lost_sandbox_is_ours_and_not_the_response_s(tests):
    (verdict,) = judge(Lost(), tests, "def add(a, b): return a + b")
    assert verdict.outcome is Outcome.NOT_JUDGED
    assert verdict.detail == "the sandbox lost a run: gone"


@pytest.mark.parametrize("test", ["def check(f)", "def check(f): nonsense(f)", "raise ValueError", "assert True"])
def test_broken_tests_are_ours_too(sandbox, test):
    (verdict,) = judge(sandbox, {"test": test, "entry_point": "add"}, "def add(a, b): return a + b")
    assert verdict.outcome is Outcome.NOT_JUDGED


def test_a_response_without_a_program_has_a_bad_format(sandbox):
    reward = CodeReward(CodeOptions(), Setup(sandbox))
    (verdict,) = asyncio.run(reward.score([Response("I think it is 3.", json.dumps(SUMS))]))
    assert (verdict.outcome, verdict.score) == (Outcome.BAD_FORMAT, 0.0)


def test_the_same_program_of_a_group_runs_once(sandbox, monkeypatch):
    ran = []
    monkeypatch.setattr(
        "stagerl_plugins.sandboxes.local._execute",
        lambda warm, job: ran.append(job.stdin) or Execution(Ended.EXITED, "3", exit_code=0),
    )
    fresh = LocalSandbox(LocalOptions(workers=2), None)
    verdicts = judge(fresh, SUMS, *["print(3)"] * 8)
    asyncio.run(fresh.close())
    assert len(verdicts) == 8
    assert sorted(ran) == sorted(SUMS["inputs"])


def test_nothing_of_a_sandbox_is_left_when_its_judge_is_closed():
    rewards = {"default": {"code": {"take": "whole", "sandbox": {"local": {"workers": 2}}}}}
    before = set(psutil.Process().children(recursive=True))
    with Judge(rewards, load_plugins(), Judging()) as judge:
        tests = json.dumps({"inputs": ["1", "2"], "outputs": ["1", "2"]})
        verdict = asyncio.run(judge.judge(Response("print(input())", tests)))
        assert verdict.outcome is Outcome.CORRECT
        assert set(psutil.Process().children(recursive=True)) > before
    assert set(psutil.Process().children(recursive=True)) == before
