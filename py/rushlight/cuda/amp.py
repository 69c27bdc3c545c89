"""The old names of `torch.amp` for CUDA."""

from __future__ import annotations

from typing import Any

import rushlight as torch
from rushlight.amp import GradScaler as _GradScaler
from rushlight.amp import autocast as _autocast
from rushlight.amp import custom_bwd, custom_fwd

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(_autocast):
    """`torch.amp.autocast("cuda", …)`; without CUDA it warns and does nothing."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        super().__init__(
            "cuda", enabled=enabled, dtype=torch.float16 if dtype is None else dtype, cache_enabled=cache_enabled
        )


class GradScaler(_GradScaler):
    """`torch.amp.GradScaler("cuda", …)`; without CUDA it warns and passes everything through."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__(
            "cuda",
            init_scale=init_scale,
            growth_factor=growth_factor,
            backoff_factor=backoff_factor,
            growth_interval=growth_interval,
            enabled=enabled,
        )
