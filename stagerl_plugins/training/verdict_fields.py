"""How a verdict travels through verl: in `reward_extra_info`, under the same keys for every reward and data source.

verl breaks where the keys of two rewards differ, and bootstraps every number in a validation. To our own trainer a
verdict travels as one string; verl's own trainers get two numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stagerl_plugins.types import Outcome, Verdict

VERDICT = "stagerl_verdict"
SET = "stagerl_set"  # the validation set of the row


def validation_set(row: Mapping[str, Any]) -> str:
    """The validation set of a row: `extra_info.set`, or else its data source."""
    return str((row.get("extra_info") or {}).get("set") or row.get("data_source"))


def pack(verdict: Verdict, row: Mapping[str, Any]) -> dict[str, Any]:
    """The extra fields of one judged response to the problem in this row."""
    fields = [verdict.outcome.value, verdict.score, verdict.detail, dict(verdict.parts)]
    return {VERDICT: json.dumps(fields), SET: validation_set(row)}


def pack_for_verl(verdict: Verdict, row: Mapping[str, Any]) -> dict[str, Any]:
    """The extra fields of one judged response for verl's own trainers, which make metrics of the numbers.

    `acc` is what verl puts first in a validation's log. No name of theirs may be a column's of the problem files.
    """
    return {
        "acc": float(verdict.outcome is Outcome.CORRECT),
        "not_judged": float(not verdict.judged),
        "verdict": verdict.outcome.value,
        "verdict_detail": verdict.detail,
        "verdict_parts": json.dumps(dict(verdict.parts)),
    }


def unpack(extra: Mapping[str, Any]) -> Verdict:
    """The verdict of one response; not_judged where there is none."""
    text = extra.get(VERDICT)
    if text is None:
        return Verdict.not_judged("the reward worker returned no verdict")
    outcome, score, detail, parts = json.loads(text)
    return Verdict(Outcome(outcome), score, detail, parts)
