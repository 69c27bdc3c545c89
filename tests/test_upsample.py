"""Resizing and sampling on grids: against definitions, gradients of both orders, and what is refused."""

from __future__ import annotations

import itertools
import math
import struct
from typing import Any

import pytest

import rushlight as torch
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck

_nn = torch._C._nn


def sample(*shape: int, dtype: torch.dtype = torch.float64, grad: bool = False) -> torch.Tensor:
    """Numbers without a pattern, about -1 to 1, the same for a shape each time."""
    count = math.prod(shape)
    values = torch.arange(1, count + 1, dtype=torch.float64).add(sum(shape)).mul(12.9898).sin().mul(43758.5453)
    return values.sub(values.floor()).mul(2).sub(1).reshape(shape).to(dtype).requires_grad_(grad)


def cubic(x: float, a: float) -> float:
    x = abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a if x < 2 else 0.0


def lanczos(x: float) -> float:
    p = math.pi * x
    return 1.0 if x == 0 else 0.0 if abs(x) >= 3 else 3 * math.sin(p) * math.sin(p / 3) / p / p


def single(x: float) -> float:
    return struct.unpack("f", struct.pack("f", x))[0]


def taps(mode: str, n: int, m: int, align: bool = False, factor: float | None = None) -> torch.Tensor:
    """The matrix that makes m places of n."""
    scale = n / m if factor is None else 1 / factor
    if align:
        scale = (n - 1) / (m - 1) if m > 1 else 0.0
    rows = torch.zeros(m, n, dtype=torch.float64)
    for o in range(m):
        x = o * scale if align else (o + 0.5) * scale - 0.5
        if mode in ("nearest", "nearest-exact"):
            # In single precision, as it decides which is nearest.
            place = single((o if mode == "nearest" else o + 0.5) * single(scale))
            rows[o, min(int(place), n - 1)] = 1
        elif mode == "linear":
            x = min(max(x, 0.0), n - 1.0)
            low = math.floor(x)
            rows[o, low] += 1 - (x - low)
            rows[o, min(low + 1, n - 1)] += x - low
        elif mode == "cubic":
            low = math.floor(x)
            for k in range(-1, 3):
                rows[o, min(max(low + k, 0), n - 1)] += cubic(x - low - k, -0.75)
        else:
            kind, width = {"smooth-linear": (lambda x: max(0.0, 1 - abs(x)), 1),
                           "smooth-cubic": (lambda x: cubic(x, -0.5), 2), "lanczos": (lanczos, 3)}[mode]
            wide = max(scale, 1.0)
            centre = scale * (o + 0.5)
            for i in range(max(int(centre - width * wide + 0.5), 0), min(int(centre + width * wide + 0.5), n)):
                rows[o, i] = kind((i + 0.5 - centre) / wide)
            rows[o] /= rows[o].sum()
    return rows


MODES = {1: ["nearest", "nearest-exact", "linear"], 2: ["nearest", "nearest-exact", "linear", "cubic", "smooth-linear",
         "smooth-cubic", "lanczos"], 3: ["nearest", "nearest-exact", "linear"]}
NAMES = {"nearest": "upsample_nearest{}d", "nearest-exact": "_upsample_nearest_exact{}d", "cubic": "upsample_bicubic2d",
         "smooth-linear": "_upsample_bilinear2d_aa", "smooth-cubic": "_upsample_bicubic2d_aa",
         "lanczos": "_upsample_lanczos2d_aa"}


def name(mode: str, dims: int) -> str:
    if mode == "linear":
        return f"upsample_{'_ bi tri'.split()[dims - 1].strip('_')}linear{dims}d"
    return NAMES[mode].format(dims)


SIZES = [((5,), (7,)), ((4,), (8,)), ((6,), (6,)), ((9,), (4,)), ((1,), (3,)), ((3,), (1,)),
         ((5, 4), (7, 8)), ((6, 7), (3, 7)), ((9, 5), (4, 2)), ((1, 3), (2, 1)), ((40, 70), (30, 100)),
         ((3, 4, 5), (5, 4, 7)), ((4, 3, 6), (2, 3, 9))]
