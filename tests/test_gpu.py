"""The GPU: driver, transfers, elementwise ops, reductions, random numbers, autograd, and what goes wrong."""

from __future__ import annotations

import copy
import io
import os
import pickle
import subprocess
import sys
import warnings

import pytest

import rushlight as torch
import rushlight.nn as nn
import rushlight.nn.functional as F


def close(there: torch.Tensor, here: torch.Tensor, tolerance: float = 1e-4) -> None:
    assert there.device.type == "gpu", there.device
    torch.testing.assert_close(there.detach().cpu(), here.detach(), rtol=tolerance, atol=tolerance, equal_nan=True)


def both(function, *tensors: torch.Tensor, tolerance: float = 1e-4) -> None:
    """The function gives the same on both devices, and so do its gradients."""
    here = [t.detach().clone().requires_grad_(t.is_floating_point()) for t in tensors]
    there = [t.detach().to("gpu").requires_grad_(t.is_floating_point()) for t in tensors]
    expected, got = function(*here), function(*there)
    close(got, expected, tolerance)
    if expected.requires_grad:
        weights = torch.randn(expected.shape)
        (expected * weights).sum().backward()
        (got * weights.to("gpu")).sum().backward()
        for a, b in zip(there, here):
            if b.grad is not None:
                close(a.grad, b.grad, tolerance)


# ---- tensors on their way


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32])
def test_transfers_keep_every_value(gpu, dtype):
    x = torch.randint(0, 2, (5, 7)).to(dtype) if dtype == torch.bool else torch.arange(35).view(5, 7).to(dtype)
    if dtype not in (torch.bool, torch.uint8):
        x = x - 17
    there = x.to(gpu)
    assert there.dtype == dtype and there.device == torch.device("gpu:0") and there.is_gpu and not x.is_gpu
    assert torch.equal(there.cpu(), x)
    assert torch.equal(there.t()[2:5, 1:].cpu(), x.t()[2:5, 1:])
    assert torch.equal(x.t().gpu().cpu(), x.t())
    assert there.to(gpu) is there and there.cpu().device.type == "cpu"


def test_half_floats_where_the_adapter_has_them(gpu):
    x = torch.randn(3, 5).half()
    if not torch.gpu.get_device_properties()["f16"]:
        with pytest.raises(RuntimeError, match="float"):
            x.to(gpu)
        return
    both(lambda a: (a * 2 + 1).exp(), x, tolerance=1e-2)
    assert torch.equal(x.to(gpu)[1:, 1::2].cpu(), x[1:, 1::2])


def test_what_a_gpu_cannot_hold(gpu):
    for x in (torch.randn(2).double(), torch.zeros(2, dtype=torch.complex64), torch.zeros(2, dtype=torch.bfloat16)):
        with pytest.raises(TypeError, match=r"float\(\)"):
            x.to(gpu)
    assert torch.tensor([2.0], dtype=torch.float64).to(gpu, torch.float32).item() == 2.0
    with pytest.raises(RuntimeError, match="4294967296.*32 bits"):
        torch.tensor([1, 2**32]).to(gpu)
    with pytest.raises(NotImplementedError, match="another dtype"):
        torch.zeros(4, device=gpu).view(torch.uint8)
    assert torch.tensor([1.0], device=gpu).view(torch.int32).item() == 0x3F800000


def test_copy_between_devices(gpu):
    x, y = torch.randn(4, 6), torch.zeros(6, 4, device=gpu)
    y.t().copy_(x)
    assert torch.equal(y.cpu(), x.t())
    back = torch.zeros(4, 3, dtype=torch.float64)
    back.copy_(y.t()[:, ::2])
    assert torch.equal(back, x[:, ::2].double())
    a = torch.randn(3, requires_grad=True)
    (a.to(gpu) * 2).cpu().sum().backward()
    assert a.grad.tolist() == [2, 2, 2] and a.grad.device.type == "cpu"


def test_pickle_save_load_deepcopy(gpu, tmp_path):
    x = torch.arange(6, device=gpu).view(2, 3)
    for again in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert again.device == x.device and torch.equal(again.cpu(), x.cpu())
    model = nn.Linear(3, 2).to(gpu)
    torch.save({"model": model.state_dict(), "views": [x, x[1]]}, tmp_path / "m.pt")
    loaded = torch.load(tmp_path / "m.pt")
    assert loaded["model"]["weight"].device == x.device and torch.equal(loaded["views"][1].cpu(), x[1].cpu())
    here = torch.load(tmp_path / "m.pt", map_location="cpu")
    assert here["model"]["weight"].device.type == "cpu"
    assert torch.equal(here["model"]["weight"], model.weight.detach().cpu())
    buffer = io.BytesIO()
    torch.save(torch.ones(3), buffer)
    buffer.seek(0)
    assert torch.load(buffer, map_location="gpu").device.type == "gpu"


