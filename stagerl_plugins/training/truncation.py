"""Whether a response was cut at its budget. vLLM knows; verl does not pass it on."""

from __future__ import annotations

from collections.abc import Set
from typing import Any


def end_tokens(tokenizer: Any) -> set[int]:
    """The tokens that a response ends with where it ends by itself."""
    return {token for token in (tokenizer.eos_token_id, tokenizer.pad_token_id) if token is not None}


def was_cut(tokens: int, last: int, budget: int, ends: Set[int]) -> bool:
    """Whether a response of so many tokens hit its budget before its end.

    Args:
        tokens: Its length.
        last: Its last token; -1 if it has none.
        budget: The most tokens that it might have.
        ends: Tokens that end a response.
    """
    return tokens >= budget and last not in ends
