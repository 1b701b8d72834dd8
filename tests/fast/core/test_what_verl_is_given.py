"""Problem files and a model that a run could not work with end in one line, before anything is started."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from stagerl_plugins.config import parse
from stagerl_plugins.errors import UserError
from stagerl_plugins.model_path import check_model_path
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.training.hydra_plugin import check_words
from stagerl_plugins.training.verl_config import build_curriculum

PLUGINS = load_plugins()
ROW = {
    "id": "a",
    "data_source": "sums",
    "prompt": [{"role": "user", "content": "1+1?"}],
    "reward_model": {"ground_truth": "2"},
}


def build(settings: dict[str, Any] | None = None, **data: Any) -> None:
    verl = {"algorithm": {"adv_estimator": "grpo"}, "data": {"prompt_key": "prompt", **data}}
    config = parse({"stages": {"all": {"max_steps": 1}}, **(settings or {})}, PLUGINS)
    build_curriculum(OmegaConf.create(verl), config, PLUGINS)


def written(path: Path, **changes: Any) -> str:
    row = {key: value for key, value in {**ROW, **changes}.items() if value != "left out"}
    pq.write_table(pa.Table.from_pylist([row]), path)
    return str(path)


def test_whole_files_are_taken(tmp_path: Path) -> None:
    good = written(tmp_path / "good.parquet")
    build(train_files=[good], val_files=good)


@pytest.mark.parametrize("files", [None, 3, [], [None], ""])
@pytest.mark.parametrize("key", ["train_files", "val_files"])
def test_files_must_be_named(tmp_path: Path, key: str, files: Any) -> None:
    good = written(tmp_path / "good.parquet")
    with pytest.raises(UserError, match=rf"^data.{key}=.*: must name a file of problems"):
        build(**{"train_files": good, "val_files": good, key: files})


@pytest.mark.parametrize("key", ["train_files", "val_files"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": "1+1?"}, "row 0: prompt: expected a list of messages with role and content, got '1"),
        ({"prompt": None}, "row 0: prompt: expected"),
        ({"prompt": [{"text": "1+1?"}]}, "row 0: prompt: expected"),
        ({"prompt": "left out"}, "has no column prompt"),
        ({"reward_model": {"style": "rule"}}, "row 0: reward_model: has no ground_truth"),
        ({"data_source": "left out"}, "has no column data_source"),
        ({"extra_info": '{"set": "easy"}'}, "row 0: extra_info: expected keys and values, got '{"),
    ],
)
def test_rows_must_be_problems(tmp_path: Path, key: str, changes: dict[str, Any], message: str) -> None:
    good, bad = written(tmp_path / "good.parquet"), written(tmp_path / "bad.parquet", **changes)
    with pytest.raises(UserError) as error:
        build(**{"train_files": good, "val_files": good, key: bad})
    assert str(error.value).startswith(f"data.{key}: ")
    assert message in str(error.value)


def test_of_several_files_the_one_at_fault_is_named_with_its_row(tmp_path: Path) -> None:
    good, bad = written(tmp_path / "good.parquet"), written(tmp_path / "bad.parquet", prompt=None)
    with pytest.raises(UserError) as error:
        build(train_files=[good, good, bad], val_files=good)
    assert str(error.value).startswith(f"data.train_files: {bad}: row 0: prompt: expected")


def test_files_that_are_left_out_are_missing_and_not_verls_default(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        build(train_files="~/data/rlhf/gsm8k/train.parquet", val_files=written(tmp_path / "good.parquet"))
    assert str(error.value) == "data.train_files: is missing: name a file of problems, or a list of files"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    good = written(tmp_path / "good.parquet")
    with pytest.raises(UserError) as error:
        build(train_files=good, val_files=[good, str(tmp_path)])
    assert str(error.value) == f"data.val_files: {tmp_path}: is a folder: name the files in it"


@pytest.mark.parametrize("path", ["nope.parquet", "~nobody_of_this_name/x.parquet"])
def test_a_missing_file_is_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(UserError, match=r"^data.val_files: no such file: "):
        build(train_files=written(tmp_path / "good.parquet"), val_files=path)


@pytest.mark.parametrize("key", ["train_files", "val_files"])
def test_a_data_source_without_a_reward_is_named(tmp_path: Path, key: str) -> None:
    good, other = written(tmp_path / "good.parquet"), written(tmp_path / "other.parquet", data_source="aime")
    with pytest.raises(UserError, match=r"no reward for data source 'aime'"):
        build({"rewards": {"sums": "math"}}, **{"train_files": good, "val_files": good, key: other})


def test_a_reward_is_for_a_data_source_of_training_or_validation(tmp_path: Path) -> None:
    train, held_out = written(tmp_path / "a.parquet"), written(tmp_path / "b.parquet", data_source="aime")
    build({"rewards": {"sums": "math", "aime": "math"}}, train_files=train, val_files=held_out)
    with pytest.raises(UserError) as error:
        build({"rewards": {"default": "math", "smus": "math"}}, train_files=train, val_files=held_out)
    assert str(error.value) == "stagerl.rewards.smus: no problem has the data source 'smus': did you mean 'sums'?"


def test_a_validation_set_that_no_problem_belongs_to_is_named(tmp_path: Path) -> None:
    train, held_out = written(tmp_path / "a.parquet"), written(tmp_path / "b.parquet", extra_info={"set": "easy"})
    for known in ("easy", None):
        build({"guards": {"validation_drop": {"validation_set": known}}}, train_files=train, val_files=held_out)
    with pytest.raises(UserError) as error:
        build({"guards": {"validation_drop": {"validation_set": "eazy"}}}, train_files=train, val_files=held_out)
    line = "stagerl.guards.validation_drop: no validation set is called 'eazy': did you mean 'easy'?"
    assert str(error.value) == line
    build({"guards": {"validation_drop": {"validation_set": "sums"}}}, train_files=train, val_files=train)


def test_a_model_is_a_folder_with_a_model_or_a_name(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(UserError, match=r"^model .*: the folder has no config.json"):
        check_model_path(str(tmp_path / "model"), "model")
    (tmp_path / "model" / "config.json").write_text("{}")
    check_model_path(str(tmp_path / "model"), "model")
    check_model_path("org/name", "model")
    for path in (str(tmp_path / "model" / "config.json"), str(tmp_path / "no"), "./no", "~/no", "a/b/c"):
        with pytest.raises(UserError, match=f"^model {path}: no such folder"):
            check_model_path(path, "model")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["+stagerl=two_stage", "++stagerl.seed=3"], None),
        (["data.train_files=x", "+stagerl_device=cpu", "--config-name=x"], None),
        (["+stagerl.seed=3"], "stagerl.seed: add a stage file such as `+stagerl=two_stage` first"),
        (["+stagrl=two_stage"], "stagrl: did you mean `+stagerl=…`?"),
    ],
)
def test_a_verl_command_that_would_run_without_stages_is_refused(words: list[str], fault: str | None) -> None:
    found = check_words(words)
    assert found == fault or (fault is not None and found is not None and found.startswith(fault))
