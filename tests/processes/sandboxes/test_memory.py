"""A program finds in its own memory nothing of what ran before it in the interpreter that it is forked from."""

from __future__ import annotations

import secrets

import pytest

from stagerl_plugins.types import Ended, Limits

LIMITS = Limits(seconds=20)

# looks through all pages near the heap and near an object; the kernel refuses to write out what cannot be read
SCAN = """
import ctypes, os, re
libc = ctypes.CDLL(None)
libc.sbrk.restype = ctypes.c_void_p
read, write = os.pipe()
found = set()

def look(start, end):
    before = b""
    for page in range(start, end, 4096):
        if libc.write(write, ctypes.c_void_p(page), 4096) == 4096:
            block = before + os.read(read, 4096)
            found.update(re.findall(rb"MARK-[0-9a-f]{32}", block))
            before = block[-40:]
        else:
            before = b""

top, here = libc.sbrk(0) & ~4095, id(look) & ~4095
look(top - (128 << 20), top)
look(here - (256 << 20), here + (256 << 20))
print(*sorted(mark.decode() for mark in found))
"""


def mark() -> str:
    return f"MARK-{secrets.token_hex(16)}"


def test_the_scan_finds_what_is_there(warm):
    """A check of the scan itself."""
    own = mark()
    assert own in warm.run(f"kept = {own!r}\n{SCAN}", "", LIMITS).stdout


@pytest.mark.parametrize("copies", [1, 1000])
def test_programs_inputs_and_outputs_of_others_are_not_in_a_programs_memory(warm, copies):
    program, stdin, stdout, stderr = (mark() for _ in range(4))
    halves = [(one[:20], one[20:]) for one in (stdout, stderr)]
    run = f"""
import sys
known = {[program] * copies!r}
assert sys.stdin.read()[:20] == {stdin[:20]!r}
print(({halves[0][0]!r} + {halves[0][1]!r}) * {copies})
print(({halves[1][0]!r} + {halves[1][1]!r}) * {copies}, file=sys.stderr)
"""
    for _ in range(3):
        seen = warm.run(run, stdin * copies, LIMITS)
        assert (seen.ended, seen.exit_code, stdout in seen.stdout, stderr in seen.stderr) == (
            Ended.EXITED,
            0,
            True,
            True,
        )
    assert warm.run(SCAN, "", LIMITS).stdout == "\n"
