"""`HalfCauchy`: absolute values of Cauchy distributed numbers."""

from __future__ import annotations

import math

import rushlight as torch
from rushlight import Tensor

from ._half import Half
from .cauchy import Cauchy

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """The distribution of |x| for x of Cauchy(0, scale)."""

    whole = Cauchy
    base_dist: Cauchy

    @property
    def mean(self) -> Tensor:
        return torch.full(self._extended_shape(), math.inf, dtype=self.scale.dtype, device=self.scale.device)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance
