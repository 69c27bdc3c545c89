"""Gradients of every differentiable function of the table, and gradients of the gradients, against finite differences.

A new function gets its line in `CASES`, or stands with its reason in `WITHOUT`: `test_every_function_is_here` holds
the table to it. Several functions that take alike arguments share a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rushlight as torch
from rushlight import Tensor
from rushlight.autograd import gradcheck, gradgradcheck

F64 = torch.float64
nn = torch._C._nn


# --- inputs -----------------------------------------------------------------------------------------------------------


def r(*shape: int, low: float = -1.5, high: float = 1.5) -> Tensor:
    """Numbers between two bounds, to be differentiated by."""
    return (torch.rand(shape, dtype=F64) * (high - low) + low).requires_grad_()


def pos(*shape: int) -> Tensor:
    return r(*shape, low=0.4, high=2.0)


def unit(*shape: int) -> Tensor:
    return r(*shape, low=-0.8, high=0.8)


def share(*shape: int) -> Tensor:
    return r(*shape, low=0.15, high=0.85)


def apart(*shape: int) -> Tensor:
    """Numbers no two of which are close to each other, nor to an integer or to ±0.5: what sorts, rounds or folds has no
    kink there."""
    n = torch.Size(shape).numel()
    return ((torch.randperm(n).to(F64) - n // 2) * 0.3 + 0.13).reshape(shape).requires_grad_()


def z(*shape: int) -> Tensor:
    """Complex numbers."""
    return torch.complex(r(*shape).detach() + 0.1, r(*shape).detach()).requires_grad_()


def k(*shape: int) -> Tensor:
    """Constants."""
    return r(*shape).detach()


def ints(*values: Any) -> Tensor:
    return torch.tensor(values)


def mask(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.bool)


class c:
    """A call: positional and keyword arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs
        self.wrap: Callable[[Callable], Callable] = lambda function: function

    def by(self, wrap: Callable[[Callable], Callable]) -> c:
        """Checks a function made of the function."""
        self.wrap = wrap
        return self


Maker = Callable[[], c]
Makers = Maker | list[Maker]

# --- the cases, by the families of the table --------------------------------------------------------------------------

UNARY: dict[str, Makers] = {
    "exp exp2 expm1 sin cos sinh cosh tanh asinh atan sigmoid square erf erfc i0 sinc deg2rad rad2deg neg positive "
    "special.erf special.erfc special.exp2 special.expm1 special.expit special.i0 special.i0e special.i1 special.i1e "
    "special.ndtr special.log_ndtr special.erfcx special.sinc special.modified_bessel_i0 special.modified_bessel_i1 "
    "nn.silu nn.mish nn.log_sigmoid": [lambda: c(r(2, 3)), lambda: c(r())],
    "log log2 log10 log1p sqrt rsqrt reciprocal lgamma digamma special.log1p special.gammaln special.digamma special.psi "
    "special.entr": lambda: c(pos(2, 3)),
    "tan asin acos atanh erfinv special.erfinv": lambda: c(unit(2, 3)),
    "acosh": lambda: c(r(4, low=1.3, high=3.0)),
    "special.ndtri": lambda: c(share(4)),
    "abs sign sgn floor ceil trunc frac relu nn.hardsigmoid nn.hardswish nn.relu6 selu angle": lambda: c(apart(2, 3)),
    "round special.round": [lambda: c(apart(5)), lambda: c(apart(5), decimals=1)],
    "logit special.logit": [lambda: c(share(4)), lambda: c(share(4), 0.1)],
    "polygamma special.polygamma": lambda: c(1, pos(4)),
    "mvlgamma special.multigammaln": lambda: c(r(4, low=2.0, high=4.0), 2),
    "nan_to_num": lambda: c(r(4)),
    "nn.gelu": [lambda: c(r(4)), lambda: c(r(4), approximate="tanh")],
    "nn.softplus": [lambda: c(r(4)), lambda: c(r(4), 2.0, 1.0)],
    "nn.leaky_relu nn.hardtanh hardshrink nn.softshrink celu": lambda: c(apart(2, 3), 0.2),
    "nn.elu": lambda: c(apart(5), 0.7, 1.1, 0.9),
    "threshold": lambda: c(apart(5), 0.1, 2.0),
    "nn.glu": lambda: c(r(2, 4), 1),
    "prelu": [lambda: c(apart(2, 3, 2), r(3)), lambda: c(apart(4), r(1))],
    "fill": lambda: c(r(3), 2.0),
    "frexp": lambda: c(apart(5)),
    "clone conj conj_physical resolve_conj resolve_neg alias_copy Tensor.contiguous Tensor.cpu Tensor.pin_memory": lambda: (
        c(r(2, 2))
    ),
    "Tensor.to": [lambda: c(r(2), torch.float64, copy=True), lambda: c(r(2), torch.complex128)],
    "Tensor.type_as": lambda: c(r(2), k(1)),
    "Tensor.double Tensor.cdouble Tensor.to_dense": lambda: c(r(2)),
}

# Of complex numbers: what is holomorphic, and what is not.
COMPLEX = (
    "exp exp2 expm1 sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh log log2 log10 log1p sqrt rsqrt reciprocal square "
    "sigmoid neg abs sgn angle conj conj_physical positive cumsum sum mean"
).split()