CASES = [(have, want, mode, align) for have, want in SIZES for mode in MODES[len(have)]
         for align in ([False] if "nearest" in mode else [False, True])]


@pytest.mark.parametrize(("have", "want", "mode", "align"), CASES)
def test_agrees_with_the_definition(have: tuple, want: tuple, mode: str, align: bool) -> None:
    x = sample(2, 3, *have, grad=True)
    options = () if "nearest" in mode else (align,)
    out = getattr(_nn, name(mode, len(have)))(x, want, *options)
    expected = x
    for _, (n, m) in enumerate(zip(have, want, strict=True)):
        expected = torch.tensordot(expected, taps(mode, n, m, align), ([2], [1]))
    torch.testing.assert_close(out, expected)
    weight = sample(*out.shape)
    (a,), (b,) = torch.autograd.grad((out * weight).sum(), x), torch.autograd.grad((expected * weight).sum(), x)
    torch.testing.assert_close(a, b)


@pytest.mark.parametrize("mode", MODES[2])
def test_factors(mode: str) -> None:
    x = sample(1, 2, 5, 6)
    options = () if "nearest" in mode else (False,)
    out = getattr(_nn, name(mode, 2))(x, None, *options, [1.7, 0.6])
    assert out.shape == (1, 2, 8, 3)
    if "exact" not in mode:
        expected = x
        for n, m, f in ((5, 8, 1.7), (6, 3, 0.6)):
            expected = torch.tensordot(expected, taps(mode, n, m, factor=f), ([2], [1]))
        torch.testing.assert_close(out, expected)
    same = getattr(_nn, name(mode, 2))(x, [8, 3], *options, 1.7, 0.6)
    torch.testing.assert_close(out, same)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_gradients_of_both_orders(dims: int) -> None:
    x = sample(2, 2, *[3] * dims, grad=True)
    for mode in MODES[dims]:
        options = () if "nearest" in mode else (False,)
        for size in ([5] * dims, [2] * dims):
            function = lambda x, m=mode, s=size, o=options: getattr(_nn, name(m, dims))(x, s, *o)  # noqa: E731
            assert gradcheck(function, (x,))
            assert gradgradcheck(function, (x,))


def test_whole_numbers_and_narrow_ones() -> None:
    x = torch.tensor([[[[0, 255, 3, 9]]]], dtype=torch.uint8)
    assert _nn.upsample_nearest2d(x, [1, 7]).tolist() == [[[[0, 0, 255, 255, 3, 3, 9]]]]
    assert _nn.upsample_bilinear2d(x, [1, 7], False).tolist() == [[[[0, 91, 237, 129, 3, 7, 9]]]]
    assert _nn.upsample_bicubic2d(x, [1, 7], False).tolist() == [[[[0, 102, 252, 152, 0, 0, 10]]]]
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        y = sample(1, 2, 5, 4, dtype=dtype, grad=True)
        out = F.interpolate(y, scale_factor=2, mode="bilinear")
        assert out.dtype == dtype
        tol = {torch.float16: 2e-3, torch.bfloat16: 1e-2, torch.float32: 1e-6}[dtype]
        torch.testing.assert_close(out.double(), F.interpolate(y.double(), scale_factor=2, mode="bilinear"),
                                   atol=tol, rtol=tol)
        out.sum().backward()
        assert y.grad.dtype == dtype


def test_interpolate_lanczos() -> None:
    x = sample(1, 1, 9, 9)
    out = F.interpolate(x, (4, 4), mode="lanczos", antialias=True)
    torch.testing.assert_close(out, _nn._upsample_lanczos2d_aa(x, [4, 4], False))
    with pytest.raises(ValueError, match="antialias"):
        F.interpolate(x, (4, 4), mode="lanczos")


