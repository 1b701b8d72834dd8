"""State on disk: whole or absent, and never a pickle."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stagerl_plugins.curriculum.state import has_state, load_state, save_state
from stagerl_plugins.errors import UserError

words = st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words
values = scalars | arrays(np.float64, st.integers(0, 4)) | arrays(np.int64, st.integers(0, 4))
names = words.filter(lambda name: name != "__array__")  # the one that is reserved
nested = st.recursive(
    values, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=16
)
trees = st.dictionaries(names, nested, max_size=4)


def same(one, other):
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(trees)
def test_what_is_saved_comes_back(tmp_path_factory, tree):
    folder = tmp_path_factory.mktemp("state") / "stagerl"
    save_state(folder, tree)
    assert same(tree, load_state(folder))


def test_numpy_scalars_become_json_values(tmp_path):
    save_state(tmp_path / "s", {"a": np.float64(0.5), "b": np.int64(3), "c": np.bool_(True)})
    assert load_state(tmp_path / "s") == {"a": 0.5, "b": 3, "c": True}


@pytest.mark.parametrize(
    "bad", [{"x": {"__array__": 1}}, {"x": object()}, {"x": {1: 2}}, {"x": np.array([object()])}, {"x": {1, 2}}]
)
def test_what_cannot_be_saved_is_refused_with_its_place(tmp_path, bad):
    with pytest.raises(TypeError, match=r"state at '\.x'"):
        save_state(tmp_path / "s", bad)
    assert not has_state(tmp_path / "s")


def test_a_new_state_replaces_the_old_as_a_whole(tmp_path):
    for number in range(3):
        save_state(tmp_path / "s", {"number": number})
    assert load_state(tmp_path / "s") == {"number": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


class Killed(BaseException):
    pass


def save_until(moment, monkeypatch, folder, state):
    """Save a state, and be killed before the next rename, removal or synchronisation after `moment` of them."""
    left = iter(range(moment))

    def bounded(real):
        def act(*arguments, **options):
            if next(left, None) is None:
                raise Killed
            return real(*arguments, **options)

        return act

    with monkeypatch.context() as patched:
        for owner, name in ((Path, "rename"), (Path, "mkdir"), (os, "fsync"), (shutil, "rmtree"), (np, "savez")):
            patched.setattr(owner, name, bounded(getattr(owner, name)))
        with suppress(Killed):
            save_state(folder, state)


@pytest.mark.parametrize("moment", range(12))
def test_a_kill_at_any_moment_leaves_the_old_state_or_the_new_one(tmp_path, monkeypatch, moment):
    save_until(moment, monkeypatch, tmp_path / "s", {"number": 0})
    assert not has_state(tmp_path / "s") or load_state(tmp_path / "s") == {"number": 0}
    for number in (1, 2):
        save_state(tmp_path / "s", {"number": number})
        save_until(moment, monkeypatch, tmp_path / "s", {"number": number + 10})
        assert load_state(tmp_path / "s")["number"] in (number, number + 10)


def test_a_damaged_or_missing_state_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no state is saved here"):
        load_state(tmp_path / "s")
    save_state(tmp_path / "s", {"a": np.arange(3)})
    (tmp_path / "s" / "arrays.npz").write_bytes(b"PK garbage")
    with pytest.raises(UserError, match="is damaged"):
        load_state(tmp_path / "s")


def test_a_pickle_in_the_arrays_is_never_read(tmp_path):
    save_state(tmp_path / "s", {"a": np.arange(3)})
    np.savez(tmp_path / "s" / "arrays.npz", a0=np.array([{"evil": 1}], dtype=object))
    with pytest.raises(UserError, match="is damaged"):
        load_state(tmp_path / "s")