BINARY: dict[str, Makers] = {
    "add sub rsub mul hypot fmax fmin maximum minimum atan2 logaddexp logaddexp2": [
        lambda: c(r(2, 3), r(3)),
        lambda: c(r(2, 1), r(1, 3)),
        lambda: c(r(), r(2)),
    ],
    "div true_divide": [lambda: c(r(2, 3), pos(3)), lambda: c(r(3), pos(3), rounding_mode="trunc")],
    "floor_divide": lambda: c(r(2, 3), pos(3)),
    "fmod remainder": [lambda: c(apart(5), pos(5)), lambda: c(apart(3), 0.7)],
    "pow float_power": [lambda: c(pos(2, 3), r(3)), lambda: c(r(3), 2), lambda: c(r(3), 3.0), lambda: c(2.5, r(3))],
    "copysign": lambda: c(apart(4), apart(4)),
    "ldexp": lambda: c(r(4), k(4)),
    "xlogy special.xlogy special.xlog1py": [lambda: c(r(3), pos(3)), lambda: c(2.0, pos(3))],
    "nextafter": lambda: c(r(3), r(3)),
    "lerp": [lambda: c(r(2, 3), r(3), 0.3), lambda: c(r(3), r(3), r(3)), lambda: c(r(3), r(3), 0.8)],
    "addcmul": [lambda: c(r(2, 3), r(3), r(2, 1)), lambda: c(r(3), r(3), r(3), value=0.5)],
    "addcdiv": [lambda: c(r(2, 3), r(3), pos(2, 1)), lambda: c(r(3), r(3), pos(3), value=0.5)],
    "clamp clip": [
        lambda: c(apart(6), -0.5, 0.5),
        lambda: c(apart(6), -0.6, None),
        lambda: c(apart(6), k(6) - 2.4, k(6) + 2.4),
    ],
    "clamp_min clamp_max": [lambda: c(apart(6), 0.25), lambda: c(apart(6), r(6, low=5, high=6))],
    "where": [
        lambda: c(mask(True, False, True), r(3), r(3)),
        lambda: c(mask(True, False, True), r(3), 2.0),
        lambda: c(mask(True, False), 1.5, r(2)),
    ],
    # By the second argument alone, as in PyTorch.
    "igamma igammac special.gammainc special.gammaincc special.zeta": lambda: c(pos(4).detach() + 1.5, pos(4)),
    "heaviside": lambda: c(apart(4).detach(), r(4)),
    "dist": [lambda: c(r(3), r(3)), lambda: c(r(3), r(3), 3)],
    "complex": lambda: c(r(3), r(3)),
    "polar": lambda: c(pos(3), r(3)),
}

REDUCE: dict[str, Makers] = {
    "norm_except_dim": [lambda: c(r(2, 3)), lambda: c(r(2, 3), 2, -1), lambda: c(r(2, 3, 2), 1, 1)],
    "_weight_norm": lambda: c(r(2, 3), pos(2, 1)),
    "sum mean nansum nanmean var std": [
        lambda: c(r(2, 3)),
        lambda: c(r(2, 3), 1),
        lambda: c(r(2, 3), (0, 1), keepdim=True),
    ],
    "var_mean std_mean": [lambda: c(r(2, 3)), lambda: c(r(2, 3), 1, correction=0)],
    "prod": [
        lambda: c(pos(2, 3)),
        lambda: c(pos(2, 3), 1),
        lambda: c(torch.tensor([1.5, 0.0, 2.0], dtype=F64).requires_grad_()),
    ],
    "amax amin": [lambda: c(apart(2, 3)), lambda: c(apart(2, 3), (0,), True)],
    "aminmax": [lambda: c(apart(2, 3)), lambda: c(apart(2, 3), dim=1)],
    "max min": [lambda: c(apart(2, 3)), lambda: c(apart(2, 3), 1), lambda: c(apart(4), apart(4) + 0.1)],
    "median nanmedian mode": [lambda: c(apart(5), 0), lambda: c(apart(2, 3), 1, True)],
    "kthvalue": lambda: c(apart(2, 4), 2, 1),
    "quantile nanquantile": [
        lambda: c(apart(5), 0.3),
        lambda: c(apart(2, 4), torch.tensor([0.2, 0.7], dtype=F64), dim=1),
    ],
    "logsumexp special.logsumexp": [lambda: c(r(2, 3), 1), lambda: c(r(2, 3), (0, 1))],
    "cumsum cumprod logcumsumexp": [lambda: c(pos(2, 3), 1), lambda: c(pos(3), 0)],
    "cummax cummin": lambda: c(apart(2, 3), 1),
    "norm": [lambda: c(r(2, 3)), lambda: c(r(2, 3), 3, 1), lambda: c(r(2, 3), 1.5, 1), lambda: c(r(4), float("inf"))],
    "linalg.vector_norm": [
        lambda: c(r(2, 3)),
        lambda: c(apart(2, 3), 1, 1),
        lambda: c(apart(4), float("-inf")),
        lambda: c(apart(4), 0.5),
        lambda: c(apart(4), 3),
    ],
    "linalg.matrix_norm": [lambda: c(r(2, 3)), lambda: c(apart(2, 3), 1), lambda: c(apart(2, 2, 3), float("-inf"))],
    "linalg.norm": [lambda: c(r(2, 3)), lambda: c(apart(2, 3), 1), lambda: c(r(4), 3)],
    "frobenius_norm": lambda: c(r(2, 3), (0, 1)),
    "trace": lambda: c(r(3, 2)),
    "cov corrcoef": lambda: c(r(2, 4)),
    "diff": [lambda: c(r(4)), lambda: c(r(2, 4), 2, 1, r(2, 1), r(2, 1))],
    "softmax log_softmax special.softmax special.log_softmax": lambda: c(r(2, 3), 1),
    "_softmax _log_softmax": lambda: c(r(2, 3), 1, False),
    "Tensor.sum_to_size": lambda: c(r(2, 3), 1, 3),
    "_softmax_backward_data _log_softmax_backward_data": lambda: c(r(2, 3), r(2, 3), 1, F64),
    "renorm": [lambda: c(r(2, 3), 2, 0, 0.5), lambda: c(r(3, 2), 1, 1, 100.0)],
}

