"""The reward `math` and Math-Verify called directly agree, but where `docs/math.md` says why not."""

import importlib.util
import random
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SymPy's, on odd expressions
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def equivalence() -> ModuleType:
    """The module `benchmarks/math_equivalence.py`, which compares all; here it compares a sample."""
    spec = importlib.util.spec_from_file_location("math_equivalence", ROOT / "benchmarks" / "math_equivalence.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules["math_equivalence"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["rewritten", "generated", "in_words", "of_the_demo"])
def test_verdicts_are_math_verify_s_or_differ_for_a_reason(equivalence: ModuleType, kind: str) -> None:
    rng = random.Random(1)
    hard = [answer for answer in equivalence.answers() if not answer.isdecimal()]
    pairs = {
        "rewritten": lambda: equivalence.rewritten([*rng.sample(hard, 4), "1000", "-7"], rng),
        "generated": lambda: equivalence.generated(30, rng),
        "in_words": lambda: equivalence.in_words([*rng.sample(hard, 12), "1000"], rng),
        "of_the_demo": lambda: rng.sample(list(equivalence.of_the_demo()), 100),
    }[kind]()
    compared = [equivalence.compare(pair) for pair in pairs]
    assert not [pair for pair, _, why in compared if why == equivalence.UNEXPLAINED]
    assert 0.1 < sum(verdict for _, verdict, _ in compared) / len(compared) < 0.9


def test_a_difference_is_found(equivalence: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equivalence, "ours", lambda pair: False)
    pair = equivalence.Pair("", "5", r"\boxed{5.0}")
    assert equivalence.compare(pair) == (pair, False, equivalence.UNEXPLAINED)


def test_what_takes_too_long_is_given_up_and_named(equivalence: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equivalence, "LATE_SECONDS", 0.5)
    never_ends = equivalence.Pair("", "1", "\\boxed{x + 9^{9^9}}")
    assert equivalence.compare(never_ends) == (never_ends, False, equivalence.LATE)


def test_so_is_a_reason_that_takes_too_long_to_find(equivalence: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equivalence, "LATE_SECONDS", 0.2)
    monkeypatch.setattr(equivalence, "reason", lambda pair: next(_ for _ in count() if _ < 0))
    no_box = equivalence.Pair("", "5", "It is 5.")
    assert equivalence.compare(no_box) == (no_box, False, equivalence.LATE)


def test_the_reason_names_the_limit(equivalence: ModuleType) -> None:
    assert f" {equivalence.LATE_SECONDS} s " in equivalence.LATE


def test_the_first_pair_does_not_pay_for_the_imports() -> None:
    """Else the first pairs of a process are late."""
    script = (
        "import sys, time; sys.path.insert(0, 'benchmarks'); import math_equivalence as e; e.begin()\n"
        "began = time.process_time(); e.compare(e.Pair('', '5', '\\\\boxed{x^2}')); print(time.process_time() - began)"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(ran.stdout) < 0.5


@pytest.mark.parametrize(
    ("truth", "answer"),
    [(r"x = 9.9\%", r"-x = 9.9\%"), (r"\left(\frac{8}{7}\right)\pi\%", r"-\left(\frac{8}{7}\right)\pi\%")],
)
def test_percentages_of_formulas_differ_for_a_reason(equivalence: ModuleType, truth: str, answer: str) -> None:
    """Math-Verify takes them for their last number."""
    pair = equivalence.Pair("", truth, rf"\boxed{{{answer}}}")
    assert equivalence.compare(pair) == (pair, False, equivalence.PERCENT)


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        (r"\frac{1}{2^{98}}", r"\frac{1}{2^{99}}"),
        (r"6.63\times10^{-34}", r"6.36\times10^{-34}"),
        (".0000672", "0.0000673"),
    ],
)
def test_small_numbers_differ_for_a_reason(equivalence: ModuleType, truth: str, answer: str) -> None:
    pair = equivalence.Pair("", truth, rf"\boxed{{{answer}}}")
    assert equivalence.compare(pair) == (pair, False, equivalence.TINY)


@pytest.mark.parametrize(
    ("truth", "answer", "reason"),
    [
        (r"\frac{3}{2}i", r"\frac{3i}{2}", "IMAGINARY"),
        (r"-1+2i\sqrt{2}", r"-1+2\sqrt{2}\,\mathrm{i}", "IMAGINARY"),
        (r"\text{June 5}", "June 5", "REPEATED"),
        (r"\frac{8}{11}", r"0.\overline{72}", "NOTATION"),
        (r"x = k\pi, k \in \mathbb{Z}", r"x=k\pi,\ k\in\mathbb{Z}", "REPEATED"),
        ("18", "18 eggs", "COUNTED"),
    ],
)
def test_what_is_right_here_alone_has_a_reason(equivalence: ModuleType, truth: str, answer: str, reason: str) -> None:
    pair = equivalence.Pair("", truth, rf"\boxed{{{answer}}}")
    assert equivalence.compare(pair) == (pair, True, getattr(equivalence, reason))


@pytest.mark.parametrize(
    ("truth", "answer", "reason"),
    [
        ("5", r"\neq 5", "UNREAD"),
        (r"\begin{cases} x = 1 \\ y = 5 \end{cases}", "5", "UNREAD"),
        ("52_8", "52_9", "BASES"),
        ("12:30", "4:10", "TIMES"),
        ("p = 2, q = 5", "(5, 2)", "LETTERS"),
    ],
)
def test_what_is_wrong_here_alone_has_a_reason(equivalence: ModuleType, truth: str, answer: str, reason: str) -> None:
    pair = equivalence.Pair("", truth, rf"\boxed{{{answer}}}")
    assert equivalence.compare(pair) == (pair, False, getattr(equivalence, reason))


def test_integers_are_compared_by_their_text_as_math_verify_compares_them(equivalence: ModuleType) -> None:
    numbers = ["0", "7", "-7", "70", "1000", "-1000", "9007199254740993", "9007199254740992", "10" * 40]
    for truth in numbers:
        for answer in numbers:
            pair = equivalence.Pair("", truth, rf"\boxed{{{answer}}}")
            assert equivalence.ours(pair) == equivalence.direct(pair) == (truth == answer)


def test_every_reason_to_differ_is_on_the_page(equivalence: ModuleType) -> None:
    page = " ".join((ROOT / "docs" / "math.md").read_text(encoding="utf-8").split())
    names = ("REPEATED", "PERCENT", "NO_BOX", "BOXES", "AROUND", "LATE", "TINY", "NOTATION", "IMAGINARY")
    names += ("UNREAD", "BASES", "COUNTED", "TIMES", "LETTERS")
    reasons = [getattr(equivalence, name) for name in names]
    assert [reason for reason in reasons if reason not in page] == []
