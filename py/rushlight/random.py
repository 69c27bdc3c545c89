"""The random number generator that everything draws from unless told otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import rushlight as torch

__all__ = ["fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state", "thread_safe_generator"]

default_generator = torch._C.default_generator


def manual_seed(seed: int) -> Any:
    """Sets the seed; the same seed gives the same numbers as in PyTorch on the CPU. Returns the generator.

    Example::

        >>> torch.manual_seed(0)
        >>> torch.rand(2)
        tensor([0.4963, 0.7682])
    """
    torch._C._gpu_set_random_state(int(seed) % 2**64, 0)
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Sets a seed that nobody knows, and returns it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that was set last."""
    return default_generator.initial_seed()


def get_rng_state() -> torch.Tensor:
    """The generator's state, as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state: torch.Tensor) -> None:
    """Sets a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


def thread_safe_generator() -> Any:
    """The generator of the current DataLoader worker thread: None, workers are processes here."""
    return None


@contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Generator[None, None, None]:
    """What is drawn inside of the block does not change what is drawn after it.

    Args:
        devices: accelerators whose state to keep, too; there are none.
        enabled: False to do nothing.
    """
    if not enabled:
        yield
        return
    if devices and list(devices) and device_type == "cuda":
        warnings.warn("fork_rng: there are no CUDA devices; only the CPU's state is kept", stacklevel=3)
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
