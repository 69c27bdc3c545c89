"""Families of ops on the GPU against the CPU: values and gradients, odd sizes, strides, empty tensors. Nothing may fall back."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight as torch
import rushlight.nn as nn
import rushlight.nn.functional as F


def _why_not() -> str | None:
    try:
        import wgpu  # noqa: F401
    except ImportError:
        return "the package wgpu is not installed"
    return None if torch.gpu.is_available() else "there is no GPU adapter (apt-get install mesa-vulkan-drivers libvulkan1)"


pytestmark = pytest.mark.skipif(_why_not() is not None, reason=_why_not() or "")


@pytest.fixture(autouse=True)
def no_fallback(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_GPU_FALLBACK", "error")


RNG = np.random.default_rng(0)


def rand(*shape: int) -> torch.Tensor:
    return torch.from_numpy(RNG.standard_normal(shape).astype(np.float32))


def ints(high: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(RNG.integers(0, high, shape))


def outputs(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def close(there, here, rtol, atol):
    assert there.device.type == "gpu", there.device
    assert there.shape == here.shape and there.dtype == here.dtype
    np.testing.assert_allclose(there.detach().cpu().numpy(), here.detach().numpy(), rtol=rtol, atol=atol, equal_nan=True)


def check(f, *inputs, rtol=2e-5, atol=2e-5, grad=True):
    """f of tensors on the CPU and on the GPU: the results and, for floats, the gradients for random cotangents."""
    results, grads = [], []
    weights: list = []
    for device in ("cpu", "gpu"):
        leaves = [x.detach().to(device) if isinstance(x, torch.Tensor) else x for x in inputs]
        floats = [x for x in leaves if isinstance(x, torch.Tensor) and x.dtype.is_floating_point]
        if grad:
            for x in floats:
                x.requires_grad_()
        out = outputs(f(*leaves))
        results.append(out)
        if not grad:
            continue
        flowing = [y for y in out if y.requires_grad]
        assert flowing
        if not weights:
            weights = [rand(*y.shape) for y in flowing]
        torch.autograd.backward(flowing, [w.to(device) for w in weights])
        grads.append([x.grad for x in floats])
    for there, here in zip(results[1], results[0]):
        close(there, here, rtol, atol)
    if grad:
        for there, here in zip(grads[1], grads[0]):
            assert (there is None) == (here is None)
            if here is not None:
                close(there, here, rtol, atol)


# -- products ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "a, b",
    [
        ((3, 4), (4, 5)),
        ((65, 33), (33, 70)),
        ((1, 7), (7, 1)),
        ((7,), (7,)),
        ((5, 7), (7,)),
        ((7,), (7, 5)),
        ((2, 5, 6), (2, 6, 3)),
        ((2, 1, 5, 6), (3, 6, 40)),
        ((4, 20, 30), (30, 41)),
        ((3, 2000), (2000, 2)),
        ((70, 700), (700, 66)),
        ((3, 0), (0, 4)),
        ((0, 3), (3, 4)),
    ],
)
def test_matmul(a, b):
    check(torch.matmul, rand(*a), rand(*b), rtol=1e-4, atol=1e-4)


def test_products():
    check(lambda a, b: a.t() @ b.t(), rand(6, 40), rand(33, 6))
    check(lambda a, b: a[::2, 1:] @ b[:, ::3], rand(40, 7), rand(6, 30))
    check(lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=2.0), rand(5), rand(40, 6), rand(6, 5))
    check(lambda c, a, b: torch.baddbmm(c, a, b), rand(1, 4, 1), rand(3, 4, 6), rand(3, 6, 5))
    check(F.linear, rand(3, 9, 17), rand(12, 17), rand(12))
    check(F.linear, rand(70, 40), rand(65, 40))
    check(torch.outer, rand(5), rand(9))
    check(torch.dot, rand(3000), rand(3000), rtol=1e-3, atol=1e-3)
    check(lambda a, b: torch.einsum("bik,bkj->bij", a, b), rand(3, 4, 5), rand(3, 5, 6))
    check(torch.bmm, rand(3, 4, 5), rand(3, 5, 6))
    check(torch.matmul, ints(9, 5, 6), ints(9, 6, 4), grad=False)


# -- convolution ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x, w, options",
    [
        ((2, 3, 9), (5, 3, 3), dict(stride=2, padding=1)),
        ((2, 4, 9, 7), (6, 2, 3, 2), dict(stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)),
        ((1, 2, 5, 6, 4), (4, 1, 3, 2, 2), dict(stride=(1, 2, 1), padding=(1, 1, 0), dilation=(1, 1, 2), groups=2)),
        ((2, 6, 8, 8), (6, 1, 3, 3), dict(padding=1, groups=6)),
        ((4, 16, 12, 12), (40, 16, 3, 3), dict(padding="same")),
        ((8, 1, 28, 28), (24, 1, 3, 3), {}),
        ((3, 7, 7), (2, 3, 1, 1), {}),
    ],
)
def test_conv(x, w, options):
    f = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[len(w)]
    check(lambda x, w, b: f(x, w, b, **options), rand(*x), rand(*w), rand(w[0]), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "x, w, options",
    [
        ((2, 3, 9), (3, 5, 3), dict(stride=2, padding=1, output_padding=1)),
        ((2, 4, 5, 6), (4, 3, 3, 2), dict(stride=(2, 3), padding=(1, 0), dilation=(2, 1), groups=2)),
    ],
)
def test_conv_transposed(x, w, options):
    f = {3: F.conv_transpose1d, 4: F.conv_transpose2d}[len(w)]
    out = w[1] * options.get("groups", 1)
    check(lambda x, w, b: f(x, w, b, **options), rand(*x), rand(*w), rand(out), rtol=1e-4, atol=1e-4)


def test_conv_second_gradient():
    def f(x, w):
        (g,) = torch.autograd.grad(F.conv2d(x, w, padding=1).tanh().sum(), x, create_graph=True)
        return g

    check(f, rand(2, 3, 6, 6), rand(4, 3, 3, 3), rtol=1e-4, atol=1e-4)


# -- windows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        dict(kernel_size=2),
        dict(kernel_size=(3, 2), stride=(2, 1), padding=(1, 0)),
        dict(kernel_size=3, stride=2, padding=1, dilation=(2, 1), ceil_mode=True),
    ],
)
def test_max_pool(options):
    check(lambda x: F.max_pool2d(x, **options), rand(2, 3, 9, 8))
    check(lambda x: F.max_pool2d(x, return_indices=True, **options), rand(3, 9, 8))
    check(lambda x: F.max_pool2d(x.transpose(2, 3), **options), rand(2, 3, 8, 9))


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("divisor", [None, 3])
def test_avg_pool(include, divisor):
    def f(x):
        return F.avg_pool2d(x, (3, 2), (2, 1), (1, 1), ceil_mode=True, count_include_pad=include, divisor_override=divisor)

    check(f, rand(2, 3, 9, 8))


def test_other_pools():
    for size in (1, (4, 3), (12, 9)):
        check(lambda x, size=size: F.adaptive_avg_pool2d(x, size), rand(2, 3, 9, 8))
        check(lambda x, size=size: F.adaptive_max_pool2d(x, size), rand(2, 3, 9, 8))
    check(lambda x: F.max_pool1d(x, 3, 2), rand(2, 3, 9))
    check(lambda x: F.max_pool3d(x, 2), rand(2, 3, 4, 5, 6))
    check(lambda x: F.avg_pool3d(x, 2), rand(2, 3, 4, 5, 6))
    check(lambda x: F.avg_pool1d(x, 2), rand(2, 3, 7))

    def unpooled(x):
        y, i = F.max_pool2d(x, 2, return_indices=True)
        return F.max_unpool2d(y, i, 2)

    check(unpooled, rand(2, 3, 8, 8))
    check(lambda x: F.unfold(x, (3, 2), (1, 2), (1, 0), (2, 1)), rand(2, 3, 8, 7))
    check(lambda x: F.fold(x, (8, 7), (3, 2), padding=1), rand(2, 12, 64))


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "nearest-exact", "area"])
def test_interpolate(mode):
    align = {"align_corners": True} if mode in ("bilinear", "bicubic") else {}
    check(lambda x: F.interpolate(x, size=(7, 9), mode=mode, **align), rand(2, 3, 4, 5), rtol=1e-4, atol=1e-4)
    check(lambda x: F.interpolate(x, scale_factor=2, mode=mode), rand(1, 2, 3, 5), rtol=1e-4, atol=1e-4)


# -- rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape, dim", [((5, 7), 1), ((5, 7), 0), ((3, 300, 4), 1), ((2, 2000), -1), ((), 0), ((0, 3), 1)])
def test_softmax(shape, dim):
    check(lambda x: torch.softmax(x, dim), rand(*shape))
    check(lambda x: torch.log_softmax(x, dim), rand(*shape), atol=5e-5)


def test_softmax_masked():
    x = rand(4, 6)
    x[0, 2] = -math.inf
    x[1] = -math.inf
    x[2, 0] = math.inf
    check(lambda x: torch.softmax(x, 1), x, grad=False)
    check(lambda x: torch.softmax(x.t(), 0), x, grad=False)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(reduction, smoothing, weighted):
    target = torch.tensor([1, 10, 0, -100, 3, 3, 5])
    weight = torch.rand(11)

    def f(x, target):
        w = weight.to(x.device) if weighted else None
        return F.cross_entropy(x, target, w, reduction=reduction, label_smoothing=smoothing)

    check(f, rand(7, 11), target)


def test_class_losses():
    check(lambda x, t: F.cross_entropy(x, t), rand(2, 5, 3, 4), ints(5, 2, 3, 4))
    check(lambda x, t: F.cross_entropy(x, t), rand(5), torch.tensor(3))
    check(lambda x, t: F.cross_entropy(x, t.softmax(1)), rand(4, 5), rand(4, 5))
    check(lambda x, t: F.cross_entropy(x, t), rand(3, 3000), ints(3000, 3))
    check(lambda x, t: F.nll_loss(x.log_softmax(1), t, ignore_index=1), rand(6, 4), ints(4, 6))
    weight = torch.rand(4)
    check(lambda x, t: F.nll_loss(x.log_softmax(1), t, weight.to(x.device)), rand(6, 4), ints(4, 6))
    out = F.cross_entropy(rand(2, 3).to("gpu"), torch.tensor([1, 7]).to("gpu"), reduction="none").cpu()
    assert not out[0].isnan() and out[1].isnan()


def test_losses():
    a, b = rand(5, 7), rand(5, 7)
    for f in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
        check(f, a, b)
        check(lambda x, y, f=f: f(x, y, reduction="none"), a, b)
    check(F.binary_cross_entropy, a.sigmoid(), b.sigmoid(), rtol=1e-4)
    check(F.binary_cross_entropy_with_logits, a, b.sigmoid())
    check(lambda x, y: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"), a, b)
    check(F.cosine_similarity, a, b)
    check(lambda x, y: F.margin_ranking_loss(x, y, torch.ones_like(x)), a, b)
    check(F.soft_margin_loss, a, b.sign())


# -- norms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 7), (3, 5, 130), (2, 2500), (9000, 3)])
def test_layer_norm(shape):
    n = shape[-1]
    check(lambda x, w, b: F.layer_norm(x, (n,), w, b), rand(*shape), rand(n), rand(n), rtol=1e-4, atol=1e-3)
    check(lambda x, w: F.rms_norm(x, (n,), w), rand(*shape), rand(n), rtol=1e-4, atol=1e-3)


def test_layer_norm_plain():
    check(lambda x: F.layer_norm(x, (4, 5)), rand(3, 4, 5), rtol=1e-4, atol=1e-4)
    check(lambda x: F.layer_norm(x.transpose(0, 1), (4,)), rand(4, 6), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape, groups", [((3, 6, 5), 2), ((2, 4, 3, 40), 4), ((2, 8), 1)])
def test_group_norm(shape, groups):
    c = shape[1]
    check(lambda x, w, b: F.group_norm(x, groups, w, b), rand(*shape), rand(c), rand(c), rtol=1e-4, atol=1e-4)
    check(lambda x: F.group_norm(x, groups), rand(*shape), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(8, 3), (4, 5, 7), (3, 6, 9, 10)])
def test_batch_norm(training, shape):
    c = shape[1]

    def f(x, w, b):
        mean = torch.zeros(c, device=x.device)
        var = torch.ones(c, device=x.device)
        y = F.batch_norm(x, mean, var, w, b, training, 0.3)
        return y, mean, var

    check(f, rand(*shape), rand(c), rand(c), rtol=1e-4, atol=1e-4)
    check(lambda x: F.instance_norm(x), rand(2, 3, 20), rtol=1e-4, atol=1e-4)


# -- indices -------------------------------------------------------------------------------------


def test_embedding():
    for shape in ((5,), (3, 4), (0,)):
        check(lambda w, i: F.embedding(i, w), rand(10, 6), ints(10, *shape))
    check(lambda w, i: F.embedding(i, w, padding_idx=2), rand(10, 6), ints(10, 30))
    check(lambda w, i: F.embedding(i, w), rand(300, 200), ints(300, 100))  # sorted
    check(lambda w, i: F.embedding(i, w, scale_grad_by_freq=True), rand(10, 6), ints(10, 30))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_gather_and_scatter(dim):
    x, i = rand(4, 9, 5), ints(4, 3, 6, 5)
    check(lambda x, i: x.gather(dim, i), x, i)
    check(lambda x, i, s: x.scatter_add(dim, i, s), x, i, rand(3, 6, 5))
    check(lambda x, i, s: x.scatter_reduce(dim, i, s, "prod"), x, i, rand(3, 6, 5), grad=False)
    for how in ("amax", "amin", "mean"):
        for include in (True, False):
            check(
                lambda x, i, s, how=how, include=include: x.scatter_reduce(dim, i, s, how, include_self=include),
                x,
                i,
                rand(3, 6, 5),
            )
    check(lambda x, i: x.scatter(dim, i, 2.5), x, i)
    check(lambda x, i, s: x.scatter(dim, i, s), x, i, rand(3, 6, 5), grad=False)


def test_scatter_sorted():
    check(lambda x, i, s: x.scatter_add(0, i, s), rand(3000), ints(3000, 5000), rand(5000), atol=1e-4)
    check(lambda x, i, s: x.scatter(1, i, s), rand(2, 3000), ints(3000, 2, 4000), rand(2, 4000), grad=False)
    check(lambda x, i, s: x.index_add(1, i, s), rand(40, 900), ints(900, 1100), rand(40, 1100), atol=1e-4)


def test_indexing():
    x = rand(5, 6, 7)
    i, j = ints(5, 4), ints(6, 4)
    check(lambda x, i: x[i], x, i)
    check(lambda x, i: x[:, i], x, i)
    check(lambda x, i: x[..., i - 7], x, ints(7, 2, 3))
    check(lambda x, i, j: x[i, j], x, i, j)
    check(lambda x, i, j: x[i[:, None], j], x, i, j)
    check(lambda x, i, j: x.transpose(0, 2)[:, j, i], x, i, j)
    check(lambda x, i: x.index_select(2, i), x, i)
    check(lambda x, i: torch.take_along_dim(x, i, 1), x, ints(6, 5, 2, 7))
    check(lambda x, i: x.take(i), x, ints(200, 3, 3))
    for accumulate in (False, True):
        check(lambda x, i, j, v, a=accumulate: x.index_put((i, j), v, a), x, torch.arange(4), j, rand(4, 7))
    check(lambda x, i, v: x.index_put((i,), v, True), x, i, rand(6, 1))
    check(lambda x, i, v: x.index_copy(1, i, v), x, torch.tensor([4, 0]), rand(5, 2, 7))
    check(lambda x, i: x.index_fill(1, i, 3.0), x, torch.tensor([4, 0]))

    def in_place(x, i, v):
        y = x * 1
        y[i] = v
        y[:, 2] = 0
        y[1:3].index_add_(1, i, v[0, :4].expand(2, 7, 4).transpose(1, 2))
        return y

    check(in_place, x, torch.tensor([0, 3, 1, 4]), rand(6, 7))
    check(lambda x, i: x[i], ints(9, 5, 4), i, grad=False)
    check(lambda i: F.one_hot(i, 7), i, grad=False)
    check(lambda x, i: x[i], x > 0, i, grad=False)


def test_masks():
    x = rand(5, 6)
    check(lambda x: x.masked_fill(x > 0, 2.0), x)
    check(lambda x: x.masked_fill(torch.ones(6, dtype=torch.bool, device=x.device), -math.inf), x)
    check(lambda x, y: torch.where(x > y, x, y), x, rand(6))
    check(lambda x: (x * 1).masked_fill_(x < 0, 0), x)
    check(lambda x: x[x > 0], x)
    check(lambda x: x.masked_select(x[0] > 0), x)
    check(lambda x, y: x.masked_scatter(x > 0, y), x, rand(40))
    check(lambda x: (x > 0).nonzero(), x, grad=False)


# -- reorderings ---------------------------------------------------------------------------------


def test_copies():
    x, y = rand(3, 4, 5), rand(3, 2, 5)
    check(lambda x, y: torch.cat([x, y], 1), x, y)
    check(lambda x, y: torch.cat([x, torch.zeros(0, device=x.device), y], 1), x, y)
    check(lambda x, y: torch.stack([x[:, :2], y], 2), x, y)
    check(lambda x: torch.cat([x.int(), x > 0], 0), x, grad=False)
    check(lambda x: x.split(2, 1)[1] * 2, x)
    check(lambda x: x.chunk(2, 2)[0].contiguous(), x)
    check(lambda x: x.flip(0, 2), x)
    check(lambda x: x.roll((1, -2), (0, 2)), x)
    check(lambda x: x.roll(7), x)
    check(lambda x: x.repeat(2, 1, 3), x)
    check(lambda x: x.repeat_interleave(3, 1), x)
    check(lambda x: F.pad(x, (1, 2, -1, 3), value=0.5), x)
    for mode in ("reflect", "replicate", "circular"):
        check(lambda x, mode=mode: F.pad(x, (2, 1), mode=mode), x)
    check(lambda x: F.pixel_shuffle(x.reshape(1, 12, 1, 5), 2), x)
    for d in (-1, 0, 2):
        check(lambda x, d=d: x.tril(d), x)
        check(lambda x, d=d: x.triu(d), x)
    check(lambda x: (x * 1).tril_(), x)
    check(lambda x: torch.diag_embed(x), x)
    check(lambda x: x.diagonal(0, 1, 2), x)
    check(lambda x: x.permute(2, 0, 1).reshape(5, 12), x)
    check(lambda x: x.unfold(1, 2, 1), x)
    check(lambda x: x.as_strided((3, 4), (2, 1), 1), x)
    check(lambda x: (x * 1).slice_scatter(x[:, :2] * 2, 1, 1, 3), x)
    check(lambda x: torch.arange(2, 9, 3, device=x.device) + x[0, 0, :3], x)
    check(lambda x: torch.linspace(0, 1, 5, device=x.device) * x, x)


@pytest.mark.parametrize("n", [1, 9, 5000])
def test_scans(n):
    x = rand(2, n, 3)
    check(lambda x: x.cumsum(1), x, rtol=1e-3, atol=1e-3)
    if n < 100:
        check(lambda x: x.cumprod(1), x, rtol=1e-4, atol=1e-4)
        check(lambda x: x.cummax(1), x)
        check(lambda x: x.cummin(1), x)
        check(lambda x: x.logcumsumexp(1), x)
    check(lambda x: x.cumsum(1), ints(9, 2, n, 3), grad=False)


@pytest.mark.parametrize("n", [1, 7, 300, 3000])
@pytest.mark.parametrize("descending", [False, True])
def test_sort(n, descending):
    x = (rand(3, n, 2) * 20).round()
    check(lambda x: x.sort(1, descending), x)
    check(lambda x: x.argsort(1, descending), x, grad=False)
    check(lambda x: x.topk(min(n, 5), 1, largest=descending), x)
    check(lambda x: x.sort(1, descending), ints(50, 3, n, 2), grad=False)
    if n > 1:
        x[0, 1, 0] = math.nan
        check(lambda x: x.sort(1, descending), x, grad=False)
        check(lambda x: x.kthvalue(2, 1), x, grad=False)


def test_distinct(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_GPU_FALLBACK", "silent")  # how many there are must be known first
    x = ints(5, 4, 6)
    check(lambda x: torch.unique(x, return_inverse=True, return_counts=True), x, grad=False)
    check(lambda x: torch.unique(x, dim=1), x, grad=False)
    check(lambda x: torch.unique_consecutive(x), x, grad=False)
    check(lambda x: torch.bincount(x.flatten()), x, grad=False)
    check(lambda x, y: torch.searchsorted(x, y), rand(9).sort()[0], rand(4), grad=False)
    check(lambda x: torch.histc(x, 5), rand(40), grad=False)


# -- modules and optimisers ----------------------------------------------------------------------


def test_attention():
    q, k, v = rand(2, 3, 5, 8), rand(2, 3, 6, 8), rand(2, 3, 6, 4)
    check(F.scaled_dot_product_attention, q, k, v, rtol=1e-4, atol=1e-4)
    check(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), q, k, v, rtol=1e-4, atol=1e-4)
    mask = rand(5, 6) > -0.5
    check(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask.to(q.device)), q, k, v, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent(kind):
    net = kind(4, 5, num_layers=2, bidirectional=True)
    state = {name: p.detach().clone() for name, p in net.named_parameters()}

    def f(x):
        there = kind(4, 5, num_layers=2, bidirectional=True)
        there.load_state_dict(state)
        out, hidden = there.to(x.device)(x)
        return [out, *outputs(hidden)]

    check(f, rand(6, 3, 4), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda p, **k: torch.optim.SGD(p, lr=0.1, **k),
        lambda p, **k: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, **k),
        lambda p, **k: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, **k),
        lambda p, **k: torch.optim.Adam(p, lr=0.1, **k),
        lambda p, **k: torch.optim.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1, **k),
        lambda p, **k: torch.optim.AdamW(p, lr=0.1, maximize=True, **k),
    ],
)
def test_optimisers(make):
    start, target = rand(7, 5), rand(7, 5)
    ends = []
    for device in ("cpu", "gpu"):
        p = nn.Parameter(start.clone().to(device))
        optimizer = make([p])
        for _ in range(4):
            optimizer.zero_grad()
            loss = (p - target.to(device)).pow(2).sum() * p.sigmoid().mean()
            loss.backward()
            nn.utils.clip_grad_norm_([p], 5.0)
            optimizer.step()
        ends.append(p)
    close(ends[1], ends[0], 1e-4, 1e-4)


def test_dropout():
    x = torch.ones(1000, device="gpu", requires_grad=True)
    y = F.dropout(x, 0.25)
    y.sum().backward()
    values = y.detach().cpu()
    kept = values != 0
    assert 650 < kept.sum().item() < 850
    np.testing.assert_allclose(values[kept].numpy(), 4 / 3, rtol=1e-6)
    np.testing.assert_array_equal((x.grad.cpu() != 0).numpy(), kept.numpy())


def test_network():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 13 * 13, 10)
    )
    state = {name: value.clone() for name, value in net.state_dict().items()}
    x, t = rand(6, 1, 28, 28), ints(10, 6)
    losses = []
    for device in ("cpu", "gpu"):
        net.load_state_dict(state)
        there = net.to(device)
        optimizer = torch.optim.SGD(there.parameters(), lr=0.05, momentum=0.9)
        for _ in range(4):
            optimizer.zero_grad()
            loss = F.cross_entropy(there(x.to(device)), t.to(device))
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
        net.to("cpu")
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