def test_empty_batch_and_out() -> None:
    assert _nn.upsample_nearest2d(torch.ones(0, 1, 3, 3), [5, 5]).shape == (0, 1, 5, 5)
    out = torch.empty(0)
    _nn.upsample_nearest1d(torch.arange(3.0).reshape(1, 1, 3), [6], out=out)
    assert out.flatten().tolist() == [0, 0, 1, 1, 2, 2]


def folded(x: float, n: int, padding: str, align: bool) -> float:
    if padding == "border":
        return min(max(x, 0.0), n - 1.0)
    if padding == "reflection":
        low, high = (0.0, n - 1.0) if align else (-0.5, n - 0.5)
        if high == low:
            return 0.0
        x = (x - low) % (2 * (high - low))
        x = low + min(x, 2 * (high - low) - x)
        return min(max(x, 0.0), n - 1.0)
    return x


def line(x: float, n: int, mode: str, padding: str, align: bool) -> dict[int, float]:
    x = (x + 1) / 2 * (n - 1) if align else ((x + 1) * n - 1) / 2
    if mode == "bicubic":
        low = math.floor(x)
        found = [(folded(low + k, n, padding, align), cubic(x - low - k, -0.75)) for k in range(-1, 3)]
    else:
        x = folded(x, n, padding, align)
        low = math.floor(x)
        found = [(round(x), 1.0)] if mode == "nearest" else [(low, low + 1 - x), (low + 1, x - low)]
    weights: dict[int, float] = {}
    for i, w in found:
        if 0 <= i < n:
            weights[int(i)] = weights.get(int(i), 0.0) + w
    return weights


OPTIONS = list(itertools.product(["bilinear", "nearest", "bicubic"], ["zeros", "border", "reflection"], [False, True]))


@pytest.mark.parametrize(("mode", "padding", "align"), OPTIONS)
@pytest.mark.parametrize("sizes", [(4, 5), (1, 6), (3, 2, 4)])
def test_grid_sample_agrees_with_the_definition(mode: str, padding: str, align: bool, sizes: tuple) -> None:
    if mode == "bicubic" and len(sizes) == 3:
        return
    x, grid = sample(2, 3, *sizes), sample(2, *[3] * (len(sizes) - 1), 7, len(sizes)) * 1.8
    out = F.grid_sample(x, grid, mode, padding, align)
    places = grid.reshape(2, -1, len(sizes))
    want = torch.zeros(2, 3, places.shape[1], dtype=torch.float64)
    for n, p in itertools.product(range(2), range(places.shape[1])):
        axes = [line(c, size, mode, padding, align) for c, size in zip(reversed(places[n, p].tolist()), sizes,
                                                                       strict=True)]
        for found in itertools.product(*(a.items() for a in axes)):
            want[n, :, p] += x[(n, slice(None), *(i for i, _ in found))] * math.prod(w for _, w in found)
    torch.testing.assert_close(out.reshape(2, 3, -1), want)


@pytest.mark.parametrize(("mode", "padding", "align"), OPTIONS)
@pytest.mark.parametrize("sizes", [(4, 5), (3, 2, 3)])
def test_grid_sample_gradients_of_both_orders(mode: str, padding: str, align: bool, sizes: tuple) -> None:
    if mode == "bicubic" and len(sizes) == 3:
        return
    x = sample(1, 2, *sizes, grad=True)
    grid = (sample(1, *[2] * (len(sizes) - 1), 3, len(sizes)) * 1.6).requires_grad_()

    def run(x: Any, grid: Any) -> torch.Tensor:
        return F.grid_sample(x, grid, mode, padding, align)

    assert gradcheck(run, (x, grid), atol=1e-4)
    assert gradgradcheck(run, (x, grid), atol=1e-4)
    first = torch.autograd.grad(run(x, grid).sin().sum(), (x, grid))
    again = torch.autograd.grad(run(x, grid).sin().sum(), (x, grid), create_graph=True)
    for a, b in zip(first, again, strict=True):
        torch.testing.assert_close(a, b)


