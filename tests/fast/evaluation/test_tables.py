"""Evaluations as a person reads them."""

import numpy as np
from rich.console import Console
from rich.table import Table

from stagerl_plugins.evaluation.intervals import Interval
from stagerl_plugins.evaluation.results import Gain, Subset
from stagerl_plugins.evaluation.tables import gain_table

EASY = Subset("level", "easy", np.ones(20, dtype=bool))


def text(table: Table) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_a_gain_has_a_sign_and_a_verdict() -> None:
    before, after = Interval(0.5, 0.3, 0.7), Interval(0.6, 0.4, 0.8)
    shown = text(gain_table([Gain(EASY, before, after, Interval(0.1, -0.1, 0.3))]))
    assert "level easy" in shown
    assert "20  0.50 (0.30 to 0.70)" in shown
    assert "+0.10 (-0.10 to +0.30)  no gain beyond noise" in shown
