"""Padding layers. ``padding`` is one number for all sides, or one for each: (left, right, top, bottom, front, back)."""

from __future__ import annotations

from typing import Any

import rushlight as torch

from .. import functional as F
from .module import Module
from .utils import _ntuple, _pair, _quadruple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

_sextuple = _ntuple(6)


class _PadNd(Module):
    __constants__ = ["padding"]
    _tuples: Any  # how one number becomes one for each side
    _mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = type(self)._tuples(padding)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPadNd(_PadNd):
    _mode = "circular"
    _dims: tuple[int, int]

    def _check_input_dim(self, input: torch.Tensor) -> None:
        if input.dim() not in self._dims:
            a, b = self._dims
            raise ValueError(f"expected {a}D or {b}D input (got {input.dim()}D input)")

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        self._check_input_dim(input)
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPadNd):
    """Goes on with the other end. Shape: (N, C, W) or (C, W)."""

    _tuples = staticmethod(_pair)
    _dims = (2, 3)


class CircularPad2d(_CircularPadNd):
    """Goes on with the other end. Shape: (N, C, H, W) or (C, H, W)."""

    _tuples = staticmethod(_quadruple)
    _dims = (3, 4)


class CircularPad3d(_CircularPadNd):
    """Goes on with the other end. Shape: (N, C, D, H, W) or (C, D, H, W)."""

    _tuples = staticmethod(_sextuple)
    _dims = (4, 5)


class _ConstantPadNd(_PadNd):
    __constants__ = ["padding", "value"]
    value: float

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Goes on with one value. Shape: (N, C, W) or (C, W).

    Example::

        >>> torch.nn.ConstantPad1d(2, 3.5)(torch.zeros(1, 2))
        tensor([[3.5000, 3.5000, 0.0000, 0.0000, 3.5000, 3.5000]])
    """

    _tuples = staticmethod(_pair)


class ConstantPad2d(_ConstantPadNd):
    """Goes on with one value. Shape: (N, C, H, W) or (C, H, W)."""

    _tuples = staticmethod(_quadruple)


class ConstantPad3d(_ConstantPadNd):
    """Goes on with one value. Shape: (N, C, D, H, W) or (C, D, H, W)."""

    _tuples = staticmethod(_sextuple)


class ReflectionPad1d(_PadNd):
    """Goes on with the mirror image of the edge, which is not repeated itself. Shape: (N, C, W) or (C, W).

    Example::

        >>> torch.nn.ReflectionPad1d(2)(torch.arange(4.).reshape(1, 4))
        tensor([[2., 1., 0., 1., 2., 3., 2., 1.]])
    """

    _tuples, _mode = staticmethod(_pair), "reflect"


class ReflectionPad2d(_PadNd):
    """Goes on with the mirror image of the edge. Shape: (N, C, H, W) or (C, H, W)."""

    _tuples, _mode = staticmethod(_quadruple), "reflect"


class ReflectionPad3d(_PadNd):
    """Goes on with the mirror image of the edge. Shape: (N, C, D, H, W) or (C, D, H, W)."""

    _tuples, _mode = staticmethod(_sextuple), "reflect"


class ReplicationPad1d(_PadNd):
    """Goes on with the value at the edge. Shape: (N, C, W) or (C, W)."""

    _tuples, _mode = staticmethod(_pair), "replicate"


class ReplicationPad2d(_PadNd):
    """Goes on with the value at the edge. Shape: (N, C, H, W) or (C, H, W)."""

    _tuples, _mode = staticmethod(_quadruple), "replicate"


class ReplicationPad3d(_PadNd):
    """Goes on with the value at the edge. Shape: (N, C, D, H, W) or (C, D, H, W)."""

    _tuples, _mode = staticmethod(_sextuple), "replicate"


class ZeroPad1d(ConstantPad1d):
    """Goes on with zeros. Shape: (N, C, W) or (C, W)."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Goes on with zeros. Shape: (N, C, H, W) or (C, H, W)."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Goes on with zeros. Shape: (N, C, D, H, W) or (C, D, H, W)."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"
