"""Reductions, running sums and normalisations of tensors some of whose elements count as missing.

`mask` is a tensor of bools that broadcasts with the input: where it is False, an element is left out. Each function takes
`mask=None` for a tensor that is whole, and then does what its namesake does.

>>> x, mask = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([True, False, True])
>>> torch.masked.mean(x, mask=mask)
tensor(2.5000)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as torch
from rushlight import Tensor

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]

Dims = int | tuple[int, ...] | list[int] | None


def _dims(dim: Dims, x: Tensor) -> tuple[int, ...]:
    """The dimensions that are meant, all of them for None, as numbers from zero."""
    if dim is None:
        return tuple(range(x.dim()))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    wrapped = []
    for d in dims:
        n = max(x.dim(), 1)
        if not -n <= d < n:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})")
        if d % n in wrapped:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        wrapped.append(d % n)
    return tuple(d for d in wrapped if d < x.dim())


def _mask(x: Tensor, mask: Tensor | None) -> Tensor | None:
    """The mask in the shape of the input."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor):
        raise TypeError(f"mask must be a Tensor of bools, got {type(mask).__name__}")
    if mask.dtype != torch.bool:
        mask = mask != 0
    return mask.expand(x.shape) if mask.dim() <= x.dim() else mask.broadcast_to(x.shape)


def _filled(x: Tensor, mask: Tensor | None, value: Any) -> Tensor:
    """The input with this value for what is missing."""
    whole = _mask(x, mask)
    return x if whole is None else torch.where(whole, x, torch.tensor(value, dtype=x.dtype))


def _extreme(dtype: Any, greatest: bool) -> Any:
    if dtype.is_floating_point:
        return float("inf") if greatest else float("-inf")
    if dtype == torch.bool:
        return greatest
    info = torch.iinfo(dtype)
    return info.max if greatest else info.min


def _summed(x: Tensor, dtype: Any) -> Tensor:
    """Integers add up in int64."""
    if dtype is None:
        dtype = x.dtype if x.dtype.is_floating_point or x.dtype.is_complex else torch.int64
    return x.to(dtype)


def _counts(x: Tensor, dims: tuple[int, ...], mask: Tensor | None, keepdim: bool) -> Tensor:
    """How many elements take part in each result."""
    whole = _mask(x, mask)
    ones = torch.ones(x.shape, dtype=torch.int64) if whole is None else whole.to(torch.int64)
    return ones.sum(dims, keepdim=keepdim) if dims else ones


