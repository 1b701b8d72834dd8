"""Our rewards in verl's own trainers: mistakes end in one line that names the key, before anything is started."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import DictConfig, OmegaConf

from stagerl_plugins import Reward, hookimpl
from stagerl_plugins.errors import UserError
from stagerl_plugins.plugins import Plugins, load_plugins
from stagerl_plugins.training import verl_rewards
from stagerl_plugins.training.verl_defaults import verl_defaults

OURS = {
    "reward.reward_manager.source": "importlib",
    "reward.reward_manager.name": "VerdictManager",
    "reward.reward_manager.module.path": "pkg://stagerl_plugins.training.reward_manager",
}


def composed(**verl: Any) -> DictConfig:
    config = OmegaConf.create(verl_defaults())
    for key, value in {**OURS, **verl}.items():
        OmegaConf.update(config, key, value, force_add=True)
    return config


def problems(path: Path, *data_sources: str) -> str:
    pq.write_table(pa.Table.from_pylist([{"data_source": name} for name in data_sources]), path)
    return str(path)


def test_every_data_source_has_a_reward_of_its_own_or_the_default() -> None:
    section, _ = verl_rewards.read(
        composed(**{"reward.stagerl.rewards": {"math": "math", 7: {"math": {"seconds": 2}}}})
    )
    assert section.rewards == {"math": {"math": {}}, "7": {"math": {"seconds": 2}}}
    assert verl_rewards.read(composed())[0].rewards == {"default": {"math": {}}}


def test_verl_s_own_function_is_the_reward_unless_others_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def compute_score(data_source, solution_str, ground_truth, extra_info=None): return 1.0")
    function = {"reward.custom_reward_function.path": str(file)}
    named = {"default": {"verl_function": {"path": str(file), "name": "compute_score"}}}
    assert verl_rewards.read(composed(**function))[0].rewards == named
    others = verl_rewards.read(composed(**function, **{"reward.stagerl.rewards.default": "math"}))
    assert others[0].rewards == {"default": {"math": {}}}


@pytest.mark.parametrize(
    ("verl", "line"),
    [
        ({"reward.stagerl.rewrads": {}}, "reward.stagerl.rewrads: unknown key; did you mean 'rewards'?"),
        ({"reward.stagerl": "math"}, "reward.stagerl: expected keys and values, got 'math'"),
        ({"reward.stagerl.judging.most_not_judged": 0.1}, "reward.stagerl.judging.most_not_judged: unknown key; "),
        ({"reward.stagerl.judging.processes": 0}, "reward.stagerl.judging.processes: input should be greater than"),
        ({"reward.stagerl.rewards.a": "maths"}, "reward.stagerl.rewards.a: no reward is called 'maths': did you mean"),
        ({"reward.stagerl.rewards.a.math.secs": 1}, "reward.stagerl.rewards.a.math.secs: unknown key; did you mean 's"),
        ({"reward.stagerl.rewards.a.verl_function.path": "/no.py"}, "reward.stagerl.rewards.a"),
        ({"reward.sandbox_fusion.url": "http://a:8080"}, "reward.sandbox_fusion.url=http://a:8080: only verl's own"),
        ({"reward.reward_model.enable": True}, "reward.reward_model.enable=True: verl then asks its model"),
    ],
)
def test_a_mistake_is_one_line(verl: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError) as error:
        verl_rewards.check(composed(**verl))
    assert str(error.value).startswith(line)


def test_a_data_source_without_a_reward_is_named(tmp_path: Path) -> None:
    files = {
        "data.train_files": [problems(tmp_path / "train.parquet", "math", "code")],
        "data.val_files": problems(tmp_path / "held_out.parquet", "aime"),
    }
    both = {"reward.stagerl.rewards.math": "math", "reward.stagerl.rewards.code": "math"}
    with pytest.raises(UserError, match=r"^reward\.stagerl\.rewards: no reward for data source 'aime': add it"):
        verl_rewards.check(composed(**files, **both))
    verl_rewards.check(composed(**files, **both, **{"reward.stagerl.rewards.aime": "math"}))
    with pytest.raises(UserError, match=r"^reward\.stagerl\.rewards\.amie: no problem has the data source 'amie'"):
        verl_rewards.check(
            composed(**files, **{"reward.stagerl.rewards.default": "math", "reward.stagerl.rewards.amie": "math"})
        )


def test_files_that_only_verl_can_read_are_left_to_verl() -> None:
    verl_rewards.check(
        composed(**{"data.train_files": "hdfs://far/away.parquet", "reward.stagerl.rewards.math": "math"})
    )


def test_a_reward_of_groups_needs_groups_of_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ranks(Reward):
        takes_group, isolated = True, False

        def __init__(self, options: Any, setup: Any) -> None: ...

    class Package:
        stagerl_contract = 1

        @hookimpl
        def register_rewards(self, register: Any) -> None:
            register("ranks", Ranks)

    def with_ranks(*arguments: Any) -> Plugins:
        plugins = load_plugins()
        plugins.add(Package(), "ranks", "1.0")
        return plugins

    monkeypatch.setattr(verl_rewards, "load_plugins", with_ranks)
    sizes = {"reward.stagerl.rewards.a": "ranks", "actor_rollout_ref.rollout.n": 8}
    with pytest.raises(UserError, match=r"^reward\.stagerl\.rewards\.a: 'ranks' takes all rollouts .* which is 8$"):
        verl_rewards.check(composed(**sizes))
    verl_rewards.check(composed(**sizes, **{"actor_rollout_ref.rollout.val_kwargs.n": 8}))


def test_other_reward_managers_are_none_of_our_business() -> None:
    verl_rewards.check(composed(**{"reward.reward_manager.name": "Mine", "reward.stagerl": "nonsense"}))
    verl_rewards.check(composed(**{"reward.reward_manager.source": "register", "reward.stagerl": "nonsense"}))
