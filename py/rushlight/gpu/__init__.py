"""`torch.gpu`: the GPU that WebGPU reaches (Vulkan, Metal, Direct3D 12), through the package wgpu.

    model = model.to("gpu")
    x = torch.randn(64, 784, device="gpu")
    model(x).sum().item()                 # .item(), .cpu(), .numpy() and printing wait for the GPU; nothing else does

Work is queued and handed over in batches; see docs/gpu.md.
"""

from __future__ import annotations

from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight.gpu import _driver
from rushlight.gpu._adapter import DeviceLost

__all__ = [
    "DeviceLost",
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "initial_seed",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_peak_memory_stats",
    "seed",
    "set_device",
    "set_rng_state",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is a GPU that can be used: wgpu is installed and finds an adapter."""
    try:
        _driver.start()
    except RuntimeError:
        return False
    return True


def device_count() -> int:
    """1 or 0: one GPU is used, the one that RUSHLIGHT_GPU_ADAPTER names or else the fastest."""
    return int(is_available())


def is_initialized() -> bool:
    """Whether the GPU is in use already."""
    return _driver.started() is not None


def _index(device: Any) -> int:
    if device is None:
        return 0
    if isinstance(device, str):
        device = torch.device(device)
    index = device.index or 0 if isinstance(device, torch.device) else int(device)
    if isinstance(device, torch.device) and device.type != "gpu":
        raise ValueError(f"torch.gpu: expected a gpu device, got {device}")
    if index != 0:
        raise RuntimeError(f"torch.gpu: device gpu:{index} does not exist; there is gpu:0")
    return index


def current_device() -> int:
    """The number of the device in use: 0."""
    _driver.start()
    return 0


def set_device(device: Any) -> None:
    """Chooses the device; there is gpu:0 only."""
    _index(device)


def get_device_name(device: Any = None) -> str:
    """What the driver calls the device."""
    _index(device)
    return _driver.start().name


def get_device_properties(device: Any = None) -> dict[str, Any]:
    """What the adapter tells of itself, and the limits that are in force."""
    _index(device)
    adapter = _driver.start()
    return {**adapter.info, "limits": dict(adapter.limits), "f16": adapter.f16}


def synchronize(device: Any = None) -> None:
    """Waits until all work that was asked of the GPU is done."""
    _index(device)
    adapter = _driver.started()
    if adapter is not None:
        _rushlight._gpu_flush()
        adapter.wait()


def empty_cache() -> None:
    """Gives memory back that freed tensors left for later ones."""
    _rushlight._gpu_empty_cache()


def memory_stats(device: Any = None) -> dict[str, int]:
    """Counters since the start: memory (`allocated_bytes`, `peak_allocated_bytes`, `kept_bytes`, `pool_hits`, `pool_misses`), work
    (`launches`, `flushes`, `reads`, `writes`, `fallbacks`) and caches (`pipelines`, `bind_group_hits`, `bind_group_misses`).
    """
    _index(device)
    return _rushlight._gpu_stats()


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors hold."""
    return memory_stats(device).get("allocated_bytes", 0)


def max_memory_allocated(device: Any = None) -> int:
    """The most that tensors held at once."""
    return memory_stats(device).get("peak_allocated_bytes", 0)


def memory_reserved(device: Any = None) -> int:
    """Bytes that tensors hold, and what is kept for later ones."""
    stats = memory_stats(device)
    return stats.get("allocated_bytes", 0) + stats.get("kept_bytes", 0)


def reset_peak_memory_stats(device: Any = None) -> None:
    """Begins to count the peak anew."""
    _index(device)
    _rushlight._gpu_reset_peak()


def manual_seed(seed: int) -> None:
    """Begins the random numbers of the GPU anew (`torch.manual_seed` does this, too)."""
    _rushlight._gpu_set_random_state(int(seed) % 2**64, 0)


manual_seed_all = manual_seed


def seed() -> int:
    """Begins them at a random place, and returns it."""
    import secrets

    value = secrets.randbits(63)
    manual_seed(value)
    return value


def initial_seed() -> int:
    """The seed in use."""
    return _rushlight._gpu_random_state()[0]


def get_rng_state(device: Any = "gpu") -> torch.Tensor:
    """Seed and offset, as 16 bytes."""
    _index(device)
    seed, offset = _rushlight._gpu_random_state()
    return torch.tensor(list(seed.to_bytes(8, "little") + offset.to_bytes(8, "little")), dtype=torch.uint8, device="cpu")


def set_rng_state(new_state: torch.Tensor, device: Any = "gpu") -> None:
    """Goes back to a state of `get_rng_state`."""
    _index(device)
    state = bytes(new_state.tolist())
    if len(state) != 16:
        raise RuntimeError(f"set_rng_state: expected a state of 16 bytes, got {len(state)}")
    _rushlight._gpu_set_random_state(int.from_bytes(state[:8], "little"), int.from_bytes(state[8:], "little"))
