"""A third-party package whose rewards do everything that a reward must not do, one thing for each `how`."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time

import hostile_rewards

from stagerl_plugins import Options, Outcome, Reward, Verdict, hookimpl, reward

stagerl_contract = 1
FINE = Verdict(Outcome.CORRECT, 1.0, "fine")


class HowOptions(Options):
    how: str = "fine"
    cpu_seconds: float | None = None
    cpu_to_build: float = 0.0


def fine():
    print("a reward that prints")
    return [FINE]


def raise_an_error():
    raise KeyError("no such thing")


def leave():
    sys.exit(0)


def exit_without_a_word():
    os._exit(0)


def crash():
    ctypes.string_at(0)


def hang():
    while True:
        time.sleep(0.01)


def spin():
    while True:
        pass


def work():
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass
    return process_id()


def spin_in_c():
    sum(range(10**13))  # never looks at a signal


def eat_memory():
    return [bytearray(10**10)]


def heed_a_signal_of_its_own():
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.kill(os.getpid(), signal.SIGTERM)
    return [FINE]


def start_others():
    return [Verdict(Outcome.CORRECT, 1.0, str(start_one().pid))]


def start_others_and_hang():
    start_one()
    hang()


def start_one():
    return subprocess.Popen(["sleep", os.environ["SLEEP_OF_A_REWARD"]])


def start_a_daemon():
    """In a session of its own, and its parent ends at once."""
    if (child := os.fork()) == 0:
        os.setsid()
        subprocess.Popen(["sleep", os.environ["SLEEP_OF_A_REWARD"]])
        os._exit(0)
    os.waitpid(child, 0)
    return [FINE]


def start_a_session():
    subprocess.Popen(["sleep", os.environ["SLEEP_OF_A_REWARD"]], start_new_session=True)
    return [FINE]


def start_a_session_and_die():
    start_a_session()
    crash()


def fork_and_come_back():
    """Both processes go on, the copy a little later."""
    if os.fork() == 0:
        time.sleep(0.02)
        return [Verdict(Outcome.WRONG, 0.0, "the copy's")]
    return [FINE]


def fork_and_raise():
    if os.fork() == 0:
        raise SystemExit
    return [FINE]


def half_a_surrogate_pair():
    return [Verdict(Outcome.CORRECT, 1.0, "found \udcff", {"\udcff": 1.0})]


def raise_half_a_surrogate_pair():
    raise ValueError("\udcff")


def nan():
    return [Verdict(Outcome.CORRECT, float("nan"))]


def verdict_of_text():
    return [Verdict("splendid", 1.0)]


def leak():
    leaked.append(b"x" * 700_000_000)
    return process_id()


def process_id():
    return [Verdict(Outcome.CORRECT, 1.0, str(os.getpid()))]


leaked = []
returns = {
    "text": "1.0",
    "seven": 7,
    "none": None,
    "not_a_number": float("nan"),
    "too_few": [],
    "too_many": [FINE, FINE],
    "numbers": [1.0],
}


def echo(text):
    """The first word as the detail; the second says what to do before."""
    word, _, what = text.partition(" ")
    if what == "work":
        work()
    if what == "crash_once" and not os.path.exists(marker := os.path.join(os.environ["MARKERS"], word)):
        open(marker, "w").close()
        crash()
    return [Verdict(Outcome.CORRECT, 1.0, word)]


class Misbehaving(Reward):
    """Does what its option `how` says."""

    def __init__(self, options, setup):
        self.cpu_seconds = options.cpu_seconds
        self.how = options.how
        while time.process_time() < options.cpu_to_build:
            pass
        if self.how == "unbuildable":
            raise RuntimeError("no licence")
        if self.how == "leaves_when_built":
            sys.exit(0)
        if self.how == "exits_when_built":
            os._exit(0)
        if self.how == "harms_when_built":
            print("a reward that prints")
            os.chdir("/")
            os.fork()
        if self.how == "forks_when_built" and os.fork() == 0:
            time.sleep(0.2)  # its copy goes on when all are built

    async def score(self, responses):
        if self.how == "echo":
            return echo(responses[0].text)
        how, _, seconds = (self.how if self.how != "as_told" else responses[0].text).partition(" ")
        time.sleep(float(seconds or 0))
        how = "fine" if how == "harms_when_built" else how
        return returns[how] if how in returns else do(how)


class Remote(Reward):
    """Stands for a server's client: it only waits."""

    isolated = False

    def __init__(self, options, setup):
        self.how = options.how

    async def score(self, responses):
        if self.how == "wait":
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    continue
        if self.how == "print":
            print("a reward that prints")
        if self.how == "refuse":
            return [Verdict.not_judged("server down")]
        return returns.get(self.how, [FINE])


@reward
def function(response):
    """Does what the response says."""
    return result_of(response.text)


@reward
async def coroutine(response):
    """Does what the response says, and waits where that is to hang."""
    if response.text == "hang":
        await asyncio.sleep(3600)
    return result_of(response.text)


@reward(group=True, cpu_seconds=1)
def group(responses):
    """Does what each of its responses says."""
    return [result_of(response.text) for response in responses]


@reward(group=True)
async def group_coroutine(responses):
    """Does what each of its responses says, and waits where that is to hang."""
    if any(response.text == "hang" for response in responses):
        await asyncio.sleep(3600)
    return [result_of(response.text) for response in responses]


def result_of(how):
    results = {"fine": True, "process_id": Verdict(Outcome.CORRECT, 1.0, str(os.getpid()))}
    return results[how] if how in results else returns[how] if how in returns else do(how)


def do(how):
    return globals()[how]() if how in globals() else getattr(hostile_rewards, how)()


@hookimpl
def register_rewards(register):
    register("misbehaving", Misbehaving, options=HowOptions)
    register("remote", Remote, options=HowOptions)
    register("function", function)
    register("coroutine", coroutine)
    register("group", group)
    register("group_coroutine", group_coroutine)
