"""`assert_close`: are two results the same, up to what their dtype can promise?"""

from __future__ import annotations

import cmath
import collections.abc
import math
import warnings
from collections.abc import Callable
from typing import Any

import rushlight as torch

__all__ = ["assert_allclose", "assert_close", "default_tolerances"]

# dtype -> (rtol, atol)
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex32": (1e-3, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}


def default_tolerances(
    *inputs: Any, dtype_precisions: dict[Any, tuple[float, float]] | None = None
) -> tuple[float, float]:
    """The tolerances `(rtol, atol)` of the least exact of the dtypes of `inputs` (tensors or dtypes)."""
    pairs = []
    for value in inputs:
        dtype = value.dtype if isinstance(value, torch.Tensor) else value
        if dtype_precisions is not None and dtype in dtype_precisions:
            pairs.append(dtype_precisions[dtype])
        else:
            pairs.append(_TOLERANCES.get(str(dtype).rpartition(".")[2], (0.0, 0.0)))
    return max(rtol for rtol, _ in pairs), max(atol for _, atol in pairs)


class _Mismatch(Exception):
    """Where and why two values differ."""

    def __init__(self, text: str, where: tuple = (), kind: type[Exception] = AssertionError) -> None:
        super().__init__(text)
        self.text, self.where, self.kind = text, where, kind

    def message(self) -> str:
        if not self.where:
            return self.text
        return f"{self.text}\n\nThe failure occurred for item {''.join(f'[{part!r}]' for part in self.where)}"


class _Options:
    def __init__(
        self,
        rtol: Any,
        atol: Any,
        equal_nan: bool,
        devices: bool,
        dtypes: bool,
        layouts: bool,
        strides: bool,
        subclasses: bool,
    ) -> None:
        self.rtol, self.atol, self.equal_nan = rtol, atol, equal_nan
        self.devices, self.dtypes, self.layouts, self.strides, self.subclasses = (
            devices,
            dtypes,
            layouts,
            strides,
            subclasses,
        )


def _is_array(value: Any) -> bool:
    return type(value).__module__ == "numpy"


