"""`torch.finfo` and `torch.iinfo`: the limits of number types."""

from __future__ import annotations

from typing import Any

import rushlight as torch

__all__ = ["finfo", "iinfo"]

# bits, significand bits (hidden one not counted), smallest normal exponent, largest exponent, decimal digits
_FLOATS = {
    "float64": (64, 52, -1022, 1023, 1e-15),
    "float32": (32, 23, -126, 127, 1e-6),
    "float16": (16, 10, -14, 15, 1e-3),
    "bfloat16": (16, 7, -126, 127, 1e-2),
}
_INTS = {"uint8": (8, False), "int8": (8, True), "int16": (16, True), "int32": (32, True), "int64": (64, True)}


def _name(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


class finfo:
    """The limits of a floating point type: `bits eps max min tiny smallest_normal resolution dtype`.

    Raises:
        TypeError: for types of other kinds.

    Example::

        >>> torch.finfo(torch.float32).eps
        1.1920928955078125e-07
    """

    bits: int
    eps: float
    max: float
    min: float
    tiny: float
    smallest_normal: float
    resolution: float
    dtype: str

    def __init__(self, type: Any = None, *, dtype: Any = None) -> None:  # noqa: A002 (PyTorch's name)
        type = type if type is not None else dtype if dtype is not None else torch.get_default_dtype()
        if type is float:
            type = torch.get_default_dtype()
        name = _name(type)
        name = {"complex64": "float32", "complex128": "float64"}.get(name, name)
        if name not in _FLOATS:
            raise TypeError(f"torch.finfo() requires a floating point input type, got {type}. Use torch.iinfo to handle integer types")
        self.bits, significand, least, most, self.resolution = _FLOATS[name]
        self.eps = 2.0**-significand
        self.max = (2.0 - self.eps) * 2.0**most
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**least
        self.dtype = name

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(("finfo", self.dtype))


class iinfo:
    """The limits of an integer type: `bits max min dtype`.

    Raises:
        TypeError: for types of other kinds.

    Example::

        >>> torch.iinfo(torch.int8).max
        127
    """

    bits: int
    max: int
    min: int
    dtype: str

    def __init__(self, type: Any) -> None:  # noqa: A002 (PyTorch's name)
        name = "int64" if type is int else _name(type)
        if name == "bool" or type is bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if name not in _INTS:
            raise TypeError(f"torch.iinfo() requires an integer input type, got {type}. Use torch.finfo to handle floating point types")
        self.bits, signed = _INTS[name]
        self.max = 2 ** (self.bits - signed) - 1
        self.min = -(2 ** (self.bits - 1)) if signed else 0
        self.dtype = name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(("iinfo", self.dtype))
