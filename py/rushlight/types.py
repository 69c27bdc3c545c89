"""Names of types, for annotations."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import IO, Any, TypeAlias, Union

import rushlight as torch
from rushlight import Size, Tensor
from rushlight import device as _device_class
from rushlight import dtype as _dtype_class
from rushlight import layout as _layout_class

__all__ = ["Device", "FileLike", "Number", "Storage"]  # noqa: F822 (Storage by __getattr__)

_int = builtins.int
_float = builtins.float
_bool = builtins.bool
_complex = builtins.complex
_device = _device_class
_dtype = _dtype_class
_layout = _layout_class
_size: TypeAlias = "Size | list[int] | tuple[int, ...]"
_symsize = _size
_TensorOrTensors: TypeAlias = "Tensor | Sequence[Tensor]"
_TensorOrTensorsOrGradEdge = _TensorOrTensors

Number = Union[builtins.int, builtins.float, builtins.bool]  # noqa: UP007 (isinstance and typing both take it)
Device = Union[_device_class, str, builtins.int, None]  # noqa: UP007
FileLike = Union[str, os.PathLike, IO[bytes]]  # noqa: UP007
PySymType: TypeAlias = "int | float | bool"
IntLikeType = builtins.int
FloatLikeType = builtins.float
BoolLikeType = builtins.bool
py_sym_types: tuple[type, ...] = ()


def __getattr__(name: str) -> Any:
    if name == "Storage":
        return torch.UntypedStorage
    raise AttributeError(f"module 'torch.types' has no attribute {name!r}")