MATMUL: dict[str, Makers] = {
    "matmul linalg.matmul": [
        lambda: c(r(2, 3), r(3, 2)),
        lambda: c(r(2, 2, 3), r(3)),
        lambda: c(r(3), r(3)),
        lambda: c(r(2, 1, 2, 3), r(2, 3, 2)),
    ],
    "mm": lambda: c(r(2, 3), r(3, 2)),
    "bmm": lambda: c(r(2, 2, 3), r(2, 3, 2)),
    "mv": lambda: c(r(2, 3), r(3)),
    "dot vdot": lambda: c(r(3), r(3)),
    "inner": [lambda: c(r(2, 3), r(2, 3)), lambda: c(r(3), r(3))],
    "outer ger": lambda: c(r(2), r(3)),
    "kron": lambda: c(r(2, 2), r(1, 2)),
    "addmm": [lambda: c(r(2, 2), r(2, 3), r(3, 2)), lambda: c(r(2), r(2, 3), r(3, 2), beta=0.5, alpha=2.0)],
    "addmv": lambda: c(r(2), r(2, 3), r(3), beta=0.5, alpha=2.0),
    "addr": lambda: c(r(2, 3), r(2), r(3), beta=0.5, alpha=2.0),
    "baddbmm": lambda: c(r(2, 2, 2), r(2, 2, 3), r(2, 3, 2), beta=0.5, alpha=2.0),
    "addbmm": lambda: c(r(2, 2), r(2, 2, 3), r(2, 3, 2), beta=0.5, alpha=2.0),
    "nn.linear": [lambda: c(r(2, 3), r(2, 3), r(2)), lambda: c(r(3), r(2, 3))],
    "bilinear": lambda: c(r(2, 3), r(2, 2), r(2, 3, 2), r(2)),
    "VF.einsum": [lambda: c("ij,jk->ik", [r(2, 3), r(3, 2)]), lambda: c("bi,bj,k->ij", [r(2, 2), r(2, 2), r(2)])],
    "VF.tensordot": lambda: c(r(2, 3), r(3, 2), [1], [0]),
    "VF.chain_matmul linalg.multi_dot": lambda: c([r(2, 3), r(3, 2), r(2, 2)]),
    "matrix_power linalg.matrix_power": [lambda: c(r(2, 2), 3), lambda: c(r(2, 2), 0)],
    "linalg.vecdot": lambda: c(r(2, 3), r(2, 3)),
    "cross": lambda: c(r(2, 3), r(2, 3), 1),
    "linalg.cross": lambda: c(r(2, 3), r(2, 3)),
    "VF.cdist": [lambda: c(r(2, 3), r(3, 3), 2.0), lambda: c(r(2, 3), r(2, 3), 1.0), lambda: c(r(2, 3), r(2, 3), 3.0)],
    "pdist nn.pdist": lambda: c(r(3, 2)),
    "vander linalg.vander": lambda: c(r(3)),
}

SHAPE: dict[str, Makers] = {
    "Tensor.view reshape": lambda: c(r(2, 3), (3, 2)),
    "Tensor.view_as Tensor.reshape_as": lambda: c(r(2, 3), k(6)),
    "flatten ravel t adjoint squeeze fliplr flipud tril triu diag diagonal t_copy squeeze_copy diagonal_copy linalg.diagonal "
    "VF.atleast_1d VF.atleast_2d VF.atleast_3d": [],
    "unflatten": lambda: c(r(4), 0, (2, 2)),
    "unsqueeze unsqueeze_copy": lambda: c(r(3), 0),
    "transpose transpose_copy": lambda: c(r(2, 3), 0, 1),
    "permute permute_copy": lambda: c(r(2, 3, 1), (2, 0, 1)),
    "movedim": [lambda: c(r(2, 3), 0, 1), lambda: c(r(2, 1, 2), (0, 1), (2, 0))],
    "Tensor.expand broadcast_to expand_copy": lambda: c(r(2, 1), (3, 2, 2)),
    "Tensor.expand_as": lambda: c(r(2, 1), k(2, 3)),
    "select select_copy": lambda: c(r(2, 3), 1, -1),
    "narrow narrow_copy": lambda: c(r(2, 4), 1, 1, 2),
    "Tensor.unfold unfold_copy": lambda: c(r(5), 0, 3, 1),
    "as_strided as_strided_copy": [lambda: c(r(6), (2, 2), (3, 1), 1), lambda: c(r(4), (2, 3), (1, 1))],
    "Tensor.split unsafe_split split_copy VF.split": lambda: c(r(2, 3), 2, 1),
    "split_with_sizes unsafe_split_with_sizes split_with_sizes_copy": lambda: c(r(2, 3), (1, 2), 1),
    "chunk unsafe_chunk tensor_split": lambda: c(r(2, 3), 2, 1),
    "hsplit": lambda: c(r(2, 4), 2),
    "vsplit": lambda: c(r(4, 1), 2),
    "dsplit": lambda: c(r(1, 2, 4), 2),
    "unbind unbind_copy": lambda: c(r(2, 3), 1),
    "view_copy": lambda: c(r(2, 3), (6,)),
    "slice_copy": lambda: c(r(4, 2), 0, 1, 4, 2),
    "diagonal_scatter": lambda: c(r(3, 3), r(3)),
    "select_scatter": lambda: c(r(2, 3), r(2), 1, 0),
    "slice_scatter": lambda: c(r(4, 2), r(2, 2), 0, 1, 3),
    "as_strided_scatter": lambda: c(r(2, 3), r(2, 2), (2, 2), (3, 1), 1),
    "VF.broadcast_tensors": lambda: c([r(2, 1), r(3)]),
    "VF.meshgrid": lambda: c([r(2), r(3)], indexing="ij"),
    "VF.cartesian_prod": lambda: c([r(2), r(2)]),
    "VF.block_diag": lambda: c([r(2, 2), r(1, 2), r()]),
    "combinations": lambda: c(r(3), 2),
    "cat concat stack hstack vstack dstack column_stack": lambda: c([r(2, 2), r(2, 2)]),
    "Tensor.repeat tile": lambda: c(r(2, 2), (2, 1, 2)),
    "repeat_interleave": [lambda: c(r(3), 2), lambda: c(r(2, 2), ints(1, 2), 1)],
    "flip": lambda: c(r(2, 3), (0, 1)),
    "roll": lambda: c(r(2, 3), (1, 2), (0, 1)),
    "rot90": lambda: c(r(2, 3)),
    "diag_embed diagflat": lambda: c(r(3), 1),
    "pixel_shuffle": lambda: c(r(1, 4, 1, 2), 2),
    "pixel_unshuffle": lambda: c(r(1, 1, 2, 4), 2),
    "channel_shuffle native_channel_shuffle": lambda: c(r(1, 4, 1, 2), 2),
    "constant_pad_nd": lambda: c(r(2, 3), (1, -1, 0, 1), 2.0),
    "nn.pad": [
        lambda: c(r(1, 2, 3), (1, 2), "constant", 1.0),
        lambda: c(r(1, 2, 3), (1, 2), "reflect"),
        lambda: c(r(1, 2, 3), (1, 2), "replicate"),
        lambda: c(r(1, 2, 3), (1, 2), "circular"),
    ],
    "nn.reflection_pad1d nn.replication_pad1d": lambda: c(r(1, 1, 3), (1, 2)),
    "nn.reflection_pad2d nn.replication_pad2d": lambda: c(r(1, 1, 3, 2), (1, 1, 2, 0)),
    "nn.reflection_pad3d nn.replication_pad3d": lambda: c(r(1, 1, 2, 2, 2), (1, 0, 0, 1, 1, 1)),
    "real imag view_as_real": lambda: c(z(2)),
    "view_as_complex": lambda: c(r(2, 2)),
}
for _name in list(SHAPE):
    if SHAPE[_name] == []:
        SHAPE[_name] = [lambda: c(r(3, 3)), lambda: c(r(2, 2))]

