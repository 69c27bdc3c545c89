"""The parts of the DataLoader: collating, fetching, pinning."""

from __future__ import annotations

from . import collate, fetch, pin_memory

__all__ = ["collate", "fetch", "pin_memory"]


def __getattr__(name: str):
    if name == "worker":
        import importlib

        return importlib.import_module(f"{__name__}.worker")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
