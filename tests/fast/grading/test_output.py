"""What a person sees of a grading: how far it is, and its results."""

import io

import pyarrow as pa
import pytest
from rich.console import Console

from stagerl_plugins import progress
from stagerl_plugins.grading.progress import GradingProgress
from stagerl_plugins.grading.summary import summary_table


def test_without_a_terminal_progress_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with GradingProgress(total=100, done=20) as grading:
        clock[0] = 150.0  # the model took its time
        grading.started()
        for seconds in range(1, 21):
            clock[0] = 150.0 + seconds
            grading.generated(4, 40)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "grading: 60/100 rollouts, 4.0/s, 40 tokens/s, 0:10 left",
        "grading: 100/100 rollouts, 4.0/s, 40 tokens/s, 0:00 left",
    ]


def test_results_as_text() -> None:
    table = pa.table(
        {
            "pass_rate_p": [0.0, 0.5, 1.0, 1.0, None],
            "response_length_p": [10.0, 20.0, 30.0, 40.0, None],
            "truncated_p": [0.5, 0.0, 0.0, 0.0, None],
        }
    )
    text = io.StringIO()
    Console(file=text, width=80).print(summary_table(table, "p", {"correct": 3, "wrong": 1}))
    lines = [" ".join(line.split()) for line in text.getvalue().splitlines()]
    assert lines == [
        "problems 5",
        "not graded 1",
        "never solved 1 (25.0%)",
        "sometimes solved 1 (25.0%)",
        "always solved 2 (50.0%)",
        "mean pass rate 0.625",
        "mean response length 25.0 tokens",
        "truncated responses 12.5%",
        "verdicts: correct 3 (75.0%)",
        "verdicts: wrong 1 (25.0%)",
    ]
