"""`torch.backends.opt_einsum`: einsum finds its order by itself."""

from __future__ import annotations

from typing import Any

__all__ = ["get_opt_einsum", "is_available"]

enabled = False
strategy: str | None = None


def is_available() -> bool:
    """False."""
    return False


def get_opt_einsum() -> Any:
    """None."""
    return None