def _compare(actual: Any, expected: Any, options: _Options, where: tuple) -> None:
    if actual is None or expected is None:
        if actual is not expected:
            raise _Mismatch(f"None mismatch: {actual} is not {expected}", where)
        return
    sequence = collections.abc.Sequence
    if (
        isinstance(actual, sequence)
        and isinstance(expected, sequence)
        and not isinstance(actual, str)
        and not isinstance(expected, str)
    ):
        if len(actual) != len(expected):
            raise _Mismatch(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", where)
        for place, (a, e) in enumerate(zip(actual, expected)):
            _compare(a, e, options, (*where, place))
        return
    if isinstance(actual, collections.abc.Mapping) and isinstance(expected, collections.abc.Mapping):
        if actual.keys() != expected.keys():
            lacking, more = expected.keys() - actual.keys(), actual.keys() - expected.keys()
            text = "The keys of the mappings do not match:\n"
            text += f"Missing keys in the actual mapping: {sorted(lacking, key=repr)}\n" if lacking else ""
            text += f"Additional keys in the actual mapping: {sorted(more, key=repr)}" if more else ""
            raise _Mismatch(text.rstrip("\n"), where)
        for key in expected:
            _compare(actual[key], expected[key], options, (*where, key))
        return
    if isinstance(actual, (bool,)) and isinstance(expected, (bool,)):
        if actual is not expected:
            raise _Mismatch(f"Booleans mismatch: {actual} is not {expected}", where)
        return
    numbers = (int, float, complex)
    if (
        isinstance(actual, numbers)
        and isinstance(expected, numbers)
        and not _is_array(actual)
        and not _is_array(expected)
    ):
        if (
            options.dtypes
            and type(actual) is not type(expected)
            and not (isinstance(actual, type(expected)) or isinstance(expected, type(actual)))
        ):
            raise _Mismatch(f"The (d)types do not match: {type(actual)} != {type(expected)}.", where)
        _compare_numbers(actual, expected, options, where)
        return
    if (
        options.subclasses is False
        and type(actual) is not type(expected)
        and not isinstance(expected, type(actual))
        and not isinstance(actual, type(expected))
    ):
        _unsupported(actual, expected, where)
    try:
        a, e = _tensor(actual), _tensor(expected)
    except (TypeError, ValueError, RuntimeError):
        _unsupported(actual, expected, where)
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if not related and not (isinstance(actual, torch.Tensor) and isinstance(expected, torch.Tensor)):
        _unsupported(actual, expected, where)
    _compare_tensors(a, e, options, where)


def _unsupported(actual: Any, expected: Any, where: tuple) -> None:
    text = f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
    raise _Mismatch(text, where, TypeError)


def _tensor(value: Any) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else torch.as_tensor(value)


def _headline(what: str, rtol: float, atol: float) -> str:
    return f"{what} are not {'equal' if rtol == 0 and atol == 0 else 'close'}!"


def _allowed(value: float) -> str:
    return f" (up to {value} allowed)" if value else ""


def _compare_numbers(actual: Any, expected: Any, options: _Options, where: tuple) -> None:
    rtol, atol = options.rtol, options.atol
    if rtol is None:
        kinds = {int: torch.int64, float: torch.float64, complex: torch.complex128, bool: torch.bool}
        rtol, atol = default_tolerances(
            kinds.get(type(actual), torch.float64), kinds.get(type(expected), torch.float64)
        )
    is_nan = cmath.isnan(actual), cmath.isnan(expected)
    if actual == expected or (all(is_nan) and options.equal_nan):
        return
    difference = abs(actual - expected) if not any(is_nan) else math.nan
    if difference <= atol + rtol * abs(expected) and cmath.isfinite(expected) and cmath.isfinite(actual):
        return
    relative = difference / abs(expected) if expected != 0 else math.inf
    raise _Mismatch(
        f"{_headline('Scalars', rtol, atol)}\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{_allowed(atol)}\nRelative difference: {relative}{_allowed(rtol)}",
        where,
    )


def _compare_tensors(actual: torch.Tensor, expected: torch.Tensor, options: _Options, where: tuple) -> None:
    def differ(name: str, a: Any, e: Any) -> None:
        raise _Mismatch(f"The values for attribute '{name}' do not match: {a} != {e}.", where)

    if actual.shape != expected.shape:
        differ("shape", actual.shape, expected.shape)
    if options.layouts and actual.layout != expected.layout:
        differ("layout", actual.layout, expected.layout)
    if options.strides and actual.stride() != expected.stride():
        differ("stride()", actual.stride(), expected.stride())
    if options.devices and actual.device != expected.device:
        differ("device", actual.device, expected.device)
    if options.dtypes and actual.dtype != expected.dtype:
        differ("dtype", actual.dtype, expected.dtype)
    rtol, atol = options.rtol, options.atol
    if rtol is None:
        rtol, atol = default_tolerances(actual, expected)
    with torch.no_grad():
        actual, expected = actual.detach().cpu(), expected.detach().cpu()
        if actual.dtype != expected.dtype:
            dtype = torch.promote_types(actual.dtype, expected.dtype)
            actual, expected = actual.to(dtype), expected.to(dtype)
        close = torch.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
        if bool(close.all()):
            return
        raise _Mismatch(_describe(actual, expected, close, rtol, atol), where)


def _describe(actual: torch.Tensor, expected: torch.Tensor, close: torch.Tensor, rtol: float, atol: float) -> str:
    if not actual.is_floating_point() and not actual.is_complex():
        actual, expected = actual.to(torch.int64), expected.to(torch.int64)
    difference = (actual - expected).abs()
    bad = ~close
    count, total = int(bad.sum()), actual.numel()
    head = _headline("Scalars" if actual.dim() == 0 else "Tensor-likes", rtol, atol)
    # elements that are close must not count as the greatest difference
    masked = difference.to(torch.float64).masked_fill(close, 0)
    relative = (difference / expected.abs()).masked_fill(close, 0)
    if actual.dim() == 0:
        return (
            f"{head}\n\nExpected {expected.item()} but got {actual.item()}.\n"
            f"Absolute difference: {difference.item()}{_allowed(atol)}\nRelative difference: "
            f"{relative.item()}{_allowed(rtol)}"
        )
    lines = [head, "", f"Mismatched elements: {count} / {total} ({count / total:.1%})"]
    for name, values, shown, limit in (("absolute", masked, difference, atol), ("relative", relative, relative, rtol)):
        at = int(torch.argmax(values.flatten()))
        index = []
        for size in reversed(actual.shape):
            at, place = divmod(at, size)
            index.append(place)
        place = tuple(reversed(index))
        lines.append(f"Greatest {name} difference: {shown[place].item()} at index {place}{_allowed(limit)}")
    return "\n".join(lines)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises unless `|actual - expected| <= atol + rtol * |expected|` everywhere, in tensors, numbers, and sequences
    and mappings of them.

    Default tolerances depend on the dtype: (1.3e-6, 1e-5) for float32, (1e-7, 1e-7) for float64, equality for integers
        …

    Raises:
        AssertionError: if shape, dtype, device or values differ; `msg` replaces its text, or makes it from the text.
        ValueError: if only one of `rtol` and `atol` is given.
        TypeError: for things that cannot be compared.

    Example::

        >>> torch.testing.assert_close(model(x), expected)
    """
    if (rtol is None) != (atol is None):
        given = "rtol" if atol is None else "atol"
        raise ValueError(
            "rtol and atol must both be specified or both be unspecified, but got no "
            f"{'atol' if given == 'rtol' else 'rtol'}"
        )
    options = _Options(rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride, allow_subclasses)
    try:
        _compare(actual, expected, options, ())
    except _Mismatch as mismatch:
        text = mismatch.message()
        if msg is not None and mismatch.kind is AssertionError:
            text = msg(text) if callable(msg) else msg
        error = mismatch.kind(text)
    else:
        return
    raise error


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The old form of `assert_close`, which does not look at dtype and device."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated; use `torch.testing.assert_close()`.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(actual, torch.Tensor):
        actual = torch.tensor(actual)
    if not isinstance(expected, torch.Tensor):
        expected = torch.tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        rtol, atol = default_tolerances(
            actual,
            expected,
            dtype_precisions={torch.float16: (1e-3, 1e-3), torch.float32: (1e-4, 1e-5), torch.float64: (1e-5, 1e-8)},
        )
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        msg=msg or None,
    )
