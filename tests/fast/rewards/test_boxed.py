import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.rewards.math.boxed import last_boxed


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"The answer is $\boxed{42}$.", "42"),
        (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed{1} or rather \boxed{2}, yes", "2"),
        (r"see \boxed{a \boxed{5} b}", "5"),
        (r"\boxed {7}", "7"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{ x \right.}", r"\left\{ x \right."),
        (r"\boxed{1 \\}", r"1 \\"),
        ("\\boxed{two\nlines}", "two\nlines"),
        (r"\boxed{}", ""),
        ("no answer", None),
        (r"\boxed 5", None),
        (r"\boxedstuff{5}", None),
        (r"\boxed{1} and then \boxed{\frac{1}{2", None),
        (r"\boxed{", None),
        ("", None),
    ],
)
def test_the_last_box_decides(text: str, answer: str | None) -> None:
    assert last_boxed(text) == answer


def balance(tokens: list[str]) -> str:
    """The tokens as text, less the braces that close nothing, and with those closed that were left open."""
    kept, depth = [], 0
    for token in tokens:
        if token == "}" and depth == 0:
            continue
        depth += {"{": 1, "}": -1}.get(token, 0)
        kept.append(token)
    return "".join(kept) + "}" * depth


balanced = st.lists(st.sampled_from([*"{{}}ab1 ^_$%\n", r"\{", r"\}", r"\\", r"\frac"]), max_size=12).map(balance)


@given(before=st.text(), answer=balanced, after=st.text("abc{}$ .\n"))
def test_whatever_stands_around_it_a_balanced_answer_comes_back_whole(before: str, answer: str, after: str) -> None:
    assert last_boxed(f"{before} \\boxed{{{answer}}}{after}") == answer


@given(before=st.text(), answer=balanced, cut=st.integers(min_value=0))
def test_a_cut_off_box_is_no_answer(before: str, answer: str, cut: int) -> None:
    box = f"\\boxed{{{answer}}}"
    assert last_boxed(before + r" \boxed{1} " + box[: 7 + cut % (len(answer) + 1)]) is None


@given(st.text(r"\boxed{} "))
def test_any_text_has_an_answer_or_none(text: str) -> None:
    answer = last_boxed(text)
    assert answer is None or answer in text


@pytest.mark.parametrize("piece", [r"\boxed{", r"\boxed", "{", "}", "\\", r"\boxed ", r"\boxed{}", " "])
def test_a_million_hostile_characters_take_no_time(piece: str) -> None:
    text = r"\boxed{" + piece * (1_000_000 // len(piece))
    began = time.process_time()
    last_boxed(text)
    assert time.process_time() - began < 1.0
