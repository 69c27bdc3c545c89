"""Tensors of other libraries over the same memory, by DLPack."""

from __future__ import annotations

from typing import Any

import rushlight as torch

__all__ = ["from_dlpack", "to_dlpack"]


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> torch.Tensor:
    """A tensor over the memory of another library's tensor, or of a capsule."""
    if device is None and copy is None:
        return torch.from_dlpack(ext_tensor)
    return torch.from_dlpack(ext_tensor, device=device, copy=copy)


def to_dlpack(tensor: torch.Tensor) -> Any:
    """A capsule that another library takes."""
    return tensor.__dlpack__()
