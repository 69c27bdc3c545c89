"""Windows to multiply a stretch of a signal with before its spectrum is taken.

All are of length `M`. A symmetric one (`sym=True`) reads the same from both ends; else it is one period of a window that goes
on, as a spectrum wants it.

>>> torch.signal.windows.hann(5)
tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
"""

from __future__ import annotations

from collections.abc import Iterable
from math import pi, sqrt
from typing import Any

import rushlight as torch
from rushlight import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _checked(name: str, M: int, dtype: Any, layout: Any) -> dict[str, Any]:
    """What a factory is to make, if it is something that a window can be."""
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not torch.strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    dtype = torch.get_default_dtype() if dtype is None else dtype
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return {"dtype": dtype, "layout": layout}


def _steps(start: float, step: float, M: int, options: dict[str, Any]) -> Tensor:
    return torch.linspace(start, start + (M - 1) * step, M, **options)


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-|n - center| / tau). A symmetric window has its centre in the middle."""
    options = _checked("exponential", M, dtype, layout) | {"device": device, "requires_grad": requires_grad}
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return torch.empty((0,), **options)
    if center is None:
        center = (M if not sym and M > 1 else M - 1) / 2.0
    return torch.exp(-torch.abs(_steps(-center / tau, 1 / tau, M, options)))


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """sin(pi (n + 1/2) / M): half a period of the sine."""
    options = _checked("cosine", M, dtype, layout) | {"device": device, "requires_grad": requires_grad}
    if M == 0:
        return torch.empty((0,), **options)
    step = pi / (M + 1 if not sym and M > 1 else M)
    return torch.sin(_steps(0.5 * step, step, M, options))


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-(n / std)² / 2), n counted from the middle."""
    options = _checked("gaussian", M, dtype, layout) | {"device": device, "requires_grad": requires_grad}
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return torch.empty((0,), **options)
    step = 1 / (std * sqrt(2))
    return torch.exp(-(_steps(-(M if not sym and M > 1 else M - 1) / 2.0 * step, step, M, options) ** 2))


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window: nearly all of its spectrum in the main lobe, whose width grows with `beta`."""
    options = _checked("kaiser", M, dtype, layout) | {"device": device, "requires_grad": requires_grad}
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M == 0:
        return torch.empty((0,), **options)
    if M == 1:
        return torch.ones((1,), **options)
    # The last point may not lie beyond beta by a rounding: the root below would be that of a negative number.
    width = torch.tensor(beta, dtype=options["dtype"])
    step = 2.0 * width / (M if not sym else M - 1)
    last = torch.minimum(width, -width + (M - 1) * step)
    k = torch.linspace((-width).item(), last.item(), M, **options)
    return torch.i0(torch.sqrt(width * width - k * k)) / torch.i0(width)


def general_cosine(
    M: int,
    *,
    a: Iterable,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The sum of (-1)^i a_i cos(2 pi i n / (M - 1))."""
    options = _checked("general_cosine", M, dtype, layout) | {"device": device, "requires_grad": requires_grad}
    if M == 0:
        return torch.empty((0,), **options)
    if M == 1:
        return torch.ones((1,), **options)
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    weights = list(a)
    if not weights:
        raise ValueError("Coefficients cannot be empty")
    k = _steps(0, 2 * pi / (M if not sym else M - 1), M, options)
    signed = torch.tensor([(-1) ** i * w for i, w in enumerate(weights)], dtype=options["dtype"], device=device)
    order = torch.arange(len(weights), dtype=options["dtype"], device=device)
    return (signed.unsqueeze(-1) * torch.cos(order.unsqueeze(-1) * k)).sum(0)


def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi n / (M - 1))."""
    return general_cosine(
        M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def hamming(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The general Hamming window of alpha = 0.54."""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The general Hamming window of alpha = 0.5: a raised cosine."""
    return general_hamming(
        M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def blackman(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Blackman's window: three cosines."""
    a = [0.42, 0.5, 0.08]
    return general_cosine(M, a=a, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def nuttall(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Nuttall's window: four cosines, the least side lobes that those can have."""
    a = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return general_cosine(M, a=a, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = torch.strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle from zero to one and back."""
    options = _checked("bartlett", M, dtype, layout) | {"device": device, "requires_grad": requires_grad}
    if M == 0:
        return torch.empty((0,), **options)
    if M == 1:
        return torch.ones((1,), **options)
    return 1 - torch.abs(_steps(-1, 2 / (M if not sym else M - 1), M, options))
