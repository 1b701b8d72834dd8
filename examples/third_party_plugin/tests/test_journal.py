"""What the journal says of a run."""

import json

from stagerl_reasoning_gym.journal import NAME, Journal

from stagerl_plugins import Admission, Group, Outcome, Rollout, RunInfo, StepRecord, Verdict


def test_a_line_for_each_event_with_right_and_judged_rollouts_by_level(tmp_path):
    right, wrong = Rollout(Verdict(Outcome.CORRECT, 1.0), 9), Rollout(Verdict(Outcome.WRONG, 0.0), 9)
    lost = Rollout(Verdict.not_judged("lost"), 9)
    easy = Group(0, "chain_sum/0/0-0", "one", 1, (right, right))
    hard = Group(1, "chain_sum/1/0-0", "one", 1, (wrong, lost))
    journal = Journal()
    journal.run_started(RunInfo("run", str(tmp_path), ("one",), 9))
    journal.step_ended(StepRecord(1, "one", ((easy, Admission(True)), (hard, Admission(False)))))
    journal.run_ended("done")
    started, step, ended = map(json.loads, (tmp_path / NAME).read_text().splitlines())
    assert started == {"event": "run_started", "resumed_from": None, "stages": ["one"]}
    assert step == {"event": "step_ended", "step": 1, "right": {"chain_sum/0": [2, 2], "chain_sum/1": [0, 1]}}
    assert ended == {"event": "run_ended", "reason": "done"}
