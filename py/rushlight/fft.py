"""Fourier transforms: the functions of ``torch.fft``, as the core has them."""

from __future__ import annotations

from rushlight import _rushlight
from rushlight._rushlight import Tensor as Tensor

globals().update({name: value for name, value in vars(_rushlight._fft).items() if not name.startswith("_")})