INDEX: dict[str, Makers] = {
    "gather": lambda: c(r(2, 3), 1, ints([0, 2], [1, 1])),
    "scatter": [
        lambda: c(r(2, 3), 1, ints([0, 2], [1, 0]), r(2, 2)),
        lambda: c(r(2, 3), 1, ints([0, 2], [1, 0]), 1.5),
        lambda: c(r(2, 3), 1, ints([0, 2], [1, 0]), 1.5, reduce="multiply"),
    ],
    "scatter_add": lambda: c(r(2, 3), 1, ints([0, 2], [1, 1]), r(2, 2)),
    "scatter_reduce": [
        lambda how=how: c(apart(2, 3), 1, ints([0, 2], [1, 0]), apart(2, 2) + 0.05, how)
        for how in ("sum", "prod", "mean", "amax", "amin")
    ],
    "index_select": lambda: c(r(2, 3), 1, ints(0, 2, 2)),
    "index_add": lambda: c(r(2, 3), 1, ints(0, 2), r(2, 2), alpha=0.5),
    "index_copy": lambda: c(r(2, 3), 1, ints(0, 2), r(2, 2)),
    "index_fill": [lambda: c(r(2, 3), 1, ints(0, 2), 1.5), lambda: c(r(2, 3), 1, ints(0, 2), r())],
    "index_reduce": [
        lambda how=how: c(apart(2, 3), 1, ints(0, 2), apart(2, 2) + 0.05, how)
        for how in ("prod", "mean", "amax", "amin")
    ],
    "index_put": [
        lambda: c(r(2, 3), [ints(0, 1), ints(2, 0)], r(2)),
        lambda: c(r(2, 3), [ints(1, 1)], r(2, 3), True),
    ],
    "Tensor.__getitem__": [
        lambda: c(r(3, 4), (slice(1, None), ints(0, 2))),
        lambda: c(r(3, 2), mask(True, False, True)),
        lambda: c(r(3), (None, 1)),
    ],
    "take": lambda: c(r(2, 3), ints(0, 5, 5)),
    "put": [lambda: c(r(2, 3), ints(0, 5), r(2)), lambda: c(r(2, 3), ints(0, 0), r(2), True)],
    "take_along_dim": lambda: c(r(2, 3), ints([0], [2]), 1),
    "masked_fill": [lambda: c(r(3), mask(True, False, True), 2.0), lambda: c(r(3), mask(True, False, True), r())],
    "masked_select": lambda: c(r(3), mask(True, False, True)),
    "masked_scatter": lambda: c(r(3), mask(True, False, True), r(4)),
    "embedding": [lambda: c(r(4, 2), ints(0, 2, 2)), lambda: c(r(4, 2), ints(0, 2, 2), 3)],
    "embedding_bag": [
        lambda: c(r(4, 2), ints(0, 2, 2, 1), ints(0, 2)),
        lambda: c(r(4, 2), ints(0, 2, 2, 1), ints(0, 2), mode=1),
        lambda: c(apart(4, 2), ints(0, 2, 3, 1), ints(0, 2), mode=2),
        lambda: c(r(4, 2), ints(0, 2, 2, 1), ints(0, 2), per_sample_weights=r(4)),
    ],
    "embedding_dense_backward": lambda: c(r(3, 2), ints(0, 2, 2), 4, -1, False),
    "sort msort": lambda: c(apart(2, 3)),
    "topk": lambda: c(apart(2, 4), 2, 1),
}

LOSS: dict[str, Makers] = {
    "nn.mse_loss": [lambda: c(r(2, 3), r(2, 3)), lambda: c(r(3), r(3), 0), lambda: c(r(3), r(3), 2)],
    "nn.l1_loss": lambda: c(apart(2, 3), r(2, 3, low=9, high=9.5)),
    "nn.smooth_l1_loss nn.huber_loss": [lambda: c(r(4), r(4) + 3.0), lambda: c(unit(4), k(4) * 0.1, 2, 3.0)],
    "nn.soft_margin_loss": lambda: c(r(3), k(3).sign()),
    "nn.nll_loss_nd nn.nll_loss": [
        lambda: c(r(3, 4), ints(0, 3, 1)),
        lambda: c(r(3, 4), ints(0, -100, 1), pos(4).detach(), 2),
    ],
    "nn.nll_loss2d": lambda: c(r(1, 3, 2, 2), torch.tensor([[[0, 1], [2, 1]]])),
    "nn.cross_entropy_loss": [
        lambda: c(r(3, 4), ints(0, 3, 1)),
        lambda: c(r(2, 4, 2), torch.tensor([[0, 3], [1, -100]]), pos(4).detach(), 0),
        lambda: c(r(3, 4), ints(0, 3, 1), None, 1, -100, 0.2),
        lambda: c(r(2, 3), torch.softmax(k(2, 3), 1)),
    ],
    "nn.binary_cross_entropy": [
        lambda: c(share(3), share(3).detach()),
        lambda: c(share(3), share(3).detach(), pos(3).detach(), 2),
    ],
    "binary_cross_entropy_with_logits": [
        lambda: c(r(3), share(3)),
        lambda: c(r(3), share(3).detach(), pos(3).detach(), pos(3).detach(), 2),
    ],
    "kl_div": [lambda: c(r(3), share(3)), lambda: c(r(3), r(3), log_target=True)],
    "poisson_nll_loss": lambda: c(r(3), pos(3), True, True, 1e-8, 1),
    "hinge_embedding_loss": lambda: c(unit(4), ints(1, -1, 1, -1).to(F64)),
    "margin_ranking_loss": lambda: c(r(3), r(3), k(3).sign(), 5.0),
    "nn.multi_margin_loss": [lambda: c(r(2, 3), ints(0, 2), 1, 5.0), lambda: c(r(2, 3), ints(0, 2), 2, 5.0)],
    "nn.multilabel_margin_loss": lambda: c(r(2, 3), ints([0, -1, 1], [2, 1, -1])),
    "triplet_margin_loss": lambda: c(r(2, 3), r(2, 3), r(2, 3), 9.0),
    "cosine_embedding_loss": lambda: c(r(2, 3), r(2, 3), ints(1, 1).to(F64)),
    "cosine_similarity": lambda: c(r(2, 3), r(2, 3)),
    "pairwise_distance": [lambda: c(r(2, 3), r(2, 3)), lambda: c(r(2, 3), r(2, 3), 3.0)],
    # Its gradient is that of log probabilities, which add up to 1.
    "ctc_loss": lambda: c(r(5, 2, 3), ints([1, 2], [2, 1]), [5, 4], [2, 1]).by(
        lambda f: lambda x, *a: f(x.log_softmax(2), *a)
    ),
}

