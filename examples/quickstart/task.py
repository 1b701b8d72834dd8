"""The quickstart's problem family, tokenizer and model: sums of named one-digit terms.

A problem reads `a7+b8-c5=`. It may be answered at once, `\\boxed{10}`, or with the working first,
`b15c10 \\boxed{10}`: the running total after each term. The letters tell a small model which term comes next.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

LENGTHS = range(2, 11)  # numbers of terms that the model learns; at 11 its working would need an unknown letter
LETTERS = "abcdefghij"
VOCABULARY = ["<pad>", "<bos>", "<eos>", "<q>", "\\boxed{", "}", *"0123456789+-= ", *LETTERS, "<unk>"]
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<q>{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Sum:
    """One problem: its text, its answer, and the running totals after the second and each later term."""

    text: str
    answer: int
    totals: tuple[int, ...]

    @property
    def worked(self) -> str:
        """The answer with its working."""
        working = "".join(f"{letter}{total}" for letter, total in zip(LETTERS[1:], self.totals, strict=False))
        return f"{working} {boxed(self.answer)}"


def boxed(value: int) -> str:
    return f"\\boxed{{{value}}}"


def draw(rng: random.Random, terms: int) -> Sum:
    """A random sum of `terms` terms, each from 1 to 9; the first is added, the others are added or subtracted."""
    total = rng.randint(1, 9)
    text, totals = f"{LETTERS[0]}{total}", []
    for letter in LETTERS[1:terms]:
        sign, value = rng.choice("+-"), rng.randint(1, 9)
        total += value if sign == "+" else -value
        text += f"{sign}{letter}{value}"
        totals.append(total)
    return Sum(f"{text}=", total, tuple(totals))


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A token for each character, and one for `\\boxed{`."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: index for index, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\\boxed\{|."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        additional_special_tokens=["<q>"],
        padding_side="left",
        model_max_length=256,
        chat_template=CHAT_TEMPLATE,
    )


def build_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama of 0.86 million parameters, float32, with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=64,
            hidden_size=128,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            intermediate_size=384,
            max_position_embeddings=256,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
