"""CUDA as seen from a machine without it: `is_available()` is False, and what programs call without asking does
nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

import rushlight as torch
from rushlight import _no_device as _none

_ANSWERS = {
    "is_available": False,
    "is_initialized": False,
    "device_count": 0,
    "is_bf16_supported": False,
    "is_tf32_supported": False,
    "is_current_stream_capturing": False,
    "get_arch_list": [],
    "get_gencode_flags": "",
    "synchronize": None,
    "ipc_collect": None,
    "init": None,
    "seed": None,
    "seed_all": None,
    "get_rng_state_all": [],
    "set_rng_state_all": None,
    "set_sync_debug_mode": None,
    "get_sync_debug_mode": 0,
    "can_device_access_peer": False,
    "max_memory_cached": 0,
    "memory_cached": 0,
    "reset_max_memory_allocated": None,
    "reset_max_memory_cached": None,
    "memory_snapshot": [],
    "set_per_process_memory_fraction": None,
    **_none.MEMORY_ANSWERS,
}
_NEEDING = (
    "current_device get_device_name get_device_capability get_device_properties set_device current_stream "
    "default_stream set_stream "
    "initial_seed get_rng_state set_rng_state mem_get_info memory_summary list_gpu_processes current_blas_handle "
    "cudart utilization "
    "temperature power_draw clock_rate make_graphed_callables graph_pool_handle caching_allocator_alloc "
    "caching_allocator_delete _sleep"
)
_none.fill(globals(), "cuda", answers=_ANSWERS, needing=_NEEDING)
# programs that move to "the device of this tensor's CPU" call set_device(-1); everything else is an error
_set_device = globals()["set_device"]
manual_seed, manual_seed_all = _none.seeds("cuda")
device = _none.device_context("cuda")
Stream, Event = _none.stream_classes("cuda")
StreamContext = _none.StreamContext
has_magma = has_half = False
default_generators: tuple = ()
OutOfMemoryError = torch.OutOfMemoryError


def set_device(device: Any) -> None:
    """Chooses the current device: only a negative number, which means none, is possible."""
    if not (isinstance(device, int) and device < 0):
        _set_device(device)


def stream(stream: Any) -> StreamContext:
    """Chooses a stream inside of a block: only None is possible."""
    return StreamContext(stream)


class device_of(device):  # type: ignore[misc, valid-type]
    """Chooses the device of a tensor inside of a block: nothing to do for tensors on the CPU."""

    def __init__(self, obj: Any) -> None:
        super().__init__(-1)


class CUDAGraph:
    """A recorded sequence of launches. There are no CUDA devices."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise _none.missing("cuda", "torch.cuda.CUDAGraph")


class graph:
    """Records a CUDA graph. There are no CUDA devices."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise _none.missing("cuda", "torch.cuda.graph")


_TENSORS = frozenset(
    f"{name}Tensor" for name in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
)


def _lazy_call(callable: Any, **kwargs: Any) -> None:
    """What waits for CUDA to start waits for ever."""


def __getattr__(name: str) -> Any:
    if name in ("amp", "nvtx", "memory", "random", "profiler", "nccl"):
        return importlib.import_module(f"{__name__}.{name}")
    if name in _TENSORS:
        # also used in isinstance checks, so it must be a class
        cls = type(
            name, (), {"__new__": lambda cls, *args, **kwargs: _none.need("cuda", name)(), "__module__": __name__}
        )
        globals()[name] = cls
        return cls
    raise AttributeError(f"module 'torch.cuda' has no attribute {name!r} in Rushlight, which has no CUDA")
