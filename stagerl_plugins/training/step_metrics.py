"""The numbers of a step, for `metrics.jsonl` and verl's loggers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from stagerl_plugins.training import verdict_fields
from stagerl_plugins.training.book import StepBook
from stagerl_plugins.training.stage_settings import Settings
from stagerl_plugins.types import Outcome

VERL_NUMBERS = (  # of verl's own metrics, those that tell what an update did
    "actor/lr",
    "actor/grad_norm",
    "actor/entropy",
    "actor/entropy_loss",
    "actor/kl_loss",
    "actor/kl_coef",
    "actor/pg_loss",
    "actor/ppo_kl",
    "critic/vf_loss",
)


def of_step(book: StepBook, settings: Settings) -> dict[str, Any]:
    """Rewards, lengths, outcomes and counts of one step, by name."""
    record = book.record()
    groups = [group for group, _ in record.groups]
    trained = [entry.group for entry in book.admitted if entry.group is not None]
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    admitted = [rollout for group in trained for rollout in group.rollouts if rollout.verdict.judged]
    judged = [rollout for rollout in rollouts if rollout.verdict.judged]
    numbers: dict[str, float] = {
        "reward/mean": _mean([r.verdict.score for r in admitted]),
        "reward/generated_mean": _mean([r.verdict.score for r in judged]),
        "response_length/mean": _mean([r.tokens for r in judged]),
        "response_length/truncated": _mean([r.truncated for r in judged]),
        "groups/drawn": len(groups),
        "groups/trained": len(trained),
        "groups/rejected": len(groups) - len(trained),
        "groups/refills": book.refills,
        "groups/with_signal": _mean([len(g.scores) > 1 and float(np.ptp(g.scores)) > 0 for g in groups]),
        "rollouts/generated": len(rollouts),
        "rollouts/rejected": len(rollouts) - sum(len(group.rollouts) for group in trained),
        "rollouts/trained": len(admitted),
        "tokens/generated": record.tokens_generated,
        "tokens/rejected": record.tokens_rejected,
        "tokens/trained": record.tokens_trained,
    }
    for outcome in Outcome:
        numbers[f"outcome/{outcome.value}"] = _mean([r.verdict.outcome is outcome for r in rollouts])
    for name in sorted({name for r in judged for name in r.verdict.parts}):
        numbers[f"reward_part/{name}"] = _mean([r.verdict.parts[name] for r in judged if name in r.verdict.parts])
    numbers.update({f"settings/{name}": float(value) for name, value in asdict(settings).items()})
    return numbers


def of_validation(values: Mapping[str, float]) -> dict[str, float]:
    """Mean score of each validation set, by name."""
    return {f"validation/{name}": value for name, value in values.items()}


def validation_scores(extra: Mapping[str, list[Any]]) -> dict[str, float]:
    """Mean score of each validation set over its judged responses; NaN where none was judged.

    Args:
        extra: verl's lists of extra fields, one value a response.
    """
    scores: dict[str, list[float]] = defaultdict(list)
    for name, text in zip(extra.get(verdict_fields.SET, []), extra.get(verdict_fields.VERDICT, []), strict=True):
        score = verdict_fields.unpack({verdict_fields.VERDICT: text}).score
        scores[str(name)] += [] if score is None else [score]
    return {name: _mean(values) for name, values in sorted(scores.items())}


def _mean(values: list[Any]) -> float:
    return float(np.mean(values)) if values else float("nan")
