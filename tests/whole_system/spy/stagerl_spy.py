"""Watches verl and vLLM from inside their own processes: loaded by `VERL_USE_EXTERNAL_MODULES`, writes JSON lines.

It changes nothing. One file a process under `$STAGERL_SPY`, one object a line with `event` and `time`.
"""

from __future__ import annotations

import functools
import json
import os
import time
from pathlib import Path

import wrapt

FOLDER = Path(os.environ["STAGERL_SPY"])


def note(event, **values):
    with (FOLDER / f"{os.getpid()}.jsonl").open("a") as file:
        file.write(json.dumps({"event": event, "time": time.time(), **values}) + "\n")


def watch(module, name, after):
    """Call `after(result, *args, **kwargs)` behind a function or method that `name` leads to."""
    *path, last = name.split(".")
    owner = functools.reduce(getattr, path, module)
    real = getattr(owner, last)

    @functools.wraps(real)
    def watched(*args, **kwargs):
        result = real(*args, **kwargs)
        after(result, *args, **kwargs)
        return result

    setattr(owner, last, watched)


def engine(module):
    """What vLLM's engine is asked for, and when it has answered."""
    real = module.AsyncLLM.generate

    async def generate(self, prompt, sampling_params, request_id, **kwargs):
        note(
            "request",
            max_tokens=sampling_params.max_tokens,
            temperature=sampling_params.temperature,
            seed=sampling_params.seed,
            prompt=list(prompt["prompt_token_ids"]),
        )
        async for output in real(self, prompt, sampling_params, request_id, **kwargs):
            yield output
        note("generated")

    module.AsyncLLM.generate = generate


def verdicts(module):
    """When an agent loop has the verdict on its response."""
    real = module.AgentLoopWorker._compute_score

    async def compute_score(self, *args, **kwargs):
        await real(self, *args, **kwargs)
        note("verdict")

    module.AgentLoopWorker._compute_score = compute_score


def loss(module):
    """What the actor's loss was computed from, row by row, and what came out."""

    def seen(result, config, model_output, data, dp_group=None):
        value, metrics = result
        rows = data.select("response_mask", "advantages").to_padded_tensor()
        numbers = {name: metric.values[0] if hasattr(metric, "values") else metric for name, metric in metrics.items()}
        note(
            "loss",
            loss=float(value),
            entropy_coeff=config.entropy_coeff,
            kl_loss_coef=config.kl_loss_coef,
            metrics={name: float(number) for name, number in numbers.items()},
            mask=rows["response_mask"].sum(dim=1).tolist(),
            advantage=(rows["advantages"] * rows["response_mask"]).sum(dim=1).tolist(),
        )

    watch(module, "ppo_loss", seen)


def optimizer(module):
    """Every optimizer step, with the rate that it used."""
    real = module.FSDPEngine.optimizer_step

    def optimizer_step(self):
        rates = [group["lr"] for group in self.optimizer.param_groups]
        grad_norm = real(self)
        note("update", kind=type(self).__name__, grad_norm=grad_norm, lr=rates)
        return grad_norm

    module.FSDPEngine.optimizer_step = optimizer_step


def advantages(module):
    """What GRPO made of the scores of each group."""

    def seen(result, token_level_rewards, response_mask, index, **kwargs):
        note(
            "advantages",
            uids=[str(uid) for uid in index],
            scores=token_level_rewards.sum(dim=1).tolist(),
            values=[float(row[0]) for row in result[0]],
        )

    watch(module, "compute_grpo_outcome_advantage", seen)


def kl_penalty(module):
    """What the KL term took from a batch's scores, and the KL itself: sums over all tokens."""

    def seen(result, data, *args, **kwargs):
        batch = result[0].batch
        kl = (batch["old_log_probs"] - batch["ref_log_prob"]) * batch["response_mask"]
        taken = batch["token_level_scores"] - batch["token_level_rewards"]
        note("kl_penalty", kl=float(kl.double().sum()), taken=float(taken.double().sum()))

    watch(module, "apply_kl_penalty", seen)


def saves(module):
    """When a checkpoint's weights are on disk and nothing else of it: a moment at which a test may kill the run."""

    def seen(result, self, local_path, hdfs_path=None, global_step=0, *args, **kwargs):
        note("saved", step=global_step, weights=fingerprint(self))
        if os.environ.get("STAGERL_TEST_KILL") == f"saving {global_step}":
            from stagerl_test_plugins import kill_run

            kill_run()

    def loaded(result, self, local_path, *args, **kwargs):
        note("loaded", path=local_path, weights=fingerprint(self))

    watch(module, "FSDPEngine.save_checkpoint", seen)
    watch(module, "FSDPEngine.load_checkpoint", loaded)


def fingerprint(engine):
    """The sum of all weights' magnitudes: equal for equal weights, and practically never otherwise."""
    return sum(float(p.full_tensor().double().abs().sum()) for p in engine.module.parameters())


def weights(module):
    """Which socket each end of a weight sync opens, and the Ray daemon that it belongs to."""
    for end in ("Sender", "Receiver"):

        def seen(result, self, end=end):
            note("weights", end=end, address=self.zmq_handle, daemon=os.environ.get("RAY_RAYLET_PID"))

        watch(module, f"BucketedWeight{end}._init_socket", seen)


wrapt.register_post_import_hook(engine, "vllm.v1.engine.async_llm")
wrapt.register_post_import_hook(verdicts, "verl.experimental.agent_loop.agent_loop")
wrapt.register_post_import_hook(loss, "verl.workers.utils.losses")
wrapt.register_post_import_hook(optimizer, "verl.workers.engine.fsdp.transformer_impl")
wrapt.register_post_import_hook(saves, "verl.workers.engine.fsdp.transformer_impl")
wrapt.register_post_import_hook(weights, "verl.workers.rollout.vllm_rollout.bucketed_weight_transfer")
wrapt.register_post_import_hook(advantages, "verl.trainer.ppo.core_algos")
wrapt.register_post_import_hook(kl_penalty, "verl.trainer.ppo.ray_trainer")
