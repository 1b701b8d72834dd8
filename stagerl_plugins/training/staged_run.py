"""A staged run on verl's synchronous trainer: how it is built, saved, resumed, validated, logged and ended."""

from __future__ import annotations

import contextlib
import copy
import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
from omegaconf import DictConfig, open_dict
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.utils import Role
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

from stagerl_plugins.curriculum.curriculum import Curriculum
from stagerl_plugins.problems import Problems
from stagerl_plugins.run_folder import RunFolder
from stagerl_plugins.training import resume, step_metrics
from stagerl_plugins.training.book import StepBook
from stagerl_plugins.training.checkpoints import Checkpoints
from stagerl_plugins.training.export import export_actor
from stagerl_plugins.training.nodes import check_nodes
from stagerl_plugins.training.not_judged import NotJudgedBound
from stagerl_plugins.training.refused import least_judged
from stagerl_plugins.training.replay import GatedReplayBuffer
from stagerl_plugins.training.stage_settings import Settings, VerlDefaults
from stagerl_plugins.training.truncation import end_tokens
from stagerl_plugins.training.verl_config import adopt
from stagerl_plugins.training.worker import StagedWorker
from stagerl_plugins.types import Move, RunInfo, Transition

logger = logging.getLogger(__name__)


class RunEnded(Exception):  # noqa: N818  the regular end of a staged run
    """A policy or a bound ended the run before verl's own last step."""