NORM: dict[str, Makers] = {
    "rrelu": [lambda: c(apart(2, 3)), lambda: c(apart(2, 3), 0.1, 0.4, True)],
    "layer_norm": [lambda: c(r(2, 3), (3,), r(3), r(3)), lambda: c(r(2, 2, 2), (2, 2))],
    "native_layer_norm": lambda: c(r(2, 3), (3,), r(3), r(3), 1e-5),
    "rms_norm": lambda: c(r(2, 3), (3,), r(3)),
    "group_norm": lambda: c(r(2, 4, 2), 2, r(4), r(4)),
    "native_group_norm": lambda: c(r(2, 4, 2), r(4), r(4), 2, 4, 2, 2, 1e-5),
    "batch_norm": [
        lambda: c(r(3, 2, 2), r(2), r(2), None, None, True, 0.1, 1e-5, False),
        lambda: c(r(3, 2), r(2), r(2), k(2), pos(2).detach(), False, 0.1, 1e-5, False),
    ],
    # Mean and 1/σ are for the caller's statistics, not for its gradients.
    "native_batch_norm": lambda: c(r(3, 2, 2), r(2), r(2), None, None, True, 0.1, 1e-5).by(
        lambda f: lambda *a: f(*a)[0]
    ),
    "instance_norm": lambda: c(r(2, 2, 3), r(2), r(2), None, None, True, 0.1, 1e-5, False),
    "nn.scaled_dot_product_attention": [
        lambda: c(r(1, 2, 3, 2), r(1, 2, 4, 2), r(1, 2, 4, 2)),
        lambda: c(r(2, 3, 2), r(2, 3, 2), r(2, 3, 2), None, 0.0, True, scale=0.7),
        lambda: c(r(1, 2, 3, 2), r(1, 2, 4, 2), r(1, 2, 4, 3), r(3, 4)),
    ],
    "dropout alpha_dropout": lambda: c(r(2, 3), 0.4, True),
    "feature_dropout feature_alpha_dropout": lambda: c(r(2, 3, 2), 0.4, True),
    "native_dropout": lambda: c(r(2, 3), 0.4, True),
}

CONV: dict[str, Makers] = {
    "conv1d": [lambda: c(r(1, 2, 4), r(2, 2, 2), r(2)), lambda: c(r(1, 2, 5), r(2, 1, 2), None, 2, 1, 1, 2)],
    "conv2d": [
        lambda: c(r(1, 2, 3, 3), r(2, 2, 2, 2), r(2), 1, 1),
        lambda: c(r(1, 2, 4, 4), r(2, 1, 2, 2), None, 2, 0, 2, 2),
    ],
    "conv3d": lambda: c(r(1, 1, 2, 3, 2), r(2, 1, 2, 2, 2), r(2)),
    "conv_transpose1d": lambda: c(r(1, 2, 3), r(2, 2, 2), r(2), 2, 1, 1),
    "conv_transpose2d": lambda: c(r(1, 2, 2, 2), r(2, 1, 2, 2), r(2), 2, 0, 0, 2),
    "conv_transpose3d": lambda: c(r(1, 1, 2, 2, 1), r(1, 1, 2, 2, 2)),
    "convolution": lambda: c(r(1, 2, 4), r(2, 2, 2), r(2), (1,), (0,), (1,), False, (0,), 1),
    "conv_tbc": lambda: c(r(4, 1, 2), r(2, 2, 2), r(2), 1),
    "avg_pool1d max_pool1d max_pool1d_with_indices": lambda: c(apart(1, 2, 4), 2),
    "nn.avg_pool2d max_pool2d nn.max_pool2d_with_indices": lambda: c(apart(1, 1, 4, 4), 2, 2, 1),
    "nn.avg_pool3d max_pool3d nn.max_pool3d_with_indices": lambda: c(apart(1, 1, 2, 2, 4), 2),
    "adaptive_avg_pool1d adaptive_max_pool1d": lambda: c(apart(1, 2, 5), 2),
    "nn.adaptive_avg_pool2d nn.adaptive_max_pool2d": lambda: c(apart(1, 1, 4, 3), (2, 2)),
    "nn.adaptive_avg_pool3d nn.adaptive_max_pool3d": lambda: c(apart(1, 1, 2, 3, 3), (1, 2, 2)),
    "nn.fractional_max_pool2d": lambda: c(apart(1, 1, 4, 4), (2, 2), (2, 2), share(1, 1, 2).detach()),
    "nn.fractional_max_pool3d": lambda: c(apart(1, 1, 3, 3, 3), (2, 2, 2), (1, 2, 1), share(1, 1, 3).detach()),
    "nn.max_unpool2d": lambda: c(r(1, 1, 1, 2), torch.tensor([[[[1, 6]]]]), (2, 4)),
    "nn.max_unpool3d": lambda: c(r(1, 1, 1, 1, 2), torch.tensor([[[[[1, 6]]]]]), (1, 2, 4), (1, 2, 2), (0, 0, 0)),
    "nn.im2col": lambda: c(r(1, 2, 3, 3), (2, 2), (1, 1), (0, 0), (1, 1)),
    "nn.col2im": lambda: c(r(1, 8, 4), (3, 3), (2, 2), (1, 1), (0, 0), (1, 1)),
}


