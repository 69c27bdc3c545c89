"""`torch.cuda.nccl`: not here."""

from __future__ import annotations

from rushlight import _no_device as _none

__all__ = ["is_available", "version"]

version = _none.need("cuda", "nccl.version")


def is_available(tensors: object = None) -> bool:
    """False."""
    return False