class StagedRun(PPOTrainerSync):
    """Everything around the steps of a staged run; the steps themselves are `StagedTrainer`'s."""

    # verl compares the mode's name with "sync" in six places, and it is a configuration key besides
    trainer_mode = property(lambda self: "sync", lambda self, value: None)

    def __init__(self, config: DictConfig) -> None:
        self.config_at_start = copy.deepcopy(config)
        self.settings, self.plugins = adopt(config)
        check_nodes(self.plugins, self.settings.plugins.on_error)
        self.folder = Path(config.trainer.default_local_dir).absolute()
        self.checkpoints = Checkpoints(self.folder)
        self.run_folder = RunFolder(self.folder)
        self.defaults = VerlDefaults.of(config)
        self.not_judged = NotJudgedBound(self.settings.judging)
        self.stage_settings: Settings
        self.curriculum: Curriculum
        self.problems: Problems
        self.book: StepBook
        self.validated_at = -1
        self._saved_at = -1
        self._news: dict[str, str] = {}  # of this start, for `run.json`
        self._transition: Transition | None = None
        self._validation: dict[str, float] = {}
        super().__init__(config)

    # -- building -------------------------------------------------------------------------------------------------

    def _build_replay_buffer(self) -> GatedReplayBuffer:
        sampler = self.config.trainer.v1.sampler
        return GatedReplayBuffer(
            self,
            trainer_mode=self.trainer_mode,
            trainer_config=self.config.trainer.v1.sync,
            max_off_policy_threshold=sampler.max_off_policy_threshold,
            max_off_policy_strategy=sampler.max_off_policy_strategy,
            sampler_kwargs=sampler.sampler_kwargs,
            refill_fn=self._add_prompts_to_generate,
        )

    def _init_dataloader(self) -> None:
        super()._init_dataloader()
        self.steps_per_epoch: int = max(1, self.steps_per_epoch)  # verl divides by it; our draws do not use the loader
        # verl's own end must not come before the curriculum's, which going back may put off
        self.total_training_steps: int = self.settings.most_steps + 1
        self.problems = Problems.from_table(self.train_dataset.dataframe.with_format("arrow")[:])
        self.curriculum = Curriculum(self.settings, self.problems, self.plugins, least_judged(self.config))
        self.end_tokens = end_tokens(self.tokenizer)

    def _init_resource_pool_mgr(self) -> None:
        super()._init_resource_pool_mgr()
        for role in (Role.ActorRolloutRef, Role.ActorRollout):
            if role in self.role_worker_mapping:
                self.role_worker_mapping[role] = ray.remote(StagedWorker)

    # -- the run --------------------------------------------------------------------------------------------------

    def _load_checkpoint(self) -> None:
        resumed = self.checkpoints.repair()
        super()._load_checkpoint()
        self.run_folder.drop_observations_after(self.global_steps)
        if self.global_steps == 0:
            return
        state = self.checkpoints.load_state(self.global_steps)
        changes = self.curriculum.load_state_dict(state["curriculum"])
        self.validated_at, self._saved_at = int(state["validated_at"]), self.global_steps
        if any(changes.values()):
            message = (
                f"the problems changed since step {self.global_steps}: {changes['gained']} new, {changes['lost']} gone"
            )
            logger.warning(message)
            self._news = {"problems_changed": message}
        with open_dict(self.config):  # a validation that the kill prevented is made up for, another is not repeated
            self.config.trainer.val_before_train = self._validates(self.global_steps) and not self._was_validated
        logger.info("resumed from %s", resumed)

    def _validates(self, step: int) -> bool:
        frequency = self.config.trainer.test_freq
        return bool(frequency > 0 and step % frequency == 0)

    @property
    def _was_validated(self) -> bool:
        return bool(self.validated_at >= self.global_steps)

    @property
    def run_info(self) -> RunInfo:
        resumed = self.global_steps or None
        return RunInfo(
            self.settings.name, str(self.folder), tuple(self.settings.stages), self.settings.planned_steps, resumed
        )

    def fit(self, agent_loop_manager: Any) -> None:
        """Train until the curriculum ends the run, and write down why."""
        info = self.run_info
        self._write_run()
        self._emit("run_started", run=info)
        try:
            super().fit(agent_loop_manager)
            raise RuntimeError("verl's loop ended before the curriculum did")
        except RunEnded as end:
            reason = str(end)
            self._shutdown_dump_executor()
        last = self.checkpoints.steps()
        self.run_folder.write_run(ended={"step": last[-1] if last else 0, "reason": reason})
        self._emit("run_ended", run=info, reason=reason)
        print(f"stagerl: the run ended: {reason}", flush=True)

    def _write_run(self) -> None:
        """Write down what this run is made of, and which changes were accepted since it began."""
        began = self.run_folder.read_run()
        changes = resume.check_unchanged(self.config_at_start, self.settings)
        accepted = [*began.get("accepted_changes", []), *([{"step": self.global_steps, **changes}] if changes else [])]
        self.run_folder.write_run(
            name=self.settings.name,
            fingerprint=resume.fingerprint(self.config_at_start),
            versions=resume.versions(self.plugins),
            plugins=[str(registration) for registration in self.plugins.registrations.values()],
            accepted_changes=accepted,
            ended=None,
            **self._news,
        )

    # -- checkpoints and validation -------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        return {"curriculum": self.curriculum.state_dict(), "validated_at": self.validated_at}

    def _save_checkpoint(self) -> None:
        step = self.global_steps
        self.checkpoints.save_state(step, self._state())
        super()._save_checkpoint()
        self.checkpoints.complete(step)
        self._saved_at = step
        self._emit("checkpoint_saved", step=step, folder=str(self.checkpoints.path(step)))

    def _save_step_before(self) -> None:
        """Save the step that has just ended, unless it was saved."""
        if self._saved_at == self.global_steps - 1:
            return
        with self._as_of_step_before(), self._replicas_asleep():
            self._save_checkpoint()

    def _export(self, stage: str, step: int) -> None:
        """Write the weights at the end of a stage as a Hugging Face folder, if the stage asks for it."""
        out = self.folder / "exported" / f"{stage}-step{step}"
        if self.settings.stages[stage].export and not out.exists():
            export_actor(self.checkpoints.path(step) / "actor", out)

    def _finish_validation(self) -> None:
        """Validate the run's last step, unless it was."""
        with self._as_of_step_before():
            if self.config.trainer.test_freq > 0 and not self._was_validated:
                values = self._validate()
                self.logger.log(data=values, step=self.global_steps)
                self.run_folder.append_metrics(self.global_steps, step_metrics.of_validation(self._validation))

    @contextlib.contextmanager
    def _as_of_step_before(self) -> Iterator[None]:
        self.global_steps -= 1
        try:
            yield
        finally:
            self.global_steps += 1

    @contextlib.contextmanager
    def _replicas_asleep(self) -> Iterator[None]:
        """verl saves and loads while the engines hold no weights."""
        self.checkpoint_manager.sleep_replicas()
        yield
        self.checkpoint_manager.update_weights(self.global_steps)

    def _val_metrics_update(
        self,
        data_sources: Any,
        sample_uids: Any,
        reward_extra_infos_dict: dict[str, list[Any]],
        *rest: Any,
        **named: Any,
    ) -> dict[str, float]:
        values = step_metrics.validation_scores(reward_extra_infos_dict)
        self._validation = values
        if self.validated_at < self.global_steps:  # one that is repeated at a start is not delivered again
            self.validated_at = self.global_steps
            self._observe_validation(values)
            if self._saved_at == self.global_steps:
                self.checkpoints.save_state(self.global_steps, self._state())
        metrics: dict[str, float] = super()._val_metrics_update(
            data_sources, sample_uids, reward_extra_infos_dict, *rest, **named
        )
        return metrics

    def _observe_validation(self, values: dict[str, float]) -> None:
        """Tell the curriculum, unless a set is missing: a mean without it would look like a rise or a fall."""
        unjudged = [name for name, value in values.items() if math.isnan(value)]
        if unjudged:
            logger.warning(
                "validation of step %d counts for no policy: nothing of %s was judged", self.global_steps, unjudged
            )
        else:
            self.curriculum.observe_validation(self.global_steps, values)

    # -- the log --------------------------------------------------------------------------------------------------

    def _compute_metrics(
        self, batch: KVBatchMeta, metrics: dict[str, Any], timing_raw: dict[str, Any], global_steps: int, epoch: int
    ) -> None:
        if self.book.admitted:
            super()._compute_metrics(batch, metrics, timing_raw, global_steps, epoch)
        own: dict[str, Any] = step_metrics.of_step(self.book, self.stage_settings)
        own.update({f"curriculum/{name}": value for name, value in self.curriculum.metrics().items()})
        own.update(step_metrics.of_validation(self._validation))
        own["time/step"] = time.perf_counter() - self._began
        metrics.update({f"stagerl/{name}": value for name, value in own.items()})
        if self._transition is not None:
            begin = self._transition.move is Move.STAY
            own["transition"] = ("" if begin else f"{self._transition.move.value}: ") + self._transition.reason
        verl_numbers = {name: metrics[name] for name in step_metrics.VERL_NUMBERS if name in metrics}
        self.run_folder.append_metrics(global_steps, {"stage": self.book.stage, **own, **verl_numbers})

    def _log_rollout_data(self, batch: KVBatchMeta, timing_raw: dict[str, Any], rollout_data_dir: str) -> None:
        if self.book.admitted:
            super()._log_rollout_data(batch, timing_raw, rollout_data_dir)

    def _emit(self, hook: str, **arguments: Any) -> None:
        self.plugins.emit(hook, logger.warning, **arguments)
