"""Anomaly detection: backward stops at the first NaN, and errors name the line that made the node."""

from __future__ import annotations

import warnings
from typing import Any

from rushlight import _rushlight
from rushlight._classes import context_decorator

__all__ = ["detect_anomaly", "set_detect_anomaly"]

_ANOMALY = 4


class set_detect_anomaly:
    """Switches anomaly detection on or off: at once as a function, or for a block as a context.

    `check_nan` is taken for compatibility: gradients are always looked through.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _rushlight._get_modes() & _ANOMALY
        self.mode = bool(mode)
        self.check_nan = check_nan
        self._set(_ANOMALY if mode else 0)

    @staticmethod
    def _set(bit: int) -> None:
        _rushlight._set_modes(_rushlight._get_modes() & ~_ANOMALY | bit)

    def __enter__(self) -> None:
        self._set(_ANOMALY if self.mode else 0)

    def __exit__(self, *exception: Any) -> None:
        self._set(self._before)


class detect_anomaly(set_detect_anomaly):
    """Within this context, nodes remember where they were made, and backward raises RuntimeError at a NaN gradient.

    Slow: use it to find a bug.
    """

    def __init__(self, check_nan: bool = True) -> None:
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )
        before = _rushlight._get_modes()
        super().__init__(True, check_nan)
        _rushlight._set_modes(before)

    def __call__(self, func: Any) -> Any:
        return context_decorator(lambda: set_detect_anomaly(True, self.check_nan), func)