def sum(
    input: Tensor, dim: Dims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The sum of what is there; 0 of nothing."""
    x, dims = _summed(_filled(input, mask, 0), dtype), _dims(dim, input)
    return x.sum(dims, keepdim=bool(keepdim)) if dims else x.clone()


def prod(
    input: Tensor, dim: Dims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The product of what is there; 1 of nothing."""
    x = _summed(_filled(input, mask, 1), dtype)
    for d in sorted(_dims(dim, input), reverse=True):
        x = x.prod(d, keepdim=bool(keepdim))
    return x


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running sum along `dim`, what is missing counted as 0."""
    return torch.cumsum(_filled(input, mask, 0), dim, dtype=dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running product along `dim`, what is missing counted as 1."""
    return torch.cumprod(_filled(input, mask, 1), dim, dtype=dtype)


def amax(
    input: Tensor, dim: Dims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The greatest of what is there; the least number of the dtype for nothing."""
    x = input if dtype is None else input.to(dtype)
    x, dims = _filled(x, mask, _extreme(x.dtype, False)), _dims(dim, input)
    return x.amax(dims, keepdim=bool(keepdim)) if dims else x.clone()


def amin(
    input: Tensor, dim: Dims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The least of what is there; the greatest number of the dtype for nothing."""
    x = input if dtype is None else input.to(dtype)
    x, dims = _filled(x, mask, _extreme(x.dtype, True)), _dims(dim, input)
    return x.amin(dims, keepdim=bool(keepdim)) if dims else x.clone()


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The place of the greatest of what is there, as a number of the input's dtype."""
    x = input if dtype is None else input.to(dtype)
    return torch.argmax(_filled(x, mask, _extreme(x.dtype, False)), dim, bool(keepdim)).to(x.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The place of the least of what is there, as a number of the input's dtype."""
    x = input if dtype is None else input.to(dtype)
    return torch.argmin(_filled(x, mask, _extreme(x.dtype, True)), dim, bool(keepdim)).to(x.dtype)


def mean(
    input: Tensor, dim: Dims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The mean of what is there; NaN of nothing."""
    dims = _dims(dim, input)
    x = input if dtype is None else input.to(dtype)
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        raise ValueError(
            f"masked.mean: could not infer the output dtype from an input of {input.dtype}; name a floating point dtype"
        )
    if mask is None:
        return x.mean(dims, keepdim=bool(keepdim)) if dims else x.clone()
    return sum(x, dims, keepdim=keepdim, mask=mask) / _counts(x, dims, mask, bool(keepdim))


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The median of what is there along `dim`, the lower of two; NaN of nothing."""
    x = input if dtype is None else input.to(dtype)
    if not x.dtype.is_floating_point:
        raise ValueError(f"masked.median: expected a floating point input, got {x.dtype}")
    if mask is None:
        return x.median(dim, keepdim).values
    whole = _mask(x, mask)
    if bool((x.isnan() & whole).any()):
        raise ValueError(
            "masked.median expects no fully masked out rows of NaN: the input has NaN where the mask is True"
        )
    return _filled(x, mask, float("nan")).nanmedian(dim, keepdim).values


def logsumexp(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The logarithm of the sum of exponentials of what is there; -inf of nothing."""
    x = input if dtype is None else input.to(dtype)
    result = x.dtype
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        x = x.to(torch.get_default_dtype())
    x, dims = _filled(x, mask, float("-inf")), _dims(dim, x)
    return (torch.logsumexp(x, dims, keepdim=keepdim) if dims else x.clone()).to(result)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(input) + exp(other)), with 0 for the exponentials that are missing."""
    a, b = (input, other) if dtype is None else (input.to(dtype), other.to(dtype))
    return torch.logaddexp(_filled(a, input_mask, float("-inf")), _filled(b, other_mask, float("-inf")))


def norm(
    input: Tensor,
    ord: float = 2.0,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The norm of order `ord` of what is there; 0 of nothing (infinity, for order -inf)."""
    x = input if dtype is None else input.to(dtype)
    missing = float("inf") if ord == float("-inf") else 0.0
    return torch.linalg.vector_norm(_filled(x, mask, missing), ord, _dims(dim, x), bool(keepdim))


def _deviation(
    input: Tensor,
    dim: Dims,
    unbiased: bool | None,
    correction: Any,
    keepdim: bool,
    dtype: Any,
    mask: Tensor | None,
    root: bool,
) -> Tensor:
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    elif unbiased is not None:
        raise RuntimeError("masked.var and masked.std take unbiased or correction, not both")
    x = input if dtype is None else input.to(dtype)
    result = x.dtype
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        result = torch.get_default_dtype()
        x = x.to(result)
    dims = _dims(dim, x)
    count = _counts(x, dims, mask, True)
    middle = sum(x, dims, keepdim=True, mask=mask) / count
    off = x - middle
    squares = sum((off * off.conj()).real if off.is_complex() else off * off, dims, keepdim=keepdim, mask=mask)
    if not keepdim:
        count = count.reshape(squares.shape)
    spread = squares / torch.clamp((count - correction).to(squares.dtype), min=0)
    return (spread.sqrt() if root else spread).to(result)


def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: Any = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance of what is there, divided by its number less `correction` (1 unless told otherwise)."""
    return _deviation(input, dim, unbiased, correction, bool(keepdim), dtype, mask, False)


def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: Any = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviation of what is there; see `var`."""
    return _deviation(input, dim, unbiased, correction, bool(keepdim), dtype, mask, True)


def _soft(function: Callable, input: Tensor, dim: int, dtype: Any, mask: Tensor | None, missing: float) -> Tensor:
    x = input if dtype is None else input.to(dtype)
    return function(_filled(x, mask, missing), dim)


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The softmax over what is there; 0 for what is missing, and NaN where all is."""
    return _soft(torch.nn.functional.softmax, input, dim, dtype, mask, float("-inf"))


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The logarithm of `softmax`."""
    return _soft(torch.nn.functional.log_softmax, input, dim, dtype, mask, float("-inf"))


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The softmax of the negated input."""
    return _soft(torch.nn.functional.softmin, input, dim, dtype, mask, float("inf"))


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The input divided by its norm of order `ord` along `dim`, or by `eps` if that is greater."""
    x = input if dtype is None else input.to(dtype)
    size = norm(x, ord, dim, keepdim=True, mask=mask)
    return _filled(x, mask, 0) / size.clamp_min(eps)
