"""What a judge and a verdict process say to each other: an answer has the number of its question.

A reward may leave a copy of its process behind, and an answer may come late or twice: none is taken for another's.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from json import dumps, loads  # bound here: a reward may put something else into the module
from typing import Any

from stagerl_plugins.rewards.call import from_json
from stagerl_plugins.types import Response, Verdict

_unpickle = pickle.loads
_NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """Verdicts on the responses of one question.

    Args:
        verdicts: One for each response.
        cpu: Seconds of processor time that the process has used up to now.
        last: The process ends; it is to be replaced.
        alone: No thread or task that a reward began is left, to use up the processor time of the next one.
    """

    verdicts: list[Verdict]
    cpu: float
    last: bool
    alone: bool


def packed(reward: str, responses: list[Response]) -> bytes:
    """A reward's key and what it is to judge. Raises whatever cannot be pickled."""
    return pickle.dumps((reward, responses))


def question(number: int, content: bytes) -> bytes:
    """The message of this number."""
    return number.to_bytes(_NUMBER_BYTES) + content


def number_of(message: bytes) -> int:
    """A question's number."""
    return int.from_bytes(message[:_NUMBER_BYTES])


def unpacked(message: bytes) -> tuple[str, list[Response]]:
    """A question's reward and responses; it comes from the process that started us."""
    reward, responses = _unpickle(memoryview(message)[_NUMBER_BYTES:])
    return reward, responses


def answer(number: int, verdicts: Sequence[Verdict], **fields: Any) -> bytes:
    """The message that answers the question of this number; `fields` are those of `Answer`."""
    return dumps({"number": number, "verdicts": [asdict(verdict) for verdict in verdicts], **fields}).encode()


def answered(message: bytes, number: int, count: int) -> Answer:
    """The answer to the question of this number, with a verdict for each of `count` responses; one may stand for all.

    Raises:
        ValueError: It is none, or one to another question.
    """
    try:
        data = loads(message)
        if data["number"] != number:
            raise ValueError(f"an answer to question {data['number']!r:.20} instead of {number}")
        verdicts = [from_json(verdict) for verdict in data["verdicts"]]
        if len(verdicts) not in (1, count):
            raise ValueError(f"{len(verdicts)} verdicts for {count} responses")
        every = verdicts if len(verdicts) == count else verdicts * count
        return Answer(every, float(data["cpu"]), bool(data["last"]), bool(data["alone"]))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no answer: {type(error).__name__}: {error}") from error
