"""`torch.accelerator`: the accelerator of this machine, which is the GPU of `torch.gpu` where there is one."""

from __future__ import annotations

from typing import Any

import rushlight as torch

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is an accelerator."""
    return torch.gpu.is_available()


def device_count() -> int:
    """How many there are."""
    return torch.gpu.device_count()


def current_accelerator(check_available: bool = False) -> torch.device | None:
    """The device of the accelerator, or None where there is none."""
    return torch.device("gpu") if is_available() else None


def _need(name: str) -> None:
    if not is_available():
        raise RuntimeError(
            f"torch.accelerator.{name}: there is no accelerator; check torch.accelerator.is_available() first"
        )


def current_device_index() -> int:
    """The number of the current device: 0. Raises RuntimeError where there is none."""
    _need("current_device_index")
    return 0


def set_device_index(device: Any, /) -> None:
    """Chooses the current device; there is one at most."""
    _need("set_device_index")
    torch.gpu.set_device(device)


def current_stream(device: Any = None, /) -> Any:
    """Streams are not exposed: work runs in the order in which it was asked for. Raises."""
    _need("current_stream")
    raise NotImplementedError("torch.accelerator.current_stream: the GPU has one queue; torch.accelerator.synchronize() waits for it")


def set_stream(stream: Any) -> None:
    """Streams are not exposed. Raises."""
    _need("set_stream")
    raise NotImplementedError("torch.accelerator.set_stream: the GPU has one queue")


def synchronize(device: Any = None, /) -> None:
    """Waits for all work. Raises RuntimeError where there is no device."""
    _need("synchronize")
    torch.gpu.synchronize(device)


def empty_cache() -> None:
    """Gives memory back that freed tensors left for later ones."""
    torch.gpu.empty_cache()


def memory_stats(device: Any = None, /) -> dict[str, int]:
    """The counters of `torch.gpu.memory_stats`; empty where no GPU is in use."""
    return torch.gpu.memory_stats(device)


def memory_allocated(device: Any = None, /) -> int:
    """Bytes that tensors hold."""
    return torch.gpu.memory_allocated(device)


def max_memory_allocated(device: Any = None, /) -> int:
    """The most that tensors held at once."""
    return torch.gpu.max_memory_allocated(device)


def memory_reserved(device: Any = None, /) -> int:
    """Bytes that tensors hold, and what is kept for later ones."""
    return torch.gpu.memory_reserved(device)


def max_memory_reserved(device: Any = None, /) -> int:
    """The most that tensors held at once, and what is kept for later ones."""
    return torch.gpu.max_memory_allocated(device) + torch.gpu.memory_stats(device).get("kept_bytes", 0)


def reset_peak_memory_stats(device: Any = None, /) -> None:
    """Begins to count the peak anew."""
    torch.gpu.reset_peak_memory_stats(device)


current_device_idx = current_device_index
set_device_idx = set_device_index


class device_index:
    """Chooses the current device inside of a block: None or 0."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            set_device_index(self.idx)

    def __exit__(self, *exc: object) -> None:
        return None
