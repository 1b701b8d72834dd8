"""What the verifiers of reasoning-gym make of responses."""

import asyncio
import json

import pytest
from stagerl_reasoning_gym.reward import ReasoningGymOptions, ReasoningGymReward

from stagerl_plugins import Outcome, Response


def judge(text, answer="12", task="chain_sum", **options):
    truth = json.dumps({"question": "?", "answer": answer, "metadata": {"source_dataset": task}})
    reward = ReasoningGymReward(ReasoningGymOptions(**options), None)
    (verdict,) = asyncio.run(reward.score([Response(text, truth)]))
    return verdict.outcome, verdict.score


@pytest.mark.parametrize(
    ("text", "outcome", "score"),
    [
        ("It is <answer>12</answer>.", Outcome.CORRECT, 1.0),
        ("<answer>9</answer> No: <answer> +12.0 </answer>", Outcome.CORRECT, 1.0),
        ("<answer>13</answer>", Outcome.WRONG, 0.0),
        ("<answer>x=12</answer>", Outcome.PARTIAL, 0.5),
        ("12", Outcome.BAD_FORMAT, 0.0),
    ],
)
def test_the_last_answer_is_verified(text, outcome, score):
    assert judge(text) == (outcome, score)


def test_a_pattern_says_where_the_answer_stands():
    assert judge(r"\boxed{12}", pattern=r"\\boxed\{(.*?)\}") == (Outcome.CORRECT, 1.0)


def test_an_answer_that_a_verifier_chokes_on_is_wrong():
    assert judge("<answer>two times two</answer>", "2 × 2", task="prime_factorization") == (Outcome.BAD_FORMAT, 0.0)
