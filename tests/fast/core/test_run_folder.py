"""What a run leaves, also when it was killed while it wrote."""

import pytest

from stagerl_plugins.errors import UserError
from stagerl_plugins.run_folder import RunFolder, find_run
from stagerl_plugins.types import StepRecord


def test_metrics_are_one_entry_a_step_and_survive_a_torn_line(tmp_path):
    run = RunFolder(tmp_path)
    run.append_metrics(1, {"stage": "easy", "reward/mean": 0.5, "nan": float("nan")})
    run.append_metrics(2, {"stage": "easy", "reward/mean": 0.6})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "rew')
    run.append_metrics(2, {"stage": "easy", "reward/mean": 0.7})
    run.append_metrics(2, {"validation/held": 0.4})
    assert run.metrics() == [
        {"step": 1, "stage": "easy", "reward/mean": 0.5},
        {"step": 2, "stage": "easy", "reward/mean": 0.7, "validation/held": 0.4},
    ]


def test_lines_that_are_no_metrics_are_passed_over(tmp_path):
    run = RunFolder(tmp_path)
    assert run.metrics_stamp() == run.metrics_stamp()
    before = run.metrics_stamp()
    run.append_metrics(1, {"stage": "easy"})
    assert run.metrics_stamp() != before
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'null\n5\n[]\n{}\n{"step": null}\n\xff\xfe\n' + bytes(100) + b"\n")
    run.append_metrics(2, {"stage": "easy"})
    assert run.metrics() == [{"step": 1, "stage": "easy"}, {"step": 2, "stage": "easy"}]


def test_a_repeated_step_leaves_nothing_of_the_killed_attempt(tmp_path):
    run = RunFolder(tmp_path)
    run.append_metrics(0, {"validation/held": 0.1})
    run.append_metrics(1, {"stage": "easy", "reward/mean": 0.5})
    run.append_metrics(2, {"stage": "hard", "transition": "advance: by chance", "reward_part/format": 1.0})
    run.append_metrics(2, {"validation/held": 0.2})
    run.append_metrics(3, {"stage": "hard", "reward/mean": 0.1})
    run.append_metrics(1, {"validation/held": 0.3})  # resumed from step 1, whose validation the kill had prevented
    run.append_metrics(2, {"stage": "easy", "reward/mean": 0.7})
    assert run.metrics() == [
        {"step": 0, "validation/held": 0.1},
        {"step": 1, "stage": "easy", "reward/mean": 0.5, "validation/held": 0.3},
        {"step": 2, "stage": "easy", "reward/mean": 0.7},
    ]


def test_observations_of_a_killed_attempt_are_dropped(tmp_path):
    run = RunFolder(tmp_path)
    run.drop_observations_after(0)
    for step in (1, 2, 9, 10):
        run.write_observations(StepRecord(step, "easy", ()))
    run.drop_observations_after(2)
    assert sorted(path.name for path in (tmp_path / "observations").iterdir()) == [
        "step_00000001.parquet",
        "step_00000002.parquet",
    ]


def test_run_json_is_updated_by_key(tmp_path):
    run = RunFolder(tmp_path / "new")
    run.write_run(fingerprint={"seed": 1}, ended=None)
    run.write_run(ended={"step": 3, "reason": "enough"})
    assert run.read_run() == {"fingerprint": {"seed": 1}, "ended": {"step": 3, "reason": "enough"}}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "null",
        '{"ended": null}',
        '{"fingerprint": null}',
        '{"fingerprint": ["seed"]}',
        '{"fingerprint": {}, "accepted_changes": null}',
        '{"fingerprint": {}, "ended": 3}',
        '{"fingerprint": {}, "ended": {"step": 3}}',
    ],
)
def test_a_damaged_run_json_is_one_line(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(UserError, match=r"run\.json: cannot be read \(.+\): restore it, or give the run another name"):
        RunFolder(tmp_path).read_run()


def a_run(folder):
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    return folder


@pytest.mark.parametrize("step", ["x", "", "-1", "²", "9" * 5000])
def test_a_step_is_a_number(tmp_path, step):
    with pytest.raises(UserError, match="expected RUN@STEP with a number"):
        find_run(f"{a_run(tmp_path / 'run')}@{step}")


@pytest.mark.parametrize("folder", ["run", "me@home/run", "run@home", "run@7"])
def test_a_run_is_a_folder_with_or_without_a_step(tmp_path, folder):
    """Also where a name on the way has an `@`."""
    run = a_run(tmp_path / folder)
    assert find_run(str(run)) == (run, None)
    assert find_run(f"{run}@40") == (run, 40)


@pytest.mark.parametrize(
    ("run", "name"),
    [("lost", "lost"), ("lost@40", "lost"), ("me@home/lost", "me@home/lost"), ("x" * 5000, "x" * 5000)],
)
def test_a_run_that_is_nowhere_is_named(run, name):
    with pytest.raises(UserError, match=f"no run '{name}': neither {name} nor runs/{name} holds a run.json"):
        find_run(run)
