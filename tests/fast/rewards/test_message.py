"""What a verdict process answers is taken for the answer to the one question that it was given, or for none."""

import json

import pytest

from stagerl_plugins.rewards.processes import message
from stagerl_plugins.types import Outcome, Response, Verdict

RIGHT = Verdict(Outcome.CORRECT, 1.0, "fine", {"length": 2.0})
REST = {"cpu": 0.5, "last": False, "alone": True}


def test_a_question_and_its_answer_arrive():
    asked = message.question(7, message.packed("math", [Response("a", "b")]))
    assert (message.number_of(asked), message.unpacked(asked)) == (7, ("math", [Response("a", "b")]))
    answered = message.answered(message.answer(7, [RIGHT], **REST), 7, 1)
    assert answered == message.Answer([RIGHT], **REST)
    assert message.answered(message.answer(7, [RIGHT], **REST), 7, 3).verdicts == [RIGHT] * 3


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (message.answer(6, [RIGHT], **REST), "an answer to question 6 instead of 7"),
        (message.answer(7, [RIGHT] * 2, **REST), "2 verdicts for 3 responses"),
        (message.answer(7, [], **REST), "0 verdicts for 3 responses"),
        (message.answer(7, [RIGHT], cpu=0.5), "no answer: KeyError: 'last'"),
        (message.answer(7, [RIGHT], **{**REST, "cpu": None}), "no answer: TypeError: "),
        (json.dumps({"number": 7, "verdicts": [{"score": 1.0}]}).encode(), "no answer: KeyError: 'outcome'"),
        (b"[" * 100_000, "no answer: RecursionError: "),
        (b"7", "no answer: TypeError: "),
        (b"{", "Expecting property name"),
        (b"\xff\xfe\xfd", "codec"),
    ],
)
def test_anything_else_is_none(said, why):
    with pytest.raises(ValueError, match=why):
        message.answered(said, 7, 3)
