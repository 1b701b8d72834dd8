"""The program is taken from where people ask models to put it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.rewards.code.extract import program_in


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("So:\n```python\nprint(1)\n```\nDone.", "print(1)\n"),
        ("```python\nfirst\n```\n```py\nlast\n```", "last\n"),
        ("```\nplain\n```", "plain\n"),
        ("```Python3\nx\n```", "x\n"),
        ("```python\nx\n```\nOutput:\n```text\n5\n```", "x\n"),
        ("```python\nx\n```\n```bash\npip install y\n```", "x\n"),
        ("````python\nprint('''\n```\n''')\n````", "print('''\n```\n''')\n"),
        ("~~~python\nx\n~~~", "x\n"),
        ("  ```python\n  x\n  ```", "  x\n"),
        ("```python\ncut off", None),
        ("```python\nwhole\n```\n```python\ncut off", "whole\n"),
        ("```python\n   \n```", None),
        ("print(1)", None),
        ("", None),
        ("use `print` and ```x```", None),
    ],
)
def test_last_block(text, program):
    assert program_in(text, "last_block") == program


def test_other_places():
    text = "```python\nfirst\n```\n```python\nlast\n```"
    assert program_in(text, "first_block") == "first\n"
    assert program_in(text, "whole") == text
    assert program_in(" \n", "whole") is None


@given(st.text(st.sampled_from("`~\npython x"), max_size=200))
def test_any_text_has_a_program_or_none(text):
    assert program_in(text, "last_block") is None or "\n" in text
