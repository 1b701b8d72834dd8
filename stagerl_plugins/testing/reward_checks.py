"""Contract tests of rewards and sandboxes, built as verdict processes build them: from their name and options."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from stagerl_plugins.errors import PluginError, UserError, account_of, place_of
from stagerl_plugins.plugins import Plugins, Registration
from stagerl_plugins.protocols import Sandbox
from stagerl_plugins.rewards.call import WorkerSetup, expected_of, from_json, printable, shown
from stagerl_plugins.rewards.judge import takes_groups
from stagerl_plugins.testing.contract_error import ContractError
from stagerl_plugins.types import Ended, Limits, Response, Verdict

SECONDS = 60  # for one call of `score`; what takes longer hangs
BUDGET = 2048  # tokens
AWKWARD_TEXTS = {
    "an empty response": "",
    "blank space": " \n\t \r\n",
    "a huge response": "so the sum is 12, and then " * 40_000,
    "a million opening braces": r"\boxed{" + "{" * 1_000_000,
    "zero bytes and control characters": "".join(map(chr, range(32))) * 100,
    "what a cut byte sequence decodes to": b"\xff\xfe\x80\xe2\x82".decode("utf-8", "replace"),
    "half of a surrogate pair": "the answer is \ud83d",
    "an answer that is never closed": r"\boxed{\frac{1}{",
    "code that is never closed": "```python\nwhile True:\n    (",
    "right-to-left marks and combining signs": "\u202e\u0301" * 1000,
    "another alphabet": "答案是 \\boxed{四十二}",
}


def check_reward(
    registration: Registration, options: Mapping[str, Any], plugins: Plugins, ground_truth: Any, data_source: str
) -> None:
    """All that is asked of a reward: a verdict for each response, in order, whatever the response is.

    Raises:
        ContractError: The plugin breaks the contract.
    """
    reward = _built(registration, "reward", options, plugins)
    texts = {**AWKWARD_TEXTS, "the ground truth itself": f"The answer is \\boxed{{{ground_truth}}}"}
    responses = [_response(text, ground_truth, data_source) for text in texts.values()]
    group = [replace(response, group="group", group_size=len(responses)) for response in responses]
    with asyncio.Runner() as runner:  # one loop for all, as in a verdict process

        def judge(responses: list[Response], what: str) -> list[Verdict]:
            try:
                with _bounded(f"{registration}: score did not return within {SECONDS} s for {what}"):
                    answer = reward.score(responses)
                    if not inspect.iscoroutine(answer):
                        raise ContractError(f"{registration}: write `async def score`, got {answer!r:.200}")
                    verdicts: list[Verdict] = runner.run(answer)
            except ContractError:
                raise
            except Exception as error:
                said = f"{registration}: score raised for {what}: {error!r}"[:500]
                raise ContractError(f"{said}{place_of(error)}") from error
            _check_verdicts(registration, verdicts, len(responses), what, expected_of(reward))
            return verdicts

        alone = [judge([response], what) for what, response in zip(texts, responses, strict=True)]
        judge([replace(responses[-1], tokens=None, budget=None)], "a response whose length is not known")
        together = judge(group, "all at once")
        turned = judge(group[::-1], "all at once, in another order")[::-1]
        judge([], "no response at all")
    if not any(verdict.judged for verdict in together):
        why = together[-1].detail
        raise ContractError(f"{registration}: judged no response at all, not even the ground truth itself: {why}")
    if takes_groups({registration.name: options}, plugins):
        _check_same(registration, texts, together, turned, "in one order", "in another", "a group comes in any order")
    else:
        first = [one for (one,) in alone]
        _check_same(registration, texts, first, together, "alone", "among others", "judge each response by itself")


def _response(text: str, ground_truth: Any, data_source: str) -> Response:
    """A response as it comes from training, with a length in what stands for tokens."""
    tokens = min(BUDGET, len(text) // 4 + 1)
    response = Response(text, ground_truth, data_source, "problem-0")
    return replace(response, tokens=tokens, budget=BUDGET, truncated=tokens == BUDGET)


def _check_same(
    registration: Registration,
    texts: Iterable[str],
    ones: Sequence[Verdict],
    others: Sequence[Verdict],
    here: str,
    there: str,
    advice: str,
) -> None:
    """Make sure that the same responses, called by what they are, were judged alike in two ways."""
    for what, one, other in zip(texts, ones, others, strict=True):
        if (one.outcome, one.score) != (other.outcome, other.score):
            said = f"{one.outcome} with {one.score} {here} but {other.outcome} with {other.score} {there}"
            raise ContractError(f"{registration}: {what} is {said}: {advice}")


def _built(registration: Registration, kind: str, options: Mapping[str, Any], plugins: Plugins) -> Any:
    try:
        return WorkerSetup(plugins).build(kind, {registration.name: options}, kind)
    except UserError as error:
        raise ContractError(f"{registration}: {error}") from error
    except PluginError as error:  # names it already
        raise ContractError(str(error)) from error
    except Exception as error:
        raise ContractError(f"{registration} could not be built: {account_of(error)}") from error


@contextlib.contextmanager
def _bounded(message: str) -> Iterator[None]:
    """Interrupt what takes too long, where Python can be: in the main thread, and not in C code."""

    def interrupt(*_: object) -> None:
        raise ContractError(message)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 1)  # again and again, in case it is caught
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _check_verdicts(registration: Registration, verdicts: Any, count: int, what: str, expected: str) -> None:
    if not isinstance(verdicts, list) or len(verdicts) != count:
        raise ContractError(f"{registration}: must return a list of {count} verdicts for {what}")
    for verdict in verdicts:
        if not isinstance(verdict, Verdict):
            raise ContractError(f"{registration}: must return {expected}, got {shown(verdict)} for {what}")
        try:
            sent = from_json(json.loads(json.dumps(asdict(verdict))))
            same = sent == replace(verdict, detail=printable(verdict.detail))
        except (TypeError, ValueError, KeyError) as error:
            raise ContractError(f"{registration}: a verdict holds what is no text or number: {error}") from error
        if not same:
            raise ContractError(f"{registration}: a verdict changed when sent between processes: {verdict!r:.200}")


def check_sandbox(registration: Registration, options: Mapping[str, Any], plugins: Plugins) -> None:
    """All that is asked of a sandbox, which must be there: an execution for each input, in order, and bounds that hold.

    Raises:
        ContractError: The plugin breaks the contract.
    """
    sandbox = _built(registration, "sandbox", options, plugins)
    try:
        asyncio.run(_use_sandbox(registration, sandbox))
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(f"{registration}: run raised {account_of(error)}") from error


async def _use_sandbox(registration: Registration, sandbox: Sandbox) -> None:
    try:
        if await sandbox.run("print(1)", [], Limits()) != []:
            raise ContractError(f"{registration}: no input, no execution")
        echoes = await sandbox.run("print(input()[::-1])", ["abc", "xyz", ""], Limits())
        if [echo.stdout.strip() for echo in echoes[:2]] != ["cba", "zyx"] or len(echoes) != 3:
            raise ContractError(f"{registration}: expected an execution for each input, in order, got {echoes!r:.300}")
        if (echoes[2].ended, echoes[2].exit_code) == (echoes[0].ended, echoes[0].exit_code):
            raise ContractError(f"{registration}: a program that raised ended like one that ran: {echoes[2]}")
        began = time.monotonic()
        (endless,) = await sandbox.run("while True: pass", ["\n"], Limits(seconds=1))
        if time.monotonic() - began > 20 or endless.ended is not Ended.TIMED_OUT:
            raise ContractError(f"{registration}: an endless program must end at the limit of 1 s, got {endless}")
        (loud,) = await sandbox.run("print('x' * 5_000_000)", ["\n"], Limits(output_bytes=1000))
        if len(loud.stdout) > 2000:
            raise ContractError(f"{registration}: 1000 bytes of output were allowed, {len(loud.stdout)} came back")
    finally:
        await sandbox.close()
