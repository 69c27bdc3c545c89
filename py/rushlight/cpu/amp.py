"""The old names of `torch.amp` for the CPU."""

from __future__ import annotations

from typing import Any

import rushlight as torch
from rushlight.amp import GradScaler as _GradScaler
from rushlight.amp import autocast as _autocast

__all__ = ["GradScaler", "autocast"]


class autocast(_autocast):
    """`torch.amp.autocast("cpu", …)`."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        super().__init__(
            "cpu", enabled=enabled, dtype=torch.bfloat16 if dtype is None else dtype, cache_enabled=cache_enabled
        )


class GradScaler(_GradScaler):
    """`torch.amp.GradScaler("cpu", …)`."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
