"""What the namespaces of absent accelerators (`cuda`, `mps`, `xpu`) share: they say that there are none, and do
nothing where nothing is right.

Functions that ask answer truthfully (no, 0, nothing); those that clean up, wait or count do nothing; those that need a
device raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as torch


def missing(kind: str, what: str) -> RuntimeError:
    """The error for what needs a device."""
    if kind == "cuda":
        return AssertionError(
            f"Torch not compiled with CUDA enabled: {what} needs an NVIDIA GPU's driver, which Rushlight does not "
            "use; use 'cpu'"
        )  # type: ignore[return-value]
    return RuntimeError(f"{what}: Rushlight has no {kind} devices; use 'cpu'")


def need(kind: str, name: str) -> Callable:
    """A function that raises because it needs a device."""

    def function(*args: Any, **kwargs: Any) -> Any:
        raise missing(kind, f"torch.{kind}.{name}")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Needs a {kind} device, and so raises."
    return function


def nothing(kind: str, name: str, result: Any = None) -> Callable:
    """A function for which there is nothing to do."""

    def function(*args: Any, **kwargs: Any) -> Any:
        return dict(result) if isinstance(result, dict) else list(result) if isinstance(result, list) else result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"There are no {kind} devices: does nothing and returns {result!r}."
    return function


def seeds(kind: str) -> tuple[Callable, Callable]:
    """`manual_seed` and `manual_seed_all`: programs call them without asking whether there are devices."""

    def manual_seed(seed: int) -> None:
        """There are no devices to seed."""
        int(seed)

    def manual_seed_all(seed: int) -> None:
        """There are no devices to seed."""
        int(seed)

    return manual_seed, manual_seed_all


def device_context(kind: str) -> type:
    """`torch.<kind>.device`: a context that does nothing for None, -1 and CPU devices, and raises for others."""

    class device:
        def __init__(self, device: Any) -> None:
            index = device
            if isinstance(device, str):
                device = torch.device(device)
            if isinstance(device, torch.device):
                index = None if device.type == "cpu" else device.index or 0
            if index is not None and index >= 0:
                raise missing(kind, f"torch.{kind}.device({device})")
            self.idx = -1

        def __enter__(self) -> None:
            return None

        def __exit__(self, *exc: object) -> None:
            return None

    device.__doc__ = f"Chooses the current {kind} device inside of a block; only None and -1 are possible."
    return device


def stream_classes(kind: str) -> tuple[type, type]:
    """`Stream` and `Event`, which cannot be made."""

    class Stream:
        """A queue of a device's work. There are no devices."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise missing(kind, f"torch.{kind}.Stream")

    class Event:
        """A mark in a queue of a device's work. There are no devices; time.perf_counter() measures on the CPU."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise missing(kind, f"torch.{kind}.Event")

    return Stream, Event


class StreamContext:
    """`with torch.cuda.stream(None)`: nothing to do."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None


def fill(namespace: dict[str, Any], kind: str, *, answers: dict[str, Any], needing: str) -> None:
    """Puts the functions of a device's namespace into a module."""
    for name, result in answers.items():
        function = nothing(kind, name, result)
        function.__module__ = namespace["__name__"]
        namespace[name] = function
    for name in needing.split():
        function = need(kind, name)
        function.__module__ = namespace["__name__"]
        namespace[name] = function


MEMORY_ANSWERS = {
    "memory_allocated": 0,
    "max_memory_allocated": 0,
    "memory_reserved": 0,
    "max_memory_reserved": 0,
    "reset_peak_memory_stats": None,
    "reset_accumulated_memory_stats": None,
    "memory_stats": {},
    "empty_cache": None,
}
