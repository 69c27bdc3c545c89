"""Products: shapes, dtypes, gradients of first and second order, einsum's formulas, distances, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rushlight as torch
from rushlight.autograd import gradcheck, gradgradcheck


def values(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0, grad: bool = False) -> torch.Tensor:
    rng = np.random.default_rng(seed + 31 * len(shape) + sum(shape))
    data = rng.uniform(-1, 1, shape)
    if dtype.is_complex:
        data = data + 1j * rng.uniform(-1, 1, shape)
    elif not dtype.is_floating_point:
        data = rng.integers(-9, 9, shape)
    x = torch.from_numpy(np.ascontiguousarray(data)).to(dtype)
    return x.requires_grad_(grad)


def close(x: torch.Tensor, y: np.ndarray, tolerance: float = 1e-12) -> None:
    assert tuple(x.shape) == np.shape(y)
    np.testing.assert_allclose(x.detach().to(torch.complex128 if x.is_complex() else torch.float64).numpy(), y, atol=tolerance)


SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (5, 3, 4)),
    ((2, 5, 2, 3), (3,)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
]


@pytest.mark.parametrize("a,b", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_matmul_takes_all_shapes(a: tuple[int, ...], b: tuple[int, ...], dtype: torch.dtype) -> None:
    x, y = values(*a, dtype=dtype, grad=True), values(*b, dtype=dtype, seed=1, grad=True)
    close(x @ y, np.matmul(x.detach().numpy(), y.detach().numpy()))
    assert gradcheck(torch.matmul, (x, y))
    if x.numel() and y.numel():
        assert gradgradcheck(torch.matmul, (x, y))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16])
def test_matmul_takes_all_dtypes(dtype: torch.dtype) -> None:
    x, y = values(7, 9, dtype=torch.int64).to(dtype), values(9, 5, dtype=torch.int64, seed=1).to(dtype)
    want = x.to(torch.int64).numpy() @ y.to(torch.int64).numpy()
    assert (x @ y).dtype == dtype
    if dtype.is_floating_point:
        close(x @ y, want, 2.0)
    else:
        assert ((x @ y).numpy() == want.astype(x.numpy().dtype)).all()


def test_views_are_multiplied_in_place() -> None:
    x, y = values(40, 30), values(40, 50, seed=1)
    close(x.t() @ y, x.numpy().T @ y.numpy())
    close(x[::2, ::3] @ y[:10, 1::2], x.numpy()[::2, ::3] @ y.numpy()[:10, 1::2])
    close(x[:1].expand(20, 30) @ x.t(), np.broadcast_to(x.numpy()[:1], (20, 30)) @ x.numpy().T)


def test_relatives_of_addmm() -> None:
    c, a, b, v, w = values(2, 4), values(2, 3), values(3, 4, seed=1), values(3), values(2, seed=2)
    n = {k: t.numpy() for k, t in dict(a=a, b=b, c=c, v=v, w=w).items()}
    close(torch.addmm(c, a, b, beta=0.5, alpha=2), 0.5 * n["c"] + 2 * n["a"] @ n["b"])
    close(torch.addmm(c[0], a, b), n["c"][0] + n["a"] @ n["b"])
    close(torch.addmm(torch.full((2, 4), float("nan")).double(), a, b, beta=0), n["a"] @ n["b"])
    close(torch.addmv(w, a, v, alpha=3), n["w"] + 3 * n["a"] @ n["v"])
    close(torch.addr(values(2, 3), w, v, beta=2, alpha=3), 2 * values(2, 3).numpy() + 3 * np.outer(n["w"], n["v"]))
    p, q = values(5, 2, 3), values(5, 3, 4, seed=1)
    close(torch.baddbmm(c, p, q, beta=2), 2 * n["c"] + p.numpy() @ q.numpy())
    close(torch.addbmm(c, p, q, alpha=2), n["c"] + 2 * (p.numpy() @ q.numpy()).sum(0))
    out = torch.empty(2, 4, dtype=torch.float64)
    assert torch.addmm(c, a, b, out=out) is out
    close(out, n["c"] + n["a"] @ n["b"])
    e = torch.ones(1, dtype=torch.float64)
    close(e.addbmm_(p, q), 1 + (p.numpy() @ q.numpy()).sum(0))
    d = c.clone()
    assert d.addmm_(a, b, alpha=2) is d
    close(d, n["c"] + 2 * n["a"] @ n["b"])


def test_gradients_of_addmm_and_linear() -> None:
    c, a, b = values(4, grad=True), values(2, 3, grad=True), values(3, 4, seed=1, grad=True)
    f = lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=-2)  # noqa: E731
    assert gradcheck(f, (c, a, b)) and gradgradcheck(f, (c, a, b))
    w = values(4, 3, seed=5, grad=True)
    for x in (a, values(3, grad=True), values(2, 2, 3, grad=True)):
        assert gradcheck(torch._C._nn.linear, (x, w, c)) and gradgradcheck(torch._C._nn.linear, (x, w, c))
        assert gradcheck(torch._C._nn.linear, (x, w))
    z = [values(*s, dtype=torch.complex128, seed=i, grad=True) for i, s in enumerate([(2, 4), (2, 3), (3, 4)])]
    g = lambda c, a, b: torch.addmm(c, a, b, beta=0.5 + 1j, alpha=1 - 2j)  # noqa: E731
    assert gradcheck(g, tuple(z)) and gradgradcheck(g, tuple(z))


def test_linear_adds_its_bias_in_every_dtype() -> None:
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 0.1)):
        x, w, b = (values(*s, dtype=dtype) for s in ((6, 20), (9, 20), (9,)))
        want = x.double().numpy() @ w.double().numpy().T + b.double().numpy()
        close(torch._C._nn.linear(x, w, b), want, tolerance)
        close(torch._C._nn.linear(x, w), want - b.double().numpy(), tolerance)


FORMULAS = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("ij->", [(3, 4)]),
    ("ij->ji", [(3, 4)]),
    ("i,j->ij", [(3,), (4,)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]),
    ("...,...->...", [(2, 1, 3), (4, 3)]),
    ("b...,b->...", [(3, 2, 4), (3,)]),
    ("ijk,jil,kl->", [(2, 3, 4), (3, 2, 5), (4, 5)]),
    ("ab,bc,cd,de->ae", [(2, 3), (3, 4), (4, 5), (5, 6)]),
    ("iij,jk->ik", [(3, 3, 4), (4, 2)]),
    ("bn,anm,bm->ba", [(2, 3), (4, 3, 5), (2, 5)]),
    ("ij,ij->ij", [(2, 3), (2, 3)]),
    ("Ab,bA->A", [(2, 3), (3, 2)]),
    ("aab,bcc->ac", [(2, 2, 3), (3, 4, 4)]),
    (" i j , j k -> i k ", [(2, 3), (3, 4)]),
]


@pytest.mark.parametrize("formula,shapes", FORMULAS)
def test_einsum_is_numpys(formula: str, shapes: list[tuple[int, ...]]) -> None:
    operands = [values(*s, seed=i, grad=True) for i, s in enumerate(shapes)]
    close(torch.einsum(formula, *operands), np.einsum(formula, *(x.detach().numpy() for x in operands)))
    close(torch.einsum(formula, operands), np.einsum(formula, *(x.detach().numpy() for x in operands)))
    f = lambda *xs: torch.einsum(formula, *xs)  # noqa: E731
    assert gradcheck(f, tuple(operands)) and gradgradcheck(f, tuple(operands))


def test_einsum_by_lists_and_with_many_operands() -> None:
    a, b = values(2, 3, 4), values(4, 5, seed=1)
    close(torch.einsum(a, [0, 1, 2], b, [2, 3], [3, 0, 1]), np.einsum("abc,cd->dab", a.numpy(), b.numpy()))
    close(torch.einsum(a, [..., 2], b, [2, 3]), np.einsum("...c,cd", a.numpy(), b.numpy()))
    letters = "abcdefghij"
    chain = [values(2, 2, seed=i) for i in range(9)]
    formula = ",".join(x + y for x, y in itertools.pairwise(letters)) + "->aj"
    close(torch.einsum(formula, *chain), np.linalg.multi_dot([x.numpy() for x in chain]), 1e-9)
    # A size of 1 broadcasts.
    close(torch.einsum("ij,jk->ik", values(2, 1), values(4, 3)), values(2, 1).numpy() @ values(4, 3).numpy().sum(0, keepdims=True))


def test_products_by_other_names() -> None:
    a, b, v = values(3, 4), values(4, 5, seed=1), values(4, seed=2)
    x, y, u = a.numpy(), b.numpy(), v.numpy()
    close(torch.mm(a, b), x @ y)
    close(torch.mv(a, v), x @ u)
    close(torch.dot(v, v), u @ u)
    close(torch.inner(a, b.t()), np.inner(x, y.T))
    close(torch.outer(v, a[0]), np.outer(u, x[0]))
    close(torch.kron(a, b), np.kron(x, y))
    close(torch.kron(v, a), np.kron(u, x))
    close(torch.tensordot(values(2, 3, 4), values(4, 3, 5), dims=([1, 2], [1, 0])),
          np.tensordot(values(2, 3, 4).numpy(), values(4, 3, 5).numpy(), ([1, 2], [1, 0])))
    close(torch.tensordot(a, b, 1), x @ y)
    close(torch.linalg.multi_dot([v, b, values(5, 2), values(2)]), u @ y @ values(5, 2).numpy() @ values(2).numpy())
    close(torch.chain_matmul(a, b), x @ y)
    s = values(2, 3, 3)
    for n in (0, 1, 2, 3, 7):
        close(torch.matrix_power(s, n), np.linalg.matrix_power(s.numpy(), n), 1e-10)
    z = values(4, dtype=torch.complex128)
    close(torch.vdot(z, z), np.vdot(z.numpy(), z.numpy()))
    close(torch.linalg.vecdot(values(2, 4), v), values(2, 4).numpy() @ u)
    i, j, w = values(2, 3), values(2, 4), values(5, 3, 4)
    close(torch.bilinear(i, j, w, values(5)), np.einsum("bi,oij,bj->bo", i, w, j) + values(5).numpy())


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf")])
def test_distances(p: float) -> None:
    x, y = values(2, 4, 5, grad=True), values(3, 5, seed=1, grad=True)
    d = np.abs(x.detach().numpy()[:, :, None] - y.detach().numpy()[None, None])
    if p == 0:
        want = (d != 0).sum(-1).astype(float)
    else:
        want = d.max(-1) if p == float("inf") else (d**p).sum(-1) ** (1 / p)
    close(torch.cdist(x, y, p), want, 1e-10)
    if p:
        assert gradcheck(lambda x, y: torch.cdist(x, y, p), (x, y))
    rows = values(4, 3)
    full = torch.cdist(rows, rows, p).numpy()
    close(torch.pdist(rows, p), full[np.triu_indices(4, 1)], 1e-10)


def test_what_has_no_elements() -> None:
    assert torch.pdist(torch.zeros(1, 5)).shape == (0,)
    assert torch.cdist(torch.zeros(0, 5), torch.zeros(3, 5)).shape == (0, 3)
    close(torch.cdist(torch.zeros(2, 0), torch.zeros(3, 0)), np.zeros((2, 3)))
    close(torch.zeros(2, 1, 0, dtype=torch.bfloat16) @ torch.zeros(2, 0, 1, dtype=torch.bfloat16), np.zeros((2, 1, 1)))
    close(torch.addmm(torch.ones(4), torch.zeros(2, 0), torch.zeros(0, 4), beta=3), np.full((2, 4), 3.0))
    close(torch.einsum("ij,jk->ik", torch.zeros(2, 0), torch.zeros(0, 3)), np.zeros((2, 3)))


def test_distance_by_product_agrees() -> None:
    x, y = values(2, 40, 7), values(2, 30, 7, seed=1)
    exact = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    close(torch.cdist(x, y), exact.numpy(), 1e-7)
    same = values(3, 4, grad=True)
    torch.cdist(same, same).sum().backward()
    assert np.isfinite(same.grad.numpy()).all()


@pytest.mark.parametrize("call,pattern", [
    (lambda: torch.mm(torch.ones(2, 3), torch.ones(2, 3)), r"cannot be multiplied \(2x3 and 2x3\)"),
    (lambda: torch.ones(2, 3) @ torch.ones(4), "size mismatch"),
    (lambda: torch.ones(2, 3) @ torch.ones(3, 2).double(), "same dtype"),
    (lambda: torch.ones(2) @ torch.tensor(1.0), "at least 1D"),
    (lambda: torch.ones(3, 2, 2) @ torch.ones(2, 2, 2), "must match|broadcast"),
    (lambda: torch.bmm(torch.ones(2, 2), torch.ones(2, 2)), "batch1 must be a 3D tensor"),
    (lambda: torch.dot(torch.ones(2), torch.ones(3)), "same number of elements"),
    (lambda: torch.addmm(torch.ones(3), torch.ones(2, 2), torch.ones(2, 2)), "expand"),
    (lambda: torch.addmm(torch.ones(2, 2), torch.ones(2, 2), torch.ones(2, 2), alpha=1j), "complex"),
    (lambda: torch.addr(torch.ones(2, 2).long(), torch.ones(2).long(), torch.ones(2).long(), alpha=1.5), "integral"),
    (lambda: torch._C._nn.linear(torch.ones(2, 3), torch.ones(4, 2)), "cannot be multiplied"),
    (lambda: torch.einsum("ij,jk", torch.ones(2, 2), torch.ones(3, 3)), "does not broadcast"),
    (lambda: torch.einsum("ij->ik", torch.ones(2, 2)), "does not appear"),
    (lambda: torch.einsum("ij->ii", torch.ones(2, 2)), "more than once"),
    (lambda: torch.einsum("i1", torch.ones(2, 2)), "invalid subscript"),
    (lambda: torch.einsum("ijk", torch.ones(2, 2)), "does not match the number of dimensions"),
    (lambda: torch.linalg.multi_dot([torch.ones(2, 2)]), "at least 2 tensors"),
    (lambda: torch.matrix_power(torch.ones(2, 3), 2), "square"),
    (lambda: torch.cdist(torch.ones(2, 2), torch.ones(2, 3)), "number of columns"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call: object, pattern: str) -> None:
    with pytest.raises(RuntimeError, match=pattern):
        call()  # type: ignore[operator]


def test_bool_has_no_products() -> None:
    with pytest.raises(NotImplementedError, match="Bool"):
        torch.ones(2, 2, dtype=torch.bool) @ torch.ones(2, 2, dtype=torch.bool)