def test_python_sees_values(gpu):
    x = torch.tensor([[1.5, -2.0]], device=gpu)
    assert x[0, 1].item() == -2.0 and x.tolist() == [[1.5, -2.0]] and float(x[0, 0]) == 1.5 and bool(x[0, 0] > 1)
    assert "device='gpu:0'" in repr(x) and "1.5" in repr(x)
    with pytest.raises(TypeError, match="gpu:0 device type tensor to numpy"):
        x.numpy()
    assert len(x) == 1 and x.data_ptr() != 0 and x.get_device() == 0


def test_where_new_tensors_go(gpu):
    for made in (
        torch.zeros(3, device=gpu), torch.ones(3, device="gpu:0"), torch.full((2,), 7, device=gpu), torch.arange(5, device=gpu),
        torch.linspace(0, 1, 5, device=gpu), torch.eye(3, device=gpu), torch.tensor([1, 2], device=gpu),
        torch.rand(3, device=gpu), torch.randperm(5, device=gpu), torch.empty(3, device=gpu),
    ):  # fmt: skip
        assert made.device == torch.device("gpu:0")
    x = torch.zeros(2, 2, device=gpu)
    for made in (torch.zeros_like(x), torch.rand_like(x), x.new_ones(3), x.new_tensor([1.0]), torch.full_like(x, 3.0)):
        assert made.device == x.device
    assert torch.zeros_like(x, device="cpu").device.type == "cpu" and torch.zeros(3).device.type == "cpu"
    with torch.device(gpu):
        assert torch.ones(2).device == x.device and torch.tensor([1]).device == x.device
        assert nn.Linear(2, 2).weight.device == x.device
    assert torch.ones(2).device.type == "cpu"
    with pytest.raises(RuntimeError, match="gpu:1 does not exist"):
        torch.zeros(1, device="gpu:1")


# ---- elementwise ops

UNARY = """exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh neg square
abs sign floor ceil trunc round frac sigmoid relu erf erfc lgamma isnan isinf isfinite signbit logical_not deg2rad
nan_to_num positive""".split()


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_tensor(gpu, name):
    x = torch.randn(3, 1, 5) * 2
    if name in ("log", "log2", "log10", "sqrt", "rsqrt", "lgamma", "digamma", "log1p"):
        x = x.abs() + 0.1
    if name in ("asin", "acos", "atanh"):
        x = x.tanh() * 0.9
    if name == "acosh":
        x = x.abs() + 1.1
    both(getattr(torch, name), x.transpose(0, 2).expand(5, 4, 3), tolerance=2e-4)


def test_the_edges_of_floats(gpu):
    x = torch.tensor([0.0, -0.0, 1.0, -1.0, float("inf"), -float("inf"), float("nan"), 1e-30, 88.0, -104.0])
    for name in "isnan isinf isfinite sign abs relu exp log sqrt tanh sigmoid erf floor round atan signbit nan_to_num".split():
        close(getattr(torch, name)(x.to(gpu)), getattr(torch, name)(x))
    for name in "maximum minimum fmax fmin eq ne lt gt atan2 copysign remainder fmod".split():
        function = getattr(torch, name)
        close(function(x[:, None].to(gpu), x.to(gpu)), function(x[:, None], x))


@pytest.mark.parametrize(
    "name", "add sub mul div maximum minimum atan2 hypot fmod remainder floor_divide pow eq ne lt le gt ge logaddexp xlogy copysign".split()
)
def test_functions_of_two_tensors(gpu, name):
    function = getattr(torch, name)
    a, b = torch.randn(4, 1, 3) * 2, torch.randn(5, 3) * 2
    if name in ("pow", "xlogy"):
        a, b = a.abs() + 0.1, b.abs() + 0.1
    both(lambda x, y: function(x, y), a, b)
    if name not in ("maximum", "minimum", "atan2", "hypot", "logaddexp", "copysign"):
        close(function(a.to(gpu), 1.5), function(a, 1.5))
    close(function(a.to(gpu), torch.tensor(2.0)), function(a, torch.tensor(2.0)))  # a 0-dim tensor may stay on the CPU


