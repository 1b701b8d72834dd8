"""What travels with a prompt to the engine and with a rollout to its reward, and the seeds of single requests."""

from __future__ import annotations

import hashlib

MAX_SEED = 2**31
SAMPLING_FIELD = "stagerl_sampling"  # a prompt's: run seed, problem id, number of rollouts, and what its stage changes
ROLLOUT_FIELD = "stagerl_rollout"  # a trajectory's, for its reward: problem id, group size and response budget


def request_seed(run_seed: int, step: int, problem: str, rollout: int) -> int:
    """A seed in [0, 2^31) from run, step, problem and number of the rollout."""
    text = f"{run_seed}\0{step}\0{problem}\0{rollout}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % MAX_SEED
