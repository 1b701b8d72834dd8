"""Python values as JSON, in and out of a sandbox. Standard library only: its text is part of what runs there.

What comes out of a sandbox is data: decoding builds values of Python's own types and nothing else, so that an answer
that claims to be equal to everything is none.
"""

import json
import math
from collections import Counter
from typing import Any

DEEPEST = 200
MOST_ALIKE = 200
TAG = "#"
# how a subclass is what it is made of, whatever it says of itself: str() of an enum's member is its name
_PLAIN: tuple[tuple[Any, Any], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (str, str.__str__),
    (list, list.__iter__),
    (tuple, tuple.__iter__),
)
TYPES = {kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict)}


class Opaque:
    """A value of a type that is not sent; equal to nothing."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __repr__(self) -> str:
        return "<" + self._kind + ">"

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__


def pack(value: Any, depth: int = 0) -> Any:
    """A value as JSON values; lists, numbers, text, booleans and None are themselves, others carry a tag."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return value if abs(value) < 2**53 else {TAG: "int", "of": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {TAG: "float", "of": repr(value)}
    if kind is list:
        return [pack(item, depth + 1) for item in value]
    if kind in (tuple, set, frozenset):
        return {TAG: kind.__name__, "of": [pack(item, depth + 1) for item in value]}
    if kind is complex:
        return {TAG: "complex", "of": [pack(value.real), pack(value.imag)]}
    if kind in (bytes, bytearray):
        return {TAG: kind.__name__, "of": value.hex()}
    if kind is range:
        return {TAG: "range", "of": [pack(value.start), pack(value.stop), pack(value.step)]}
    for name, known in TYPES.items() if kind is type else ():
        if value is known:
            return {TAG: "type", "of": name}
    if isinstance(value, dict):  # a Counter, say: subclasses are what they are made of
        return {TAG: "dict", "of": [[pack(k, depth + 1), pack(v, depth + 1)] for k, v in dict.items(value)]}
    for base, plain in _PLAIN:
        if isinstance(value, base):
            return pack(base(plain(value)), depth)
    if kind is not Opaque and hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return pack(value.tolist(), depth + 1)
    return {TAG: "opaque", "of": kind.__name__}


def unpack(value: Any, depth: int = 0) -> Any:
    """The value that `pack` made JSON values of. Raises ValueError for anything else."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [unpack(item, depth + 1) for item in value]
    if not isinstance(value, dict) or set(value) != {TAG, "of"}:
        raise ValueError("no packed value")
    tag, inner = value[TAG], value["of"]
    try:
        if tag == "int":
            return int(inner, 16)
        if tag == "float" and inner in ("inf", "-inf", "nan"):
            return float(inner)
        if tag == "type" and inner in TYPES:
            return TYPES[inner]
        if tag in ("bytes", "bytearray"):
            return bytes.fromhex(inner) if tag == "bytes" else bytearray.fromhex(inner)
        if tag == "opaque":
            return Opaque(str(inner)[:100])
        items = [unpack(item, depth + 1) for item in inner]
        if tag == "tuple":
            return tuple(items)
        if tag in ("set", "frozenset"):
            _refuse_alike(items)
            return set(items) if tag == "set" else frozenset(items)
        if tag == "dict":
            _refuse_alike([key for key, _ in items])
            return dict(items)
        if tag == "complex":
            return complex(*items)
        if tag == "range":
            return range(*items)
    except (TypeError, AttributeError, OverflowError) as error:
        raise ValueError("no packed value") from error
    raise ValueError("no packed value")


def _refuse_alike(items: list[Any]) -> None:
    """Refuse values that were made to have one hash: a set of them takes the square of their number to build."""
    if len(items) > MOST_ALIKE and max(Counter(map(hash, items)).values()) > MOST_ALIKE:
        raise ValueError("values with one hash")


def dumps(value: Any, around: int = 0) -> str:
    """A value as text of one line; `around` is how many more levels may hold it than else."""
    return json.dumps(pack(value, -around), separators=(",", ":"))


def loads(text: str, around: int = 0) -> Any:
    """The value that a text stands for. Raises ValueError, also for what is nested too deeply."""
    try:
        return unpack(json.loads(text), -around)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