def test_affine_grid() -> None:
    theta = sample(2, 2, 3, grad=True)
    for align in (False, True):
        grid = F.affine_grid(theta, (2, 1, 3, 4), align)
        for i, j in itertools.product(range(3), range(4)):
            y, x = (i * 2 / 2 - 1, j * 2 / 3 - 1) if align else ((2 * i + 1) / 3 - 1, (2 * j + 1) / 4 - 1)
            place = torch.tensor([x, y, 1.0], dtype=torch.float64)
            torch.testing.assert_close(grid[:, i, j], theta @ place)
    assert gradcheck(lambda t: torch.affine_grid_generator(t, [2, 1, 3, 4], False), (theta,))
    solid = F.affine_grid(sample(2, 3, 4), (2, 1, 2, 3, 1), False)
    assert solid.shape == (2, 2, 3, 1, 3)
    identity = torch.eye(2, 3, dtype=torch.float64).unsqueeze(0)
    x = sample(1, 2, 5, 6)
    torch.testing.assert_close(F.grid_sample(x, F.affine_grid(identity, (1, 2, 5, 6), True), align_corners=True), x)


ERRORS = [
    (lambda: _nn.upsample_nearest1d(torch.ones(1, 3), [5]), "input_size equals to 3"),
    (lambda: _nn.upsample_nearest2d(torch.ones(1, 1, 3, 3), [5]), "output_size equals to 2"),
    (lambda: _nn.upsample_nearest2d(torch.ones(1, 1, 3, 3), [5, 0]), "greater than 0"),
    (lambda: _nn.upsample_nearest2d(torch.ones(1, 0, 3, 3), [5, 5]), "Non-empty 4D"),
    (lambda: _nn.upsample_nearest2d(torch.ones(1, 1, 3, 3), [5, 5], [2.0, 2.0]), "exactly one of"),
    (lambda: _nn.upsample_nearest2d(torch.ones(1, 1, 3, 3), None, None), "exactly one of"),
    (lambda: _nn.upsample_nearest2d(torch.ones(1, 1, 3, 3), None, [2.0]), "2 scale factors"),
    (lambda: _nn.upsample_bilinear2d(torch.ones(1, 1, 3, 3).long(), [5, 5], False), "dtype"),
    (lambda: torch.grid_sampler(torch.ones(1, 1, 3, 3), torch.ones(1, 2, 2, 3), 0, 0, False), "size 2 in last dim"),
    (lambda: torch.grid_sampler(torch.ones(1, 1, 3, 3), torch.ones(2, 2, 2, 2), 0, 0, False), "same batch size"),
    (lambda: torch.grid_sampler(torch.ones(1, 1, 3, 3), torch.ones(1, 2, 2, 2).double(), 0, 0, False), "scalar type"),
    (lambda: torch.grid_sampler(torch.ones(1, 1, 3, 0), torch.ones(1, 2, 2, 2), 0, 0, False), "non-empty spatial"),
    (lambda: torch.grid_sampler(torch.ones(1, 1, 3, 3), torch.ones(1, 2, 2, 2), 3, 0, False), "interpolation mode"),
    (lambda: torch.grid_sampler(torch.ones(1, 1, 3, 3), torch.ones(1, 2, 2, 2), 0, 7, False), "padding mode"),
    (lambda: torch.grid_sampler_3d(torch.ones(1, 1, 3, 3), torch.ones(1, 2, 2, 2), 0, 0, False), "5 dimensions"),
    (lambda: torch.affine_grid_generator(torch.ones(1, 2, 3), [1, 1, 2], True), "4d"),
    (lambda: torch.affine_grid_generator(torch.ones(2, 2, 3), [1, 1, 2, 2], True), "affine maps of shape"),
]


@pytest.mark.parametrize(("run", "message"), ERRORS)
def test_what_is_refused(run: Any, message: str) -> None:
    with pytest.raises((RuntimeError, NotImplementedError), match=message):
        run()
