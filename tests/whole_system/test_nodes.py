"""Plugins that differ between Ray nodes are found before a model is loaded: two real nodes on one machine."""

from __future__ import annotations

import subprocess
import sys

import pytest
from harness import environment, private_ray

SCRIPT = """
import os
from ray.cluster_utils import Cluster
import ray
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.training.nodes import check_nodes

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
os.environ.update(SECOND)
cluster.add_node(num_cpus=2)
os.environ.pop("STAGERL_LOAD_PLUGINS", None)
ray.init(address=cluster.address, log_to_driver=False)
try:
    check_nodes(load_plugins(), "fail")
    print("all nodes have the same plugins")
except Exception as error:
    print(error)
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.parametrize(
    ("second", "line"),
    [
        ({}, "all nodes have the same plugins"),
        ({"STAGERL_LOAD_PLUGINS": "reward_math"}, "has another difficulty_metric 'pass_rate': none instead of stagerl"),
    ],
)
def test_a_node_with_other_plugins_is_named(second, line):
    with private_ray():
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.replace("SECOND", repr(second))],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=180,
        )
    assert line in done.stdout, done.stderr[-2000:]
