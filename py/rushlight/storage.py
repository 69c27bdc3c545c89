"""Storages under the name that PyTorch gives them: `torch.storage`."""

from __future__ import annotations

from typing import Any

import rushlight as torch

from . import _storage
from ._storage import TypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]  # noqa: F822 (UntypedStorage by __getattr__)


def __getattr__(name: str) -> Any:
    if name == "UntypedStorage":
        return torch.UntypedStorage
    if name.endswith("Storage") and hasattr(_storage, name):
        return getattr(_storage, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _load_from_bytes(data: bytes) -> Any:
    """Loads what `save` wrote to bytes; pickles that hold storages name this function."""
    import io

    return torch.load(io.BytesIO(data), weights_only=False)
