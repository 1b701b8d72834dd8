"""Two runs on one machine must not take each other's weights.

verl's actor sends its weights to vLLM through a Unix socket in /tmp that is named after Ray's job. Ray counts jobs anew
in each cluster, so that two runs, each with a cluster of its own, have one name between them: when both sync at the
same moment, one gets the other's weights and the other waits for ever. verl has no seam for the name. In verl 0.9.1 two
places make it, one at each end; here both add the process id of the node's Ray daemon, which both ends inherit.
"""

from __future__ import annotations

import os
from typing import Any

_NAME = "rl-colocate-zmq-"


def install() -> None:
    """Patch both ends when they are imported; called in each of verl's processes."""
    import wrapt

    wrapt.register_post_import_hook(_patch_sender, "verl.workers.rollout.vllm_rollout.vllm_rollout")
    wrapt.register_post_import_hook(_patch_receiver, "verl.workers.rollout.vllm_rollout.utils")


def of_this_cluster(address: str) -> str:
    """The socket's address with the Ray daemon's process id; as it is outside of Ray.

    Raises:
        RuntimeError: verl names it in another way.
    """
    if _NAME not in address:
        raise RuntimeError(f"verl sends weights through '{address}': expected a name with '{_NAME}'")
    daemon = os.environ.get("RAY_RAYLET_PID")
    return address.replace(_NAME, f"{_NAME}{daemon}-") if daemon else address


def _patch_sender(module: Any) -> None:
    import wrapt

    def build(real: Any, instance: Any, arguments: Any, named: Any) -> None:
        real(*arguments, **named)
        instance.zmq_handle = of_this_cluster(instance.zmq_handle)

    wrapt.wrap_function_wrapper(module, "ServerAdapter.__init__", build)


def _patch_receiver(module: Any) -> None:
    import wrapt

    def name(real: Any, instance: Any, arguments: Any, named: Any) -> str:
        return of_this_cluster(real(*arguments, **named))

    wrapt.wrap_function_wrapper(module, "vLLMColocateWorkerExtension._get_zmq_handle", name)
