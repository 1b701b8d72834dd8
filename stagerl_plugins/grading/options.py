"""How a grader is asked, and what makes two gradings the same."""

from __future__ import annotations

import hashlib
import json
import keyword
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stagerl_plugins.config import Config
from stagerl_plugins.errors import UserError
from stagerl_plugins.model_path import check_model_path
from stagerl_plugins.rewards.specs import reward_files

RESERVED = ("domain", "quantile")  # words of the level rules
SAMPLED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class GradeOptions:
    """How problems are graded.

    Args:
        model: A Hugging Face folder, or a name on the hub.
        grader: The grader's name: part of the column names, and a word in level rules.
        samples: Rollouts for each problem.
        temperature: Sampling temperature; 0 is greedy.
        top_p: Nucleus sampling: the least probability mass that is sampled from.
        max_tokens: Tokens a response may have.
        seed: With the problem's id and the number of the sample it seeds each rollout.
        batch_size: Problems that are generated together, judged, and written before the next ones begin.
        rewards: Name and options of the reward of each data source; `default` for all others.
        device: "cpu" insists on a vLLM for CPUs; None takes what is installed.
        engine: Further arguments of `vllm.LLM`.
    """

    model: str
    grader: str
    samples: int = 8
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 4096
    seed: int = 0
    batch_size: int = 128
    rewards: Mapping[str, Any] = field(default_factory=lambda: dict(Config.model_fields["rewards"].default))
    device: str | None = None
    engine: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Make sure of what can be known before a model is loaded.

        Raises:
            UserError: The grader's name is no word of the level rules, or the model's folder is none.
        """
        if not self.grader.isidentifier() or keyword.iskeyword(self.grader) or self.grader in RESERVED:
            raise UserError(
                f"--grader '{self.grader}': must be a word of letters, digits and _, for use in level rules"
            )
        check_model_path(self.model, "model")

    def fingerprint(self, problems: Iterable[str]) -> dict[str, Any]:
        """All that decides the result, as JSON values; the same fingerprint means the same pass rates.

        Args:
            problems: All that each problem says, in their order.
        """
        decides = {**asdict(self), "problems": _hash(text.encode("utf-8", "replace") for text in problems)}
        del decides["device"]
        folder = Path(self.model)
        if folder.is_dir():
            decides |= {"model": folder.resolve().name, "weights": _folder_hash(folder)}
        if code := [path.read_bytes() for path in reward_files(self.rewards)]:
            decides["reward_files"] = _hash(code)
        plain: dict[str, Any] = json.loads(json.dumps(decides, default=str))
        return plain


def rollout_seed(seed: int, problem: str, sample: int) -> int:
    """The seed of one rollout, in [0, 2^32)."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{problem}\0{sample}".encode()).digest()[:4], "big")


def _folder_hash(folder: Path) -> str:
    """A hash of a model's files: name, size, and the first and last megabyte of each, so that it takes no minutes."""

    def parts() -> Iterable[bytes]:
        for path in sorted(path for path in folder.iterdir() if path.is_file()):
            size = path.stat().st_size
            yield f"{path.name}\0{size}".encode()
            with path.open("rb") as file:
                yield file.read(SAMPLED_BYTES)
                file.seek(max(0, size - SAMPLED_BYTES))
                yield file.read(SAMPLED_BYTES)

    return _hash(parts())


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]