def test_activations(gpu):
    x = torch.randn(6, 7) * 3
    for function in (
        F.gelu, F.silu, F.mish, F.elu, F.selu, F.celu, F.softplus, F.logsigmoid, F.hardtanh, F.relu6, F.hardswish, F.hardsigmoid,
        F.leaky_relu, F.hardshrink, F.softshrink, F.tanhshrink, F.softsign, F.rrelu, lambda x: F.gelu(x, approximate="tanh"),
        lambda x: F.threshold(x, 0.5, 2.0), lambda x: F.glu(x[:, :6]), lambda x: x.clamp(-1, 1), lambda x: x.clamp(min=0.5),
        lambda x: torch.lerp(x, x * 2, 0.3), lambda x: torch.addcmul(x, x, x, value=0.5), lambda x: torch.where(x > 0, x, x * 0.1),
        lambda x: x.masked_fill(x > 1, 5.0),
    ):  # fmt: skip
        both(function, x, tolerance=2e-4)


def test_integers(gpu):
    a, b = torch.tensor([7, -7, 5, 0, 100]), torch.tensor([2, 2, -3, 4, 7])
    for function in (
        torch.add, torch.sub, torch.mul, torch.div, torch.floor_divide, torch.remainder, torch.fmod, torch.maximum, torch.bitwise_and,
        torch.bitwise_or, torch.bitwise_xor, torch.gcd, torch.eq, torch.lt,
    ):  # fmt: skip
        expected, got = function(a, b), function(a.to(gpu), b.to(gpu))
        assert got.dtype == expected.dtype
        close(got, expected)
    small = torch.tensor([200, 100, 7], dtype=torch.uint8)
    assert torch.equal((small.to(gpu) * 2).cpu(), small * 2), "bytes wrap"
    signed = torch.tensor([100, -100], dtype=torch.int8)
    assert torch.equal((signed.to(gpu) + 100).cpu(), signed + 100)
    assert torch.equal((a.to(gpu) ** 2).cpu(), a**2) and torch.equal((a.to(gpu) << 2).cpu(), a << 2)
    assert (a.to(gpu) + 0.5).dtype == torch.float32 and (a.to(gpu) > 3).dtype == torch.bool
    mask = a.to(gpu) > 0
    assert torch.equal((~mask & mask | mask).cpu(), a > 0) and mask.sum().item() == 3 and mask.float().mean().item() == pytest.approx(0.6)
    for dtype in (torch.float32, torch.bool, torch.uint8, torch.int16, torch.int64):
        assert torch.equal(a.to(gpu).to(dtype).cpu(), a.to(dtype))
    assert torch.equal(torch.tensor([1.7, -1.7, 0.0]).to(gpu).to(torch.int64).cpu(), torch.tensor([1, -1, 0]))
    assert torch.tensor([0.5, 0.0]).to(gpu).bool().tolist() == [True, False]


def test_in_place_views_and_out(gpu):
    x, y = torch.randn(4, 5), torch.randn(4, 5)
    a, b = x.to(gpu), y.to(gpu)
    a.mul_(b).add_(1, alpha=2)
    a[1:3, ::2] = 7
    a.t()[0].sub_(b.t()[1])
    a += a
    x.mul_(y).add_(1, alpha=2)
    x[1:3, ::2] = 7
    x.t()[0].sub_(y.t()[1])
    x += x
    close(a, x)
    out = torch.empty(4, 5, device=gpu)
    torch.add(a, b, out=out)
    close(out, x + y)
    torch.exp(b.t(), out=out.t())
    close(out, y.exp())
    view = a.view(20)[3:11].reshape(2, 4).t()
    assert view.storage_offset() == 3
    close(view + 1, x.view(20)[3:11].reshape(2, 4).t() + 1)
    leaf = torch.randn(3, 3, device=gpu, requires_grad=True)
    work = leaf * 1
    work[1].mul_(3)
    work.sum().backward()
    assert leaf.grad.cpu().tolist() == [[1] * 3, [3] * 3, [1] * 3]


# ---- reductions


