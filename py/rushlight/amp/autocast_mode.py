"""`autocast`: the context in which operations choose their precision."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import rushlight as torch

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

_KINDS = ("cpu", "cuda", "mps", "xpu", "gpu", "hpu", "mtia", "ipu", "xla", "maia", "privateuseone")


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast works on this kind of device."""
    return False


class autocast:
    """Inside of the block, operations that are fit for it run in lower precision. Also a decorator.

    For devices that do not exist here it warns and does nothing, as in PyTorch. On the CPU, switched on, it raises
    NotImplementedError for now: use `model.bfloat16()`, or `enabled=False`.

    Args:
        device_type: "cpu", "cuda" …
        dtype: the lower precision; bfloat16 on the CPU.
        enabled: False to do nothing.
        cache_enabled: whether cast weights are kept.
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = device_type.partition(":")[0]
        if self.device not in _KINDS:
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{device_type}'; expected one of "
                f"{', '.join(_KINDS)}"
            )
        if dtype is None:
            dtype = torch.bfloat16 if self.device in ("cpu", "xpu") else torch.float16
        if enabled and self.device not in ("cpu", "gpu"):
            warnings.warn(
                f"User provided device_type of '{self.device}', but {self.device.upper()} is not available. Disabling",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        if enabled and dtype not in (torch.bfloat16, torch.float16):
            if dtype != torch.float32:
                warnings.warn(
                    f"In CPU autocast, but the target dtype {dtype} is not supported. Disabling autocast.",
                    UserWarning,
                    stacklevel=2,
                )
            enabled = False
        self.fast_dtype = dtype
        self._enabled = enabled
        self._cache_enabled = True if cache_enabled is None else cache_enabled

    def __enter__(self) -> autocast:
        if self._enabled:
            raise NotImplementedError(
                f"autocast('{self.device}') is not in Rushlight yet: give enabled=False, or convert the model with "
                f".to({self.fast_dtype})"
            )
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def __call__(self, func: Callable) -> Callable:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return wrapper


def _cast(value: Any, device_type: str, dtype: Any) -> Any:
    """Floating point tensors in `value`, at any depth, as `dtype` (float64 stays)."""
    if isinstance(value, torch.Tensor):
        fit = value.is_floating_point() and value.device.type == device_type and value.dtype != torch.float64
        return value.to(dtype) if fit else value
    if isinstance(value, dict):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(v, device_type, dtype) for v in value)
    return value


def custom_fwd(fwd: Callable | None = None, *, device_type: str = "cuda", cast_inputs: Any = None) -> Callable:
    """Marks the `forward` of a custom Function as fit for autocast; outside of it (always, for now) it runs as it
    is.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        args[0]._dtype = None
        args[0]._fwd_used_autocast = False
        return fwd(*args, **kwargs)

    return wrapper


def custom_bwd(bwd: Callable | None = None, *, device_type: str = "cuda") -> Callable:
    """Marks the `backward` of a custom Function whose forward has `custom_fwd`."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return bwd(*args, **kwargs)

    return wrapper
