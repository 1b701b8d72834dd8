"""Conditions agree with a slow reading of them, row by row, and say clearly what is wrong with a bad one."""

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagerl_plugins import Problems
from stagerl_plugins.difficulty.expressions import Columns, Condition, quantile
from stagerl_plugins.errors import UserError

SIGNS = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}
RATES = [0.0, 0.25, 0.5, 1.0, float("nan")]
Row = dict[str, float | str]


@dataclass
class Said:
    """A condition as text, and what it says of one row: True, False, or None where a missing value leaves it open."""

    text: str
    of: Callable[[Row], bool | None]


def compare(left: Said, sign: str, right: Said) -> Said:
    def of(row: Row) -> bool | None:
        a, b = left.of(row), right.of(row)
        return None if a != a or b != b else SIGNS[sign](a, b)

    return Said(f"{left.text} {sign} {right.text}", of)


def both(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def opposite(a: bool | None) -> bool | None:
    return None if a is None else not a


def chain(first: Said, links: list[tuple[str, Said]]) -> Said:
    pairs, left = [], first
    for sign, right in links:
        pairs.append(compare(left, sign, right))
        left = right

    def of(row: Row) -> bool | None:
        result: bool | None = True
        for pair in pairs:
            result = both(result, pair.of(row))
        return result

    return Said(" ".join([first.text, *(f"{sign} {right.text}" for sign, right in links)]), of)


def joined(word: str, parts: list[Said]) -> Said:
    def of(row: Row) -> bool | None:
        flip = opposite if word == "or" else (lambda value: value)  # a or b is not (not a and not b)
        result: bool | None = True
        for part in parts:
            result = both(result, flip(part.of(row)))
        return flip(result)

    return Said(f" {word} ".join(f"({part.text})" for part in parts), of)


columns = st.sampled_from(["p15", "p7", "rating"]).map(lambda name: Said(name, lambda row: row[name]))
constants = st.sampled_from([-1, 0, 0.25, 0.5, 1]).map(lambda number: Said(repr(number), lambda row: number))
numbers = st.one_of(columns, constants)
comparisons = st.builds(
    chain, numbers, st.lists(st.tuples(st.sampled_from(list(SIGNS)), numbers), min_size=1, max_size=3)
)
domains = st.builds(
    compare,
    st.just(Said("domain", lambda row: row["domain"])),
    st.sampled_from(["==", "!="]),
    st.sampled_from(["math", "code"]).map(lambda text: Said(f"'{text}'", lambda row: text)),
)
conditions = st.recursive(
    st.one_of(comparisons, domains),
    lambda inner: st.one_of(
        inner.map(lambda one: Said(f"not ({one.text})", lambda row: opposite(one.of(row)))),
        st.builds(joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "p15": st.sampled_from(RATES),
            "p7": st.sampled_from(RATES),
            "rating": st.sampled_from(RATES),
            "domain": st.sampled_from(["math", "code"]),
        }
    ),
    min_size=1,
    max_size=8,
)


def columns_of(rows: list[Row]) -> Columns:
    return Columns.of(
        Problems(
            ids=[str(index) for index in range(len(rows))],
            domains=[str(row["domain"]) for row in rows],
            features={
                column: np.array([row[name] for row in rows])
                for column, name in {"pass_rate_p15": "p15", "pass_rate_p7": "p7", "rating": "rating"}.items()
            },
        )
    )


@settings(deadline=None)
@given(said=conditions, rows=rows)
def test_a_condition_says_of_all_rows_at_once_what_it_says_of_each(said: Said, rows: list[Row]) -> None:
    truth = Condition(said.text, "here").evaluate(columns_of(rows))
    expected = [said.of(row) for row in rows]
    assert truth.true.tolist() == [value is True for value in expected]
    assert truth.false.tolist() == [value is False for value in expected]
    assert truth.undecided.tolist() == [value is None for value in expected]


def test_a_missing_pass_rate_leaves_open_only_what_depends_on_it() -> None:
    columns = columns_of([{"p15": 0.0, "p7": float("nan"), "rating": 1.0, "domain": "math"}])
    assert Condition("p15 > 0 and p7 > 0", "here").evaluate(columns).false.all()
    assert Condition("p15 == 0 or p7 > 0", "here").evaluate(columns).true.all()
    assert Condition("p15 == 0 and p7 > 0", "here").evaluate(columns).undecided.all()
    assert Condition("not p7 > 0", "here").evaluate(columns).undecided.all()


def test_a_condition_may_have_lines_with_remarks_and_texts_with_spaces() -> None:
    rows: list[Row] = [{"p15": p, "p7": 0.0, "rating": 1.0, "domain": "a  b"} for p in (0.5, 1.0)]
    condition = Condition("p15 > 0  # solved at all\nand p15 < 1\nand domain == 'a  b'", "here")
    assert condition.evaluate(columns_of(rows)).true.tolist() == [True, False]


def test_a_grader_name_wins_over_a_column_of_that_name() -> None:
    problems = Problems(["a"], features={"p": np.array([7.0]), "pass_rate_p": np.array([0.5])})
    assert Condition("p == 0.5", "here").evaluate(Columns.of(problems)).true.all()


@settings(deadline=None)
@given(st.lists(st.sampled_from(RATES), min_size=1, max_size=20))
def test_quantile_is_the_share_of_lower_values(values: list[float]) -> None:
    present = [value for value in values if value == value]
    expected = [sum(o < value for o in present) / len(present) if value == value else value for value in values]
    np.testing.assert_allclose(quantile(np.array(values)), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p51 > 0", "there is no grader or numeric column 'p51': did you mean 'p15'?"),
        ("zzz > 0", "there is no grader or numeric column 'zzz': graders here are p15, p7"),
        ("quantile(p51) > 0", "did you mean 'p15'?"),
        ("p15", "expected a comparison such as '0 < p15 < 1', got 'p15'"),
        ("p15 > 0 and p7", "got 'p7'"),
        ("True", "got 'True'"),
        ("p15 = 1", "(compare with '==')"),
        ("p15 > 0 && p15 < 1", "(join comparisons by 'and' or 'or')"),
        ("p15 == 0 || p7 == 1", "(join comparisons by 'and' or 'or')"),
        ("p15 > ", "invalid syntax"),
        ("p15 is 1", "only <, <=, ==, !=, > and >= compare"),
        ("p15 in [1]", "'[1]' is no grader"),
        ("p15 + 1 > 0", "'p15 + 1' is no grader"),
        ("__import__('os') == 1", "is no grader, numeric column"),
        ("quantile('p15') > 0", "is no grader, numeric column"),
        ("(lambda: 1)() == 1", "is no grader, numeric column"),
        ("p15.real > 0", "'p15.real' is no grader"),
        ("domain == 1", "a number is compared with a text"),
        ("p15 == 'math'", "a number is compared with a text"),
        ("domain < 'math'", "a domain is compared by == or != alone"),
        ("p15 == True", "'True' is no grader"),
        ("p15 < 1" + "0" * 400, "has a number that is too large"),
        ("p15 < 1\0", "here"),
        ("(" * 300 + "p15 < 1" + ")" * 300, "here"),
        (" or ".join(["p15 < 1"] * 300), "is longer than 2000 characters"),
        ("", "here"),
    ],
)
def test_a_bad_condition_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        Condition(text, "here").evaluate(columns_of([{"p15": 0.0, "p7": 0.0, "rating": 0.0, "domain": "math"}]))
    assert message in str(error.value)
    assert str(error.value).startswith("here: ")
    assert "\n" not in str(error.value)
