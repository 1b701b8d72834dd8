"""verl's reward managers on our rewards: what its reward workers call for each response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf
from verl import DataProto
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from stagerl_plugins.config import on_plugin_error
from stagerl_plugins.training import verdict_fields, verl_rewards
from stagerl_plugins.training.node_judge import Judges, JudgeSettings
from stagerl_plugins.training.sampling import ROLLOUT_FIELD
from stagerl_plugins.training.truncation import end_tokens, was_cut
from stagerl_plugins.types import Response, Verdict


class JudgedManager(RewardManagerBase):
    """Decodes a response and has it judged on its node; never raises for what a reward does.

    Args:
        config: verl's whole configuration.
        tokenizer: Decodes responses.
    """

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any = None, **kwargs: Any) -> None:
        super().__init__(config, tokenizer, compute_score)
        self.end_tokens = end_tokens(tokenizer)
        self.judges = self.judges_of(config)
        self.judges.start()

    @staticmethod
    def judges_of(config: Any) -> Judges:
        """The judges that this configuration asks for."""
        raise NotImplementedError

    @staticmethod
    def pack(verdict: Verdict, row: Mapping[str, Any]) -> dict[str, Any]:
        """What verl keeps of a verdict besides the score.

        Args:
            verdict: The verdict.
            row: The prompt's fields.
        """
        raise NotImplementedError

    async def run_single(self, data: DataProto) -> dict[str, Any]:
        """Judge one trajectory; of several sequences the last one counts."""
        item = data[-1:][0]
        verdict = await self.judges.judge(self._response(item))
        return {
            "reward_score": 0.0 if verdict.score is None else float(verdict.score),
            "reward_extra_info": self.pack(verdict, item.non_tensor_batch),
        }

    def _response(self, item: Any) -> Response:
        """What a reward is told of one sequence, of verl's item with its tokens and the prompt's fields."""
        tokens, mask, fields = item.batch["responses"], item.batch["attention_mask"], item.non_tensor_batch
        length = int(mask[-tokens.shape[-1] :].sum())
        last = int(tokens[length - 1]) if length else -1
        rollout = fields.get(ROLLOUT_FIELD) or self._stock_rollout()
        extra_info = fields.get("extra_info") or {}
        return Response(
            text=self.tokenizer.decode(tokens[:length], skip_special_tokens=True),
            ground_truth=fields["reward_model"]["ground_truth"],
            data_source=str(fields["data_source"]),
            problem=str(rollout["problem"] or extra_info.get("id") or ""),
            extra_info=extra_info,
            group=str(fields.get("uid") or ""),
            group_size=int(rollout["group_size"]),
            tokens=length,
            budget=int(rollout["budget"]),
            truncated=was_cut(length, last, rollout["budget"], self.end_tokens),
        )

    def _stock_rollout(self) -> dict[str, Any]:
        """What our agent loops would have said of a rollout; verl's own say nothing."""
        return {
            "problem": "",
            "group_size": self.config.actor_rollout_ref.rollout.n,
            "budget": self.config.data.max_response_length,
        }


class StagedRewardManager(JudgedManager):
    """That of staged runs: whole verdicts travel to the trainer."""

    pack = staticmethod(verdict_fields.pack)

    @staticmethod
    def judges_of(config: Any) -> Judges:
        raw = OmegaConf.to_container(config.stagerl, resolve=True)
        return Judges(JudgeSettings(raw["rewards"], raw.get("judging") or {}, on_plugin_error(raw)))


class VerdictManager(JudgedManager):
    """That of verl's own trainers: numbers that verl logs in a validation, and text for its dumps.

    A response that could not be judged scores 0 there: verl leaves no rollout out of its batch.
    """

    pack = staticmethod(verdict_fields.pack_for_verl)

    @staticmethod
    def judges_of(config: Any) -> Judges:
        section, _ = verl_rewards.read(config)
        judging = section.judging.model_dump(exclude_unset=True)
        return Judges(JudgeSettings(section.rewards, judging, section.plugins.on_error))
