"""`torch.multiprocessing`: the standard library's `multiprocessing`, and `spawn`.

Tensors travel between processes as copies.
"""

from __future__ import annotations

import multiprocessing as _multiprocessing
from multiprocessing import *
from typing import Any

from .spawn import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    *_multiprocessing.__all__,  # type: ignore[attr-defined]
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]

_strategy = "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The names that `set_sharing_strategy` takes."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """What was set."""
    return _strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Kept, and without effect: tensors travel as copies."""
    global _strategy
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(
            f"unknown sharing strategy {new_strategy!r}, expected one of {sorted(get_all_sharing_strategies())}"
        )
    _strategy = new_strategy


def __getattr__(name: str) -> Any:
    try:
        return getattr(_multiprocessing, name)
    except AttributeError:
        raise AttributeError(f"module 'torch.multiprocessing' has no attribute {name!r}") from None
