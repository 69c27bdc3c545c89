"""Pooling, unpooling and folding: values, indices, gradients and the gradients of those, and what is refused."""

from __future__ import annotations

import functools
import math
from typing import Any

import pytest

import rushlight as torch
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck

inf, nan = float("inf"), float("nan")
MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def sample(*shape: int, grad: bool = False) -> torch.Tensor:
    """Distinct values, in no order: maxima are unique, and far from each other."""
    count = math.prod(shape)
    places = torch.arange(count).mul(7919).remainder(count)
    return places.double().reshape(shape).div(7).requires_grad_(grad)


def most(x: torch.Tensor) -> torch.Tensor:
    """The largest of the last dimension."""
    return functools.reduce(torch.maximum, x.unbind(-1))


def mean(x: torch.Tensor) -> torch.Tensor:
    return x.sum(-1) / x.shape[-1]


def windows(x: torch.Tensor, kernel: tuple, stride: tuple, pad: tuple, fill: float) -> torch.Tensor:
    """All windows of a padded input, as the last dimension."""
    x = F.pad(x, [p for p in reversed(pad) for _ in range(2)], value=fill)
    n = len(kernel)
    for i in range(n):
        x = x.unfold(i + x.dim() - n - i, kernel[i], stride[i])
    return x.flatten(-n)


