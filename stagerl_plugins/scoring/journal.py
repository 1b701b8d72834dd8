"""Verdicts of an unfinished scoring: a hidden file beside the result, so that a killed scoring goes on."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from stagerl_plugins.errors import UserError
from stagerl_plugins.types import Outcome, Verdict
from stagerl_plugins.whole_files import beside

Verdicts = Sequence[Verdict | None]  # of each verifier on one row; None where it was not asked


class Journal:
    """The verdicts on the first rows, a line for each; use it as a context manager. Only one process may write it.

    Args:
        out: The file that the scoring will write.
        fingerprint: What decides the verdicts, as JSON values.

    Attributes:
        count: Rows whose verdicts are kept.

    Raises:
        UserError: It was begun with something else, another process is at work, or it cannot be written.
    """

    def __init__(self, out: Path, fingerprint: Mapping[str, Any]) -> None:
        self.path = beside(out, "verdicts")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise UserError(f"--out {out}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel takes it back from a killed process
            self.count = self._begin_or_go_on(json.loads(json.dumps(fingerprint, default=str)))
        except BlockingIOError as error:
            self._close()
            raise UserError(f"--out {out}: another process is scoring into it") from error
        except OSError as error:
            self._close()
            raise UserError(f"--out {out}: cannot be written: {error.strerror or error}") from error
        except UserError:
            self._close()
            raise

    def earlier(self) -> Iterator[Verdicts]:
        """The verdicts that an earlier call left. To be asked for before any is added."""
        return self._read(self.count)

    def _read(self, count: int) -> Iterator[Verdicts]:
        with self.path.open("rb") as lines:
            next(lines)
            for _ in range(count):
                yield _from_line(next(lines))

    def append(self, verdicts: Verdicts) -> None:
        """Keep the verdicts on the next row."""
        self._file.write(_line([v and [v.outcome.value, v.score, v.detail] for v in verdicts]))
        self._file.flush()
        self.count += 1

    def remove(self) -> None:
        """Remove the file: the scoring is finished."""
        self.path.unlink()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        with suppress(OSError):  # only of a line that a full disk did not take, which was told: it is tried again
            self._file.close()

    def _begin_or_go_on(self, fingerprint: dict[str, Any]) -> int:
        """The number of whole lines; what was cut off in the middle is dropped."""
        self._file.seek(0)
        first = self._file.readline()
        end, count = len(first), 0
        for line in self._file:
            try:
                _from_line(line)
            except (ValueError, TypeError):
                break
            end, count = end + len(line), count + 1
        if count == 0:
            os.ftruncate(self._file.fileno(), 0)
            self._file.write(_line(fingerprint))
            self._file.flush()
            return 0
        begun = self._fingerprint_in(first)
        differing = sorted(key for key in begun.keys() | fingerprint.keys() if begun.get(key) != fingerprint.get(key))
        if differing:
            changes = ", ".join(f"{key} {begun.get(key)!r} (now {fingerprint.get(key)!r})" for key in differing)
            raise UserError(f"{self.path} was begun with {changes}: repeat that command, or remove the file")
        os.ftruncate(self._file.fileno(), end)
        return count

    def _fingerprint_in(self, line: bytes) -> dict[str, Any]:
        with suppress(ValueError):
            if isinstance(begun := json.loads(line), dict):
                return begun
        raise UserError(f"{self.path} does not say what it was begun with: remove the file")


def _line(value: Any) -> bytes:
    return f"{json.dumps(value)}\n".encode()


def _from_line(line: bytes) -> Verdicts:
    """Raises ValueError or TypeError for a line that is not whole."""
    if not line.endswith(b"\n"):
        raise ValueError("the line has no end")
    return [one and Verdict(Outcome(one[0]), one[1], one[2]) for one in json.loads(line)]