@pytest.mark.parametrize("dims", [None, 0, 1, 2, (0, 2), (1, 2), (0, 1)])
def test_reductions_over_any_dims(gpu, dims):
    x = torch.randn(6, 11, 9)
    for shaped in (x, x.transpose(0, 2), x[::2, 1:, ::3]):
        for name in "sum mean amax amin std var logsumexp count_nonzero".split():
            function = getattr(torch, name)
            if name in ("amax", "amin", "logsumexp", "count_nonzero"):
                kwargs = {"dim": tuple(range(3)) if dims is None else dims}
            else:
                kwargs = {} if dims is None else {"dim": dims}
            if name == "count_nonzero":
                close(function(shaped.to(gpu), **kwargs), function(shaped, **kwargs))
                continue
            both(lambda t, function=function, kwargs=kwargs: function(t, **kwargs), shaped)
        for p in (0, 1, 2, 3, float("inf")):
            close(torch.linalg.vector_norm(shaped.to(gpu), p, dims), torch.linalg.vector_norm(shaped, p, dims), 1e-3)
    if isinstance(dims, int):
        both(lambda t: t.prod(dims), x)
        for name in ("max", "min"):
            values, places = getattr(x, name)(dims, keepdim=True)
            there = getattr(x.to(gpu), name)(dims, keepdim=True)
            close(there.values, values)
            assert torch.equal(there.indices.cpu(), places)
        assert torch.equal(x.to(gpu).argmax(dims).cpu(), x.argmax(dims))
        assert torch.equal((x > 1).to(gpu).any(dims).cpu(), (x > 1).any(dims))
        assert torch.equal((x > -3).to(gpu).all(dims).cpu(), (x > -3).all(dims))


