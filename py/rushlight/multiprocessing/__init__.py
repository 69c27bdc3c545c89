"""`torch.multiprocessing`: the standard library's `multiprocessing` whose queues, pipes, pools and arguments carry tensors by
handle: sender and receiver see the same memory afterwards. And `spawn`.

The memory has no name in any file system. It is freed when the last process that sees it lets go of it or ends, also by a
signal that it cannot catch.
"""

from __future__ import annotations

import multiprocessing as _multiprocessing
import sys
from importlib import import_module
from multiprocessing import *
from typing import Any

from . import reductions
from .reductions import init_reductions
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
    "init_reductions",
    "reductions",
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
    """Kept, and without effect: descriptors of nameless memory are passed on, whatever the name. The limit of open files,
    for which PyTorch has the other strategy, is raised as far as the system allows when it is reached.
    """
    global _strategy
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(
            f"unknown sharing strategy {new_strategy!r}, expected one of {sorted(get_all_sharing_strategies())}"
        )
    _strategy = new_strategy


def _prctl_pr_set_pdeathsig(signal: int) -> None:
    """On Linux: asks for this signal when the thread that started this process ends."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, int(signal), 0, 0, 0)


def __getattr__(name: str) -> Any:
    if name in ("pool", "queue", "queues"):
        return import_module(f"multiprocessing.{'queues' if name == 'queue' else name}")
    try:
        return getattr(_multiprocessing, name)
    except AttributeError:
        raise AttributeError(f"module 'torch.multiprocessing' has no attribute {name!r}") from None
