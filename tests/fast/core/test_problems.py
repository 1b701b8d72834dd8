"""The problems of a run are the same for everybody who is given them."""

import numpy as np
import pytest

from stagerl_plugins.errors import UserError
from stagerl_plugins.problems import Problems


def three_problems() -> Problems:
    return Problems(
        ["a", "b", "c"],
        domains=["math", "math", "code"],
        levels={"easy": np.array([True, False, True])},
        features={"pass_rate_sim": np.array([0.9, 0.5, np.nan])},
    )


@pytest.mark.parametrize(
    "array",
    [
        lambda problems: problems.feature("pass_rate_sim"),
        lambda problems: problems.levels["easy"],
        lambda problems: problems.domains,
        lambda problems: problems.rows,
    ],
)
def test_no_plugin_can_change_them_for_all_others(array):
    with pytest.raises(ValueError, match="read-only"):
        array(three_problems())[0] = 1


def test_what_they_were_made_of_stays_its_maker_s():
    rates = np.array([0.9, 0.5])
    Problems(["a", "b"], features={"pass_rate_sim": rates})
    rates[0] = 0.8


def test_an_index_is_found_by_its_id():
    assert three_problems().index_of("c") == 2
    assert three_problems().get("c") == 2
    assert three_problems().get("d") is None


def test_an_id_that_is_none_is_a_user_s_mistake():
    """It comes from an option, nearly always: one line, and not a KeyError of a plugin's."""
    with pytest.raises(UserError, match=r"^there is no problem 'd'; ids are such as 'a'$"):
        three_problems().index_of("d")
