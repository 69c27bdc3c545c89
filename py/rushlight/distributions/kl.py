"""`kl_divergence`, and the table of formulas that it looks into."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import total_ordering
from math import inf
from typing import Any

import rushlight as torch
from rushlight import Tensor

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal, _log_det, _mahalanobis
from .multivariate_normal import MultivariateNormal, _batch_mahalanobis
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import _sum_rightmost
from .utils import euler_constant as _euler_gamma

__all__ = ["kl_divergence", "register_kl"]

_table: dict[tuple[type, type], Callable] = {}
_found: dict[tuple[type, type], Callable] = {}


def register_kl(type_p: type, type_q: type) -> Callable:
    """Decorator: makes a function of (p, q) the formula for these classes and their subclasses.

    Raises:
        TypeError: for what is not a class of distributions.
    """
    for kind in (type_p, type_q):
        if not isinstance(kind, type) or not issubclass(kind, Distribution):
            raise TypeError(f"Expected type_p and type_q to be Distribution subclasses but got {kind}")

    def decorator(formula: Callable) -> Callable:
        _table[type_p, type_q] = formula
        _found.clear()
        return formula

    return decorator


@total_ordering
class _Match:
    """Classes in the order of how special they are, the most special first."""

    def __init__(self, *types: type) -> None:
        self.types = types

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Match) and self.types == other.types

    def __le__(self, other: _Match) -> bool:
        for x, y in zip(self.types, other.types, strict=True):
            if not issubclass(x, y):
                return False
            if x is not y:
                break
        return True

    __hash__ = None  # type: ignore[assignment]


def _find(type_p: type, type_q: type) -> Any:
    """The formula of the nearest ancestors; NotImplemented without any."""
    fits = [(p, q) for p, q in _table if issubclass(type_p, p) and issubclass(type_q, q)]
    if not fits:
        return NotImplemented
    left = min(_Match(*pair) for pair in fits).types
    right = min(_Match(*reversed(pair)) for pair in fits).types[::-1]
    if _table[left] is not _table[right]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please register_kl({left[0].__name__}, "
            f"{right[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _table[left]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence KL(p || q), the mean under p of log p(x) - log q(x); shape `batch_shape`.

    Raises:
        NotImplementedError: if there is no formula for these two; `register_kl` adds one.

    Example::

        >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
        tensor(0.5000)
    """
    key = type(p), type(q)
    formula = _found.get(key)
    if formula is None:
        formula = _found[key] = _find(*key)
    if formula is NotImplemented:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
        )
    return formula(p, q)


def _infinite(like: Tensor) -> Tensor:
    return torch.full_like(like, inf)


def _xlogx(x: Tensor) -> Tensor:
    return torch.special.xlogy(x, x)


def _trace_product(bmat: Tensor) -> Tensor:
    """The trace of X X'."""
    return bmat.reshape(bmat.shape[:-2] + (-1,)).pow(2).sum(-1)


