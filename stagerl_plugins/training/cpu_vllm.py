"""vLLM's CPU backend, made ready for a weight sync: an entry point of vLLM's own group `vllm.general_plugins`."""

from __future__ import annotations

from typing import Any


def register() -> None:
    """Keep linear weights in place on a CPU; does nothing elsewhere.

    vLLM's CPU backend packs each linear weight after the first load and drops the parameter it came from, so that the
    next `load_weights`, which verl calls every step, would fail.
    """
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    import torch
    from vllm.model_executor.layers import utils

    def keep_weights(layer: Any, remove_weight: bool) -> None:
        layer.cpu_linear = torch.nn.functional.linear

    utils.dispatch_cpu_unquantized_gemm = keep_weights
