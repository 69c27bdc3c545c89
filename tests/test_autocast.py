"""Autocast on the CPU: which operations change precision, where gradients go, and what the blocks restore."""

from __future__ import annotations

import threading
import warnings

import pytest

import rushlight as torch
import rushlight.nn.functional as F

bf16, f16, f32, f64 = torch.bfloat16, torch.float16, torch.float32, torch.float64


def r(*shape, dtype=f32):
    return torch.randn(*shape, dtype=dtype)


LOW = {
    "mm": lambda: torch.mm(r(2, 3), r(3, 4)),
    "bmm": lambda: torch.bmm(r(2, 2, 3), r(2, 3, 4)),
    "matmul": lambda: r(5, 2, 3) @ r(3, 4),
    "mv": lambda: torch.mv(r(2, 3), r(3)),
    "addmm": lambda: torch.addmm(r(4), r(2, 3), r(3, 4)),
    "baddbmm": lambda: torch.baddbmm(r(2, 2, 4), r(2, 2, 3), r(2, 3, 4)),
    "linear": lambda: F.linear(r(2, 3), r(4, 3), r(4)),
    "einsum": lambda: torch.einsum("ij,jk->ik", r(2, 3), r(3, 4)),
    "conv1d": lambda: F.conv1d(r(1, 2, 8), r(3, 2, 3), r(3)),
    "conv2d": lambda: F.conv2d(r(1, 2, 8, 8), r(3, 2, 3, 3), r(3)),
    "conv3d": lambda: F.conv3d(r(1, 2, 5, 5, 5), r(3, 2, 3, 3, 3)),
    "conv_transpose2d": lambda: F.conv_transpose2d(r(1, 2, 8, 8), r(2, 3, 3, 3)),
    "attention": lambda: F.scaled_dot_product_attention(r(1, 2, 4, 8), r(1, 2, 4, 8), r(1, 2, 4, 8)),
    "prelu": lambda: F.prelu(r(2, 3), r(1)),
    "LSTM": lambda: torch.nn.LSTM(3, 4)(r(5, 2, 3))[0],
    "MultiheadAttention": lambda: torch.nn.MultiheadAttention(8, 2)(r(4, 1, 8), r(4, 1, 8), r(4, 1, 8))[0],
}


@pytest.mark.parametrize("name", LOW)
@pytest.mark.parametrize("dtype", [bf16, f16])
def test_products_run_low(name, dtype):
    torch.manual_seed(0)
    exact = LOW[name]()
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=dtype):
        low = LOW[name]()
    assert exact.dtype == f32 and low.dtype == dtype
    torch.testing.assert_close(low.float(), exact, rtol=0.05, atol=0.08)


x, y = torch.randn(4, 3).bfloat16(), torch.randn(4, 3).bfloat16()
classes = torch.tensor([0, 1, 2, 0])
FULL = {
    "mse": lambda: F.mse_loss(x, y),
    "l1": lambda: F.l1_loss(x, y),
    "smooth_l1": lambda: F.smooth_l1_loss(x, y),
    "huber": lambda: F.huber_loss(x, y),
    "cross_entropy": lambda: F.cross_entropy(x, classes),
    "nll": lambda: F.nll_loss(x, classes),
    "bce": lambda: F.binary_cross_entropy(x.sigmoid(), y.sigmoid()),
    "bce_with_logits": lambda: F.binary_cross_entropy_with_logits(x, y.sigmoid()),
    "kl_div": lambda: F.kl_div(x, y.sigmoid(), reduction="batchmean"),
    "poisson_nll": lambda: F.poisson_nll_loss(x, y.abs()),
    "soft_margin": lambda: F.soft_margin_loss(x, y.sign()),
    "hinge_embedding": lambda: F.hinge_embedding_loss(x, y.sign()),
    "margin_ranking": lambda: F.margin_ranking_loss(x, y, y.sign()),
    "multi_margin": lambda: F.multi_margin_loss(x, classes),
    "triplet": lambda: F.triplet_margin_loss(x, y, x + 1),
    "cosine_embedding": lambda: F.cosine_embedding_loss(x, y, torch.ones(4)),
    "ctc": lambda: F.ctc_loss(
        x.view(4, 1, 3).log_softmax(2), torch.tensor([[1, 2]]), torch.tensor([4]), torch.tensor([2])
    ),
    "cdist": lambda: torch.cdist(x, y),
    "prod": lambda: torch.prod(x, 0),
}