@pytest.mark.parametrize("shape,dim", [((100_000,), 0), ((3, 50_000), 1), ((5000, 7), 0), ((2000, 40), 1), ((70, 300), 1)])
def test_long_and_many_rows(gpu, shape, dim):
    x = torch.randn(shape)
    there = x.to(gpu)
    torch.testing.assert_close(there.sum(dim).cpu(), x.double().sum(dim).float(), rtol=1e-4, atol=2e-3)
    torch.testing.assert_close(there.var(dim).cpu(), x.double().var(dim).float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(there.logsumexp(dim).cpu(), x.logsumexp(dim), rtol=1e-4, atol=1e-5)
    assert torch.equal(there.argmin(dim).cpu(), x.argmin(dim)) and torch.equal(there.amax(dim).cpu(), x.amax(dim))
    assert torch.equal(there.sum(dim), there.sum(dim)), "the same bits each time"
    assert (x > 0).to(gpu).sum(dim).cpu().equal((x > 0).sum(dim))


def test_extremes_and_nan(gpu):
    x = torch.tensor([[1.0, float("nan"), 3.0, float("nan")], [2.0, 2.0, 1.0, 2.0]])
    there = x.to(gpu)
    assert there.argmax(1).tolist() == [1, 0] and there.argmin(1).tolist() == [1, 2]
    assert there.amax(1).isnan().tolist() == [True, False] and there.max().isnan().item()
    assert torch.tensor([], device=gpu).sum().item() == 0 and torch.zeros(0, 3, device=gpu).sum(0).tolist() == [0, 0, 0]
    assert torch.zeros(3, 0, device=gpu).prod(1).tolist() == [1, 1, 1]


def test_distinct_values(gpu, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_GPU_FALLBACK", "silent")  # how many there are must be known first
    x = torch.tensor([[3, 1, 3], [2, 1, 3]])
    there = torch.unique(x.to(gpu), return_inverse=True, return_counts=True)
    for a, b in zip(there, torch.unique(x, return_inverse=True, return_counts=True)):
        assert a.device.type == "gpu" and torch.equal(a.cpu(), b)
    assert torch.equal(torch.unique(x.to(gpu), dim=1).cpu(), torch.unique(x, dim=1))
    assert torch.unique_consecutive(x.to(gpu).view(-1)).tolist() == [3, 1, 3, 2, 1, 3]


# ---- random numbers


def test_random_numbers(gpu):
    torch.manual_seed(3)
    first = torch.randn(40_000, device=gpu)
    second = torch.rand(40_000, device=gpu)
    torch.gpu.manual_seed(3)
    assert torch.equal(torch.randn(40_000, device=gpu).cpu(), first.cpu())
    assert torch.equal(torch.rand(40_000, device=gpu).cpu(), second.cpu())
    assert not torch.equal(torch.rand(40_000, device=gpu).cpu(), second.cpu())
    assert abs(first.mean().item()) < 0.02 and abs(first.std().item() - 1) < 0.02
    assert abs((first**4).mean().item() - 3) < 0.2
    assert 0 <= second.min().item() and second.max().item() < 1 and abs(second.mean().item() - 0.5) < 0.01
    assert abs((second[1:] * second[:-1]).mean().item() - 0.25) < 0.01
    dice = torch.randint(1, 7, (60_000,), device=gpu)
    assert dice.dtype == torch.int64 and all(abs((dice == k).float().mean().item() - 1 / 6) < 0.01 for k in range(1, 7))
    assert abs(torch.full((40_000,), 0.3, device=gpu).bernoulli().mean().item() - 0.3) < 0.02
    assert abs(torch.empty(40_000, device=gpu).exponential_(2.0).mean().item() - 0.5) < 0.02
    assert abs(torch.empty(40_000, device=gpu).uniform_(-2, 4).mean().item() - 1) < 0.05
    means = torch.arange(4.0, device=gpu).repeat(10_000)
    assert abs((torch.normal(means, 0.5) - means).std().item() - 0.5) < 0.02
    assert sorted(torch.randperm(50, device=gpu).tolist()) == list(range(50))
    state = torch.gpu.get_rng_state()
    a = torch.rand(5, device=gpu)
    torch.gpu.set_rng_state(state)
    assert torch.equal(torch.rand(5, device=gpu).cpu(), a.cpu())
    generator = torch.Generator().manual_seed(1)
    b = torch.rand(5, device=gpu, generator=generator)
    assert torch.equal(torch.rand(5, device=gpu, generator=torch.Generator().manual_seed(1)).cpu(), b.cpu())


def test_dropout(gpu):
    x = torch.ones(200, 200, device=gpu, requires_grad=True)
    y = F.dropout(x, 0.25)
    kept = (y > 0).float().mean().item()
    assert abs(kept - 0.75) < 0.01 and y.max().item() == pytest.approx(4 / 3)
    y.sum().backward()
    assert torch.equal(x.grad.cpu(), y.detach().cpu())
    assert F.dropout(x, 0.5, training=False) is x


# ---- a model


def test_a_model_learns(gpu):
    torch.manual_seed(0)
    x = torch.randn(64, 10)
    y = (x[:, 0] * 2 - x[:, 1]).unsqueeze(1)
    model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
    twin = copy.deepcopy(model).to(gpu)
    there = x.to(gpu), y.to(gpu)
    steps = [torch.optim.Adam(m.parameters(), lr=0.01) for m in (model, twin)]
    before = None
    for step in range(20):
        for m, optimizer, (a, b) in zip((model, twin), steps, ((x, y), there)):
            optimizer.zero_grad()
            F.mse_loss(m(a), b).backward()
            optimizer.step()
        if step == 4:
            before = torch.gpu.memory_allocated()
    assert torch.gpu.memory_allocated() == before, "memory is steady"
    for a, b in zip(twin.parameters(), model.parameters()):
        close(a, b, 1e-3)
        assert steps[1].state[a]["exp_avg"].device.type == "gpu"
    state = twin.state_dict()
    assert state["0.weight"].device.type == "gpu"
    model.load_state_dict(state)
    twin.cpu()
    assert next(twin.parameters()).device.type == "cpu"


def test_one_test_for_every_device(device):
    x = torch.arange(12.0, device=device).view(3, 4).requires_grad_()
    y = (x.t() @ x).relu().log1p().sum()
    y.backward()
    reference = torch.arange(12.0).view(3, 4).requires_grad_()
    (reference.t() @ reference).relu().log1p().sum().backward()
    torch.testing.assert_close(x.grad.cpu(), reference.grad, rtol=1e-4, atol=1e-4)
    assert x.grad.device == x.device


# ---- the driver


def test_counters_and_pool(gpu):
    torch.gpu.synchronize()
    x = torch.ones(1000, device=gpu)
    before = torch.gpu.memory_stats()
    for _ in range(200):
        x = x * 1.001
    torch.gpu.synchronize()
    after = torch.gpu.memory_stats()
    assert after["launches"] - before["launches"] == 200
    assert 3 <= after["flushes"] - before["flushes"] <= 5, "64 launches to a batch"
    assert after["pool_hits"] - before["pool_hits"] >= 198 and after["bind_group_misses"] - before["bind_group_misses"] < 10
    assert after["pipelines"] == before["pipelines"] + 1 or after["pipelines"] == before["pipelines"]
    assert torch.gpu.memory_allocated() > 0 and torch.accelerator.is_available()
    assert torch.accelerator.current_accelerator() == torch.device("gpu") and torch.gpu.device_count() == 1
    peak = torch.gpu.max_memory_allocated()
    torch.zeros(1 << 20, device=gpu)
    assert torch.gpu.max_memory_allocated() >= max(peak, 4 << 20)
    torch.gpu.empty_cache()
    assert torch.gpu.memory_stats()["kept_bytes"] == 0


def test_a_constant_is_no_new_shader(gpu):
    x = torch.ones(3, device=gpu)
    x * 2.0 + x.add(x, alpha=0.5)
    count = torch.gpu.memory_stats()["pipelines"]
    for k in range(5):
        x * float(k) + x.add(x, alpha=k / 7)
    assert torch.gpu.memory_stats()["pipelines"] == count


def test_writes_do_not_overtake(gpu):
    x = torch.zeros(4, device=gpu)
    seen = []
    for k in range(100):
        x.copy_(torch.full((4,), float(k)))
        seen.append(x * 1)
    assert [t[0].item() for t in seen] == list(range(100))


def test_mixing_devices(gpu):
    x = torch.ones(3, device=gpu)
    with pytest.raises(RuntimeError, match="gpu:0 and cpu.*add"):
        x + torch.ones(3)
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(3).mul_(x)
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(3, 3) @ torch.ones(3, 3, device=gpu)
    assert (x + torch.tensor(1.0)).tolist() == [2, 2, 2]


def test_too_large(gpu):
    with pytest.raises(RuntimeError, match="max-buffer-size"):
        torch.empty(1 << 28, device=gpu)
    large = torch.zeros(40 << 20, device=gpu)  # 160 MiB, more than a binding shows
    large.add_(2)
    large[-3:] *= 3
    part = (large * 0.5)[(40 << 20) - 5 :]
    assert part.tolist() == [1, 1, 3, 3, 3]
    del large, part
    torch.gpu.empty_cache()


def test_a_shader_that_does_not_compile(gpu):
    from rushlight.gpu import _driver

    with pytest.raises(RuntimeError, match="(?s)shader broken does not compile.*1 fn main"):
        _driver.start().pipeline("broken", "fn main( {", [True], 256)


def test_a_fallback_warns_once_or_fails(gpu, monkeypatch):
    x = torch.randn(3, 3).to(gpu)
    with pytest.raises(NotImplementedError, match="RUSHLIGHT_GPU_FALLBACK=error"):
        torch.special.bessel_j0(x)
    monkeypatch.setenv("RUSHLIGHT_GPU_FALLBACK", "warn")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        close(torch.special.bessel_j1(x), torch.special.bessel_j1(x.cpu()))
        torch.special.bessel_j1(x)
    texts = [str(w.message) for w in caught]
    assert len(texts) == 1 and "bessel_j1 has no GPU shader" in texts[0]


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    full = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=full, timeout=120)


def test_no_adapter():
    pytest.importorskip("wgpu")
    result = run("import rushlight as t; print(t.gpu.is_available()); t.zeros(1).to('gpu')", RUSHLIGHT_GPU_ADAPTER="no such thing")
    assert "False" in result.stdout and "no GPU adapter matches" in result.stderr


def test_wgpu_is_not_installed():
    code = "import sys; sys.modules['wgpu'] = None\nimport rushlight as t\nprint(t.gpu.is_available())\nt.zeros(1, device='gpu')"
    result = run(code)
    assert "False" in result.stdout and "pip install 'rushlight[gpu]'" in result.stderr


def test_out_of_memory(gpu):
    code = """
import rushlight as t
keep = t.zeros(1 << 18, device="gpu")
for _ in range(20):
    t.ones(1 << 18, device="gpu")          # what is freed is used again
try:
    t.zeros(1 << 20, device="gpu")
except t.OutOfMemoryError as error:
    print("caught", error)
print(keep.sum().item(), t.ones(4, device="gpu").sum().item())
"""
    result = run(code, RUSHLIGHT_GPU_MEMORY=str(3 << 20))
    assert "caught" in result.stdout and "not enough memory" in result.stdout and "0.0 4.0" in result.stdout, result.stderr


def test_a_lost_device_says_so(gpu):
    code = """
import rushlight as t
x = t.ones(3, device="gpu")
adapter = t.gpu._driver.start()
adapter._lost = "as a test"
try:
    (x + 1).tolist()
except t.gpu.DeviceLost as error:
    print("lost:", error)
"""
    result = run(code)
    assert "lost: " in result.stdout and "checkpoint" in result.stdout, result.stderr


def test_importing_does_not_load_wgpu():
    result = run("import sys, rushlight; print('wgpu' in sys.modules, 'rushlight.gpu' in sys.modules)")
    assert result.stdout == "False False\n", result.stderr
