"""`torch.cpu`: the CPU with the interface of an accelerator."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "Stream",
    "StreamContext",
    "current_device",
    "current_stream",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """The name of the CPU."""
    return "cpu"


def set_device(device: Any) -> None:
    """There is one CPU: nothing to choose."""


def synchronize(device: Any = None) -> None:
    """Work on the CPU is done when a function returns."""


class Stream:
    """A queue of work; the CPU has one, and it is always done."""

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Any) -> None:
        """Nothing to wait for."""

    def record_event(self, event: Any = None) -> None:
        """Nothing to record."""

    def wait_event(self, event: Any) -> None:
        """Nothing to wait for."""


_stream = Stream()


def current_stream(device: Any = None) -> Stream:
    """The CPU's only stream."""
    return _stream


class StreamContext:
    """Chooses a stream inside of a block."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None


def stream(stream: Any) -> StreamContext:
    """Chooses a stream inside of a block."""
    return StreamContext(stream)


def __getattr__(name: str) -> Any:
    if name == "amp":
        return importlib.import_module(f"{__name__}.amp")
    raise AttributeError(f"module 'torch.cpu' has no attribute {name!r} in Rushlight")
