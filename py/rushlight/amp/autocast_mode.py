"""`autocast`: the context in which operations choose their precision."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import rushlight as torch
from rushlight import _rushlight

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

_KINDS = ("cpu", "cuda", "mps", "xpu", "gpu", "hpu", "mtia", "ipu", "xla", "maia", "privateuseone")
_HERE = ("cpu", "gpu")


def _kind(device_type: str) -> str:
    """The kind of device in "cpu" or "gpu:0"."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    kind = device_type.partition(":")[0]
    if kind not in _KINDS:
        expected = ", ".join(_KINDS)
        raise RuntimeError(
            f"User specified an unsupported autocast device_type '{device_type}'; expected one of {expected}"
        )
    return kind


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast works on this kind of device: on the CPU and "gpu"."""
    return _kind(device_type) in _HERE


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether autocast is on in this thread for a kind of device; without one, for CUDA, that is never."""
    kind = "cuda" if device_type is None else _kind(device_type)
    return kind in _HERE and _rushlight._get_autocast(kind)[0]


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Switches autocast on or off for a kind of device in this thread."""
    if enabled is None:  # the old form with the switch of CUDA alone
        return
    kind = _kind(device_type)  # type: ignore[arg-type]
    if kind in _HERE:
        _rushlight._set_autocast(kind, bool(enabled), _rushlight._get_autocast(kind)[1])


def get_autocast_dtype(device_type: str) -> Any:
    """The lower precision of a kind of device."""
    kind = _kind(device_type)
    if kind in _HERE:
        return _rushlight._get_autocast(kind)[1]
    return torch.bfloat16 if kind in ("xpu", "hpu", "xla") else torch.float16


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Sets the lower precision of a kind of device."""
    kind = _kind(device_type)
    if kind in _HERE:
        _rushlight._set_autocast(kind, _rushlight._get_autocast(kind)[0], dtype)


def is_autocast_cpu_enabled() -> bool:
    """Whether autocast is on for the CPU."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """Switches autocast on or off for the CPU."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> Any:
    """The lower precision of the CPU."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: Any) -> None:
    """Sets the lower precision of the CPU."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> Any:
    """The lower precision of CUDA devices, if there were any."""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: Any) -> None:
    """There are no CUDA devices: does nothing."""


class autocast:
    """Inside of the block, operations that are fit for it run in lower precision. Also a decorator.

    Matrix products, convolutions, attention and recurrent layers convert their float inputs to `dtype`; losses, and what
    needs the range, convert to float32; everything else takes its inputs as they come. Parameters stay in float32, and so
    do their gradients. Convert a weight once per block: the copies are kept until the outermost block ends.

    For devices that do not exist here it warns and does nothing, as in PyTorch.

    Args:
        device_type: "cpu", "gpu", "cuda" …
        dtype: the lower precision; bfloat16 on the CPU.
        enabled: False to switch it off inside of another block.
        cache_enabled: whether converted weights are kept.

    Example::

        >>> model = torch.nn.Linear(4, 2)
        >>> with torch.autocast("cpu", dtype=torch.bfloat16):
        ...     model(torch.ones(3, 4)).dtype
        torch.bfloat16
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device = _kind(device_type)
        enabled = bool(enabled)
        if dtype is None:
            dtype = get_autocast_dtype(self.device)
        if self.device not in _HERE:
            if enabled:
                text = f"User provided device_type of '{self.device}', but {self.device.upper()} is not available. Disabling"
                warnings.warn(text, UserWarning, stacklevel=2)
            enabled = False
        elif enabled and dtype not in (torch.bfloat16, torch.float16):
            warnings.warn(
                f"In {self.device.upper()} autocast, but the target dtype {dtype} is not supported. Disabling autocast.\n"
                "Autocast takes torch.bfloat16 and torch.float16.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        self.fast_dtype = dtype
        self._enabled = enabled
        self._cache_enabled = torch.is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._before: list[tuple[bool, Any, bool]] = []

    def __enter__(self) -> autocast:
        if self.device in _HERE:
            on, dtype = _rushlight._get_autocast(self.device)
            self._before.append((on, dtype, _rushlight.is_autocast_cache_enabled()))
            _rushlight._set_autocast(self.device, self._enabled, self.fast_dtype if self._enabled else dtype)
            _rushlight.set_autocast_cache_enabled(self._cache_enabled)
            _rushlight.autocast_increment_nesting()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before:
            on, dtype, cache = self._before.pop()
            _rushlight.autocast_decrement_nesting()
            _rushlight._set_autocast(self.device, on, dtype)
            _rushlight.set_autocast_cache_enabled(cache)

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
    """Decorates the `forward` of a custom Function: it remembers whether autocast was on, for `custom_bwd`.

    With `cast_inputs`, inside of autocast it gets its float tensors in that dtype and runs without autocast.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    kind = _kind(device_type)

    @functools.wraps(fwd)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        args[0]._dtype = get_autocast_dtype(kind)
        on = is_autocast_enabled(kind)
        if cast_inputs is None:
            args[0]._fwd_used_autocast = on
            return fwd(*args, **kwargs)
        args[0]._fwd_used_autocast = False
        if not on:
            return fwd(*args, **kwargs)
        with autocast(kind, enabled=False):
            return fwd(*_cast(args, kind, cast_inputs), **_cast(kwargs, kind, cast_inputs))

    return wrapper


def custom_bwd(bwd: Callable | None = None, *, device_type: str = "cuda") -> Callable:
    """Decorates the `backward` of a custom Function whose forward has `custom_fwd`: runs it as that ran."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    kind = _kind(device_type)

    @functools.wraps(bwd)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if kind not in _HERE:
            return bwd(*args, **kwargs)
        with autocast(kind, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return wrapper
