"""`torch.backends.cudnn`: not here. Its flags, which many programs set, can be set and read."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any

from . import flags_of

__all__ = ["flags", "is_acceptable", "is_available", "set_flags", "version"]

enabled = True
deterministic = False
benchmark = False
benchmark_limit = 10
allow_tf32 = True
fp32_precision = "none"


def is_available() -> bool:
    """False."""
    return False


def version() -> int | None:
    """None: there is no cuDNN."""
    return None


def is_acceptable(tensor: Any) -> bool:
    """False: no tensor is computed by cuDNN."""
    return False


def _given(
    _enabled: bool | None,
    _benchmark: bool | None,
    _benchmark_limit: int | None,
    _deterministic: bool | None,
    _allow_tf32: bool | None,
) -> dict[str, Any]:
    values = {
        "enabled": _enabled,
        "benchmark": _benchmark,
        "benchmark_limit": _benchmark_limit,
        "deterministic": _deterministic,
        "allow_tf32": _allow_tf32,
    }
    return {name: value for name, value in values.items() if value is not None}


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str = "none",
) -> tuple:
    """Sets flags; returns what they were."""
    before = (enabled, benchmark, benchmark_limit, deterministic, allow_tf32)
    globals().update(_given(_enabled, _benchmark, _benchmark_limit, _deterministic, _allow_tf32))
    return before


def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> AbstractContextManager:
    """Sets flags for the length of a block."""
    return flags_of(sys.modules[__name__], _given(enabled, benchmark, benchmark_limit, deterministic, allow_tf32))


class rnn:
    """`torch.backends.cudnn.rnn`."""

    fp32_precision = "none"


class conv:
    """`torch.backends.cudnn.conv`."""

    fp32_precision = "none"
