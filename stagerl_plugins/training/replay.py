"""verl's replay buffer with gates: finished groups are admitted or rejected, and what is missing is drawn again."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from typing import Any, Protocol

import transfer_queue as tq
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from stagerl_plugins.config import Config
from stagerl_plugins.curriculum.curriculum import Curriculum
from stagerl_plugins.problems import Problems
from stagerl_plugins.training import verdict_fields
from stagerl_plugins.training.book import Entry, StepBook
from stagerl_plugins.training.truncation import was_cut
from stagerl_plugins.types import Group, Rollout, Verdict

logger = logging.getLogger(__name__)

NO_ROW = "nothing"  # verl's queue cannot clear zero rows at the end of a step, but one that is not there


class NothingToTrain(Exception):  # noqa: N818  not an error: the step goes on without an update
    """No group of the step may be trained on."""


class StepOwner(Protocol):
    """What the buffer needs of the trainer."""

    settings: Config
    problems: Problems
    curriculum: Curriculum
    end_tokens: set[int]
    book: StepBook

    def on_groups_finished(self) -> None:
        """Called when the last group of a step has been admitted or rejected."""


class GatedReplayBuffer(ReplayBuffer):
    """Waits for all groups of a step, asks the gates, refills within the bound, and returns what may be trained on.

    verl's own way of refilling has no bound, throws surplus groups away and breaks ties by chance.

    Args:
        trainer: The trainer whose step book is filled.
        poll_interval: Seconds between two looks at the queue; verl's 2.0 is most of a small model's step.
    """

    def __init__(self, trainer: StepOwner, poll_interval: float = 0.05, **verl_arguments: Any) -> None:
        super().__init__(**verl_arguments, poll_interval=poll_interval)
        self.trainer = trainer

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> tuple[KVBatchMeta, dict[str, float]]:
        """The rows of the admitted groups' judged rollouts, in the order of their draw.

        Raises:
            NothingToTrain: Every group was rejected, and the bound on refills is reached.
            TimeoutError: A validation is not done in the time that a step's rollouts may take.
        """
        deadline = time.monotonic() + self.trainer.settings.judging.rollout_seconds
        if partition_id == "val":
            self._wait_for_validation(batch_size, deadline)
            validation: tuple[KVBatchMeta, dict[str, float]] = super().sample(global_steps, partition_id, batch_size)
            return validation
        book, refill = self.trainer.book, self.trainer.settings.refill
        while True:
            self._wait(partition_id, deadline)
            for entry in book.open:
                self._finish(entry, partition_id)
            missing = batch_size - len(book.admitted)
            if missing <= 0 or book.refills >= refill.attempts:
                break
            book.refills += 1
            if self.refill_fn(missing) == 0:
                break
        self.trainer.on_groups_finished()
        return self._take(partition_id, batch_size), {}

    def _wait_for_validation(self, count: int, deadline: float) -> None:
        """Until so many groups have ended; verl would wait for a lost worker's for ever."""
        while True:
            self._sync_metadata_from_transfer_queue()
            ended = len(self.finished_keys["val"] | self.failure_keys["val"])
            if ended >= count:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"validation: {count - ended} of {count} problems did not come back within "
                    f"judging.rollout_seconds={self.trainer.settings.judging.rollout_seconds:g}"
                )
            time.sleep(self.poll_interval)

    def _wait(self, partition_id: str, deadline: float) -> None:
        """Until every open group has ended, or the step's time for rollouts is over."""
        waiting = {entry.uid for entry in self.trainer.book.open}
        while True:
            self._sync_metadata_from_transfer_queue()
            ended = self.finished_keys[partition_id] | self.failure_keys[partition_id]
            if waiting <= ended:
                return
            if time.monotonic() > deadline:
                logger.warning("%d groups took too long and are given up as not_judged", len(waiting - ended))
                return
            time.sleep(self.poll_interval)

    def _finish(self, entry: Entry, partition_id: str) -> None:
        """Make a group of the rows that came back, and ask the gates."""
        sessions: dict[int, list[str]] = defaultdict(list)
        tags = self.partitions[partition_id]
        for key in (key for key in tags if key.startswith(f"{entry.uid}_")):
            sessions[int(key.split("_")[1])].append(key)
        for keys in sessions.values():
            keys.sort(key=lambda key: int(key.split("_")[2]))
        last = [keys[-1] for _, keys in sorted(sessions.items())]
        extra, ends = self._read(last, partition_id)
        found = {
            number: self._rollout(entry, tags[key], fields, end)
            for number, key, fields, end in zip(sorted(sessions), last, extra, ends, strict=True)
        }
        lost = Rollout(Verdict.not_judged("the rollout was lost"), 0)
        rollouts = [found.get(number, lost) for number in range(entry.n)]
        problems, book = self.trainer.problems, self.trainer.book
        index = entry.request.index
        entry.keys = [sessions.get(number, []) for number in range(entry.n)]
        entry.group = Group(index, problems.ids[index], book.stage, book.step, tuple(rollouts))
        entry.admission = self.trainer.curriculum.admit(entry.group)

    def _rollout(self, entry: Entry, tag: dict[str, Any], fields: dict[str, Any], end: int) -> Rollout:
        tokens, weights_step = int(tag["response_len"]), tag["max_global_steps"]
        return Rollout(
            verdict=verdict_fields.unpack(fields.get("reward_extra_info", {})),
            tokens=tokens,
            truncated=was_cut(tokens, end, entry.response_budget, self.trainer.end_tokens),
            weights_step=-1 if weights_step is None else int(weights_step),
        )

    @staticmethod
    def _read(keys: list[str], partition_id: str) -> tuple[list[dict[str, Any]], list[int]]:
        """Extra fields and last token of each row."""
        if not keys:
            return [], []
        data = tq.kv_batch_get(keys=keys, partition_id=partition_id, select_fields=["extra_fields", "responses"])
        ends = [int(tokens[-1]) if len(tokens) else -1 for tokens in data["responses"].unbind()]
        return list(data.pop("extra_fields").tolist()), ends

    def _take(self, partition_id: str, batch_size: int) -> KVBatchMeta:
        """Hand over the rows to train on, and clear all others of the step from the queue."""
        book = self.trainer.book
        keys = [key for entry in book.admitted[:batch_size] for key in entry.trained_keys]
        wanted = set(keys)
        tags = self.partitions[partition_id]
        waste = [key for key in tags if key not in wanted]
        tq.kv_clear(partition_id=partition_id, keys=[*book.entries, *waste] or [NO_ROW])
        if not keys:
            raise NothingToTrain
        return KVBatchMeta(partition_id=partition_id, keys=keys, tags=[tags[key] for key in keys])
