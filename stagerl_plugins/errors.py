"""Errors that are somebody's to mend: one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
import itertools
import re
import traceback
from collections.abc import Iterable

MOST_SHOWN = 20  # names in a hint


class UserError(Exception):
    """A mistake in what a person gave us. Commands print its one line and exit with status 2."""


class PluginError(Exception):
    """A plugin raised or broke the contract. The one line names the plugin, its distribution and version."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(message: str) -> str:
    """The same in one line: what plugins say and return, arrays above all, may have several."""
    return re.sub(r"\s*\n\s*", " ", message)


def plain(text: str) -> str:
    """The same in one line and without control characters: those that a model wrote would change the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


def at(where: str, error: UserError) -> UserError:
    """The same mistake with the key that it belongs to, unless it names that already."""
    return error if str(error).startswith(where) else UserError(f"{where}: {error}")


def account_of(error: BaseException) -> str:
    """An exception and where it was raised; a mistake of syntax as `file, line: message`."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    return f"{error!r}{place_of(error)}"


def place_of(error: BaseException) -> str:
    """File and line where an exception was raised, ` (file:line)`; nothing where that is not known.

    A value that refuses what it is made of, or an exit that is refused, is not where the mistake is: its caller is.
    """
    reached = itertools.takewhile(
        lambda frame: frame.name not in ("__post_init__", "_exit"), traceback.extract_tb(error.__traceback__)
    )
    frames = [frame for frame in reached if not frame.filename.startswith("<")]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name: the nearest known one, else all known ones."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    shown = ", ".join(names[:MOST_SHOWN]) + (", …" if len(names) > MOST_SHOWN else "")
    return f"known: {shown}" if names else "none is known"