def layers(gates: int, cells: int, *, packed: bool = False, **kw: Any) -> c:
    """A recurrent layer of 2 features in and 3 out over a sequence of 3 in a batch of 2, both ways."""
    size = gates * 3
    weights = [w for _ in range(2) for w in (r(size, 2), r(size, 3), r(size), r(size))]
    h = [r(2, 2, 3) for _ in range(cells)]
    state = h if cells == 2 else h[0]
    if packed:
        return c(r(5, 2), ints(2, 2, 1), state, weights, True, 1, 0.0, False, True)
    return c(r(3, 2, 2), state, weights, True, 1, 0.0, False, True, False)


RECURRENT: dict[str, Makers] = {
    "rnn_tanh": [lambda: layers(1, 1), lambda: layers(1, 1, packed=True)],
    "rnn_relu": [lambda: layers(1, 1), lambda: layers(1, 1, packed=True)],
    "gru": [lambda: layers(3, 1), lambda: layers(3, 1, packed=True)],
    "lstm": [lambda: layers(4, 2), lambda: layers(4, 2, packed=True)],
    "rnn_tanh_cell rnn_relu_cell": lambda: c(r(2, 2), r(2, 3), r(3, 2), r(3, 3), r(3), r(3)),
    "gru_cell": lambda: c(r(2, 2), r(2, 3), r(9, 2), r(9, 3), r(9), r(9)),
    "lstm_cell": lambda: c(r(2, 2), [r(2, 3), r(2, 3)], r(12, 2), r(12, 3), r(12), r(12)),
    "nn.pad_sequence": lambda: c([r(2, 2), r(3, 2)], True, 0.5),
    "_pack_padded_sequence": lambda: c(r(3, 2, 2), ints(3, 2), False),
    "_pad_packed_sequence": lambda: c(r(5, 2), ints(2, 2, 1), False, 0.0, 3),
}

RESIZE: dict[str, Makers] = {
    "nn.upsample_nearest1d nn._upsample_nearest_exact1d": [lambda: c(r(1, 2, 3), [5]), lambda: c(r(1, 2, 5), [3])],
    "nn.upsample_nearest2d nn._upsample_nearest_exact2d": lambda: c(r(1, 2, 3, 2), [5, 3]),
    "nn.upsample_nearest3d nn._upsample_nearest_exact3d": lambda: c(r(1, 1, 2, 3, 2), [3, 2, 4]),
    "nn.upsample_linear1d": [lambda: c(r(1, 2, 3), [5], False), lambda: c(r(1, 2, 5), [3], True)],
    "nn.upsample_bilinear2d nn.upsample_bicubic2d nn._upsample_bilinear2d_aa nn._upsample_bicubic2d_aa nn._upsample_lanczos2d_aa": [
        lambda: c(r(1, 2, 3, 4), [5, 3], False),
        lambda: c(r(1, 1, 4, 4), [3, 6], True),
    ],
    "nn.upsample_trilinear3d": lambda: c(r(1, 1, 2, 3, 2), [3, 2, 4], False),
    "grid_sampler grid_sampler_2d": [
        lambda: c(r(1, 2, 3, 4), unit(1, 2, 3, 2), 0, 0, False),
        lambda: c(r(1, 2, 3, 4), unit(1, 2, 3, 2), 0, 1, True),
        lambda: c(r(1, 2, 3, 4), unit(1, 2, 3, 2), 2, 2, False),
    ],
    "grid_sampler_3d": lambda: c(r(1, 1, 2, 3, 2), unit(1, 2, 2, 2, 3), 0, 0, False),
    "affine_grid_generator": [lambda: c(r(1, 2, 3), [1, 1, 3, 2], False), lambda: c(r(1, 3, 4), [1, 1, 2, 3, 2], True)],
}


def spd(*batch: int) -> Tensor:
    """Symmetric matrices with eigenvalues apart from each other and from zero."""
    q = torch.linalg.qr(k(*batch, 3, 3)).Q
    return ((q * torch.tensor([0.7, 1.4, 2.5], dtype=F64)) @ q.mT).requires_grad_()


def hermitian(function: Callable) -> Callable:
    """Only steps that keep a matrix Hermitian say anything about a function of Hermitian matrices."""
    return lambda a, *rest, **named: function((a + a.mH) / 2, *rest, **named)


def lower(function: Callable) -> Callable:
    """The same for triangles, where the triangle is the last tensor but one or the only one."""

    def run(*args: Any, **named: Any) -> Any:
        at = max(i for i, a in enumerate(args) if isinstance(a, Tensor))
        return function(*args[:at], args[at].tril(), *args[at + 1 :], **named)

    return run