CASES = [
    ((2, 3, 20), (2,), (2,), (0,)),
    ((3, 11), (3,), (2,), (1,)),
    ((2, 3, 12, 35), (2, 2), (2, 2), (0, 0)),
    ((1, 2, 9, 21), (3, 3), (2, 2), (1, 1)),
    ((2, 9, 8), (3, 2), (1, 3), (1, 1)),
    ((1, 2, 5, 6, 7), (2, 3, 2), (1, 2, 2), (1, 0, 1)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: str(c[0]).replace(" ", ""))
def test_maxima_and_means(case: Any) -> None:
    shape, kernel, stride, pad = case
    x, n = sample(*shape), len(kernel)
    want = most(windows(x, kernel, stride, pad, -inf))
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        assert torch.equal(MAX[n](x.to(dtype), kernel, stride, pad), want.to(dtype))
    assert torch.equal(MAX[n](x.mul(7).int(), kernel, stride, pad), want.mul(7).int())
    values, index = MAX[n](x, kernel, stride, pad, return_indices=True)
    assert torch.equal(values, want)
    assert torch.equal(x.flatten(-n).gather(-1, index.flatten(-n)), want.flatten(-n))
    taps = windows(x, kernel, stride, pad, 0.0)
    assert torch.allclose(AVG[n](x, kernel, stride, pad), mean(taps))
    count = windows(torch.ones_like(x), kernel, stride, pad, 0.0).sum(-1)
    assert torch.allclose(AVG[n](x, kernel, stride, pad, count_include_pad=False), taps.sum(-1) / count)
    if n > 1:
        assert torch.allclose(AVG[n](x, kernel, stride, pad, divisor_override=3), taps.sum(-1) / 3)


def test_windows_over_the_end() -> None:
    x = torch.arange(10.0).reshape(1, 10)
    assert F.max_pool1d(x, 3, 2, ceil_mode=True).tolist() == [[2, 4, 6, 8, 9]]
    assert F.avg_pool1d(x, 3, 2, ceil_mode=True).tolist() == [[1, 3, 5, 7, 8.5]]
    # no window starts in the padding behind
    assert F.max_pool1d(x, 2, 3, padding=1, ceil_mode=True).tolist() == [[0, 3, 6, 9]]
    assert F.max_pool2d(torch.arange(25.0).reshape(1, 5, 5), 2, dilation=2, stride=1).tolist() == [
        [[12, 13, 14], [17, 18, 19], [22, 23, 24]]
    ]


def test_ties_and_nans() -> None:
    x = torch.tensor([[[1.0, 5, 5, 1], [5, 1, 5, 5]]])
    assert F.max_pool2d(x, 2, return_indices=True)[1].tolist() == [[[1, 2]]]
    x = torch.tensor([[[1.0, nan, 5, 1], [5, 1, nan, nan]]])
    values, index = F.max_pool2d(x, 2, return_indices=True)
    assert values.isnan().tolist() == [[[True, True]]] and index.tolist() == [[[1, 7]]]
    assert F.max_pool2d(torch.full((1, 2, 2), -inf), 2).tolist() == [[[-inf]]]


@pytest.mark.parametrize("case", CASES, ids=lambda c: str(c[0]).replace(" ", ""))
def test_gradients_and_theirs(case: Any) -> None:
    shape, kernel, stride, pad = case
    n = len(kernel)
    x = sample(*[min(s, 7) for s in shape], grad=True)
    for f in (
        lambda x: MAX[n](x, kernel, stride, pad),
        lambda x: MAX[n](x, kernel, stride, pad, ceil_mode=True, return_indices=True)[0],
        lambda x: AVG[n](x, kernel, stride, pad),
        lambda x: AVG[n](x, kernel, stride, pad, ceil_mode=True, count_include_pad=False),
    ):
        assert gradcheck(f, (x,))
        assert gradgradcheck(f, (x,))


ADAPTIVE = [
    (F.adaptive_avg_pool1d, F.adaptive_max_pool1d, (2, 3, 7), (3,)),
    (F.adaptive_avg_pool2d, F.adaptive_max_pool2d, (2, 5, 6), (2, 4)),
    (F.adaptive_avg_pool2d, F.adaptive_max_pool2d, (2, 2, 4, 6), (5, 1)),
    (F.adaptive_avg_pool3d, F.adaptive_max_pool3d, (1, 2, 3, 5, 4), (2, 2, 3)),
]


@pytest.mark.parametrize(("avg", "peak", "shape", "size"), ADAPTIVE)
def test_adaptive(avg: Any, peak: Any, shape: Any, size: Any) -> None:
    x, n = sample(*shape, grad=True), len(size)
    means, (values, index) = avg(x, size), peak(x, size, return_indices=True)
    assert means.shape == values.shape == (*shape[:-n], *size)
    cell = torch.meshgrid(*[torch.arange(k) for k in size], indexing="ij")
    for at in zip(*[c.flatten().tolist() for c in cell]):
        part = x
        for i, (o, k) in enumerate(zip(at, size)):
            have = shape[len(shape) - n + i]
            part = part.narrow(len(shape) - n + i, o * have // k, -(-(o + 1) * have // k) - o * have // k)
        assert torch.allclose(means[(..., *at)], mean(part.flatten(-n)))
        assert torch.equal(values[(..., *at)], most(part.flatten(-n)))
    assert torch.equal(x.flatten(-n).gather(-1, index.flatten(-n)), values.flatten(-n))
    assert gradcheck(lambda x: avg(x, size), (x,)) and gradgradcheck(lambda x: avg(x, size), (x,))
    assert gradcheck(lambda x: peak(x, size), (x,)) and gradgradcheck(lambda x: peak(x, size), (x,))


def test_adaptive_sizes_from_the_input() -> None:
    x = sample(2, 5, 6)
    assert F.adaptive_avg_pool2d(x, (None, 3)).shape == (2, 5, 3)
    assert F.adaptive_avg_pool2d(x, 1).shape == (2, 1, 1)
    assert F.adaptive_max_pool2d(x, (0, 3)).shape == (2, 0, 3)


def test_unpooling_undoes_pooling() -> None:
    x = sample(2, 3, 6, 8, grad=True)
    values, index = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(values, index, 2)
    assert back.shape == x.shape and torch.equal(F.max_pool2d(back, 2), values)
    v = values.detach().requires_grad_()
    assert gradcheck(lambda v: F.max_unpool2d(v, index, 2), (v,))
    assert gradgradcheck(lambda v: F.max_unpool2d(v, index, 2), (v,))
    values, index = F.max_pool1d(x[0, :, 0], 2, return_indices=True)
    assert F.max_unpool1d(values, index, 2, output_size=[9]).shape == (3, 9)
    with pytest.raises(RuntimeError, match="invalid max index: 70"):
        F.max_unpool2d(values.reshape(3, 2, 2), torch.full((3, 2, 2), 70), 2)
    with pytest.raises(RuntimeError, match="Expected shape of indices"):
        F.max_unpool2d(values.reshape(3, 2, 2), torch.zeros(3, 2, 1, dtype=torch.int64), 2)


def test_fractional_steps_follow_the_samples() -> None:
    x = sample(1, 2, 9, 10, grad=True)
    samples = torch.tensor([[[0.0, 0.0], [0.99, 0.5]]], dtype=torch.float64)
    values, index = F.fractional_max_pool2d(x, 2, (4, 3), _random_samples=samples, return_indices=True)
    # width: steps of 4, from 0; height: steps of 7 / 3
    assert torch.equal(values[0, 0, 1, 1], most(x[0, 0, 2:4, 4:6].flatten()))
    # width: floor((i + 0.99) * 4) - floor(0.99 * 4); height: floor((i + 0.5) * 7 / 3) - 1
    assert torch.equal(values[0, 1, 1, 1], most(x[0, 1, 2:4, 4:6].flatten()))
    assert torch.equal(values[0, 1, 3, 2], most(x[0, 1, 7:9, 8:10].flatten()))
    assert torch.equal(x.flatten(-2).gather(-1, index.flatten(-2)), values.flatten(-2))
    assert gradcheck(lambda x: F.fractional_max_pool2d(x, 2, (4, 3), _random_samples=samples), (x,))
    y = F.fractional_max_pool3d(sample(2, 5, 6, 7), 2, output_ratio=0.6)
    assert y.shape == (2, 3, 3, 4)


def test_unfold_and_fold() -> None:
    x = sample(2, 3, 6, 7, grad=True)
    options = {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)}
    columns = F.unfold(x, **options)
    assert columns.shape == (2, 18, 18)
    w = sample(4, 3, 2, 3)
    flat = torch.matmul(w.flatten(1), columns).reshape(2, 4, 6, 3)
    assert torch.allclose(flat, F.conv2d(x, w, padding=(1, 0), dilation=(2, 1), stride=(1, 2)))
    assert gradcheck(lambda x: F.unfold(x, **options), (x,)) and gradgradcheck(lambda x: F.unfold(x, **options), (x,))
    c = columns.detach().requires_grad_()
    assert gradcheck(lambda c: F.fold(c, (6, 7), **options), (c,))
    assert torch.equal(F.fold(c[0], (6, 7), **options), F.fold(c, (6, 7), **options)[0])
    with pytest.raises(RuntimeError, match="number of sliding blocks"):
        F.fold(c[..., 1:], (6, 7), **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.max_pool2d(x, 0), "kernel size must be greater than zero"),
        (lambda x: F.max_pool2d(x, 2, dilation=0), "dilation must be greater than zero"),
        (lambda x: F.max_pool2d(x, 2, padding=-1), "pad must be non-negative"),
        (lambda x: F.avg_pool2d(x, 2, padding=2), "at most half of effective kernel size"),
        (lambda x: F.avg_pool2d(x, 9), "Output size is too small"),
        (lambda x: F.avg_pool2d(x, 2, divisor_override=0), "divisor must be not zero"),
        (lambda x: F.max_pool2d(x[0], 2), r"Expected 3D or 4D \(batch mode\)"),
        (lambda x: F.max_pool2d(x[:, :0], 2), "positive length"),
        (lambda x: F.max_pool2d(x, (2, 2, 2)), "tuple of two ints"),
        (lambda x: F.max_pool2d(x > 0, 2), "bool"),
        (lambda x: F.adaptive_avg_pool1d(x, ()), "one int"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        call(sample(3, 6, 7))
