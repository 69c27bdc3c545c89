"""`torch._logging`: which of its steps `torch.compile` tells about. TORCH_LOGS="recompiles,graph_code" does the same."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["set_logs"]

_on: dict[str, bool] = {name.strip().lstrip("+-"): True for name in os.environ.get("TORCH_LOGS", "").split(",") if name}


def set_logs(**logs: Any) -> None:
    """Switches logs on or off: `set_logs(recompiles=True, graph_code=True)`."""
    _on.clear()
    _on.update({name: bool(on) for name, on in logs.items()})


def enabled(name: str) -> bool:
    """Whether a log is switched on."""
    return _on.get(name, False)
