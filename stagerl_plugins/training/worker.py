"""verl's actor worker with one more call: change a running actor's loss and learning rate."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, cast

from verl.single_controller.base.decorator import Dispatch, register
from verl.workers.engine_workers import ActorRolloutRefWorker


class StagedWorker(ActorRolloutRefWorker):
    """An actor whose loss coefficients and learning rate can change between steps."""

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def apply_stage(self, entropy_coeff: float, kl_loss_coef: float, learning_rate_factor: float) -> None:
        """Set what the next update uses. Absolute values: asked twice, it does the same as asked once.

        Args:
            entropy_coeff: Coefficient of the entropy term.
            kl_loss_coef: Coefficient of the KL term; without effect unless `use_kl_loss`.
            learning_rate_factor: Factor on the configured rate; warm-up and decay stay as they are.
        """
        loss = cast(Any, self).loss_fn
        keywords = dict(loss.keywords)
        config = copy.copy(keywords["config"])
        for name, value in (("entropy_coeff", entropy_coeff), ("kl_loss_coef", kl_loss_coef)):
            object.__setattr__(config, name, value)  # its fields are frozen
        self.loss_fn = partial(loss.func, **{**keywords, "config": config})
        self.actor.set_loss_fn(self.loss_fn)

        engine = self.actor.engine
        rate = engine.optimizer_config.lr * learning_rate_factor
        scheduler = engine.lr_scheduler
        scheduler.base_lrs = [rate for _ in scheduler.base_lrs]
        for group, schedule in zip(engine.optimizer.param_groups, scheduler.lr_lambdas, strict=True):
            group["initial_lr"] = rate
            group["lr"] = rate * schedule(scheduler.last_epoch)
