"""Convolutions: against the definition, their gradients and the gradients of those, and what they refuse."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

import rushlight as torch
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def sample(*shape: int, dtype: torch.dtype = torch.float64, grad: bool = False) -> torch.Tensor:
    """Numbers without a pattern, about -2 to 2, the same for a shape each time."""
    count = math.prod(shape)
    values = torch.arange(1, count + 1, dtype=torch.float64).add(sum(shape)).mul(12.9898).sin().mul(43758.5453)
    return values.sub(values.floor()).mul(4).sub(2).reshape(shape).to(dtype).requires_grad_(grad)


def definition(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> torch.Tensor:
    """The sum over taps, each a strided window of the padded input; channels are summed by matrix products."""
    n = x.dim() - 2
    padded = F.pad(x, [p for p in reversed(padding) for _ in range(2)])
    size = [
        (have - d * (k - 1) - 1) // s + 1
        for have, k, s, d in zip(padded.shape[2:], w.shape[2:], stride, dilation)
    ]
    out = torch.zeros(x.shape[0], w.shape[0], *size, dtype=x.dtype)
    cin, cout = x.shape[1] // groups, w.shape[0] // groups
    for tap in itertools.product(*(range(k) for k in w.shape[2:])):
        window = padded
        for i in range(n):
            start = tap[i] * dilation[i]
            index = [slice(None)] * (2 + n)
            index[2 + i] = slice(start, start + (size[i] - 1) * stride[i] + 1, stride[i])
            window = window[tuple(index)]
        weight = w[(slice(None), slice(None), *tap)]
        for g in range(groups):
            part = window[:, g * cin : (g + 1) * cin].flatten(2)
            product = torch.matmul(weight[g * cout : (g + 1) * cout], part)
            out[:, g * cout : (g + 1) * cout] += product.reshape(x.shape[0], cout, *size)
    return out


CASES = [
    # x, w, stride, padding, dilation, groups
    ((2, 3, 11), (4, 3, 3), (1,), (0,), (1,), 1),
    ((2, 4, 13), (6, 2, 3), (2,), (2,), (2,), 2),
    ((2, 3, 9, 8), (5, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((3, 4, 9, 10), (8, 2, 3, 2), (2, 3), (1, 0), (1, 2), 2),
    ((2, 6, 8, 9), (6, 1, 3, 3), (1, 1), (1, 1), (1, 1), 6),
    ((2, 16, 7, 9), (20, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 16, 6, 6), (24, 16, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 5, 4, 4), (3, 5, 4, 4), (1, 1), (0, 0), (1, 1), 1),
    ((1, 2, 5, 6, 7), (4, 1, 2, 3, 2), (1, 2, 2), (1, 1, 0), (2, 1, 1), 2),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}*{c[1]}".replace(" ", ""))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128, torch.int64])
def test_agrees_with_the_definition(case: Any, dtype: torch.dtype) -> None:
    xs, ws, stride, padding, dilation, groups = case
    x, w, b = sample(*xs), sample(*ws), sample(ws[0])
    if dtype == torch.int64:
        x, w, b = (t.mul(4) for t in (x, w, b))
    x, w, b = x.to(dtype), w.to(dtype), b.to(dtype)
    if dtype.is_complex:
        x, w = x * (1 + 2j), w * (2 - 1j)
    got = CONV[len(xs) - 2](x, w, b, stride, padding, dilation, groups)
    want = definition(x, w, stride, padding, dilation, groups) + b.reshape(-1, *[1] * (len(xs) - 2))
    assert got.dtype == dtype
    close = 1e-4 if dtype == torch.float32 else 1e-10
    assert torch.allclose(got, want, rtol=close, atol=close)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}*{c[1]}".replace(" ", ""))
def test_transposed_is_the_adjoint(case: Any) -> None:
    xs, ws, stride, padding, dilation, groups = case
    x, w = sample(*xs), sample(*ws)
    y = CONV[len(xs) - 2](x, w, None, stride, padding, dilation, groups)
    g = sample(*y.shape)
    # what strides skip at the end comes back as output padding
    reach = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1
        for n, s, p, d, k in zip(y.shape[2:], stride, padding, dilation, ws[2:])
    ]
    extra = [have - n for have, n in zip(xs[2:], reach)]
    back = TRANSPOSED[len(xs) - 2](g, w, None, stride, padding, extra, groups, dilation)
    assert back.shape == x.shape
    assert torch.allclose((y * g).sum(), (x * back).sum())
    bias = sample(xs[1])
    biased = TRANSPOSED[len(xs) - 2](g, w, bias, stride, padding, extra, groups, dilation)
    assert torch.allclose(biased, back + bias.reshape(-1, *[1] * (len(xs) - 2)))


SMALL = [
    ((2, 2, 6), (4, 1, 3), (2,), (1,), (1,), 2),
    ((1, 2, 5, 4), (3, 2, 3, 2), (1, 2), (1, 0), (2, 1), 1),
    ((1, 1, 3, 4, 3), (2, 1, 2, 2, 2), (1, 2, 1), (1, 0, 1), (1, 1, 2), 1),
]


@pytest.mark.parametrize("case", SMALL, ids=lambda c: f"{len(c[0]) - 2}d")
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_gradients_and_theirs(case: Any, dtype: torch.dtype) -> None:
    xs, ws, stride, padding, dilation, groups = case
    n = len(xs) - 2

    def leaf(*shape: int) -> torch.Tensor:
        t = sample(*shape)
        return (t + 0.5j * t.flip(-1) if dtype.is_complex else t).detach().requires_grad_()

    def plain(x: Any, w: Any, b: Any) -> Any:
        return CONV[n](x, w, b, stride, padding, dilation, groups)

    def transposed(x: Any, w: Any, b: Any) -> Any:
        return TRANSPOSED[n](x, w, b, stride, padding, 0, groups, dilation)

    inputs = (leaf(*xs), leaf(*ws), leaf(ws[0]))
    assert gradcheck(plain, inputs)
    assert gradgradcheck(plain, inputs)
    inputs = (leaf(xs[0], ws[0], *xs[2:]), leaf(*ws), leaf(ws[1] * groups))
    assert gradcheck(transposed, inputs)
    assert gradgradcheck(transposed, inputs)


def test_padding_by_name() -> None:
    x, w = sample(2, 3, 10), sample(4, 3, 4)
    same = F.conv1d(x, w, padding="same", dilation=3)
    assert same.shape == (2, 4, 10)
    assert torch.equal(same, F.conv1d(F.pad(x, (4, 5)), w, dilation=3))
    assert torch.equal(F.conv1d(x, w, padding="valid"), F.conv1d(x, w))
    with pytest.raises(RuntimeError, match="strided"):
        F.conv1d(x, w, padding="same", stride=2)
    with pytest.raises(RuntimeError, match="Invalid padding string"):
        F.conv1d(x, w, padding="full")


def test_without_a_batch_and_with_an_empty_one() -> None:
    x, w = sample(3, 6, 7), sample(4, 3, 3, 3)
    assert torch.equal(F.conv2d(x, w), F.conv2d(x.unsqueeze(0), w)[0])
    assert torch.equal(F.conv_transpose2d(sample(4, 5, 5), w), F.conv_transpose2d(sample(4, 5, 5)[None], w)[0])
    empty = torch.zeros(0, 3, 6, 7, dtype=torch.float64, requires_grad=True)
    weight = w.clone().requires_grad_()
    out = F.conv2d(empty, weight)
    assert out.shape == (0, 4, 4, 5)
    out.sum().backward()
    assert weight.grad is not None and weight.grad.abs().sum() == 0


def test_views_of_any_strides() -> None:
    x, w = sample(2, 9, 8, 3).permute(0, 3, 1, 2), sample(3, 3, 3, 5).permute(3, 0, 1, 2)
    assert torch.equal(F.conv2d(x, w), F.conv2d(x.contiguous(), w.contiguous()))
    y = F.conv2d(x.requires_grad_(), w)
    (grad,) = torch.autograd.grad(y, x, torch.ones(()).double().expand_as(y))
    (want,) = torch.autograd.grad(y := F.conv2d(x, w.contiguous()), x, torch.ones_like(y))
    assert torch.allclose(grad, want)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_sum_in_single(dtype: torch.dtype) -> None:
    x, w = sample(1, 64, 9, 9).to(dtype), sample(8, 64, 3, 3).to(dtype)
    got = F.conv2d(x, w)
    assert got.dtype == dtype
    assert torch.equal(got, F.conv2d(x.float(), w.float()).to(dtype))


def test_conv_tbc() -> None:
    x, w, b = sample(7, 2, 3, grad=True), sample(3, 3, 4, grad=True), sample(4, grad=True)
    want = F.conv1d(x.permute(1, 2, 0), w.permute(2, 1, 0), b, padding=1).permute(2, 0, 1)
    assert torch.allclose(torch.conv_tbc(x, w, b, 1), want)
    assert gradcheck(lambda *a: torch.conv_tbc(*a, 1), (x, w, b))


def test_the_general_form() -> None:
    x, w = sample(2, 3, 6, 7), sample(4, 3, 3, 3)
    args = ((1, 2), (1, 0), (1, 1))
    assert torch.equal(torch.convolution(x, w, None, *args, False, (0, 0), 1), F.conv2d(x, w, None, *args))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w: F.conv2d(x, w, groups=0), "non-positive groups"),
        (lambda x, w: F.conv2d(x, w, stride=0), "non-positive stride"),
        (lambda x, w: F.conv2d(x, w, padding=-1), "negative padding"),
        (lambda x, w: F.conv2d(x, w, stride=(1, 1, 1)), "list of 2 values"),
        (lambda x, w: F.conv2d(x[:, :2], w), r"to have 3 channels, but got 2 channels"),
        (lambda x, w: F.conv2d(x, w, groups=3), "divisible by 3"),
        (lambda x, w: F.conv2d(x[0, 0], w), r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d"),
        (lambda x, w: F.conv2d(x, w[0]), "3-dimensional weight"),
        (lambda x, w: F.conv2d(x[..., :2], w), r"padded input size per channel: \(6 x 2\). Kernel size: \(3 x 3\)"),
        (lambda x, w: F.conv2d(x, w, torch.zeros(3).double()), "bias to be 1-dimensional with 4 elements"),
        (lambda x, w: F.conv2d(x.float(), w), "should be the same"),
        (lambda x, w: F.conv_transpose2d(x, w), r"to have 4 channels, but got 3 channels"),
        (lambda x, w: F.conv_transpose2d(x, w.mT, output_padding=1), "smaller than either stride or dilation"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        call(sample(2, 3, 6, 7), sample(4, 3, 3, 3))
