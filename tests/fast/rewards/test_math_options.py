"""The options of the reward `math`: each in every form that its meaning names, and what it must not let through."""

import asyncio
import time
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins import Outcome, Response
from stagerl_plugins.config import parse_options
from stagerl_plugins.errors import UserError
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.call import WorkerSetup
from stagerl_plugins.rewards.math.answers import elements, last_number, letter

plugins = load_plugins()


def outcome(truth: Any, text: str, **options: Any) -> Outcome:
    reward = WorkerSetup(plugins).build("reward", {"math": options}, "rewards.default")
    (verdict,) = asyncio.run(reward.score([Response(text, truth)]))
    return verdict.outcome


def right(truth: Any, answer: str, **options: Any) -> bool:
    return outcome(truth, rf"\boxed{{{answer}}}", **options) is Outcome.CORRECT


# -- choices ----------------------------------------------------------------------------------------------------------

WAYS = ["X", "x", "(X)", "[X]", "X.", "X)", "X:", "(X).", r"\text{X}", r"\text{(X)}", r"\textbf{(X)}", r"\mathrm{X}",
        r"\mathbf{(X) }", "$X$", "**X**", "X. 42", "(X) 42", "X) a cat", r"\text{(X) } \frac{1}{2}",
        "X: 5, 6"]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("one", "ABE")
def test_a_choice_in_any_way_to_write_it(way: str, one: str) -> None:
    answer = way.replace("X", one).replace("x", one.lower()) if "\\" not in way else way.replace("X", one)
    assert right(one, answer, answers="choice")
    assert right(rf"\text{{({one})}}", answer, answers="choice")
    assert not right("C", answer, answers="choice")


@pytest.mark.parametrize(
    "answer",
    [
        "42",
        "AB",
        "A or B",
        "(A) and (B)",
        "A, B",
        "A/B",
        "(A)(B)",
        "A. B",
        "Ann",
        "A 42",
        "F",
        "(F)",
        "",
        "I",
        "A. B. C",
        "A. A",
        "A. " * 1500,
        "(A) " * 1500,
        "A:" * 1500,
    ],
)
def test_what_names_no_choice_or_several_is_wrong(answer: str) -> None:
    assert letter(answer, "ABCDE") is None
    assert not right("A", answer, answers="choice")


def test_there_may_be_other_letters_and_a_truth_must_be_one_of_them() -> None:
    assert right("J", "(J)", answers="choice", choices="ABCDEFGHIJ")
    with pytest.raises(ValueError, match=r"ground truth '42' has none of ABCDE"):
        right("42", "A", answers="choice")


# -- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", ["Evelyn", " evelyn ", r"\text{Evelyn}", r"\textbf{ EVELYN }", "$Evelyn$", "Evelyn."]
)
def test_text_is_equal_whatever_its_blanks_and_capitals(answer: str) -> None:
    assert right(r"\text{Evelyn}", answer, answers="text")


@pytest.mark.parametrize("answer", ["Eve", "Evelyn Ann", "nylevE", "12", r"\frac{1}{2}", "."])
def test_other_text_is_wrong(answer: str) -> None:
    assert not right("Evelyn", answer, answers="text")


def test_text_is_no_mathematics() -> None:
    assert right("not real", "nator el")  # a product of letters for Math-Verify
    assert not right("not real", "nator el", answers="text")
    with pytest.raises(ValueError, match=r"has no text"):
        right(".", "5", answers="text")


# -- percent ----------------------------------------------------------------------------------------------------------

FIFTY = [r"50\%", "50%", r"50\,\%", "50 percent", r"50 \text{ percent}", r"50\text{\%}", r"$50\%$", r"50\%.",
         r"50{\%}", r"\text{50\%}", r"\textbf{50 percent}", r"50\text{ percent.}", "50 percentage", "50 pct",
         r"50.0\%", r"p = 50\%", r"\approx 50\%", r"\left(50\right)\%"]  # fmt: skip


