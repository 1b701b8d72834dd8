"""What plugins answer with is checked where they make it, so that the line at fault is theirs."""

import numpy as np
import pytest

from stagerl_plugins.types import Admission, Decision, Move


def test_an_admission_takes_the_booleans_of_numpy():
    assert Admission(np.ptp([0.0, 1.0]) > 0, "equal scores") == Admission(True, "equal scores")
    assert Admission(np.bool_(False)).admit is False


def test_a_decision_takes_a_move_as_text_and_the_numbers_of_numpy():
    assert Decision("advance", "enough", {"rate": np.float64(0.5), "steps": np.int64(3)}) == Decision(
        Move.ADVANCE, "enough", {"rate": 0.5, "steps": 3}
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Admission(False, 3), "an admission's reason is text, got 3"),
        (lambda: Admission(None), "an admission is True or False, got None"),
        (lambda: Admission("no"), "an admission is True or False, got 'no'"),
        (lambda: Decision("onwards"), "'onwards' is not a valid Move"),
        (lambda: Decision(Move.STAY, None), "a decision's reason is text, got None"),
        (lambda: Decision(Move.STAY, "", [1]), r"a decision's evidence is numbers by name, got \[1\]"),
        (lambda: Decision(Move.STAY, "", {"rate": "high"}), "a decision's evidence is numbers by name, got"),
        (lambda: Decision(Move.STAY, "", {3: 0.5}), "a decision's evidence is numbers by name, got"),
    ],
)
def test_what_is_none_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
