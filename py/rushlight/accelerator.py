"""`torch.accelerator`: the accelerator of this machine, or that there is none."""

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
    "memory_allocated",
    "memory_reserved",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is an accelerator."""
    return False


def device_count() -> int:
    """How many there are."""
    return 0


def current_accelerator(check_available: bool = False) -> torch.device | None:
    """The device of the accelerator, or None."""
    return None


def _missing(name: str) -> RuntimeError:
    return RuntimeError(
        f"torch.accelerator.{name}: there is no accelerator; check torch.accelerator.is_available() first"
    )


def current_device_index() -> int:
    """The number of the current device. Raises RuntimeError: there is none."""
    raise _missing("current_device_index")


def set_device_index(device: Any, /) -> None:
    """Chooses the current device. Raises RuntimeError: there is none."""
    raise _missing("set_device_index")


def current_stream(device: Any = None, /) -> Any:
    """The current stream. Raises RuntimeError: there is none."""
    raise _missing("current_stream")


def set_stream(stream: Any) -> None:
    """Chooses the current stream. Raises RuntimeError: there is none."""
    raise _missing("set_stream")


def synchronize(device: Any = None, /) -> None:
    """Waits for all work. Raises RuntimeError: there is no device."""
    raise _missing("synchronize")


def empty_cache() -> None:
    """There is no memory to give back."""


def memory_allocated(device: Any = None, /) -> int:
    """0."""
    return 0


def max_memory_allocated(device: Any = None, /) -> int:
    """0."""
    return 0


def memory_reserved(device: Any = None, /) -> int:
    """0."""
    return 0


current_device_idx = current_device_index
set_device_idx = set_device_index


class device_index:
    """Chooses the current device inside of a block: only None is possible."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            raise _missing("device_index")

    def __exit__(self, *exc: object) -> None:
        return None
