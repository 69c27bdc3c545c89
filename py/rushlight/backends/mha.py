"""`torch.backends.mha`: a flag without effect, Rushlight has one path through attention."""

from __future__ import annotations

__all__ = ["get_fastpath_enabled", "set_fastpath_enabled"]

_enabled = True


def get_fastpath_enabled() -> bool:
    """The flag."""
    return _enabled


def set_fastpath_enabled(value: bool) -> None:
    """Sets the flag."""
    global _enabled
    _enabled = bool(value)
