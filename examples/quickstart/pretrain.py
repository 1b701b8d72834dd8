"""Make the quickstart's model: `python pretrain.py --out model`, about 20 minutes on 2 cores.

Three phases of supervised training. First the model learns the working, then to guess instead, and last to write the
working down for short sums now and then, to guess at longer ones, and to give up on the longest: it answers with an
empty box. A guess is right less often the more terms there are. So the model starts with pass rates from 0.7 to 0, and
with something to discover that only short sums show: the working pays.

The result depends on the seed and on rounding (threads, version of torch), not on the machine's speed. A log is written
beside the model.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import torch
from task import LENGTHS, Sum, boxed, build_model, build_tokenizer, draw
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

BATCH = 96
PART = 32  # rows that go through the model together
WARM_UP = 100
IGNORED = -100  # label of tokens that have no loss


@dataclass(frozen=True, slots=True)
class Phase:
    """Part of the training: its steps, its peak learning rate, how often answers are worked, and which are tried."""

    name: str
    steps: int
    learning_rate: float
    worked: Callable[[int], float]  # number of terms -> probability
    tried: int = max(LENGTHS)  # number of terms beyond which it gives up


PHASES = (
    Phase("working", 2600, 3e-3, lambda terms: 0.9),
    Phase("guessing", 800, 1.5e-3, lambda terms: 0.15),
    Phase("rare working", 1000, 1e-3, lambda terms: 0.4 if terms < 6 else 0.0, tried=7),
)


def answer(problem: Sum, terms: int, phase: Phase, rng: random.Random) -> str:
    """A worked answer, always right; a guess, right with probability 1.12 - 0.12 terms, else off by 1 to 3; or none."""
    if rng.random() < phase.worked(terms):
        return problem.worked
    if terms > phase.tried:
        return r"\boxed{}"
    if rng.random() < 1.12 - 0.12 * terms:
        return boxed(problem.answer)
    return boxed(problem.answer + rng.choice((-3, -2, -1, 1, 2, 3)))


def batch(phase: Phase, rng: random.Random, tokenizer: PreTrainedTokenizerFast) -> list[tuple[torch.Tensor, int]]:
    """BATCH rows as (token ids, int64; length of the prompt), longest last; long sums come up twice as often."""
    prompts, answers = [], []
    for terms in rng.choices(LENGTHS, weights=[1 if terms < 5 else 2 for terms in LENGTHS], k=BATCH):
        problem = draw(rng, terms)
        prompts.append(f"<bos>{problem.text}<q>")
        answers.append(f"{answer(problem, terms, phase, rng)}<eos>")
    prompt_ids = tokenizer(prompts, add_special_tokens=False).input_ids
    answer_ids = tokenizer(answers, add_special_tokens=False).input_ids
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


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    phase: Phase,
    steps: int,
    rng: random.Random,
    log: TextIO,
) -> None:
    """Train for one phase with AdamW; the rate warms up, then falls as the root of what is left."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=phase.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    began = time.monotonic()
    for step in range(steps):
        rate = phase.learning_rate * min(1.0, (step + 1) / WARM_UP) * (1 - step / steps) ** 0.5
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = backward(model, batch(phase, rng, tokenizer))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 100 == 0 or step + 1 == steps:
            row = {"phase": phase.name, "step": step + 1, "loss": round(loss, 4), "learning_rate": rate}
            print(json.dumps(row | {"seconds": round(time.monotonic() - began)}), file=log, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the model, its tokenizer and pretrain.jsonl"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="factor on every phase's steps, to try the script")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="threads of torch; others round differently")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(arguments.seed)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (arguments.out / "pretrain.jsonl").open("w", encoding="utf-8") as log:
        command = f"python pretrain.py --out {arguments.out.name} --seed {arguments.seed}"
        print(json.dumps({"command": command, "torch": torch.__version__}), file=log, flush=True)
        for phase in PHASES:
            rng = random.Random(f"{arguments.seed} {phase.name}")
            train(model, tokenizer, phase, round(phase.steps * arguments.scale), rng, log)
    model.to(torch.bfloat16).save_pretrained(arguments.out)
    tokenizer.save_pretrained(arguments.out)


if __name__ == "__main__":
    main()
