"""`torch.backends.quantized`: there is no quantized engine."""

from __future__ import annotations

engine = "none"
supported_engines = ["none"]
