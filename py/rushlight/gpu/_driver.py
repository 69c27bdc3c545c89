"""Starts the GPU when somebody first asks for it."""

from __future__ import annotations

import threading

from rushlight import _rushlight
from rushlight.gpu._adapter import Adapter

_lock = threading.Lock()
_adapter: Adapter | None = None
_failure: RuntimeError | None = None


def start() -> Adapter:
    """The adapter; the first call opens it, and tells the extension module. Raises RuntimeError that says what to install."""
    global _adapter, _failure
    with _lock:
        if _adapter is None:
            if _failure is not None:
                raise RuntimeError(str(_failure))
            try:
                adapter = Adapter()
            except RuntimeError as error:
                _failure = error
                raise
            _rushlight._gpu_install(adapter)
            _adapter = adapter
        return _adapter


def started() -> Adapter | None:
    """The adapter, if it is open."""
    return _adapter
