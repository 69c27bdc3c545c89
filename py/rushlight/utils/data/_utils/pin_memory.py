"""Pinned memory, which Rushlight does not need: kept so that programs that ask for it run."""

from __future__ import annotations

from typing import Any

__all__ = ["pin_memory"]


def pin_memory(data: Any, device: Any = None) -> Any:
    """`data` as it is: memory is pinned for the sake of copies to CUDA devices, and there are none."""
    return data
