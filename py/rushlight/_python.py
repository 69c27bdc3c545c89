"""Functions of the package that are Python's business: defaults, switches, and questions about objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight._rushlight import Tensor


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: Any) -> bool:
    """Whether `obj` is a storage."""
    from rushlight._storage import TypedStorage

    return isinstance(obj, (TypedStorage, torch.UntypedStorage))


def typename(obj: Any) -> str:
    """The name of an object's type: `torch.FloatTensor` for a tensor of float32."""
    if isinstance(obj, Tensor):
        return obj.type()
    cls = obj if isinstance(obj, type) or callable(obj) and hasattr(obj, "__qualname__") else type(obj)
    module = getattr(cls, "__module__", "") or ""
    name = getattr(cls, "__qualname__", None) or type(obj).__qualname__
    return name if module in ("", "builtins") else f"{module}.{name}".replace("rushlight", "torch", 1)


def set_default_tensor_type(t: Any) -> None:
    """The dtype of new tensors, by a type's name. Deprecated: see `set_default_dtype`."""
    kind = t if isinstance(t, str) else f"torch.{t.__name__}"
    _rushlight.set_default_dtype(torch.empty(0).type(kind).dtype)


def set_default_device(device: Any) -> None:
    """Where new tensors go if a call names no device; None is the CPU."""
    _rushlight._set_default_device(None if device is None else torch.device(device))


def get_default_device() -> torch.device:
    """Where new tensors go if a call names no device."""
    return _rushlight._get_default_device()


_state = {"warn_always": False, "deterministic": False, "warn_only": False, "precision": "highest"}


def set_warn_always(b: bool) -> None:
    """Taken for compatibility."""
    _state["warn_always"] = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` set."""
    return bool(_state["warn_always"])


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Taken for compatibility: on the CPU, results are the same for any number of threads in any case."""
    _state["deterministic"], _state["warn_only"] = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` set."""
    return bool(_state["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What `use_deterministic_algorithms` set."""
    return bool(_state["warn_only"])


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Another way to call `use_deterministic_algorithms`."""
    modes = {"default": 0, "warn": 1, "error": 2}
    mode = modes.get(debug_mode, -1) if isinstance(debug_mode, str) else debug_mode
    if mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, 2, 'default', 'warn' or 'error', but got {debug_mode!r}")
    use_deterministic_algorithms(mode > 0, warn_only=mode == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2: off, warn, error."""
    return (1 if _state["warn_only"] else 2) if _state["deterministic"] else 0


def set_float32_matmul_precision(precision: str) -> None:
    """Taken for compatibility: products of float32 are as exact as float32 is."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"{precision!r} is not one of 'highest', 'high', 'medium'")
    _state["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` set."""
    return str(_state["precision"])


class finfo:
    """The limits of a float dtype: bits, eps, max, min, tiny, smallest_normal, smallest_subnormal, resolution.

    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    """

    # bits, digits of the mantissa, largest exponent, decimal digits
    _KINDS = {"float16": (16, 10, 15, 3), "bfloat16": (16, 7, 127, 2), "float32": (32, 23, 127, 6), "float64": (64, 52, 1023, 15)}

    def __init__(self, type: Any = None) -> None:
        dtype = torch.get_default_dtype() if type is None else type
        if not isinstance(dtype, torch.dtype):
            raise TypeError(f"finfo(): argument 'type' must be torch.dtype, not {dtype.__class__.__name__}")
        dtype = dtype.to_real() if dtype.is_complex else dtype
        self.dtype = str(dtype).removeprefix("torch.")
        if self.dtype not in self._KINDS:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{self.dtype}'")
        self.bits, mantissa, exponent, digits = self._KINDS[self.dtype]
        self.eps = 2.0**-mantissa
        self.max = (2.0 - self.eps) * 2.0**exponent
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - exponent)
        self.smallest_subnormal = 2.0 ** (1 - exponent - mantissa) if self.dtype != "float64" else 5e-324
        self.resolution = 10.0**-digits

    def __repr__(self) -> str:
        fields = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in fields)}, dtype={self.dtype})"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


class iinfo:
    """The limits of an integer dtype: bits, min, max.

    >>> torch.iinfo(torch.int8).max
    127
    """

    _KINDS = {"uint8": (8, False), "int8": (8, True), "int16": (16, True), "int32": (32, True), "int64": (64, True)}

    def __init__(self, type: Any) -> None:
        if not isinstance(type, torch.dtype):
            raise TypeError(f"iinfo(): argument 'type' must be torch.dtype, not {type.__class__.__name__}")
        self.dtype = str(type).removeprefix("torch.")
        if self.dtype not in self._KINDS:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{self.dtype}'")
        self.bits, signed = self._KINDS[self.dtype]
        self.min = -(2 ** (self.bits - 1)) if signed else 0
        self.max = 2 ** (self.bits - 1) - 1 if signed else 2**self.bits - 1

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


def vmap(func: Callable, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None) -> Callable:
    """See `torch.func.vmap`."""
    return torch.func.vmap(func, in_dims, out_dims, randomness, chunk_size=chunk_size)