def spectrum(function: Callable) -> Callable:
    """What does not depend on the signs and phases of vectors: a function of the matrix with other values."""

    def run(a: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        out = function((a + a.mT) / 2 if function is torch.linalg.eigh else a, *rest)
        if len(out) == 2:
            w, v = out
            back = v * w.exp().unsqueeze(-2) @ (v.mH if function is torch.linalg.eigh else torch.linalg.inv(v))
            return w.real, v.abs(), back.real
        u, w, v = out
        n = w.shape[-1]
        v = v.mH if function is torch.linalg.svd else v
        return w, u[..., :n] * w.exp().unsqueeze(-2) @ v[..., :n].mH, u[..., :n].square()

    return run


def from_factors(function: Callable) -> Callable:
    return lambda a, *rest: function(torch.linalg.lu_factor(a).LU, *rest)


def pivots(a: Tensor) -> Tensor:
    return torch.linalg.lu_factor(a.detach()).pivots


def unpacked(a: Tensor) -> c:
    return c(a, pivots(a)).by(from_factors)


def solved(a: Tensor, b: Tensor, **named: Any) -> c:
    return c(a, pivots(a), b, **named).by(lambda f: lambda a, p, b, **n: f(torch.linalg.lu_factor(a).LU, p, b, **n))


def solved_old(b: Tensor, a: Tensor) -> c:
    return c(b, a, pivots(a)).by(lambda f: lambda b, a, p: f(b, torch.linalg.lu_factor(a).LU, p))


LINALG: dict[str, Makers] = {
    "cholesky linalg.cholesky linalg.cholesky_ex": [
        lambda: c(spd()).by(hermitian),
        lambda: c(spd(2), upper=True).by(hermitian),
    ],
    "cholesky_inverse": lambda: c(spd()).by(lower),
    "cholesky_solve": [lambda: c(r(3, 2), spd()).by(lower), lambda: c(r(2, 3, 1), spd()).by(lower)],
    "linalg.inv linalg.inv_ex inverse": [lambda: c(spd()), lambda: c(r(2, 2, 2))],
    "linalg.solve linalg.solve_ex": [
        lambda: c(r(3, 3), r(3, 2)),
        lambda: c(r(3, 3), r(3)),
        lambda: c(r(2, 1, 3, 3), r(2, 3, 1)),
        lambda: c(r(2, 2), r(3, 2), left=False),
    ],
    "linalg.solve_triangular": [
        lambda: c(spd(), r(3, 2), upper=True),
        lambda: c(spd(), r(2, 3), upper=False, left=False),
        lambda: c(spd(2), r(3, 2), upper=True, unitriangular=True),
    ],
    "triangular_solve": [lambda: c(r(3, 2), spd()), lambda: c(r(3, 2), spd(), False, True, True)],
    "linalg.lu_factor linalg.lu_factor_ex lu _lu_with_info linalg.lu": [
        lambda: c(r(3, 3)),
        lambda: c(r(2, 2, 3)),
        lambda: c(r(3, 2)),
    ],
    "lu_unpack": lambda: unpacked(r(3, 3)),
    "linalg.lu_solve": [lambda: solved(r(3, 3), r(3, 2)), lambda: solved(r(2, 2), r(3, 2), left=False, adjoint=True)],
    "lu_solve": lambda: solved_old(r(3, 2), r(3, 3)),
    "linalg.qr qr": [lambda: c(r(3, 2)), lambda: c(r(2, 2, 2)), lambda: c(r(2, 3))],
    "linalg.householder_product orgqr": [lambda: c(r(3, 2), r(2)), lambda: c(r(2, 3, 3), r(2, 1))],
    "ormqr": [lambda: c(r(3, 2), r(2), r(3, 2)), lambda: c(r(3, 2), r(2), r(2, 3), False, True)],
    "linalg.eigh": [lambda: c(spd()).by(spectrum), lambda: c(spd(2), "U").by(spectrum)],
    "linalg.eigvalsh": lambda: c(spd()).by(hermitian),
    "linalg.eig": lambda: c(apart(3, 3)).by(spectrum),
    "linalg.eigvals": lambda: c(apart(3, 3)),
    "linalg.svd": [lambda: c(apart(3, 2), False).by(spectrum), lambda: c(apart(2, 3), False).by(spectrum)],
    "svd": lambda: c(apart(2, 3, 2)).by(spectrum),
    "linalg.svdvals": lambda: c(apart(2, 3)),
    "linalg.det det": [lambda: c(r(3, 3)), lambda: c(r(2, 2, 2))],
    "linalg.slogdet slogdet": lambda: c(spd(2)),
    "logdet": lambda: c(spd(2)),
    "linalg.pinv": [lambda: c(r(3, 2)), lambda: c(spd(), hermitian=True).by(hermitian)],
    "pinverse": lambda: c(r(2, 3)),
    "linalg.lstsq": lambda: c(r(3, 2), r(3, 2)).by(lambda f: lambda a, b: f(a, b).solution),
    "linalg.cond": [lambda: c(apart(2, 2)), lambda: c(apart(2, 2), 1), lambda: c(r(2, 2), "fro")],
    "linalg.matrix_exp matrix_exp": [lambda: c(r(2, 2)), lambda: c(r(2, 1, 1))],
    "linalg.tensorinv": lambda: c(r(4, 2, 2), 1),
    "linalg.tensorsolve": lambda: c(r(2, 3, 6), r(2, 3)),
}

ALONG: dict[str, Makers] = {
    "fft.fft fft.ifft": [lambda: c(r(5)), lambda: c(z(2, 4), 3, 0, "ortho"), lambda: c(z(3, 2), 5)],
    "fft.rfft fft.ihfft": [lambda: c(r(5)), lambda: c(r(2, 6), None, 0), lambda: c(r(6), 8, -1, "forward")],
    "fft.irfft fft.hfft": [lambda: c(z(4)), lambda: c(z(4), 5), lambda: c(z(3, 2), 4, 0, "ortho")],
    "fft.fft2 fft.ifft2 fft.fftn fft.ifftn": [lambda: c(z(2, 3)), lambda: c(r(2, 3), (3, 2))],
    "fft.rfft2 fft.ihfft2 fft.rfftn fft.ihfftn": lambda: c(r(2, 4)),
    "fft.irfft2 fft.hfft2 fft.irfftn fft.hfftn": lambda: c(z(2, 3)),
    "fft.fftshift fft.ifftshift": lambda: c(r(3, 2)),
    "stft": [lambda: c(r(8), 4, 2, window=pos(4), return_complex=True), lambda: c(z(2, 6), 3, 1, center=False)],
    "istft": lambda: c(z(3, 4), 4, 2, window=pos(4)),
}

CASES: dict[str, list[Maker]] = {}
for _family in (UNARY, BINARY, REDUCE, MATMUL, SHAPE, INDEX, LOSS, NORM, CONV, RECURRENT, RESIZE, LINALG, ALONG):
    for _names, _makers in _family.items():
        for _name in _names.split():
            CASES[_name] = _makers if isinstance(_makers, list) else [_makers]

# --- what has no case, and why ----------------------------------------------------------------------------------------

WITHOUT = {
    "the result is of integers or bools": "all any argmax argmin argsort argwhere bitwise_and bitwise_left_shift bitwise_not "
    "bitwise_or bitwise_right_shift bitwise_xor bucketize count_nonzero eq gcd greater greater_equal isclose isfinite isin isinf "
    "isnan isneginf isposinf isreal lcm less less_equal logical_and logical_not logical_or logical_xor multinomial nn.one_hot "
    "nonzero nonzero_static not_equal searchsorted signbit unravel_index Tensor.byte Tensor.char linalg.matrix_rank",
    "only shape and dtype of the argument matter": "empty_like full_like ones_like zeros_like rand_like randn_like randint_like "
    "Tensor.new_empty Tensor.new_empty_strided Tensor.new_full Tensor.new_ones Tensor.new_tensor Tensor.new_zeros",
    "random: whatever the argument, the numbers are drawn anew; test_random.py has the gradients of those that have any": "bernoulli "
    "binomial normal poisson _sample_dirichlet _standard_gamma",
    "counts, or what is there at all": "histc bincount histogram unique unique_consecutive unique_dim VF.unique_consecutive _unique "
    "_unique2",
    "takes the values out of the graph, by what it is for or as PyTorch does": "detach linspace logspace",
    "needs a device": "Tensor.cuda Tensor.gpu",
    "PyTorch has no derivative of it either": "special.airy_ai special.bessel_j0 special.bessel_j1 special.bessel_y0 "
    "special.bessel_y1 special.modified_bessel_k0 special.modified_bessel_k1 special.scaled_modified_bessel_k0 "
    "special.scaled_modified_bessel_k1 special.spherical_bessel_j0 special.chebyshev_polynomial_t special.chebyshev_polynomial_u "
    "special.chebyshev_polynomial_v special.chebyshev_polynomial_w special.shifted_chebyshev_polynomial_t "
    "special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_v special.shifted_chebyshev_polynomial_w "
    "special.hermite_polynomial_h special.hermite_polynomial_he special.laguerre_polynomial_l special.legendre_polynomial_p "
    "_dirichlet_grad _standard_gamma_grad geqrf linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve",
}
EXEMPT = {name for names in WITHOUT.values() for name in names.split()}

# Functions that can be differentiated once only, in PyTorch as here.
ONCE = {"ctc_loss"}


# --- the tests --------------------------------------------------------------------------------------------------------


def find(name: str) -> Any:
    """The function of a name like `add`, `nn.gelu`, `special.ndtr`, `Tensor.view`."""
    place, _, base = name.rpartition(".")
    owner = {"": torch._C, "Tensor": Tensor}.get(place) or getattr(torch._C, f"_{place}")
    return getattr(owner, base)


def tensors_of(args: Any) -> Iterator[Tensor]:
    for arg in args:
        if isinstance(arg, Tensor):
            yield arg
        elif isinstance(arg, list):
            yield from tensors_of(arg)


def over_inputs(function: Callable, call: c) -> tuple[Callable, tuple[Tensor, ...]]:
    """A function of the tensors to be differentiated by alone, and these. It draws the same random numbers each time."""
    inputs = [x for x in tensors_of([*call.args, *call.kwargs.values()]) if x.requires_grad]

    def put(arg: Any, given: dict[int, Tensor]) -> Any:
        return [put(a, given) for a in arg] if isinstance(arg, list) else given.get(id(arg), arg)

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        given = {id(x): t for x, t in zip(inputs, tensors)}
        torch.manual_seed(11)
        out = function(*put(list(call.args), given), **{key: put(value, given) for key, value in call.kwargs.items()})
        outs = (out,) if isinstance(out, Tensor) else tuple(out)
        return tuple(o for o in outs if o.dtype.is_floating_point or o.dtype.is_complex)

    return run, tuple(inputs)


def cases() -> list[Any]:
    real = [(name, i, maker) for name, makers in CASES.items() for i, maker in enumerate(makers)]
    return [pytest.param(name, maker, id=f"{name}-{i}") for name, i, maker in real]


@pytest.mark.parametrize(("name", "maker"), cases())
def test_gradients(name: str, maker: Maker) -> None:
    torch.manual_seed(7)
    call = maker()
    run, inputs = over_inputs(call.wrap(find(name)), call)
    assert inputs, "a case needs an input to differentiate by"
    assert gradcheck(run, inputs)
    if name not in ONCE:
        assert gradgradcheck(run, inputs)
        return
    with pytest.raises(NotImplementedError, match="derivative"):
        gradgradcheck(run, inputs)


@pytest.mark.parametrize("name", COMPLEX)
def test_gradients_of_complex_numbers(name: str) -> None:
    torch.manual_seed(7)
    dim = (0,) if name == "cumsum" else ()
    run, inputs = over_inputs(find(name), c(z(3), *dim))
    assert gradcheck(run, inputs)
    assert gradgradcheck(run, inputs)


def differentiable_by_signature() -> dict[str, Any]:
    """Each function of the table that takes a tensor and gives one, once, under its shortest name."""
    found: dict[int, tuple[str, Any]] = {}
    for place, text in torch._C._stubs().items():
        place = place.lstrip("_")
        for name, params, result in re.findall(r"def (\w+)\((.*)\) -> (.*): \.\.\.", text):
            params = re.sub(r"\bout: [^,]*", "", params)
            if name.endswith("_") or "Tensor" not in result or not ("Tensor" in params or place == "Tensor"):
                continue
            if place == "Tensor" and hasattr(torch._C, name):
                continue
            full = f"{place}.{name}" if place else name
            function = find(full)
            known = found.get(id(function))
            if known is None or known[0] not in CASES:
                found[id(function)] = (full, function)
    return dict(found.values())


def test_every_function_is_here() -> None:
    table = differentiable_by_signature()
    assert len(table) > 400
    missing = sorted(name for name in table if name not in CASES and name not in EXEMPT)
    assert not missing, f"give these a case in CASES, or a reason in WITHOUT: {' '.join(missing)}"
    odd = sorted(name for name in EXEMPT | ONCE | set(CASES) if name in CASES and name in EXEMPT or not _exists(name))
    assert not odd, f"in CASES and in WITHOUT, or not there at all: {' '.join(odd)}"


def _exists(name: str) -> bool:
    try:
        find(name)
    except AttributeError:
        return False
    return True
