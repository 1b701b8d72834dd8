"""What comes out of a sandbox is data: values of Python's own types, whatever was written there."""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, deque, namedtuple
from enum import Enum

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagerl_plugins.rewards.code.inside.codec import Opaque, dumps, loads

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers() | st.text())
        | st.frozensets(st.integers())
    ),
    max_leaves=20,
)


@given(values)
def test_a_value_arrives_as_it_left(value):
    arrived = loads(dumps(value))
    assert arrived == value
    assert type(arrived) is type(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["#", "of", "x"]), inner),
    max_leaves=20,
)


# ints of one hash: a set of them would take minutes to build
ONE_HASH = json.dumps({"#": "set", "of": [{"#": "int", "of": hex((2**61 - 1) << n)} for n in range(2000)]})


@given(st.text() | json_values.map(json.dumps))
@example("[" * 100_000)
@example('{"#": "set", "of": [[1]]}')
@example('{"#": "int", "of": "' + "f" * 100_000 + '"}')
@example('{"#": "dict", "of": [[1, 2, 3]]}')
@example('{"#": "range", "of": [1, 2, 0]}')
@example('{"#": "range", "of": []}')
@example('{"#": "complex", "of": ["x", 1]}')
@example('{"#": "bytes", "of": "zz"}')
@example('{"#": ["set"], "of": []}')
@example('{"#": "type", "of": "object"}')
@example('{"#": "type", "of": ["int"]}')
@example("9" * 10_000)
@example(ONE_HASH)
@example(ONE_HASH.replace('"set"', '"frozenset"'))
def test_whatever_is_written_is_a_value_or_refused(text):
    try:
        value = loads(text)
    except ValueError:
        return
    assert type(value).__module__ == "builtins" or isinstance(value, Opaque)


Point = namedtuple("Point", "x y")


class Colour(str, Enum):  # noqa: UP042  not StrEnum, of which str() is the value
    RED = "red"


class Twice(float):
    def __float__(self):
        return 2 * float.__float__(self)


class Backwards(list):
    def __iter__(self):
        return reversed(self)


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (Point(1, 2), (1, 2)),
        (Colour.RED, "red"),
        (Twice(1.5), 1.5),
        (Backwards([1, 2]), [1, 2]),
        (True, True),
        (range(3), range(3)),
        (2**100, 2**100),
        (float("inf"), math.inf),
        (int, int),
        ([str, dict, frozenset], [str, dict, frozenset]),
    ],
)
def test_subclasses_arrive_as_what_they_are_made_of(value, arrives):
    assert loads(dumps(value)) == arrives
    assert type(loads(dumps(value))) is type(arrives)


class EqualToAll:
    def __eq__(self, other):
        return True

    __hash__ = object.__hash__


@pytest.mark.parametrize("value", [EqualToAll(), deque([1]), iter([]), object(), len, EqualToAll, object])
def test_any_other_is_equal_to_nothing(value):
    arrived = loads(dumps(value))
    assert arrived != value
    assert [arrived] != [loads(dumps(value))]
    assert [arrived] != [1]


def test_a_value_inside_itself_is_refused():
    endless: list = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested too deeply"):
        dumps(endless)
