"""Student's t: its quantiles are those of the printed tables."""

import pytest

from stagerl_plugins.student import student_quantile


@pytest.mark.parametrize(("freedom", "tabled"), [(3, 3.1824), (5, 2.5706), (10, 2.2281), (30, 2.0423), (1000, 1.9623)])
def test_of_an_interval_that_holds_95_percent(freedom: int, tabled: float) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(tabled, rel=0.01)


@pytest.mark.parametrize(("freedom", "tabled"), [(3, 4.541), (5, 3.365), (10, 2.764), (30, 2.457)])
def test_of_one_percent_on_one_side(freedom: int, tabled: float) -> None:
    assert student_quantile(0.99, freedom) == pytest.approx(tabled, rel=0.02)
