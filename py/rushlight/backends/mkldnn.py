"""`torch.backends.mkldnn`: oneDNN is not here; Rushlight has kernels of its own."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager

from . import flags_of

__all__ = ["flags", "is_available", "set_flags", "verbose"]

enabled = False
deterministic = False
allow_tf32 = True
fp32_precision = "none"
VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION = 0, 1, 2


def is_available() -> bool:
    """False."""
    return False


def set_flags(
    _enabled: bool | None = None, _deterministic: bool | None = None, _allow_tf32: bool | None = None
) -> tuple:
    """Sets flags; returns what they were."""
    before = (enabled, deterministic, allow_tf32)
    given = {"enabled": _enabled, "deterministic": _deterministic, "allow_tf32": _allow_tf32}
    globals().update({name: value for name, value in given.items() if value is not None})
    return before


def flags(enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True) -> AbstractContextManager:
    """Sets flags for the length of a block."""
    values = {"enabled": enabled, "deterministic": deterministic, "allow_tf32": allow_tf32}
    return flags_of(sys.modules[__name__], values)


class verbose:
    """Would make oneDNN print what it does."""

    def __init__(self, level: int) -> None:
        self.level = level

    def __enter__(self) -> verbose:
        return self

    def __exit__(self, *exc: object) -> None:
        return None