@pytest.mark.parametrize("fifty", FIFTY)
def test_by_default_a_percentage_is_what_the_other_answer_is(fifty: str) -> None:
    assert right(r"50\%", fifty)
    assert right("50", fifty)
    assert right("50.0", fifty)
    assert right("0.5", fifty)
    assert right(fifty, "50")
    assert right(fifty, r"\frac{1}{2}")


@pytest.mark.parametrize("fifty", FIFTY)
@pytest.mark.parametrize(("percent", "is_it", "is_not"), [("fraction", "0.5", "50"), ("number", "50", "0.5")])
def test_a_percentage_may_be_one_of_both_alone(fifty: str, percent: str, is_it: str, is_not: str) -> None:
    assert right(fifty, is_it, percent=percent)
    assert right(is_it, fifty, percent=percent)
    assert right(r"50\%", fifty, percent=percent)
    assert not right(fifty, is_not, percent=percent)
    assert not right(is_not, fifty, percent=percent)


@pytest.mark.parametrize("percent", ["either", "fraction", "number"])
@pytest.mark.parametrize(
    "other", [r"0.5\%", r"5000\%", r".5 \text{ percent}", r"50\%\%", r"-50\%", r"\%", r"(50, 50)\%"]
)
def test_of_two_percentages_the_numbers_decide(percent: str, other: str) -> None:
    assert not right(r"50\%", other, percent=percent)
    assert right(other, other, percent=percent)
    assert right(r"12.5\%", r"12\frac{1}{2} \text{ percent}", percent=percent)
    assert right(r"50\%", "50.0 percent", percent=percent)
    assert right(r".5\%", r"0.5\%", percent=percent)


@pytest.mark.parametrize("sign", [r"\%", r" \text{ percent}"])
@pytest.mark.parametrize("percent", ["either", "fraction", "number"])
def test_a_percentage_of_a_formula_takes_no_time(sign: str, percent: str) -> None:
    began = time.process_time()
    assert right("2^{k-1}", "2^{k-1}" + sign, percent=percent) == (percent != "fraction")
    assert not right("2^{k-1}", "3^{k-1}" + sign, percent=percent)
    assert time.process_time() - began < 1.0


def test_mixed_percentages() -> None:
    assert right(r"33\frac{1}{3}\%", r"\frac{1}{3}", percent="fraction")
    assert right(r"33\frac{1}{3}\%", r"\frac{100}{3}", percent="number")


@pytest.mark.parametrize("percent", ["fraction", "number"])
@pytest.mark.parametrize("answer", [r"(1, 2)\%", r"\{1\}\%", r"x\%", r"\%", "percent", r"50\%\%"])
def test_a_percentage_of_no_number_is_wrong(answer: str, percent: str) -> None:
    assert not right("50", answer, percent=percent)


# -- units ------------------------------------------------------------------------------------------------------------

SAME = [r"24 \text{ km}", r"24\text{km}", r"24\,\mathrm{km}", r"24\ \mbox{km}", "24 km", "24km", r"24.0 \text{ km}"]
OTHER = [r"24 \text{ m}", "24 m", r"24 \mathrm{kg}", r"24 \text{ km}^2"]


@pytest.mark.parametrize(
    ("units", "without", "another"), [("ignored", True, True), ("optional", True, False), ("required", False, False)]
)
def test_a_unit_is_ignored_optional_or_required(units: str, without: bool, another: bool) -> None:
    truth = r"24 \text{ km}"
    assert all(right(truth, answer, units=units) for answer in SAME)
    assert right(truth, "24", units=units) == without
    assert [right(truth, answer, units=units) for answer in OTHER] == [another] * len(OTHER)
    assert not right(truth, "25", units=units)
    assert not right(truth, r"25 \text{ km}", units=units)


