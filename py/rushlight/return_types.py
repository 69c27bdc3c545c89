"""The classes of several results: `torch.return_types.max` has `values` and `indices`. Made when they are first asked for."""

from __future__ import annotations

from typing import Any

from rushlight import _rushlight


def __getattr__(name: str) -> Any:
    found = None if name.startswith("__") else _rushlight._return_type(name)
    if found is None:
        raise AttributeError(f"torch.return_types has no {name}: no function of that name gives several results with names")
    globals()[name] = found
    return found
