"""Attention: against its formula, its gradients and the gradients of those, masks, groups of heads, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import pytest

import rushlight as torch
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck


def sample(*shape: int, dtype: torch.dtype = torch.float64, grad: bool = False) -> torch.Tensor:
    """Numbers without a pattern, about -1 to 1, the same for a shape each time."""
    count = math.prod(shape)
    values = torch.arange(1, count + 1, dtype=torch.float64).add(sum(shape)).mul(12.9898).sin().mul(43758.5453)
    return values.sub(values.floor()).mul(2).sub(1).reshape(shape).to(dtype).requires_grad_(grad)


def formula(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False, scale: float | None = None) -> torch.Tensor:
    scores = q @ k.transpose(-2, -1) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if causal:
        mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
    if mask is not None and mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape, dtype=q.dtype).masked_fill(~mask, -math.inf)
    if mask is not None:
        scores = scores + mask
    return scores.softmax(-1) @ v


SHAPES = [
    # q, k, v
    ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)),
    ((1, 2, 60, 16), (1, 2, 50, 16), (1, 2, 50, 16)),
    ((2, 1, 1, 8), (2, 1, 600, 8), (2, 1, 600, 8)),
    ((4, 6, 3), (4, 6, 3), (4, 6, 3)),
    ((6, 3), (5, 3), (5, 2)),
    ((2, 2, 2, 4, 3), (2, 2, 2, 5, 3), (2, 2, 2, 5, 3)),
    ((2, 3, 5, 4), (1, 3, 7, 4), (2, 1, 7, 6)),
]


@pytest.mark.parametrize(("q", "k", "v"), SHAPES)
@pytest.mark.parametrize("causal", [False, True])
def test_agrees_with_the_formula(q: tuple, k: tuple, v: tuple, causal: bool) -> None:
    args = [sample(*s, grad=True) for s in (q, k, v)]
    out = F.scaled_dot_product_attention(*args, is_causal=causal)
    want = formula(*args, causal=causal)
    torch.testing.assert_close(out, want)
    weight = sample(*want.shape)
    got = torch.autograd.grad((out * weight).sum(), args)
    expected = torch.autograd.grad((want * weight).sum(), args)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("shape", [(5, 7), (1, 7), (2, 1, 5, 7), (2, 1, 1, 7), (7,), (2, 3, 5, 7)])
@pytest.mark.parametrize("kind", [torch.bool, torch.float64])
def test_masks(shape: tuple, kind: torch.dtype) -> None:
    q, k, v = sample(2, 3, 5, 4, grad=True), sample(2, 3, 7, 4, grad=True), sample(2, 3, 7, 6, grad=True)
    mask = sample(*shape)
    mask = (mask > -0.6) if kind == torch.bool else mask.requires_grad_()
    out = F.scaled_dot_product_attention(q, k, v, mask, scale=0.3)
    torch.testing.assert_close(out, formula(q, k, v, mask, scale=0.3))
    args = (q, k, v) + ((mask,) if kind != torch.bool else ())
    got = torch.autograd.grad(out.sin().sum(), args)
    want = torch.autograd.grad(formula(q, k, v, mask, scale=0.3).sin().sum(), args)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("added", [False, True])
def test_who_sees_nothing_gets_zeros_and_gives_none(added: bool) -> None:
    q, k, v = (sample(1, 1, 3, 4, grad=True) for _ in range(3))
    mask = torch.tensor([[True, False, False], [False, False, False], [True, True, False]])
    if added:
        mask = torch.zeros(3, 3, dtype=torch.float64).masked_fill(~mask, -math.inf)
    out = F.scaled_dot_product_attention(q, k, v, mask)
    assert (out[0, 0, 1] == 0).all()
    out.sum().backward()
    assert (q.grad[0, 0, 1] == 0).all() and (v.grad[0, 0, 2] == 0).all()
    assert all(x.grad.isfinite().all() for x in (q, k, v))
    assert q.grad[0, 0, 2].abs().sum() > 0


@pytest.mark.parametrize("masked", ["", "causal", "bool", "added"])
def test_gradients_of_both_orders(masked: str) -> None:
    q, k, v = sample(2, 4, 3, 2, grad=True), sample(2, 2, 5, 2, grad=True), sample(2, 2, 5, 3, grad=True)
    mask = {"bool": sample(3, 5) > -0.7, "added": sample(2, 1, 3, 5, grad=True)}.get(masked)

    def call(q: Any, k: Any, v: Any, *added: Any) -> torch.Tensor:
        attn_mask = added[0] if added else mask
        return F.scaled_dot_product_attention(q, k, v, attn_mask, is_causal=masked == "causal", enable_gqa=True)

    args = (q, k, v) + ((mask,) if masked == "added" else ())
    assert gradcheck(call, args)
    assert gradgradcheck(call, args)


def test_groups_of_heads() -> None:
    q, k, v = sample(2, 6, 60, 4, grad=True), sample(2, 2, 600, 4, grad=True), sample(2, 2, 600, 5, grad=True)
    out = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    want = formula(q, k.repeat_interleave(3, 1), v.repeat_interleave(3, 1))
    torch.testing.assert_close(out, want)
    for a, b in zip(
        torch.autograd.grad(out.sin().sum(), (q, k, v)), torch.autograd.grad(want.sin().sum(), (q, k, v)), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_heads_inside_of_rows_stay_there() -> None:
    x = sample(2, 5, 24, grad=True)
    q, k, v = (h.view(2, 5, 2, 4).transpose(1, 2) for h in x.split(8, 2))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert out.transpose(1, 2).is_contiguous()
    want = formula(q, k, v, causal=True)
    torch.testing.assert_close(out, want)
    (a,), (b,) = torch.autograd.grad(out.sin().sum(), x), torch.autograd.grad(want.sin().sum(), x)
    torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("dtype", "tol"), [(torch.float32, 1e-5), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_narrow_dtypes(dtype: torch.dtype, tol: float) -> None:
    args = [sample(2, 2, 9, 8, dtype=dtype, grad=True) for _ in range(3)]
    wide = [x.detach().double().requires_grad_() for x in args]
    out, want = F.scaled_dot_product_attention(*args), formula(*wide)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), want, atol=tol, rtol=tol)
    for a, b in zip(
        torch.autograd.grad(out.sum(), args), torch.autograd.grad(want.sum(), wide), strict=True
    ):
        assert a.dtype == dtype
        torch.testing.assert_close(a.double(), b, atol=tol, rtol=tol)


def test_dropout() -> None:
    torch.manual_seed(1)
    q, k, v = sample(1, 2, 40, 8), sample(1, 2, 50, 8), torch.ones(1, 2, 50, 3, dtype=torch.float64)
    out = F.scaled_dot_product_attention(q, k, v, dropout_p=0.5)
    assert (out - 1).abs().max() > 0.05 and (out.mean() - 1).abs() < 0.1
    assert (F.scaled_dot_product_attention(q, k, v, dropout_p=1.0) == 0).all()


def test_nothing_to_attend_to() -> None:
    q, k = torch.ones(2, 3, 4, 5), torch.ones(2, 3, 0, 5)
    assert (F.scaled_dot_product_attention(q, k, k) == 0).all()
    assert F.scaled_dot_product_attention(k, q, q).shape == (2, 3, 0, 5)
    assert F.scaled_dot_product_attention(q[..., :0], q[..., :0], q).shape == (2, 3, 4, 5)


def call(*shapes: Any, **options: Any) -> Any:
    args = [torch.ones(s) if isinstance(s, tuple) else s for s in shapes]
    return lambda: F.scaled_dot_product_attention(*args, **options)


ERRORS = [
    (call((4,), (3, 4), (3, 4)), "at least 2 dimensional"),
    (call((3, 4), (3, 4), torch.ones(3, 4).double()), "same dtype"),
    (call((2, 3, 4), (2, 3, 5), (2, 3, 4)), "cannot be multiplied"),
    (call((2, 3, 4), (2, 6, 4), (2, 7, 4)), "as many values as keys"),
    (call((2, 3, 4), (2, 6, 4), (2, 6, 4), torch.ones(3, 6), is_causal=True), "should not be set when is_causal"),
    (call((2, 3, 4), (2, 6, 4), (2, 6, 4), torch.ones(3, 6).long()), "Expected attn_mask dtype"),
    (call((2, 3, 4), (2, 6, 4), (2, 6, 4), torch.ones(3, 5)), "must match"),
    (call((2, 6, 3, 4), (2, 2, 6, 4), (2, 2, 6, 4)), "6.*2"),
    (call((2, 6, 3, 4), (2, 4, 6, 4), (2, 4, 6, 4), enable_gqa=True), "must divide"),
    (call((2, 3, 4), (2, 6, 4), (2, 6, 4), dropout_p=2.0), "between 0 and 1"),
    (call(*[torch.ones(2, 3, 4).long()] * 3), "float"),
]


@pytest.mark.parametrize(("run", "message"), ERRORS)
def test_what_is_refused(run: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        run()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_a_bit(threads: int) -> None:
    q, k, v = (sample(1, 2, 600, 8, dtype=torch.float32, grad=True) for _ in range(3))
    before = torch.get_num_threads()

    def run() -> list[torch.Tensor]:
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return [out, *torch.autograd.grad(out.sin().sum(), (q, k, v))]

    try:
        torch.set_num_threads(threads)
        some = run()
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(some, run(), strict=True))
