"""The filter of system calls, gone through as the kernel does it."""

from __future__ import annotations

import errno
import struct
from itertools import count, product

import pytest

from stagerl_plugins.sandboxes.zygote import seccomp

X86_64, I386 = 0xC000_003E, 0x4000_0003
ALLOW, KILL = 0x7FFF_0000, 0x8000_0000
KINDS = list(product((False, True), repeat=4))


def refuse(number: int) -> int:
    return 0x0005_0000 | number


def said(program: bytes, number: int, *arguments: int, machine: int = X86_64) -> int:
    """What a classic BPF program answers to a system call."""
    return gone_through(program, number, *arguments, machine=machine)[0]


def gone_through(program: bytes, number: int, *arguments: int, machine: int = X86_64) -> tuple[int, int]:
    """The same, and in how many steps."""
    data = struct.pack("=IIQ6Q", number, machine, 0, *arguments, *[0] * (6 - len(arguments)))
    place, value = 0, 0
    for steps in count(1):
        operation, if_true, if_false, operand = struct.unpack_from("HBBI", program, 8 * place)
        place += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == 0x06:
            return operand, steps
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[operation]
            place += if_true if holds else if_false
    raise AssertionError


@pytest.mark.parametrize(("processes", "signals", "sessions", "modes"), KINDS)
def test_each_call_is_allowed_or_refused_as_the_tables_say(
    processes: bool, signals: bool, sessions: bool, modes: bool
) -> None:
    program = seccomp.filter_for(processes, signals, sessions, modes)
    allowed = set(seccomp._ALLOWED.values())
    allowed |= set(seccomp._PROCESSES.values()) if processes else set()
    allowed |= set(seccomp._SESSIONS.values()) if processes and sessions else set()
    allowed |= set(seccomp._MODES.values()) if modes else set()
    special = {number for number, _ in seccomp._SIGNALS.values()} | {56, 435, 53, 16, 72, 157, 302, 160}
    for number in {*range(600), 0x4000_0000, 0x4000_003B, 0xFFFF_FFFF} - special:
        no = refuse(
            errno.ENOTSUP if 188 <= number < 200 else errno.EPERM
        )  # attributes of files, as where there are none
        assert said(program, number) == (ALLOW if number in allowed else no), number


@pytest.mark.parametrize(("processes", "signals", "sessions", "modes"), KINDS)
def test_calls_that_depend_on_their_arguments(processes: bool, signals: bool, sessions: bool, modes: bool) -> None:
    program = seccomp.filter_for(processes, signals, sessions, modes)
    no = refuse(errno.EPERM)
    assert said(program, 435) == refuse(errno.ENOSYS)  # clone3
    assert said(program, 56, 0x10000) == ALLOW  # a thread
    assert said(program, 56, 17) == (ALLOW if processes else no)
    assert said(program, 56, 0x10000 | 0x1000_0000) == no  # a new user namespace
    assert said(program, 53, 1) == ALLOW  # socketpair
    assert said(program, 53, 2) == no
    assert said(program, 16, 0, 0x5401) == ALLOW  # ioctl
    assert said(program, 16, 0, 0x5412) == refuse(errno.ENOTTY)  # TIOCSTI
    assert said(program, 72, 0, 3) == ALLOW  # fcntl
    assert said(program, 72, 0, 8) == no  # F_SETOWN
    assert said(program, 157, 15) == ALLOW  # prctl
    assert said(program, 157, 4) == no
    assert said(program, 160, 7) == ALLOW  # setrlimit
    assert said(program, 160, 0) == no
    assert said(program, 302, 0, 7, 1) == ALLOW  # prlimit
    assert said(program, 302, 0, 0, 0) == ALLOW
    assert said(program, 302, 0, 0, 1) == no
    assert said(program, 302, 1, 7, 0) == no  # of another process
    for number, place in ((62, 1), (200, 1), (234, 2)):  # kill, tkill, tgkill
        arguments = [1] * place
        assert said(program, number, *arguments, 15) == (ALLOW if signals else no)
        assert said(program, number, *arguments, 9) == (ALLOW if signals and processes else no)


def test_other_machines_are_killed() -> None:
    assert said(seccomp.filter_for(True, True, True, True), 1, machine=I386) == KILL


@pytest.mark.parametrize("kind", KINDS)
def test_any_call_is_found_in_few_steps(kind: tuple[bool, bool, bool, bool]) -> None:
    program = seccomp.filter_for(*kind)
    assert max(gone_through(program, number)[1] for number in range(600)) < 30
