"""Are these items the expected ones in some order? Numbers may be rounded, so that no item can simply be looked up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MOST_WORK = 1_000_000  # numbers compared, or matches tried, until items that are almost alike are given up
_ROUNDING = 1e-12

Items = list["Item"]
Close = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Item:
    """One of the items.

    Args:
        shape: All of it but its numbers: only items of one shape can be the same.
        numbers: Its numbers, in order.
        rough: The same as floats, of which the order alone matters; none is NaN.
    """

    shape: tuple[Any, ...]
    numbers: tuple[Any, ...]
    rough: tuple[float, ...]


class _GivenUpError(Exception):
    """Too many items are almost alike."""


def same_items(items: Sequence[Item], expected: Sequence[Item], close: Close, tolerance: float) -> bool:
    """Whether each expected item is there, and nothing else. What would take too long to match is not the same.

    Args:
        items: What came.
        expected: What the test says.
        close: Whether a number, given first, may stand for an expected one.
        tolerance: By how much such numbers may differ, absolutely or relative to the expected one.
    """
    ours, theirs = _by_shape(items), _by_shape(expected)
    if {shape: len(same) for shape, same in ours.items()} != {shape: len(same) for shape, same in theirs.items()}:
        return False
    matching = _Matching(close)
    try:
        return all(
            matching.is_whole(*alike) for shape in theirs for alike in _clusters(ours[shape], theirs[shape], tolerance)
        )
    except _GivenUpError:
        return False


def _by_shape(items: Sequence[Item]) -> dict[tuple[Any, ...], Items]:
    groups: dict[tuple[Any, ...], Items] = defaultdict(list)
    for item in items:
        groups[item.shape].append(item)
    return groups


def _clusters(ours: Items, theirs: Items, tolerance: float) -> Iterator[tuple[Items, Items]]:
    """Parts of items of one shape, which no match can cross: cut at each number where there is a gap."""
    parts = [(ours, theirs, 0)]
    while parts:
        ours, theirs, place = parts.pop()
        if len(ours) != len(theirs) or len(ours) <= 1 or place == len(theirs[0].numbers):
            yield ours, theirs
        else:
            parts += [(*part, place + 1) for part in _cut(ours, theirs, place, tolerance)]


def _cut(ours: Items, theirs: Items, place: int, tolerance: float) -> Iterator[tuple[Items, Items]]:
    both = [(item.rough[place], True, item) for item in ours] + [(item.rough[place], False, item) for item in theirs]
    both.sort(key=lambda one: one[0])
    cuts = [end for end in range(1, len(both)) if _apart(both[end - 1][0], both[end][0], tolerance)]
    for began, end in pairwise([0, *cuts, len(both)]):
        part = both[began:end]
        yield [item for _, is_ours, item in part if is_ours], [item for _, is_ours, item in part if not is_ours]


def _apart(one: float, other: float, tolerance: float) -> bool:
    """Whether nothing at or below `one` can be close to anything at or above `other`."""
    if tolerance >= 1:
        return False
    size = max(abs(one), abs(other))
    return other - one > tolerance / (1 - tolerance) * max(1.0, size) + _ROUNDING * size


class _Matching:
    """Finds for each expected item one of its own, by augmenting paths, with so much work in all."""

    def __init__(self, close: Close) -> None:
        self._close = close
        self._left = MOST_WORK

    def is_whole(self, ours: Items, theirs: Items) -> bool:
        """Whether all of them can be matched.

        Raises:
            _GivenUpError: It would take too much work.
        """
        if len(ours) != len(theirs):
            return False
        ours, theirs = (sorted(items, key=lambda item: (item.rough, item.numbers)) for items in (ours, theirs))
        if all(map(self._same, ours, theirs)):
            return True
        self._work(len(ours) ** 2 * max(1, len(theirs[0].numbers)))
        fits = [[place for place, one in enumerate(ours) if self._same(one, other)] for other in theirs]
        taken: dict[int, int] = {}
        return all(self._place(number, fits, taken) for number in range(len(theirs)))

    def _same(self, one: Item, other: Item) -> bool:
        return all(map(self._close, one.numbers, other.numbers))

    def _place(self, number: int, fits: list[list[int]], taken: dict[int, int]) -> bool:
        """Give this expected item a place, where others move to another of theirs if they must."""
        came_from: dict[int, int] = {}
        waiting = [number]
        while waiting:
            current = waiting.pop()
            for place in fits[current]:
                self._work(1)
                if place in came_from:
                    continue
                came_from[place] = current
                if place in taken:
                    waiting.append(taken[place])
                    continue
                self._move(place, number, came_from, taken)
                return True
        return False

    def _move(self, place: int, number: int, came_from: dict[int, int], taken: dict[int, int]) -> None:
        """Along the path that was found, back to the item that looked for a place."""
        places = {item: place for place, item in taken.items()}
        while (current := came_from[place]) != number:
            taken[place] = current
            place = places[current]
        taken[place] = number

    def _work(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise _GivenUpError