@pytest.mark.parametrize("name", FULL)
def test_losses_run_in_full(name):
    with torch.autocast("cpu"):
        assert FULL[name]().dtype == f32


def test_recurrent_states_of_another_precision():
    with torch.autocast("cpu"):
        out, h = torch.nn.GRU(3, 4)(r(5, 2, 3).bfloat16(), r(1, 2, 4))
        assert out.dtype == f32 == h.dtype  # only its products run low
        out, (h, c) = torch.nn.LSTM(3, 4)(r(5, 2, 3), (r(1, 2, 4), r(1, 2, 4).bfloat16()))
        assert out.dtype == bf16 == c.dtype
        assert torch.nn.LSTMCell(3, 4)(r(2, 3))[0].dtype in (bf16, f32)


def test_other_operations_take_what_comes():
    with torch.autocast("cpu"):
        assert (x + y).dtype == bf16 and (x + r(4, 3)).dtype == f32
        assert F.relu(x).dtype == bf16 and F.softmax(x, -1).dtype == bf16
        assert torch.cat([x, r(4, 3)]).dtype == f32
        assert (r(2, 2, dtype=f64) @ r(2, 2, dtype=f64)).dtype == f64  # f64 is left alone
        assert (torch.ones(2, 2, dtype=torch.int64) @ torch.ones(2, 2, dtype=torch.int64)).dtype == torch.int64
        with pytest.raises(RuntimeError, match="dtype"):
            r(2, 2, dtype=f64) @ r(2, 2)
    assert (r(2, 2) @ r(2, 2)).dtype == f32


def test_norms_take_lower_inputs_with_full_weights():
    with torch.autocast("cpu"):
        h = F.conv2d(r(2, 3, 8, 8), r(4, 3, 3, 3))
        assert torch.nn.BatchNorm2d(4)(h).dtype in (bf16, f32)
        assert torch.nn.GroupNorm(2, 4)(h).dtype in (bf16, f32)
        assert torch.nn.LayerNorm(6)(h).dtype in (bf16, f32)


