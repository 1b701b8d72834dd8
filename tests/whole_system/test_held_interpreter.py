"""A coroutine that keeps the interpreter to itself: no thread of the judge's own can stop it."""

from __future__ import annotations

import os

import pytest
from harness import HERE, private_ray

from stagerl_plugins import Response


def test_a_reward_that_keeps_the_interpreter_to_itself_costs_its_response_and_not_the_run():
    import ray

    folder = str(HERE / "plugins")
    with private_ray(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")]))
        patch.syspath_prepend(folder)
        from reward_worker import RewardWorker

        from stagerl_plugins.training.node_judge import JudgeSettings

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            worker = RewardWorker.remote(JudgeSettings({"default": "holding"}, {"seconds": 5.0}))
            held = ray.get(worker.judge.remote(Response("hold", "")), timeout=300)
            assert held.score is None
            assert held.detail.startswith("the judge of the node was lost: ")
            assert ray.get(worker.judge.remote(Response("", "")), timeout=300).score == 1.0
        finally:
            ray.shutdown()
