"""Makes a small model that writes in an alphabet of its own, by supervised training on the CPU.

The quickstart's model and that of `examples/mixed_math_code` are made with it. The result depends on the seed and on
rounding (threads, version of torch), not on the machine's speed.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

SPECIAL = ["<pad>", "<bos>", "<eos>", "<q>"]
UNKNOWN = "<unk>"
CONTEXT = 256  # tokens
PART = 32  # rows that go through the model together
WARM_UP = 100
IGNORED = -100  # label of tokens that have no loss
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<q>{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """Part of the training: its steps, its peak learning rate, and what makes a batch of (prompt, answer)."""

    name: str
    steps: int
    learning_rate: float
    batch: Callable[[random.Random], list[tuple[str, str]]]


def make(out: Path, alphabet: Sequence[str], lessons: Sequence[Lesson], seed: int, threads: int, command: str) -> None:
    """Train a new model and write it to `out` as a Hugging Face folder in bfloat16, with the log `pretrain.jsonl`.

    Args:
        out: The folder.
        alphabet: The tokens: characters, and words that are one token each.
        lessons: What it learns, one after the other.
        seed: Of weights and examples.
        threads: Of torch; others round differently.
        command: How the model is made, for the log.
    """
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(alphabet)
    model = build_model(tokenizer)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "pretrain.jsonl").open("w", encoding="utf-8") as log:
        print(json.dumps({"command": command, "torch": torch.__version__}), file=log, flush=True)
        for lesson in lessons:
            train(model, tokenizer, lesson, random.Random(f"{seed} {lesson.name}"), log)
    disable_progress_bar()
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)


def build_tokenizer(alphabet: Sequence[str]) -> PreTrainedTokenizerFast:
    """A token for each character of the alphabet, and one for each word of it, of which the longest counts."""
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *alphabet, UNKNOWN])}
    words = sorted((token for token in alphabet if not re.fullmatch(".", token)), key=len, reverse=True)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("|".join([*map(re.escape, words), "."])), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token=UNKNOWN,
        additional_special_tokens=["<q>"],
        padding_side="left",
        model_max_length=CONTEXT,
        chat_template=CHAT_TEMPLATE,
    )


def build_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama of 0.86 million parameters, float32, with random weights."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=64,
            hidden_size=128,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            intermediate_size=384,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def train(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, lesson: Lesson, rng: random.Random, log: TextIO
) -> None:
    """Train for one lesson with AdamW; the rate warms up, then falls as the root of what is left."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lesson.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    began = time.monotonic()
    for step in range(lesson.steps):
        rate = lesson.learning_rate * min(1.0, (step + 1) / WARM_UP) * (1 - step / lesson.steps) ** 0.5
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = backward(model, as_rows(lesson.batch(rng), tokenizer))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 100 == 0 or step + 1 == lesson.steps:
            row = {"phase": lesson.name, "step": step + 1, "loss": round(loss, 4), "learning_rate": rate}
            print(json.dumps(row | {"seconds": round(time.monotonic() - began)}), file=log, flush=True)


def as_rows(examples: list[tuple[str, str]], tokenizer: PreTrainedTokenizerFast) -> list[tuple[torch.Tensor, int]]:
    """Examples as (token ids, int64; length of the prompt), longest last."""
    prompt_ids = tokenizer([f"<bos>{prompt}<q>" for prompt, _ in examples], add_special_tokens=False).input_ids
    answer_ids = tokenizer([f"{answer}<eos>" for _, answer in examples], add_special_tokens=False).input_ids
    rows = [(torch.tensor(p + a), len(p)) for p, a in zip(prompt_ids, answer_ids, strict=True)]
    return sorted(rows, key=lambda row: len(row[0]))


def backward(model: LlamaForCausalLM, rows: list[tuple[torch.Tensor, int]]) -> float:
    """Add the gradient of the mean loss over all tokens of the answers, in parts of like length; returns the loss."""
    count = sum(len(ids) - prompt for ids, prompt in rows)
    total = 0.0
    for part in (rows[start : start + PART] for start in range(0, len(rows), PART)):
        ids = torch.nn.utils.rnn.pad_sequence([ids for ids, _ in part], batch_first=True)  # <pad> is 0
        labels = torch.full_like(ids, IGNORED)
        for row, (tokens, prompt) in enumerate(part):
            labels[row, prompt : len(tokens)] = tokens[prompt:]
        # no attention mask: padding stands on the right, where a causal model's answers do not see it
        loss = model(input_ids=ids, labels=labels, num_items_in_batch=count).loss
        loss.backward()
        total += loss.item()
    return total
