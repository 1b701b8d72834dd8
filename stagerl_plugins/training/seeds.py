"""Seeds of single requests, so that on one machine sampled responses repeat."""

from __future__ import annotations

import hashlib

MAX_SEED = 2**31


def request_seed(run_seed: int, step: int, problem: str, rollout: int) -> int:
    """A seed in [0, 2^31) from run, step, problem and number of the rollout."""
    text = f"{run_seed}\0{step}\0{problem}\0{rollout}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % MAX_SEED
