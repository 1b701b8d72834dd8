"""One judge a node, shared through Ray by the reward workers of the node: two real nodes on one machine."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from harness import HERE, private_ray

from stagerl_plugins import Response, Verdict

REWARDS = {"hanging": {"hanging": {}}, "waiting": {"waiting": {}}, "meeting": {"meeting": {}}}
JUDGING = {"processes": 1, "concurrency": 2, "seconds": 300.0}


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Any]]:
    """Two reward workers on each of two nodes."""
    import ray
    from ray.cluster_utils import Cluster
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    folder = str(HERE / "plugins")
    with private_ray(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")]))
        patch.syspath_prepend(folder)
        from reward_worker import RewardWorker

        from stagerl_plugins.training.node_judge import JudgeSettings

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        try:
            nodes = [cluster.head_node, cluster.add_node(num_cpus=2)]
            ray.init(address=cluster.address, log_to_driver=False)
            places = [NodeAffinitySchedulingStrategy(node.node_id, soft=False) for node in nodes for _ in range(2)]
            settings = JudgeSettings(REWARDS, JUDGING)
            yield [RewardWorker.options(scheduling_strategy=place).remote(settings) for place in places]
        finally:
            ray.shutdown()
            cluster.shutdown()


def judged(worker: Any, *responses: Response) -> list[Verdict]:
    import ray

    return ray.get([worker.judge.remote(response) for response in responses], timeout=180)


def tries(file: Path) -> list[list[int]]:
    """Process ids of the verdict process, of the one that it was forked from, and of the judge, of each try."""
    return [[int(pid) for pid in line.split()] for line in file.read_text().splitlines()] if file.exists() else []


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_the_workers_of_a_node_share_its_verdict_processes(workers, tmp_path):
    for number, worker in enumerate(workers):
        judged(worker, Response("0", str(tmp_path / str(number // 2)), "hanging"))
    first, second = tries(tmp_path / "0"), tries(tmp_path / "1")
    assert first[0] == first[1]
    assert second[0] == second[1]
    assert not set(first[0]) & set(second[0])


def test_rewards_that_only_wait_get_no_more_responses_at_a_time_than_asked_for(workers):
    verdicts = judged(workers[0], *[Response("", "", "waiting")] * 10)
    assert {verdict.detail for verdict in verdicts} == {"1", "2"}


def test_the_rollouts_of_a_group_meet_in_one_judge_wherever_they_were_generated(workers):
    meetings = []
    for group in map(str, range(12)):
        rollouts = [Response("", "", "meeting", group=group, group_size=len(workers)) for _ in workers]
        import ray

        verdicts = ray.get([w.judge.remote(r) for w, r in zip(workers, rollouts, strict=True)], timeout=180)
        meetings.append({verdict.detail for verdict in verdicts})
    assert all(len(judges) == 1 for judges in meetings)
    assert len(set.union(*meetings)) == 2  # not all in one of them


def test_a_rollout_that_failed_elsewhere_is_not_waited_for(workers):
    import ray

    waiting = workers[0].judge.remote(Response("", "", "meeting", group="never whole", group_size=2))
    ray.get(workers[3].abandon.remote("never whole"), timeout=180)
    verdict = ray.get(waiting, timeout=60)  # alone it would wait an hour
    assert verdict.score is None
    assert verdict.detail.endswith(("1 of 2 rollouts of its group arrived", "its group had been given up"))


def test_a_judge_that_is_killed_is_there_again_and_judges_what_it_was_judging(workers, tmp_path):
    file = tmp_path / "tries"
    waiting = workers[1].judge.remote(Response("1", str(file), "hanging"))
    until(lambda: len(tries(file)) == 1)
    (first,) = tries(file)
    psutil.Process(first[-1]).kill()
    import ray

    verdict = ray.get(waiting, timeout=180)
    assert verdict.score == 1.0
    second = tries(file)[1]
    assert not set(first) & set(second)
    until(lambda: not any(map(runs, first)))


def test_a_response_whose_judge_is_killed_twice_is_not_judged(workers, tmp_path):
    file = tmp_path / "tries"
    waiting = workers[2].judge.remote(Response("9", str(file), "hanging"))
    for number in (1, 2):
        until(lambda number=number: len(tries(file)) == number)
        psutil.Process(tries(file)[-1][-1]).kill()
    import ray

    verdict = ray.get(waiting, timeout=180)
    assert verdict.score is None
    assert verdict.detail.startswith("the judge of the node was lost: ")
    assert judged(workers[3], Response("0", str(tmp_path / "after"), "hanging"))[0].score == 1.0


def test_a_judge_outlives_the_worker_that_made_it(workers, tmp_path):
    import ray

    ray.kill(workers[0])
    ray.kill(workers[2])
    for worker in (workers[1], workers[3]):
        assert judged(worker, Response("0", str(tmp_path / "tries"), "hanging"))[0].score == 1.0


def test_what_cannot_be_built_costs_the_verdicts_with_its_reason():
    from stagerl_plugins.training.node_judge import JudgeSettings, NodeJudge

    judge = NodeJudge(JudgeSettings({"default": {"maths": {}}}, {}))
    verdict = asyncio.run(judge.judge(Response("", "")))
    assert verdict == Verdict.not_judged("rewards.default: no reward is called 'maths': did you mean 'math'?")


def test_what_could_not_be_built_is_tried_again_after_a_pause(tmp_path):
    from stagerl_plugins.training import node_judge

    function = tmp_path / "late.py"
    settings = node_judge.JudgeSettings({"default": {"verl_function": {"path": str(function)}}}, {"processes": 1})
    judge = node_judge.NodeJudge(settings)
    function.write_text("def compute_score(data_source, solution_str, ground_truth, extra_info=None): return 1")
    assert asyncio.run(judge.judge(Response("", ""))).detail.endswith(f"no such file, got '{function}'")
    judge._again_at -= node_judge.PAUSE_SECONDS
    assert asyncio.run(judge.judge(Response("", ""))).score == 1
    judge._judge.close()
