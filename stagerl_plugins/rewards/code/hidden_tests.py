"""LiveCodeBench's test cases: JSON, or JSON as a pickled text, compressed, in base64. Nothing is unpickled."""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import zlib
from typing import Any

MOST_BYTES = 256 << 20
_TEXT = frozenset({"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"})
_AROUND = frozenset({"PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT", "STOP"})


def read_hidden(text: str) -> list[Any]:
    """The test cases.

    Raises:
        ValueError: It is neither form, or larger than 256 MB.
    """
    try:
        cases = json.loads(text)
    except ValueError:
        unpacked = _pickled_text(_decompress(text))
        try:
            cases = json.loads(unpacked)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"test cases: the text in the pickle is no JSON: {unpacked[:80]!r}") from error
    except RecursionError as error:
        raise ValueError("test cases: nested too deeply") from error
    if not isinstance(cases, list):
        raise ValueError("test cases: expected a list")
    return cases


def _decompress(text: str) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text, validate=True), MOST_BYTES)
    except (zlib.error, binascii.Error, ValueError) as error:
        raise ValueError("test cases: neither JSON nor compressed") from error
    if unpacker.unconsumed_tail:
        raise ValueError(f"test cases: larger than {MOST_BYTES >> 20} MB")
    return data


def _pickled_text(data: bytes) -> str:
    """The one text in a pickle, read by its instructions, none of which is carried out."""
    found: list[str] = []
    try:
        for instruction, argument, _ in pickletools.genops(data):
            if instruction.name in _TEXT:
                found.append(str(argument))
            elif instruction.name not in _AROUND:
                raise ValueError(f"test cases: a pickle with {instruction.name} is not read")
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("test cases: no pickle of a text") from error
    if len(found) != 1:
        raise ValueError("test cases: no pickle of one text")
    return found[0]