@pytest.mark.parametrize("units", ["optional", "required"])
def test_where_the_ground_truth_has_no_unit_any_will_do(units: str) -> None:
    assert right("24", r"24 \text{ km}", units=units)
    assert right(r"\text{Evelyn}", r"\text{ Evelyn}", units=units)
    assert right(r"5 \text{ cm}^2", r"5\,\text{cm}^{2}", units=units)
    assert right(r"15 \text{ dollars}", "15 dollars.", units=units)  # which Math-Verify alone cannot read


@pytest.mark.parametrize(
    ("truth", "same", "others"),
    [
        (r"24 \text{ km}",
         [r"\text{24 km}", r"$24 \text{ km}$", "$24$ km", r"24~\textbf{km}", r"24 \operatorname{km}",
          r"24\ \text{km}\ ", "x = 24 km", r"24\,km", r"{24\;km}", r"24 \text{ km}\,"],
         [r"24\%", "24 percent", r"24^\circ", r"\$24", "24 km^2", r"24\,m", "24 km/h", "24 square km"]),
        (r"5 \text{ cm}^2",
         [r"5\,\mathrm{cm}^2", r"5\,\mathrm{cm^2}", r"5\,\mathrm{cm^{2}}", r"5 \text{ cm$^2$}", "5 cm²", "5 cm^{2}"],
         [r"5 \text{ cm}", r"5\,\mathrm{cm^3}", "5 cm", "5 square m"]),
        (r"6 \text{ square feet}", ["6 square feet", "6~square feet."], ["6 feet", "6 cubic feet"]),
        (r"60 \text{ miles per hour}", ["60 miles per hour"], ["60 hour", "60 miles"]),
        (r"90^\circ", [r"90^{\circ}", "90°", r"90 \text{ degrees}", "90 degrees"], [r"90 \text{ radians}", "90 cm"]),
        (r"90 \text{ degrees}", [r"90^{\circ}", "90°"], [r"90 \text{ radians}"]),
        (r"\$5.50", ["$5.50", r"5.50 \text{ dollars}", "5.5 dollars", r"\text{\$}5.50"], ["€5.50", "5.5 euros"]),
        (r"5.50 \text{ dollars}", [r"\$5.50", "$5.50$ dollars"], [r"\pounds 5.50", "5.50 cents"]),
    ],
)  # fmt: skip
def test_odd_spellings_of_a_unit(truth: str, same: list[str], others: list[str]) -> None:
    for units in ("optional", "required"):
        assert [answer for answer in same if not right(truth, answer, units=units)] == []
        assert [answer for answer in others if right(truth, answer, units=units)] == []


def test_a_percentage_has_no_unit() -> None:
    assert right(r"50 \text{ percent}", r"50\%", units="required")
    assert right(r"50\%", "0.5", units="required")


# -- order and brackets -----------------------------------------------------------------------------------------------

NUMBERS = ["3", r"\frac{1}{2}", "-1"]
BRACKETS = {"()": "({})", "[]": "[{}]", "{}": r"\{{{}\}}", "": "{}"}


@pytest.mark.parametrize("brackets", BRACKETS.values())
@pytest.mark.parametrize("order", ["kept", "free"])
def test_order_matters_always_or_never(brackets: str, order: str) -> None:
    truth = brackets.format(", ".join(NUMBERS))
    for elements_ in permutations(NUMBERS):
        expected = order == "free" or list(elements_) == NUMBERS
        assert right(truth, brackets.format(", ".join(elements_)), order=order) == expected
    assert not right(truth, brackets.format("3, 0.5"), order=order)
    assert not right(truth, brackets.format("3, 0.5, 3"), order=order)
    assert not right(truth, brackets.format("3, 0.5, -1, 7"), order=order)


def test_by_default_order_matters_in_tuples() -> None:
    assert not right("(3, 1, 2)", "(1, 2, 3)")
    assert right("3, 1, 2", "1, 2, 3")
    assert right(r"\{3, 1, 2\}", r"\{1, 2, 3\}")


