"""verl's agent loops with settings of single prompts: budget, temperature and seed reach the engine through here."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import ray
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopManagerTQ, AgentLoopWorkerTQ

from stagerl_plugins.training.node_judge import Judges
from stagerl_plugins.training.reward_manager import StagedRewardManager
from stagerl_plugins.training.sampling import ROLLOUT_FIELD, SAMPLING_FIELD, request_seed


class StagedAgentLoopWorker(AgentLoopWorkerTQ.__ray_metadata__.modified_class):
    """Turns the prompt's field into sampling parameters; covers every agent loop."""

    async def _run_agent_loop(self, sampling_params: dict[str, Any], trajectory: dict[str, Any], **kwargs: Any) -> Any:
        sampling = kwargs.pop(SAMPLING_FIELD, None)
        if sampling is None:  # a validation prompt
            run_seed, problem, changes = self.config.stagerl.seed, validation_problem(kwargs), {}
            n, budget = self.config.actor_rollout_ref.rollout.val_kwargs.n, self.config.data.max_response_length
            kwargs[ROLLOUT_FIELD] = {"problem": "", "group_size": n, "budget": budget}
        else:
            run_seed, problem, changes = sampling["seed"], sampling["problem"], sampling["changes"]
            kwargs[ROLLOUT_FIELD] = {"problem": problem, "group_size": sampling["n"], "budget": changes["max_tokens"]}
        step = -trajectory["step"] if trajectory["validate"] else trajectory["step"]
        seed = request_seed(run_seed, step, problem, kwargs["session_id"])
        try:
            return await super()._run_agent_loop({**sampling_params, **changes, "seed": seed}, trajectory, **kwargs)
        except BaseException:
            self._judges.abandon(str(kwargs["uid"]))  # its siblings need not wait for it
            raise

    @cached_property
    def _judges(self) -> Judges:
        return StagedRewardManager.judges_of(self.config)


def validation_problem(fields: dict[str, Any]) -> str:
    """What tells validation prompts apart: the prompt itself."""
    return json.dumps(list(fields["raw_prompt"]), sort_keys=True, default=str)


class StagedAgentLoopManager(AgentLoopManagerTQ):
    """verl's manager with our workers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.agent_loop_workers_class = ray.remote(StagedAgentLoopWorker)
