"""The program is taken from where people ask models to put it."""

from __future__ import annotations

import time

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
        ("1. So:\n   ```python\n   if x:\n       y\n   ```", "if x:\n    y\n"),
        ("```python\r\nx\r\n```\r\n", "x\r\n"),
        ("```python\nx = 'a\u2028\x0cb'\n```", "x = 'a\u2028\x0cb'\n"),
        ("```x``` is no block\n```python\nx\n```", "x\n"),
        ("```python\nx\n```\nExample output:\n```\n5\n```", "x\n"),
        ("```\nfirst\n```\n```\nlast\n```\n```text\n5\n```", "last\n"),
        ("```\nx\n```\n```python\n\n```", "x\n"),
        ("`````python\nx\n````\n```\ny\n`````\n", "x\n````\n```\ny\n"),
        ("```python\nx\n````", "x\n"),
        ("~~~py\nx\n```\ny\n~~~", "x\n```\ny\n"),
        ("```python\ns = '''\n```\n'''\nx\n```", "s = '''\n```\n'''\nx\n"),
        (
            "```python\ndef f():\n  '''\n  ```py\n  f()\n  ```\n  '''\n```\n5",
            "def f():\n  '''\n  ```py\n  f()\n  ```\n  '''\n",
        ),
        ("```python\ns = '''\n```\nBroken.\n```python\nx = '''a'''\n```", "x = '''a'''\n"),
        ("```python\ns = '\\'\"\"\"\\'' # '''\n```\n```\ny\n```", "s = '\\'\"\"\"\\'' # '''\n"),
        ("The program: ```python\nx\n```\nDone.", "x\n"),
        ("A: ```Python3\nx\n``` and B: ```py\ny\n```", "y\n"),
        ("```python\nif x:\n    y```", "if x:\n    y"),
        ("Put it in ```python\n```python\nx\n```", "x\n"),
        ("The shell: ```bash\nx\n```", None),
        ("```python-repl\n>>> x```", None),
        ("```\npy\nx```", None),
        ("```python\ncut off", None),
        ("```python\nwhole\n```\n```python\ncut off", "whole\n"),
        ("```python\n   \n```", None),
        ("print(1)", None),
        ("", None),
        ("use `print` and ```x```", None),
        *(
            (f"```{mark}\nx\n```", "x\n")
            for mark in ("py3", "python3.11", "{.python}", "python:main.py", "python,linenos")
        ),
        *((f"```{mark}\nx\n```", None) for mark in ("pycon", "pypy", "python-repl", "pyx", "cpp")),
        ("1. ```python\n   if x:\n       y\n   ```\n2. Done.", "if x:\n    y\n"),
        ("- So:\n- ```py\n  x\n  ```", "x\n"),
        ("- ```python\nif x:\n  y\n```", "if x:\n  y\n"),
        ("  ```python\nif x:\n  y\n```", "if x:\n  y\n"),
        ("<answer>```python\nx\n```</answer>", "x\n"),
        ("<answer>```python\nif x:\n    if y:\n        z\n```</answer>", "if x:\n    if y:\n        z\n"),
        ("```python\nx\n```<|im_end|>", "x\n"),
        ("```python\nx\n```python\ny\n```", "x\n```python\ny\n"),
        ("<think>\nOr:\n```python\nx = 1\nNo.\n</think>\n```python\ny\n```", "y\n"),
        ("<think>\n```python\nx = 1\nNo.</think>\n```python\ny\n```", "y\n"),
        ("<think>\n```python\nx = 1\nNo.\n</think> So:\n```python\ny\n```", "y\n"),
        ("<think>\n```python\nx = 1\nNo.\n</think>```python\ny\n```", "y\n"),
        ("<think>\n```python\nx = 1\nNo.</think>\nDone.", None),
        ("<think>\n```python\nx\n```</think>\nDone.", "x\n"),
        ("```python\ns = '</think>' or x\n```", "s = '</think>' or x\n"),
        ("```python\ns = '''\n</think>\n'''\n```", "s = '''\n</think>\n'''\n"),
        ("<think>\n```python\nx\n```\n</think>\nDone.", "x\n"),
    ],
)
def test_last_block(text, program):
    assert program_in(text, "last_block") == program


def test_other_places():
    text = "```python\nfirst\n```\n```python\nlast\n```"
    assert program_in(text, "first_block") == "first\n"
    assert program_in(text, "whole") == text
    assert program_in(text, "all_blocks") == "first\nlast\n"
    assert program_in(" \n", "whole") is None


def test_a_block_that_was_cut_off_is_one_where_it_is_wanted():
    assert program_in("So: ```python\nx", "last_block", unclosed=True) == "x"
    text = "```python\nwhole\n```\n```python\ncut off"
    assert program_in(text, "last_block") == "whole\n"
    assert program_in(text, "last_block", unclosed=True) == "cut off\n"
    assert program_in(text + "\n```", "last_block", unclosed=True) == "cut off\n"


def test_quotes_and_blanks_without_end_do_not_keep_the_judge_busy():
    began = time.process_time()
    program_in("```" + " " * 30_000 + "x", "last_block")
    for line in ('"' + '\\"' * 200_000, "'" * 400_001, ("```python\nx = '''\n```\n" * 20_000), "```python\n" * 50_000):
        program_in("```python\n" + line, "last_block")
    assert time.process_time() - began < 5


@given(st.text(st.sampled_from("`~\npython x'\\"), max_size=200))
def test_any_text_has_a_program_or_none(text):
    assert program_in(text, "last_block") is None or "\n" in text
