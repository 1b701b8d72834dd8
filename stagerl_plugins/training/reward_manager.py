"""verl's reward manager on our rewards: what its reward workers call for each response."""

from __future__ import annotations

import logging
from typing import Any

from omegaconf import OmegaConf
from verl import DataProto
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from stagerl_plugins.config import on_plugin_error, parse
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.judge import Judge
from stagerl_plugins.training import verdict_fields
from stagerl_plugins.training.sampling import PROBLEM_FIELD
from stagerl_plugins.types import Response

logger = logging.getLogger(__name__)


class StagedRewardManager(RewardManagerBase):
    """Decodes a response and returns its verdict; never raises for what a reward does."""

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any = None, **kwargs: Any) -> None:
        super().__init__(config, tokenizer, compute_score)
        raw = OmegaConf.to_container(config.stagerl, resolve=True)
        plugins = load_plugins(on_plugin_error(raw), logger.warning)
        settings = parse(raw, plugins)
        self.judge = Judge(settings.rewards, plugins, settings.judging, report=logger.warning)

    async def run_single(self, data: DataProto) -> dict[str, Any]:
        """Judge one trajectory; of several sequences the last one counts."""
        item = data[-1:][0]
        responses, mask = item.batch["responses"], item.batch["attention_mask"]
        length = int(mask[-responses.shape[-1] :].sum())
        fields = item.non_tensor_batch
        extra_info = fields.get("extra_info") or {}
        verdict = await self.judge.judge(
            Response(
                text=self.tokenizer.decode(responses[:length], skip_special_tokens=True),
                ground_truth=fields["reward_model"]["ground_truth"],
                data_source=str(fields["data_source"]),
                problem=str(fields.get(PROBLEM_FIELD) or extra_info.get("id") or ""),
                extra_info=extra_info,
            )
        )
        return {
            "reward_score": 0.0 if verdict.score is None else float(verdict.score),
            "reward_extra_info": verdict_fields.pack(verdict, fields),
        }