# ---------------------------------------------------------------- of one kind


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    softplus = torch.nn.functional.softplus
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    one = torch.where(p.probs == 0, 0.0, torch.where(q.probs == 0, inf, one))
    zero = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    zero = torch.where(p.probs == 1, 0.0, torch.where(q.probs == 1, inf, zero))
    return one + zero


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    total_p, total_q = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    norm = q.concentration1.lgamma() + q.concentration0.lgamma() + total_p.lgamma()
    norm = norm - (p.concentration1.lgamma() + p.concentration0.lgamma() + total_q.lgamma())
    one = (p.concentration1 - q.concentration1) * torch.digamma(p.concentration1)
    zero = (p.concentration0 - q.concentration0) * torch.digamma(p.concentration0)
    return norm + one + zero + (total_q - total_p) * torch.digamma(total_p)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return torch.where(p.total_count > q.total_count, inf, kl)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    t = p.probs * (p.logits - q.logits)
    t = torch.where((q.probs == 0).expand_as(t), inf, t)
    return torch.where((p.probs == 0).expand_as(t), 0.0, t).sum(-1)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    norms = p._log_norm() + torch.log1p(-p.probs) - q._log_norm() - torch.log1p(-q.probs)
    return p.mean * (p.logits - q.logits) + norms


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    norm = total_p.lgamma() - total_q.lgamma() - (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    away = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return norm + ((p.concentration - q.concentration) * away).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """The Bregman divergence of the log normalizer."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman divergences"
        )
    natural_p = [x.detach().requires_grad_() for x in p._natural_params]
    natural_q = q._natural_params
    with torch.enable_grad():
        normalizer = p._log_normalizer(*natural_p)
        slopes = torch.autograd.grad(normalizer.sum(), natural_p, create_graph=True)
    result = q._log_normalizer(*natural_q) - normalizer
    for x_p, x_q, slope in zip(natural_p, natural_q, slopes, strict=True):
        result = result - _sum_rightmost((x_q - x_p) * slope, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    return (
        q.concentration * (p.rate / q.rate).log()
        + torch.lgamma(q.concentration)
        - torch.lgamma(p.concentration)
        + (p.concentration - q.concentration) * torch.digamma(p.concentration)
        + (q.rate - p.rate) * (p.concentration / p.rate)
    )


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, loc_q, loc_p = p.scale / q.scale, q.loc / q.scale, p.loc / q.scale
    start = -ratio.log() - loc_q + loc_p
    return start + ratio * _euler_gamma + torch.exp(loc_q + (1 + ratio).lgamma() - loc_p) - (1 + _euler_gamma)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - torch.log1p(-q.probs) / p.probs - q.logits


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * torch.exp(-away / p.scale) - 1


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _lowrank(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError("KL-divergence between two Low Rank Multivariate Normals with different event shapes cannot be computed")
    factor_q, diag_q, tril_q = q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag, q._capacitance_tril
    factor_p, diag_p = p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag
    logs = _log_det(factor_q, diag_q, tril_q) - _log_det(factor_p, diag_p, p._capacitance_tril)
    distance = _mahalanobis(factor_q, diag_q, q.loc - p.loc, tril_q)
    # tr((W_q W_q' + D_q)^-1 (W_p W_p' + D_p)) = tr(D_q^-1 cov_p) - tr((A'A) cov_p), A = L_q^-1 W_q' D_q^-1
    scaled = factor_q.mT / diag_q.unsqueeze(-2)
    a = torch.linalg.solve_triangular(tril_q, scaled, upper=False)
    trace = (diag_p / diag_q).sum(-1) + _trace_product(factor_p * diag_q.rsqrt().unsqueeze(-1))
    trace = trace - _trace_product(a * diag_p.sqrt().unsqueeze(-2)) - _trace_product(a.matmul(factor_p))
    return 0.5 * (logs + trace + distance - p.event_shape[0])


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _full_lowrank(p: MultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError("KL-divergence between two (Low Rank) Multivariate Normals with different event shapes cannot be computed")
    factor_q, diag_q, tril_q = q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag, q._capacitance_tril
    tril_p = p._unbroadcasted_scale_tril
    logs = _log_det(factor_q, diag_q, tril_q) - 2 * tril_p.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    distance = _mahalanobis(factor_q, diag_q, q.loc - p.loc, tril_q)
    a = torch.linalg.solve_triangular(tril_q, factor_q.mT / diag_q.unsqueeze(-2), upper=False)
    trace = _trace_product(tril_p * diag_q.rsqrt().unsqueeze(-1)) - _trace_product(a.matmul(tril_p))
    return 0.5 * (logs + trace + distance - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _lowrank_full(p: LowRankMultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError("KL-divergence between two (Low Rank) Multivariate Normals with different event shapes cannot be computed")
    tril_q = q._unbroadcasted_scale_tril
    factor_p, diag_p = p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag
    logs = 2 * tril_q.diagonal(dim1=-2, dim2=-1).log().sum(-1) - _log_det(factor_p, diag_p, p._capacitance_tril)
    distance = _batch_mahalanobis(tril_q, q.loc - p.loc)
    whole = torch.broadcast_shapes(tril_q.shape[:-2], factor_p.shape[:-2], diag_p.shape[:-1])
    n = p.event_shape[0]
    tril_q = tril_q.expand(whole + (n, n))
    thin = torch.linalg.solve_triangular(tril_q, factor_p.expand(whole + factor_p.shape[-2:]), upper=False)
    diagonal = torch.linalg.solve_triangular(tril_q, diag_p.sqrt().diag_embed().expand(whole + (n, n)), upper=False)
    return 0.5 * (logs + _trace_product(thin) + _trace_product(diagonal) + distance - n)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError("KL-divergence between two Multivariate Normals with different event shapes cannot be computed")
    tril_p, tril_q = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    half_logs = tril_q.diagonal(dim1=-2, dim2=-1).log().sum(-1) - tril_p.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    whole = torch.broadcast_shapes(tril_q.shape[:-2], tril_p.shape[:-2])
    n = p.event_shape[0]
    solved = torch.linalg.solve_triangular(tril_q.expand(whole + (n, n)), tril_p.expand(whole + (n, n)), upper=False)
    return half_logs + 0.5 * (_trace_product(solved) + _batch_mahalanobis(tril_q, q.loc - p.loc) - n)


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    scales, ratio = p.scale / q.scale, q.alpha / p.alpha
    kl = q.alpha * scales.log() - ratio.log() + ratio - 1
    return torch.where(p.support.lower_bound < q.support.lower_bound, inf, kl)


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("KL between distributions with different transforms")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    kl = ((q.high - q.low) / (p.high - p.low)).log()
    return torch.where((q.low > p.low) | (q.high < p.high), inf, kl)


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    return ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log() - (4 * p.scale * q.scale).log()


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL between Independents of different reinterpreted_batch_ndims")
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


# ---------------------------------------------------------------- of two kinds


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p: Beta, q: ContinuousBernoulli) -> Tensor:
    return -p.entropy() - p.mean * q.logits - torch.log1p(-q.probs) - q._log_norm()


@register_kl(Beta, Pareto)
def _beta_pareto(p: Beta, q: Pareto) -> Tensor:
    return _infinite(p.concentration1)


@register_kl(Beta, Exponential)
def _beta_exponential(p: Beta, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    log_mean = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    return -p.entropy() + norm - (q.concentration - 1) * log_mean + q.rate * p.mean


@register_kl(Beta, Normal)
def _beta_normal(p: Beta, q: Normal) -> Tensor:
    square = q.scale.pow(2)
    norm = 0.5 * (square * 2 * math.pi).log()
    return -p.entropy() + norm + (0.5 * (p.variance + p.mean.pow(2)) - p.mean * q.loc + 0.5 * q.loc.pow(2)) / square


@register_kl(Beta, Uniform)
def _beta_uniform(p: Beta, q: Uniform) -> Tensor:
    kl = -p.entropy() + (q.high - q.low).log()
    return torch.where((q.low > 0.0) | (q.high < 1.0), inf, kl)


@register_kl(ContinuousBernoulli, Pareto)
def _continuous_bernoulli_pareto(p: ContinuousBernoulli, q: Pareto) -> Tensor:
    return _infinite(p.probs)


@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p: ContinuousBernoulli, q: Exponential) -> Tensor:
    return -p.entropy() - torch.log(q.rate) + q.rate * p.mean


@register_kl(ContinuousBernoulli, Normal)
def _continuous_bernoulli_normal(p: ContinuousBernoulli, q: Normal) -> Tensor:
    square = q.scale.pow(2)
    moments = (p.variance + p.mean.pow(2)) / (2 * square) - p.mean * q.loc / square
    return -p.entropy() + 0.5 * (math.log(2 * math.pi) + (q.loc / q.scale).pow(2)) + torch.log(q.scale) + moments


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p: ContinuousBernoulli, q: Uniform) -> Tensor:
    kl = -p.entropy() + (q.high - q.low).log()
    return torch.where((q.low > 0.0) | (q.high < 1.0), inf, kl)


@register_kl(Exponential, Beta)
@register_kl(Exponential, ContinuousBernoulli)
@register_kl(Exponential, Pareto)
@register_kl(Exponential, Uniform)
def _exponential_narrow(p: Exponential, q: Distribution) -> Tensor:
    return _infinite(p.rate)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    ratio = q.rate / p.rate
    return -q.concentration * ratio.log() + ratio + q.concentration.lgamma() + q.concentration * _euler_gamma - (
        1 + _euler_gamma
    )


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    product, location = p.rate * q.scale, q.loc / q.scale
    return product.log() - 1 + product.reciprocal() - location + location.exp() * product / (product + 1)


@register_kl(Exponential, Normal)
def _exponential_normal(p: Exponential, q: Normal) -> Tensor:
    square, inverse = q.scale.pow(2), p.rate.reciprocal()
    start = 0.5 * torch.log(p.rate.pow(2) * square * 2 * math.pi)
    return start - 1 + (inverse.pow(2) - q.loc * inverse + 0.5 * q.loc.pow(2)) / square


@register_kl(Gamma, Beta)
@register_kl(Gamma, ContinuousBernoulli)
@register_kl(Gamma, Pareto)
@register_kl(Gamma, Uniform)
def _gamma_narrow(p: Gamma, q: Distribution) -> Tensor:
    return _infinite(p.concentration)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    product, location = p.rate * q.scale, q.loc / q.scale
    entropy_part = (p.concentration - 1) * p.concentration.digamma() - p.concentration.lgamma() - p.concentration
    ends = torch.exp(location) * (1 + product.reciprocal()).pow(-p.concentration)
    return entropy_part + product.log() + p.concentration / product - location + ends


@register_kl(Gamma, Normal)
def _gamma_normal(p: Gamma, q: Normal) -> Tensor:
    square, beta = q.scale.pow(2), p.rate.pow(2)
    moments = 0.5 * (p.concentration.pow(2) + p.concentration) / beta
    moments = moments - q.loc * p.concentration / p.rate + 0.5 * q.loc.pow(2)
    entropy_part = (p.concentration - 1) * p.concentration.digamma() - p.concentration.lgamma() - p.concentration
    return 0.5 * torch.log(beta * square * 2 * math.pi) + entropy_part + moments / square


@register_kl(Gumbel, Beta)
@register_kl(Gumbel, ContinuousBernoulli)
@register_kl(Gumbel, Exponential)
@register_kl(Gumbel, Gamma)
@register_kl(Gumbel, Pareto)
@register_kl(Gumbel, Uniform)
@register_kl(Laplace, Beta)
@register_kl(Laplace, ContinuousBernoulli)
@register_kl(Laplace, Exponential)
@register_kl(Laplace, Gamma)
@register_kl(Laplace, Pareto)
@register_kl(Laplace, Uniform)
@register_kl(Normal, Beta)
@register_kl(Normal, ContinuousBernoulli)
@register_kl(Normal, Exponential)
@register_kl(Normal, Gamma)
@register_kl(Normal, Pareto)
@register_kl(Normal, Uniform)
def _whole_line_narrow(p: Any, q: Distribution) -> Tensor:
    return _infinite(p.loc)


@register_kl(Gumbel, Normal)
def _gumbel_normal(p: Gumbel, q: Normal) -> Tensor:
    ratio = p.scale / q.scale
    start = (math.sqrt(2 * math.pi) / ratio).log()
    return start + (math.pi * ratio / math.sqrt(6)).pow(2) * 0.5 + (
        (p.loc + p.scale * _euler_gamma - q.loc) / q.scale
    ).pow(2) * 0.5 - (_euler_gamma + 1)


@register_kl(Laplace, Normal)
def _laplace_normal(p: Laplace, q: Normal) -> Tensor:
    square = q.scale.pow(2)
    start = 0.5 * torch.log(math.pi / 2 * square / p.scale.pow(2))
    return start - 1 + (p.scale.pow(2) + 0.5 * (p.loc - q.loc).pow(2)) / square


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    mean, square, location = p.loc / q.scale, (p.scale / q.scale).pow(2), q.loc / q.scale
    ends = torch.exp(-mean + 0.5 * square + location)
    return mean - location + ends - 0.5 * (1 + square.log() + math.log(2 * math.pi))


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    away = p.loc - q.loc
    ratio = away / p.scale
    mean_distance = math.sqrt(2 / math.pi) * p.scale * torch.exp(-0.5 * ratio.pow(2)) + away * torch.erf(
        math.sqrt(0.5) * ratio
    )
    return -torch.log(p.scale / q.scale) + mean_distance / q.scale - (0.5 + 0.5 * math.log(0.5 * math.pi))


@register_kl(Pareto, Beta)
@register_kl(Pareto, ContinuousBernoulli)
@register_kl(Pareto, Uniform)
def _pareto_narrow(p: Pareto, q: Distribution) -> Tensor:
    return _infinite(p.scale)


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Pareto, q: Exponential) -> Tensor:
    kl = (p.alpha / (p.scale * q.rate)).log() - p.alpha.reciprocal() + p.alpha * p.scale * q.rate / (p.alpha - 1) - 1
    return torch.where(p.alpha <= 1, inf, kl)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    log_mean = p.scale.log() + p.alpha.reciprocal()
    start = p.alpha.log() - p.scale.log() - p.alpha.reciprocal() - 1
    norm = q.concentration.lgamma() - q.concentration * q.rate.log() - (q.concentration - 1) * log_mean
    kl = start + norm + q.rate * p.alpha * p.scale / (p.alpha - 1)
    return torch.where(p.alpha <= 1, inf, kl)


@register_kl(Pareto, Normal)
def _pareto_normal(p: Pareto, q: Normal) -> Tensor:
    square, less = 2 * q.scale.pow(2), p.alpha - 1
    start = (math.sqrt(2 * math.pi) * q.scale / p.scale * p.alpha).log() - p.alpha.reciprocal() - 1
    variance = p.alpha * p.scale.pow(2) / (less.pow(2) * (p.alpha - 2))
    mean = p.alpha * p.scale / less - q.loc
    return torch.where(p.alpha <= 2, inf, start + (variance + mean.pow(2)) / square)


@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def _poisson_narrow(p: Poisson, q: Distribution) -> Tensor:
    return _infinite(p.rate)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    width = p.high - p.low
    start = torch.log(width)
    one = (q.concentration1 - 1) * (_xlogx(p.high) - _xlogx(p.low) - width) / width
    zero = (q.concentration0 - 1) * (_xlogx(1 - p.high) - _xlogx(1 - p.low) + width) / width
    norm = q.concentration1.lgamma() + q.concentration0.lgamma() - (q.concentration1 + q.concentration0).lgamma()
    kl = zero - one - start + norm
    return torch.where((p.high > 1.0) | (p.low < 0.0), inf, kl)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    kl = -p.entropy() - p.mean * q.logits - torch.log1p(-q.probs) - q._log_norm()
    return torch.where((p.high > 1.0) | (p.low < 0.0), inf, kl)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    kl = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return torch.where(p.low < 0.0, inf, kl)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    width = p.high - p.low
    norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    logs = (1 - q.concentration) * (_xlogx(p.high) - _xlogx(p.low) - width) / width
    kl = -width.log() + norm + logs + q.rate * (p.high + p.low) / 2
    return torch.where(p.low < 0.0, inf, kl)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    width = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return width.log() + 0.5 * (high + low) - width * (torch.exp(-high) - torch.exp(-low))


@register_kl(Uniform, Normal)
def _uniform_normal(p: Uniform, q: Normal) -> Tensor:
    width = p.high - p.low
    start = (math.sqrt(math.pi * 2) * q.scale / width).log()
    return start + 0.5 * (width.pow(2) / 12 + ((p.high + p.low - 2 * q.loc) / 2).pow(2)) / q.scale.pow(2)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    width = p.high - p.low
    start = (q.alpha * q.scale.pow(q.alpha) * width).log()
    logs = (_xlogx(p.high) - _xlogx(p.low) - width) / width
    return torch.where(p.low < q.support.lower_bound, inf, logs * (q.alpha + 1) - start)