def test_training_keeps_parameters_and_gradients_full():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data, target = r(12, 1, 8, 8), torch.arange(12) % 3
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=bf16):
            out = model(data)
            loss = F.cross_entropy(out, target)
        assert out.dtype == bf16 and loss.dtype == f32
        loss.backward()
        assert all(p.grad.dtype == f32 and p.dtype == f32 for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_gradients_are_near_the_exact_ones():
    torch.manual_seed(0)
    w, v, data = r(8, 8).requires_grad_(), r(8, 8).requires_grad_(), r(4, 8)
    exact = torch.autograd.grad((data @ w @ v).square().mean(), [w, v])
    with torch.autocast("cpu"):
        low = torch.autograd.grad(F.mse_loss(data @ w @ v, torch.zeros(4, 8)), [w, v])
    for a, b in zip(low, exact):
        assert a.dtype == f32
        torch.testing.assert_close(a, b, rtol=0.1, atol=0.1 * b.abs().max().item())


def test_backward_inside_of_the_block_and_a_weight_used_twice():
    w = r(3, 3).requires_grad_()
    with torch.autocast("cpu"):
        out = torch.ones(2, 3) @ w @ w  # one converted copy serves both
        out.sum().backward()
    assert w.grad.dtype == f32 and bool(torch.isfinite(w.grad).all())


def test_converted_weights_are_kept_until_the_block_ends():
    w = torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        one = torch.ones(2, 2) @ w
        with torch.no_grad():
            w.mul_(3)  # a changed weight is converted again
        two = torch.ones(2, 2) @ w
        with torch.no_grad():
            three = torch.ones(2, 2) @ w
        assert not three.requires_grad and two.requires_grad
    assert one.tolist() == [[2, 2], [2, 2]] and two.tolist() == [[6, 6], [6, 6]] == three.tolist()
    with torch.autocast("cpu", cache_enabled=False):
        assert not torch.is_autocast_cache_enabled()
        assert (torch.ones(2, 2) @ w).requires_grad
    assert torch.is_autocast_cache_enabled()


def test_blocks_nest_and_restore():
    assert not torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == bf16
    with torch.autocast("cpu", dtype=f16):
        assert torch.is_autocast_enabled("cpu") and torch.is_autocast_cpu_enabled()
        assert torch.get_autocast_dtype("cpu") == f16 == torch.get_autocast_cpu_dtype()
        with torch.autocast("cpu", enabled=False):
            assert not torch.is_autocast_enabled("cpu")
            assert (r(2, 2) @ r(2, 2)).dtype == f32
        assert (r(2, 2) @ r(2, 2)).dtype == f16
        with pytest.raises(ZeroDivisionError), torch.autocast("cpu", dtype=bf16):
            assert (r(2, 2) @ r(2, 2)).dtype == bf16
            1 / 0
        assert torch.get_autocast_dtype("cpu") == f16
        seen = []
        thread = threading.Thread(target=lambda: seen.append((r(2, 2) @ r(2, 2)).dtype))
        thread.start(), thread.join()
        assert seen == [f32]  # each thread has its own blocks
    assert not torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == bf16
    assert torch.amp.is_autocast_available("cpu") and not torch.amp.is_autocast_available("cuda")

    @torch.autocast("cpu")
    def decorated():
        return r(2, 2) @ r(2, 2)

    assert decorated().dtype == bf16
    torch.set_autocast_enabled("cpu", True)
    try:
        assert (r(2, 2) @ r(2, 2)).dtype == bf16
    finally:
        torch.set_autocast_enabled("cpu", False)
    with torch.cpu.amp.autocast():
        assert (r(2, 2) @ r(2, 2)).dtype == bf16


def test_unknown_dtypes_and_devices():
    with pytest.warns(UserWarning, match="not supported"), torch.autocast("cpu", dtype=f64):
        assert not torch.is_autocast_enabled("cpu")
    with pytest.raises(RuntimeError, match="unsupported autocast device_type"):
        torch.autocast("nothing")
    with pytest.warns(UserWarning, match="CUDA is not available"):
        torch.autocast("cuda")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torch.autocast("cuda", enabled=False):
            assert (r(2, 2) @ r(2, 2)).dtype == f32
    assert not torch.is_autocast_enabled() and torch.get_autocast_gpu_dtype() == f16


def test_custom_functions():
    class Product(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=f32)
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            seen.append((a.dtype, torch.is_autocast_enabled("cpu")))
            return a @ b

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            a, b = ctx.saved_tensors
            return grad @ b.T, a.T @ grad

    seen = []
    w = r(3, 3).requires_grad_()
    with torch.autocast("cpu"):
        out = Product.apply(r(2, 3).bfloat16(), w)
        assert out.dtype == f32
    out.sum().backward()
    assert seen == [(f32, False)] and w.grad.dtype == f32


def test_checkpoints_run_again_as_they_ran():
    from rushlight.utils.checkpoint import checkpoint

    seen = []

    def block(t):
        seen.append((t.detach() @ t.detach()).dtype)
        return (t @ t).float()

    for reentrant in (True, False):
        t = r(3, 3).requires_grad_()
        with torch.autocast("cpu"):
            out = checkpoint(block, t, use_reentrant=reentrant)
        out.sum().backward()
        assert seen == [bf16, bf16]
        seen.clear()
