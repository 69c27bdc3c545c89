"""`make_tensor`: random inputs for tests."""

from __future__ import annotations

import math
from typing import Any

import rushlight as torch

__all__ = ["make_tensor"]


def make_tensor(
    *shape: Any,
    dtype: torch.dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> torch.Tensor:
    """A tensor of random values in `[low, high)`; by default [-9, 9), [0, 10) for uint8, 0 or 1 for bool.

    Args:
        noncontiguous: with gaps between the elements.
        exclude_zero: the smallest positive value in place of zeros.

    Raises:
        ValueError: for an empty range, `requires_grad` of integers, or both `noncontiguous` and `memory_format`.

    Example::

        >>> torch.testing.make_tensor(3, 4, dtype=torch.float32, device="cpu", low=0)
    """
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    if noncontiguous and memory_format is not None:
        raise ValueError("The parameters `noncontiguous` and `memory_format` are mutually exclusive")
    floating = dtype.is_floating_point or dtype.is_complex
    if requires_grad and not floating:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    least, most = (
        (0, 2) if dtype == torch.bool else (0, 10) if dtype == torch.uint8 else (-9, 10 if not floating else 9)
    )
    low, high = least if low is None else low, most if high is None else high
    if math.isnan(low) or math.isnan(high) or low > high or (low == high and floating):
        raise ValueError(f"make_tensor: `low` must be less than `high`, got {low} and {high}")
    if floating:
        real = torch.float64 if dtype in (torch.float64, torch.complex128) else torch.float32
        largest = torch.finfo(dtype).max
        low, high = max(low, -largest), min(high, largest)
        result = torch.empty(shape, dtype=real).uniform_(low, high)
        if dtype.is_complex:
            result = torch.complex(result, torch.empty(shape, dtype=real).uniform_(low, high))
        result = result.to(dtype)
    elif dtype == torch.bool:
        result = torch.randint(0, 2, shape).to(torch.bool)
    else:
        info = torch.iinfo(dtype)
        low, high = max(math.ceil(low), info.min), min(math.ceil(high), info.max)
        result = torch.randint(low, max(high, low + 1), shape, dtype=torch.int64).to(dtype)
    if exclude_zero:
        result = result.masked_fill(result == 0, 1 if not floating else torch.finfo(dtype).tiny)
    result = result.to(device)
    if noncontiguous and result.numel() > 1:
        result = torch.repeat_interleave(result, 2, dim=-1)[..., ::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    return result.requires_grad_(requires_grad) if requires_grad else result
