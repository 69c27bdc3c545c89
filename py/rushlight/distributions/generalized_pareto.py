"""`GeneralizedPareto`: exceedances over a threshold."""

from __future__ import annotations

from typing import Any

import rushlight as torch
from rushlight import Tensor

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """The generalised Pareto distribution: threshold `loc`, width `scale`, tail index `concentration`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return self._expanded(GeneralizedPareto, batch_shape, _instance, "loc", "scale", "concentration")

    def _is_exponential(self) -> Tensor:
        return torch.isclose(self.concentration, torch.zeros_like(self.concentration))

    def _safe(self) -> Tensor:
        """The tail index, with zeros replaced so that it can be divided by."""
        return torch.where(self._is_exponential(), torch.ones_like(self.concentration), self.concentration)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        upper = torch.where(self.concentration < 0, self.loc - self.scale / self._safe(), torch.inf)
        return constraints.interval(self.loc, upper)

    @property
    def mean(self) -> Tensor:
        shape = self.concentration
        return torch.where(shape < 1, self.loc + self.scale / (1 - shape), torch.inf)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        shape = self.concentration
        return torch.where(shape < 0.5, self.scale**2 / ((1 - shape) ** 2 * (1 - 2 * shape)), torch.inf)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        u = torch.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.icdf(u)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        shape = self._safe()
        general = -(1 / shape + 1) * torch.log1p(shape * z)
        return torch.where(self._is_exponential(), -z, general) - self.scale.log()

    def log_survival_function(self, value: Tensor) -> Tensor:
        """log(1 - cdf)."""
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        shape = self._safe()
        return torch.where(self._is_exponential(), -z, -torch.log1p(shape * z) / shape)

    def log_cdf(self, value: Tensor) -> Tensor:
        """log(cdf)."""
        return torch.log1p(-torch.exp(self.log_survival_function(value)))

    def cdf(self, value: Tensor) -> Tensor:
        return torch.exp(self.log_cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        log_rest = torch.log1p(-value)
        shape = self._safe()
        z = torch.where(self._is_exponential(), -log_rest, torch.expm1(-shape * log_rest) / shape)
        return self.loc + self.scale * z

    def entropy(self) -> Tensor:
        return torch.log(self.scale) + self.concentration + 1
