"""Stands for a reward worker of verl's, which imports torch to do as much."""

import ray

from stagerl_plugins.training.node_judge import Judges


@ray.remote(num_cpus=0)
class RewardWorker:
    def __init__(self, settings):
        self.judges = Judges(settings)
        self.judges.start()

    async def judge(self, response):
        return await self.judges.judge(response)

    async def abandon(self, group):
        self.judges.abandon(group)
