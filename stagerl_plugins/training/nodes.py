"""The same plugins in the same versions on every Ray node, checked before a model is loaded."""

from __future__ import annotations

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from stagerl_plugins.errors import PluginError
from stagerl_plugins.plugins import Plugins, load_plugins


def inventory(plugins: Plugins) -> dict[str, str]:
    """Each registered plugin with the version of its distribution."""
    return {
        f"{registration.kind} '{registration.name}'": f"{registration.distribution} {registration.version}"
        for registration in plugins.registrations.values()
    }


def check_nodes(plugins: Plugins, on_error: str) -> None:
    """Compare this process's plugins with those of every node that is alive.

    Args:
        plugins: What this process loaded.
        on_error: "fail" or "skip", as this process loaded them.

    Raises:
        PluginError: A node has other plugins or versions, or cannot load them; names the node and the first difference.
    """
    expected = inventory(plugins)
    here = ray.get_runtime_context().get_node_id()
    others = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here]
    remote = ray.remote(num_cpus=0, max_retries=0)(_inventory_here)
    answers = {
        node["NodeManagerHostname"]: remote.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(on_error)
        for node in others
    }
    for host, answer in answers.items():
        try:
            found = ray.get(answer)
        except ray.exceptions.RayTaskError as error:
            raise PluginError(f"node {host} cannot load the plugins: {error.cause}") from error
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                raise PluginError(
                    f"node {host} has another {name}: {found.get(name, 'none')} instead of "
                    f"{expected.get(name, 'none')}; install the same packages on every node"
                )


def _inventory_here(on_error: str) -> dict[str, str]:
    return inventory(load_plugins(on_error))
