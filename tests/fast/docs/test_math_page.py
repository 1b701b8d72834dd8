"""Each example on the page of the reward `math` is judged as the page says."""

from __future__ import annotations

import asyncio
import re

import pytest
from doc_pages import ROOT

from stagerl_plugins import Response
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.call import WorkerSetup
from stagerl_plugins.rewards.math.reward import MathOptions
from stagerl_plugins.rewards.specs import parse_rewards

PAGE = (ROOT / "docs" / "math.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\|(?: `(.+?)` | )\| `(.+)` \| `(.+)` \| (\w+) \|$", re.MULTILINE)
EXAMPLES = [row.groups() for row in ROW.finditer(PAGE)]
setup = WorkerSetup(load_plugins())


def test_every_option_has_examples() -> None:
    assert len(EXAMPLES) > 50
    shown = " ".join(options or "" for options, *_ in EXAMPLES)
    assert [name for name in MathOptions.model_fields if f"{name}:" not in shown] == ["seconds"]


@pytest.mark.parametrize(("options", "truth", "answer", "verdict"), EXAMPLES)
def test_an_example_is_judged_so(options: str | None, truth: str, answer: str, verdict: str) -> None:
    braced = f"math: {{{(options or '').strip('{}')}}}"
    reward = setup.build("reward", parse_rewards([f"{{{braced}}}"])["default"], "rewards.default")
    whole = "take:" in (options or "") or verdict == "bad_format"
    text = answer if whole else rf"So it is $\boxed{{{answer}}}$."
    (found,) = asyncio.run(reward.score([Response(text, truth)]))
    assert found.outcome == verdict