def test_an_interval_is_no_list_in_any_order() -> None:
    assert right("[1, 2)", "[1, 2)", order="free")
    assert not right("[1, 2)", "[2, 1)", order="free")
    assert not right("(1, 2)", "[2, 1]", order="free")


@pytest.mark.parametrize("truth", BRACKETS)
@pytest.mark.parametrize("answer", BRACKETS)
def test_brackets_may_have_to_be_the_same(truth: str, answer: str) -> None:
    pair = [BRACKETS[one].format("1, 2") for one in (truth, answer)]
    assert right(*pair, brackets="same") == (truth == answer)


def test_one_element_needs_no_brackets_and_a_name_is_none() -> None:
    assert right("5", "(5)", brackets="same")
    assert right("x^2 - 1", "(x+1)(x-1)", brackets="same")
    assert right("(1, 2)", r"\left( 1, 2 \right)", brackets="same")
    assert elements("(x, y) = (3, 4)") == ("()", ["3", "4"])
    assert elements(r"x \in [1, 2)") == ("[)", ["1", "2"])
    assert elements("10,080") == ("", ["10,080"])


@given(st.lists(st.sampled_from(["1", r"\frac{1}{2}", "(2, 3)", r"\{4\}", "x"]), min_size=2, max_size=5))
def test_elements_are_what_was_put_between_brackets(held: list[str]) -> None:
    for kind, brackets in BRACKETS.items():
        assert elements(brackets.format(", ".join(held))) == (kind, held)


@given(st.text(r"(){}[],;\ 12xand", max_size=40))
def test_any_text_has_elements(text: str) -> None:
    kind, held = elements(text)
    assert len(kind) in (0, 2)
    assert held


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_an_inequality_may_answer_for_an_interval() -> None:
    assert not right("(1, 2)", "1 < x < 2")
    assert right("(1, 2)", "1 < x < 2", inequalities=True)
    assert not right("(1, 2)", r"1 \le x < 2", inequalities=True)
    assert right(r"[3, \infty)", r"x \ge 3", inequalities=True)


def test_alternatives_in_one_text() -> None:
    assert [right("7; 8", answer, alternatives=";") for answer in ("7", "8", "9")] == [True, True, False]
    assert right(["6", "7 or 8"], "8", alternatives=" or ")
    assert right("7 or 8", r"\{8, 7\}")  # one answer of two numbers otherwise


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("#### 1,234", "1,234"), ("so it is 3/4.", "3/4"), ("x=-5", "-5"), ("10-5", "5"), ("about 50 %", "50 %"),
        ("$0.50 each", "0.50"), (".5", ".5"), ("in 3 steps: 7.", "7"), ("a1", None), ("none", None), ("", None),
    ],
)  # fmt: skip
def test_the_last_number_of_a_response(text: str, number: str | None) -> None:
    assert last_number(text) == number
    expected = Outcome.BAD_FORMAT if number is None else Outcome.CORRECT
    assert outcome(number or "5", text, take="box_or_number") is expected


MINUS = ["-", "\u2212", "\u2013"]


