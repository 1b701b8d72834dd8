"""The reward `math` and Math-Verify called directly agree, but where `docs/math.md` says why not."""

import importlib.util
import random
import sys
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
    never_ends = equivalence.Pair("", "2^{k-1}", r"\boxed{2^{k-1}\%}")
    assert equivalence.compare(never_ends) == (never_ends, False, equivalence.LATE)


def test_integers_are_compared_by_their_text_as_math_verify_compares_them(equivalence: ModuleType) -> None:
    numbers = ["0", "7", "-7", "70", "1000", "-1000", "9007199254740993", "9007199254740992", "10" * 40]
    for truth in numbers:
        for answer in numbers:
            pair = equivalence.Pair("", truth, rf"\boxed{{{answer}}}")
            assert equivalence.ours(pair) == equivalence.direct(pair) == (truth == answer)


def test_every_reason_to_differ_is_on_the_page(equivalence: ModuleType) -> None:
    page = " ".join((ROOT / "docs" / "math.md").read_text(encoding="utf-8").split())
    names = ("REPEATED", "PERCENT", "NO_BOX", "BOXES", "AROUND", "LATE")
    reasons = [getattr(equivalence, name) for name in names]
    assert [reason for reason in reasons if reason not in page] == []
