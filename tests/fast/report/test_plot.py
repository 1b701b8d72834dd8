"""The picture of a run: it is drawn from what a run really leaves, and says what is missing."""

import sys
from pathlib import Path

import numpy as np
import pytest

from stagerl_plugins.errors import UserError
from stagerl_plugins.report.plot import draw, moving_mean, plot_run
from stagerl_plugins.run_folder import RunFolder

pytest.importorskip("matplotlib")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run of two stages that went back once and validated in every third step."""
    folder = RunFolder(tmp_path / "demo")
    folder.folder.mkdir()
    for step, stage in enumerate(["easy"] * 4 + ["hard"] * 3 + ["easy"] * 2, start=1):
        numbers: dict[str, object] = {"stage": stage, "reward/generated_mean": step / 10, "reward/mean": 0.5}
        numbers["response_length/mean"] = 5.0 + step
        if step % 3 == 0:
            numbers |= {"validation/easy": step / 9, "validation/hard": step / 20}
        folder.append_metrics(step, numbers)
    return folder


def test_a_run_becomes_one_png(run: RunFolder) -> None:
    picture = plot_run(run.folder)
    assert picture == run.folder / "plot.png"
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert sorted(path.name for path in run.folder.iterdir()) == ["metrics.jsonl", "plot.png"]


def test_the_picture_shows_each_stay_in_a_stage_and_each_validation_set(run: RunFolder) -> None:
    reward, accuracy, length = draw(run.metrics(), "demo").axes
    assert [text.get_text() for text in reward.texts] == ["easy", "hard", "easy"]
    assert [line.get_xdata()[0] for line in length.lines if line.get_linestyle() == ":"] == [4.5, 7.5]
    first, second, third = reward.patches
    assert first.get_facecolor() == third.get_facecolor() != second.get_facecolor()
    assert accuracy.get_legend_handles_labels()[1] == ["easy", "hard"]
    assert list(accuracy.lines[0].get_xdata()) == [3, 6, 9]


def test_lines_do_not_mix_steps_of_two_stages() -> None:
    entries = [
        {"step": step, "stage": stage, "reward/generated_mean": value, "reward/mean": value}
        for step, stage, value in [(1, "easy", 1.0), (2, "easy", 1.0), (3, "hard", 0.0), (4, "hard", 0.0)]
    ]
    reward = draw(entries, "demo").axes[0]
    smooth = [list(line.get_ydata()) for line in reward.lines if line.get_linestyle() == "-"]
    assert smooth == [[1.0, 1.0], [0.0, 0.0]]


def test_a_run_that_never_validated_says_so(tmp_path: Path) -> None:
    accuracy = draw([{"step": 1, "stage": "easy", "reward/generated_mean": 0.5}], "demo").axes[1]
    assert [text.get_text() for text in accuracy.texts] == ["this run did not validate"]


def test_a_folder_without_steps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"metrics\.jsonl: has no step yet"):
        plot_run(tmp_path)


def test_a_missing_matplotlib_is_named_with_its_extra(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match=r"stagerl-plugins\[report\]"):
        plot_run(run.folder)


def test_a_picture_that_cannot_be_written_is_one_line(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        plot_run(run.folder, tmp_path / "absent" / "plot.png")


def test_moving_mean_uses_fewer_values_at_the_ends() -> None:
    assert moving_mean(np.array([0.0, 3.0, 6.0, 9.0]), width=3).tolist() == [1.5, 3.0, 6.0, 7.5]