@pytest.mark.parametrize("minus", MINUS)
@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("-5", "-5"), ("x = -5.", "-5"), ("x=-5", "-5"), ("($-5$)", "-5"), ("**-5**", "-5"), ("x = - 5", "-5"),
        ("a loss: -$5", "-5"), (r"-\$1,234.50 in all", "-1234.5"), ("-.5", "-0.5"), ("-1/2", r"-\frac{1}{2}"),
        ("-50%", r"-50\%"), ("-2.5e-3", "-0.0025"), ("2-3", "3"), ("2 - 3", "3"), ("(a)-3", "3"), ("$2$-$3$", "3"),
        ("10-12 of them", "12"), ("10^{-3}", "0.001"), ("6e-3", "0.006"), ("-3^2", "-9"),
    ],
)  # fmt: skip
def test_the_sign_of_a_last_number(minus: str, text: str, truth: str) -> None:
    assert outcome(truth, f"It is {text.replace('-', minus)}", take="box_or_number") is Outcome.CORRECT
    opposite = truth.removeprefix("-") if truth.startswith("-") else f"-{truth}"
    assert outcome(opposite, f"It is {text.replace('-', minus)}", take="box_or_number") is Outcome.WRONG


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("1e-3", "0.001"), ("1E5.", "100000"), ("2.5e+10 m", "25000000000"), ("1e401", "10^{401}"),
        ("10^5", "100000"), ("2^{10}", "1024"), ("3 × 10^8", "300000000"), (r"3 \times 10^{8}", "300000000"),
        ("2*10^-2", "0.02"), ("1,234.5", "1234.5"), ("1{,}234", "1234"), (r"1\,234\,567", "1234567"), ("3.", "3"),
        ("+2", "2"), ("1,234/5", "246.8"), ("16 cm^2", "16"), ("16 m^{2}", "16"), ("3 x_1", "3"), ("5e", "5"),
        ("5kg", "5"), ("1e-401", "10^{-401}"),
    ],
)  # fmt: skip
def test_the_size_of_a_last_number(text: str, truth: str) -> None:
    assert outcome(truth, f"The answer is {text}", take="box_or_number") is Outcome.CORRECT
    assert outcome("7", f"The answer is {text}", take="box_or_number") is Outcome.WRONG


@pytest.mark.parametrize("text", ["1e" + "9" * 20, "1e-" + "9" * 5000, "9" * 5000, "10^" + "9" * 5000, "1/0", "1e5e5"])
def test_a_last_number_that_no_float_holds_is_wrong_at_once(text: str) -> None:
    began = time.process_time()
    assert outcome("7", f"The answer is {text}", take="box_or_number") is Outcome.WRONG
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    ("take", "of_a_number", "of_a_formula"),
    [
        ("last_box", Outcome.BAD_FORMAT, Outcome.BAD_FORMAT),
        ("box_or_number", Outcome.CORRECT, Outcome.WRONG),
        ("box_or_search", Outcome.CORRECT, Outcome.CORRECT),
    ],
)
def test_what_a_response_without_a_box_is_worth(take: str, of_a_number: Outcome, of_a_formula: Outcome) -> None:
    assert outcome("5", "17 - 12 is 5.", take=take) is of_a_number
    assert outcome(r"\sqrt{2}", r"So the answer is $\frac{2}{\sqrt{2}}$.", take=take) is of_a_formula
    assert outcome("5", "I do not know.", take=take) is Outcome.BAD_FORMAT
    assert outcome("5", r"\boxed{5}, and not 6", take=take) is Outcome.CORRECT


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"answers": "text", "units": "required"}, "units: only with answers: math"),
        ({"answers": "choice", "take": "box_or_number", "order": "free"}, "order, take: only with answers: math"),
        ({"take": "box_or_search", "percent": "number"}, "percent: not with take: box_or_search"),
        ({"choices": "AB"}, "choices: only with answers: choice"),
        ({"answers": "choice", "choices": "ab"}, "choices"),
        ({"percent": "both"}, "percent"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(options: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError, match=line):
        parse_options(plugins, "reward", {"math": options}, "rewards.default")


@pytest.mark.parametrize(
    "options",
    [{"units": "optional"}, {"percent": "fraction"}, {"order": "free"}, {"brackets": "same"}, {"inequalities": True}],
)
@pytest.mark.parametrize(
    ("truth", "answer"), [("5", "5"), (r"\frac{1}{2}", "0.5"), ("x^2 + 2x + 1", "(x+1)^2"), ("1000", "1,000")]
)
def test_an_option_leaves_alone_what_it_is_not_about(options: dict[str, Any], truth: str, answer: str) -> None:
    assert right(truth, answer, **options)
    assert not right(truth, f"{answer} + 1", **options)
