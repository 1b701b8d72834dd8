"""A step of a staged run. The trainer is registered with verl as `stagerl_sync`."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transfer_queue as tq
from tensordict import TensorDict
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.utils import Role
from verl.trainer.ppo.v1.trainer_base import TRAINER_REGISTRY, register_trainer
from verl.utils import tensordict_utils as tu
from verl.utils.dataset.rl_dataset import collate_fn

from stagerl_plugins.curriculum.state import load_state
from stagerl_plugins.training import step_metrics
from stagerl_plugins.training.book import StepBook
from stagerl_plugins.training.checkpoints import STATE
from stagerl_plugins.training.replay import NO_ROW, NothingToTrain
from stagerl_plugins.training.sampling import SAMPLING_FIELD
from stagerl_plugins.training.stage_settings import apply_stage
from stagerl_plugins.training.staged_run import RunEnded, StagedRun
from stagerl_plugins.types import Decision, Move, PromptRequest, Transition

logger = logging.getLogger(__name__)

NAME = "stagerl_sync"


class StagedTrainer(StagedRun):
    """A PPO/GRPO trainer whose stages, prompts and groups a curriculum chooses.

    Order of a step: decide, stage_began, draw, rollouts, verdicts, admit, observe, update, checkpoint, validate, log.
    """

    def on_train_begin(self) -> None:
        super().on_train_begin()
        if self._validation:  # one before the first step
            self.run_folder.append_metrics(self.global_steps - 1, step_metrics.of_validation(self._validation))
        if self.curriculum.visits:  # resumed: the worker knows nothing of stages
            self._apply_stage()
        if (stage := self.curriculum.previous_stage) and not self._way_back():
            logger.warning("no checkpoint of the end of stage '%s' is kept: the run cannot go back to it", stage)

    def on_step_begin(self) -> None:
        super().on_step_begin()
        self._began, self._validation, self._transition = time.perf_counter(), {}, None
        step = self.global_steps
        way_back = self._way_back()
        decision = self.curriculum.decide(step, can_go_back=way_back is not None)
        if not self.curriculum.visits:
            self._began_stage(self.curriculum.start(step))
        elif decision.move is Move.BACK and way_back:
            self._go_back(decision, *way_back)
        elif decision.move is not Move.STAY:
            self._leave_stage(decision)
        self.curriculum.begin_step(step)
        self.book = StepBook(step, self.curriculum.stage)

    def _leave_stage(self, decision: Decision) -> None:
        """Save the end of the stage, then begin the next one or end the run."""
        step, left = self.global_steps, self.curriculum.stage
        ends = decision.move is Move.STOP or self.curriculum.next_stage is None
        self._save_step_before()
        self._export(left, step - 1)
        if ends:
            self._finish_validation()
            if step - 1 == self.settings.planned_steps:
                raise RunEnded(f"all {step - 1} planned steps are done")
            raise RunEnded(f"{decision.reason} (after step {step - 1}, in stage '{left}')")
        self.checkpoints.keep(step - 1, left)
        self._began_stage(self.curriculum.advance(step, decision))

    def _way_back(self) -> tuple[Path, int] | None:
        """Folder and step of the checkpoint at the end of the previous stage, if there is one."""
        stage = self.curriculum.previous_stage
        return self.checkpoints.kept(stage) if stage else None

    def _go_back(self, decision: Decision, folder: Path, at: int) -> None:
        """Weights, optimizer and curriculum return to the end of the stage before: a checkpoint of step `at`."""
        with self._as_of_step_before(), self._replicas_asleep():
            self.actor_rollout_wg.load_checkpoint(local_path=str(folder / "actor"), del_local_after_load=False)
            if self.use_critic:
                self.critic_wg.load_checkpoint(local_path=str(folder / str(Role.Critic)), del_local_after_load=False)
        state = load_state(folder / STATE)["curriculum"]
        stage = self.curriculum.previous_stage
        logger.info("going back to the end of stage '%s' (step %d): %s", stage, at, decision.reason)
        self._began_stage(self.curriculum.go_back(self.global_steps, decision, state))

    def _began_stage(self, transition: Transition) -> None:
        self._transition = transition
        self._apply_stage()
        self._emit("stage_started", transition=transition)
        logger.info("stage '%s' begins at step %d: %s", transition.target, transition.step, transition.reason)

    def _apply_stage(self) -> None:
        self.stage_settings = self.defaults.fill(self.curriculum.settings)
        kl_control = self.kl_ctrl_in_reward if self.config.algorithm.use_kl_in_reward else None
        apply_stage(self.config, self.actor_rollout_wg, kl_control, self.stage_settings)

    def _next_train_batch(self, num_prompts: int | None = None) -> TensorDict | None:
        """The prompts that the curriculum draws, as verl's dataset would give them."""
        last = self.book.refills >= self.settings.refill.attempts
        requests = self.curriculum.draw(num_prompts or self.config.data.train_batch_size, last=last)
        return self._prompts(requests) if requests else None

    def _prompts(self, requests: list[PromptRequest]) -> TensorDict:
        fields: dict[str, list[Any]] = defaultdict(list)
        for request in requests:
            n = int(request.n or self.stage_settings.group_size)
            budget = int(request.settings.get("response_budget", self.stage_settings.response_budget))
            budget = min(budget, self.defaults.response_budget)  # the engine is sized for no more
            entry = self.book.add(request, n, budget)
            fields["uid"].append(entry.uid)
            fields["__rollout_n__"].append(n)
            problem = self.problems.ids[request.index]
            changes = self.stage_settings.sampling(budget)
            sampling = {"seed": self.settings.seed, "problem": problem, "n": n, "changes": changes}
            fields[SAMPLING_FIELD].append(sampling)
        rows = collate_fn([self.train_dataset[int(self.problems.rows[request.index])] for request in requests])
        for name, values in fields.items():
            rows[name] = np.empty(len(values), dtype=object)
            rows[name][:] = values
        batch = tu.get_tensordict(rows)
        tu.assign_non_tensor_data(batch, "global_steps", self.global_steps)
        return batch

    def _submit_batch_to_rollout(self, batch: TensorDict | None) -> int:
        return 0 if batch is None else super()._submit_batch_to_rollout(batch)

    def on_groups_finished(self) -> None:
        """Called by the replay buffer when the last group of a step has been admitted or rejected."""
        record = self.book.record()
        self.not_judged.check(record)
        self.curriculum.observe(record, self.config.data.train_batch_size)
        self.run_folder.write_observations(record)
        self._emit("step_ended", record=record)
        wanted = self.config.data.train_batch_size
        if len(self.book.admitted) < wanted:
            logger.warning(
                "step %d trains on %d of %d groups: %d were drawn, refilled %d times",
                self.global_steps, len(self.book.admitted), wanted, len(self.book.entries), self.book.refills,
            )  # fmt: skip

    def _step_once(self, metrics: dict[str, Any], timing_raw: dict[str, Any], sample_batch_size: int) -> KVBatchMeta:
        try:
            return super()._step_once(metrics, timing_raw, sample_batch_size)
        except NothingToTrain:
            logger.warning("step %d has no group to train on: the weights stay as they are", self.global_steps)
            self.on_sample_end()
            return KVBatchMeta(partition_id="train", keys=[NO_ROW], tags=[{"is_padding": True}])

    def _compute_advantage(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        batch = super()._compute_advantage(batch, metrics)
        if not self.stage_settings.truncated_in_loss:
            self._mask_truncated(batch)
        return batch

    def _mask_truncated(self, batch: KVBatchMeta) -> None:
        """Take responses that were cut at their budget out of the loss; the statistics of their group keep them."""
        cut = {
            key
            for entry in self.book.admitted
            for rollout, keys in zip(entry.rollouts, entry.keys, strict=True)
            if rollout.truncated
            for key in keys
        }
        places = [place for place, key in enumerate(batch.keys) if key in cut]
        if not places:
            return
        keys = [batch.keys[place] for place in places]
        # token-mean divides by loss_mask, the loss itself sums over response_mask: both must be zero
        data = tq.kv_batch_get(keys=keys, partition_id=batch.partition_id, select_fields=["response_mask", "loss_mask"])
        zeros = {
            name: torch.nested.as_nested_tensor([torch.zeros_like(m) for m in data[name].unbind()], layout=torch.jagged)
            for name in ("response_mask", "loss_mask")
        }
        tq.kv_batch_put(keys=keys, partition_id=batch.partition_id, fields=TensorDict(zeros, batch_size=len(keys)))


def register() -> None:
    """Make the trainer known to verl by its name."""
    if NAME not in TRAINER_REGISTRY:
        register_trainer(NAME)(StagedTrainer)
