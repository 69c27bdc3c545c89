"""Linear algebra: each factorisation put together again, against NumPy where it has the like, odd shapes, what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rushlight as torch
from rushlight import Tensor
from rushlight.linalg import LinAlgError

L = torch.linalg
DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128]
NEAR = {torch.float32: 1e-4, torch.float64: 1e-10, torch.complex64: 1e-4, torch.complex128: 1e-10}


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    torch.manual_seed(sum(shape) + 3)
    return torch.randn(shape, dtype=dtype)


def positive(*batch: int, n: int, dtype: torch.dtype = torch.float64) -> Tensor:
    a = draw(*batch, n, n, dtype=dtype)
    return a @ a.mH + n * torch.eye(n, dtype=dtype)


def near(a: Tensor, b: Tensor, by: float = 1.0) -> None:
    assert a.dtype == b.dtype and a.shape == b.shape, f"{a.dtype} {a.shape} and {b.dtype} {b.shape}"
    if a.numel():
        far = (a - b).abs().max().item()
        assert far <= NEAR[a.dtype] * by * max(1.0, b.abs().max().item()), far


def eye_like(a: Tensor) -> Tensor:
    return torch.eye(a.shape[-1], dtype=a.dtype).expand(a.shape)


SQUARE = [(0, 0), (1, 1), (2, 2), (5, 5), (17, 17), (3, 4, 4), (2, 0, 3, 3), (2, 1, 6, 6)]
TALL_AND_WIDE = [*SQUARE, (5, 3), (3, 5), (2, 7, 2), (2, 2, 7), (0, 3), (3, 0), (40, 12)]
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_square = pytest.mark.parametrize("shape", SQUARE, ids=str)
each_shape = pytest.mark.parametrize("shape", TALL_AND_WIDE, ids=str)


@each_dtype
@each_square
def test_cholesky(shape: tuple, dtype: torch.dtype) -> None:
    a = positive(*shape[:-2], n=shape[-1], dtype=dtype)
    low, up = L.cholesky(a), L.cholesky(a, upper=True)
    near(low @ low.mH, a)
    near(up.mH @ up, a)
    assert (low.triu(1) == 0).all() and (up.tril(-1) == 0).all()
    # Only one triangle is read.
    near(L.cholesky(a.tril() + 7 * torch.ones_like(a).triu(1)), low)
    b = draw(*shape[:-1], 2, dtype=dtype)
    near(a @ torch.cholesky_solve(b, low), b, 10)
    near(a @ torch.cholesky_solve(b, up, upper=True), b, 10)
    near(torch.cholesky_inverse(low) @ a, eye_like(a), 10)
    near(torch.cholesky_inverse(up, upper=True) @ a, eye_like(a), 10)


def test_cholesky_says_which_minor_is_not_positive() -> None:
    a = torch.stack([torch.eye(3), torch.diag(torch.tensor([1.0, 0.0, 1.0]))])
    with pytest.raises(LinAlgError, match=r"\(Batch element 1\).*leading minor of order 2 is not positive-definite"):
        L.cholesky(a)
    factor, info = L.cholesky_ex(a)
    assert info.tolist() == [0, 2] and info.dtype == torch.int32
    near(factor[0], a[0])


@each_dtype
@each_square
def test_inverses_and_systems(shape: tuple, dtype: torch.dtype) -> None:
    a = draw(*shape, dtype=dtype) + shape[-1] * torch.eye(shape[-1], dtype=dtype)
    near(L.inv(a) @ a, eye_like(a), 10)
    near(torch.inverse(a), L.inv(a))
    near(a.inverse(), L.inv_ex(a).inverse)
    b = draw(*shape[:-1], 3, dtype=dtype)
    near(a @ L.solve(a, b), b, 10)
    near(L.solve(a, b.mT, left=False) @ a, b.mT, 10)
    v = draw(*shape[:-1], dtype=dtype)
    near((a @ L.solve(a, v).unsqueeze(-1)).squeeze(-1), v, 10)
    # A turned matrix is read where it lies.
    near(a.mT @ L.solve(a.mT, b), b, 10)
    lu = L.lu_factor(a)
    near(L.lu_solve(lu.LU, lu.pivots, b), L.solve(a, b), 10)
    near(a.mH @ L.lu_solve(lu.LU, lu.pivots, b, adjoint=True), b, 10)
    near(L.lu_solve(lu.LU, lu.pivots, b.mT, left=False) @ a, b.mT, 10)
    near(L.lu_solve(lu.LU, lu.pivots, b.mT, left=False, adjoint=True) @ a.mH, b.mT, 10)
    near(torch.lu_solve(b, *lu), L.solve(a, b), 10)


def test_systems_broadcast() -> None:
    a, b = draw(2, 1, 3, 3), draw(4, 3, 2)
    near(L.solve(a, b), L.inv(a) @ b, 10)
    near(L.solve_triangular(a.tril() + 3 * torch.eye(3), b, upper=False), L.inv(a.tril() + 3 * torch.eye(3)) @ b, 10)


def test_singular_matrices_are_refused() -> None:
    a = torch.stack([torch.eye(2), torch.ones(2, 2)])
    with pytest.raises(LinAlgError, match=r"linalg.inv: \(Batch element 1\): The diagonal element 2 is zero"):
        L.inv(a)
    with pytest.raises(LinAlgError, match="input matrix is singular"):
        L.solve(a[1], torch.ones(2))
    with pytest.raises(LinAlgError, match=r"U\[2,2\] is zero"):
        L.lu_factor(a[1])
    with pytest.raises(RuntimeError):  # it is one
        torch.inverse(torch.zeros(2, 2))
    assert L.inv_ex(a).info.tolist() == [0, 2] and L.solve_ex(a, torch.ones(2, 2, 1)).info.tolist() == [0, 2]


@each_dtype
@each_shape
def test_lu(shape: tuple, dtype: torch.dtype) -> None:
    a = draw(*shape, dtype=dtype)
    p, low, up = L.lu(a)
    near(p @ low @ up, a)
    k = min(shape[-2:])
    assert low.shape[-1] == k and up.shape[-2] == k and (low.triu(1) == 0).all() and (up.tril(-1) == 0).all()
    assert (low.abs() <= 1 + 1e-6).all() or dtype.is_complex
    lu, pivots, info = L.lu_factor_ex(a)
    assert pivots.dtype == torch.int32 and (info == 0).all()
    q, m, v = torch.lu_unpack(lu, pivots)
    near(q, p)
    near(m @ v, low @ up)
    for got, expected in zip(torch.lu(a, get_infos=True), (lu, pivots, info)):
        assert torch.equal(got, expected)
    assert len(a.lu()) == 2


@each_dtype
@each_square
@pytest.mark.parametrize(("upper", "unit"), list(itertools.product((False, True), repeat=2)))
def test_triangular_systems(shape: tuple, dtype: torch.dtype, upper: bool, unit: bool) -> None:
    n = shape[-1]
    a = draw(*shape, dtype=dtype) / max(n, 1) + 2 * torch.eye(n, dtype=dtype)
    used = a.triu() if upper else a.tril()
    if unit:
        used = used - torch.diag_embed(used.diagonal(dim1=-2, dim2=-1)) + torch.eye(n, dtype=dtype)
    b = draw(*shape[:-1], 2, dtype=dtype)
    near(used @ L.solve_triangular(a, b, upper=upper, unitriangular=unit), b, 10)
    near(L.solve_triangular(a, b.mT, upper=upper, left=False, unitriangular=unit) @ used, b.mT, 10)
    near(used @ torch.triangular_solve(b, a, upper, False, unit).solution, b, 10)
    near(used.mT @ torch.triangular_solve(b, a, upper, True, unit)[0], b, 10)


@each_dtype
@each_shape
def test_qr(shape: tuple, dtype: torch.dtype) -> None:
    a = draw(*shape, dtype=dtype)
    m, n = shape[-2:]
    q, r = L.qr(a)
    near(q @ r, a)
    near(q.mH @ q, torch.eye(min(m, n), dtype=dtype).expand(*shape[:-2], -1, -1))
    assert (r.tril(-1) == 0).all()
    whole, tall = L.qr(a, mode="complete")
    near(whole @ tall, a)
    near(whole @ whole.mH, torch.eye(m, dtype=dtype).expand(*shape[:-2], -1, -1))
    none, same = L.qr(a, mode="r")
    assert none.numel() == 0
    near(same, r)
    near(torch.qr(a, some=False)[1], tall)
    packed, tau = torch.geqrf(a)
    if m >= n:
        near(L.householder_product(packed, tau), q)
        near(torch.orgqr(packed, tau), q)
    c = draw(*shape[:-1], 2, dtype=dtype)
    near(torch.ormqr(packed, tau, c), whole @ c)
    near(torch.ormqr(packed, tau, c.mT, left=False), c.mT @ whole)
    near(torch.ormqr(packed, tau, c, transpose=True), whole.mH @ c)


@each_dtype
@each_square
def test_ldl(shape: tuple, dtype: torch.dtype) -> None:
    a, n = draw(*shape, dtype=dtype), shape[-1]
    b = draw(*shape[:-1], 2, dtype=dtype)
    for matrix, hermitian in [(a + a.mT, False), (a + a.mH, True)]:
        ld, pivots, info = L.ldl_factor_ex(matrix, hermitian=hermitian)
        assert (info == 0).all() and pivots.shape == shape[:-1]
        near(matrix @ L.ldl_solve(ld, pivots, b, hermitian=hermitian), b, 100)
    if n == 2:  # a zero diagonal needs a block of two
        turn = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=dtype)
        ld, pivots = L.ldl_factor(turn)
        assert pivots.tolist() == [-2, -2]
        near(turn @ L.ldl_solve(ld, pivots, b), b)


@each_dtype
@each_square
def test_eigenvalues_of_hermitian_matrices(shape: tuple, dtype: torch.dtype) -> None:
    a = draw(*shape, dtype=dtype)
    a = a + a.mH
    w, v = L.eigh(a)
    near(v * w.unsqueeze(-2) @ v.mH, a)
    near(v.mH @ v, eye_like(a))
    assert (w.diff() >= 0).all() and not w.is_complex()
    near(L.eigvalsh(a), w)
    near(L.eigvalsh(a.triu() + 5 * torch.ones_like(a).tril(-1), UPLO="U"), w)
    if a.numel():
        assert np.allclose(w.numpy(), np.linalg.eigvalsh(a.numpy()), atol=1e-3 if dtype in DTYPES[::2] else 1e-9)


@each_dtype
@each_square
def test_eigenvalues(shape: tuple, dtype: torch.dtype) -> None:
    a = draw(*shape, dtype=dtype)
    w, v = L.eig(a)
    assert w.is_complex() and v.is_complex()
    near(a.to(v.dtype) @ v, v * w.unsqueeze(-2), 10)
    near(L.vector_norm(v, dim=-2), torch.ones(shape[:-1], dtype=w.real.dtype))
    near(torch.sort(L.eigvals(a).abs()).values, torch.sort(w.abs()).values, 10)
    if not dtype.is_complex:  # real, or in pairs
        near(w.imag.sum(-1), torch.zeros(shape[:-2], dtype=dtype), 10)


def test_eigenvalues_of_matrices_that_are_hard() -> None:
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    near(torch.sort(L.eigvals(turn).imag).values, torch.tensor([-1.0, 1.0], dtype=torch.float64))
    assert (L.eigvals(turn).real.abs() < 1e-15).all()
    shift = torch.zeros(5, 5, dtype=torch.float64)
    shift[range(4), range(1, 5)] = 1.0  # one eigenvector only
    assert (L.eigvals(shift).abs() < 1e-10).all()
    wheel = shift.clone()
    wheel[4, 0] = 1.0  # roots of one, on a circle that plain shifts never leave
    near(L.eigvals(wheel).abs(), torch.ones(5, dtype=torch.float64))
    uneven = torch.tensor([[1.0, 1e8], [1e-8, 2.0]], dtype=torch.float64)
    near(
        torch.sort(L.eigvals(uneven).real).values,
        torch.tensor([(3 - 5**0.5) / 2, (3 + 5**0.5) / 2], dtype=torch.float64),
    )
    symmetric = torch.diag(torch.arange(6.0).double())
    near(L.eigh(symmetric).eigenvalues, torch.arange(6.0).double())
    assert (L.eigvals(torch.triu(torch.ones(4, 4))).real == 1).all()


@each_dtype
@each_shape
def test_singular_values(shape: tuple, dtype: torch.dtype) -> None:
    a = draw(*shape, dtype=dtype)
    (m, n), k = shape[-2:], min(shape[-2:])
    u, s, vh = L.svd(a, full_matrices=False)
    near(u * s.unsqueeze(-2) @ vh, a)
    near(u.mH @ u, torch.eye(k, dtype=dtype).expand(*shape[:-2], -1, -1))
    near(vh @ vh.mH, torch.eye(k, dtype=dtype).expand(*shape[:-2], -1, -1))
    assert (s >= 0).all() and (s.diff() <= 0).all() and not s.is_complex()
    near(L.svdvals(a), s)
    whole = L.svd(a)
    near(whole.U @ whole.U.mH, torch.eye(m, dtype=dtype).expand(*shape[:-2], -1, -1))
    near(whole.Vh @ whole.Vh.mH, torch.eye(n, dtype=dtype).expand(*shape[:-2], -1, -1))
    near(whole.U[..., :k] * whole.S.unsqueeze(-2) @ whole.Vh[..., :k, :], a)
    old = torch.svd(a)
    near(old.U * old.S.unsqueeze(-2) @ old.V.mH, a)
    assert (torch.svd(a, compute_uv=False).U == 0).all()
    if a.numel():
        expected = np.linalg.svd(a.numpy(), compute_uv=False)
        assert np.allclose(s.numpy(), expected, atol=1e-3 if dtype in DTYPES[::2] else 1e-9)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_matrices_of_low_rank(rank: int) -> None:
    a = draw(6, rank) @ draw(rank, 4)
    u, s, vh = L.svd(a)
    near(u[:, :4] * s @ vh, a)
    near(u.mT @ u, torch.eye(6, dtype=a.dtype))
    assert L.matrix_rank(a).item() == rank
    assert L.matrix_rank(a @ a.mT, hermitian=True).item() == rank
    p = L.pinv(a)
    near(a @ p @ a, a)
    near(p @ a @ p, p)
    near(p, torch.from_numpy(np.linalg.pinv(a.numpy(), rcond=1e-12)), 10)
    x = L.lstsq(a, draw(6, 2)).solution
    near(x, p @ draw(6, 2), 10)


def test_tolerances() -> None:
    a = torch.diag(torch.tensor([1.0, 0.1, 0.01]))
    assert L.matrix_rank(a, atol=0.05).item() == 2
    assert L.matrix_rank(a, rtol=0.5).item() == 1
    assert L.matrix_rank(a, 0.5).item() == 1
    assert L.matrix_rank(torch.stack([a, a]), atol=torch.tensor([0.5, 0.001])).tolist() == [1, 3]
    near(L.pinv(a, rtol=0.05), torch.diag(torch.tensor([1.0, 10.0, 0.0])))
    near(L.pinv(a, 0.5), torch.diag(torch.tensor([1.0, 0.0, 0.0])))
    near(L.pinv(a, hermitian=True, atol=0.05), torch.diag(torch.tensor([1.0, 10.0, 0.0])))


@each_dtype
@each_square
def test_determinants(shape: tuple, dtype: torch.dtype) -> None:
    a = draw(*shape, dtype=dtype) / 2
    det, (sign, log) = L.det(a), L.slogdet(a)
    near(sign * log.exp().to(dtype), det, 10)
    assert torch.equal(torch.det(a), det) and torch.equal(a.det(), det)
    expected = np.linalg.det(a.numpy().astype("complex128" if dtype.is_complex else "float64"))
    assert np.allclose(det.numpy(), expected, rtol=1e-3 if dtype in DTYPES[::2] else 1e-9, atol=1e-6)
    p = positive(*shape[:-2], n=shape[-1], dtype=dtype)
    near(torch.logdet(p).real, L.slogdet(p).logabsdet)


def test_determinants_of_singular_matrices_have_gradients() -> None:
    a = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    L.det(a).backward()
    near(a.grad, torch.tensor([[4.0, -2.0], [-2.0, 1.0]], dtype=torch.float64))
    zero = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    L.det(zero).backward()
    assert (zero.grad == 0).all()
    assert L.slogdet(torch.zeros(2, 2)) == (0.0, -float("inf"))
    assert torch.logdet(-torch.eye(3)).isnan()


@each_dtype
def test_matrix_exponential(dtype: torch.dtype) -> None:
    for scale in (0.0, 1e-3, 1.0, 20.0):
        a = draw(2, 4, 4, dtype=dtype) * scale / 4
        w, v = L.eig(a.to(torch.complex128))
        expected = v * w.exp().unsqueeze(-2) @ L.inv(v)
        near(torch.matrix_exp(a), (expected if dtype.is_complex else expected.real).to(dtype), 10)
    near(L.matrix_exp(torch.zeros(3, 3)), torch.eye(3))
    near(torch.matrix_exp(torch.tensor([[0.0, 1.0], [0.0, 0.0]])), torch.tensor([[1.0, 1.0], [0.0, 1.0]]))


def test_least_squares() -> None:
    a, b = draw(6, 3), draw(6, 2)
    for driver in ("gels", "gelsy", "gelsd", "gelss"):
        out = L.lstsq(a, b, driver=driver)
        x, left, rank, _ = np.linalg.lstsq(a.numpy(), b.numpy(), rcond=None)
        near(out.solution, torch.from_numpy(x))
        near(out.residuals, torch.from_numpy(left))
        assert out.rank.numel() == (driver != "gels") and out.singular_values.numel() == (
            3 if driver in ("gelsd", "gelss") else 0
        )
    wide = L.lstsq(a.mT, draw(3, 2))
    near(a.mT @ wide.solution, draw(3, 2))
    assert wide.residuals.numel() == 0
    near(L.lstsq(a, b[:, 0]).solution, L.lstsq(a, b).solution[:, 0])
    with pytest.raises(RuntimeError, match="gels, gelsy, gelsd, gelss"):
        L.lstsq(a, b, driver="qr")


def test_norms_and_condition_numbers() -> None:
    a = draw(2, 4, 3)
    for p in ("fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")):
        expected = torch.tensor([np.linalg.norm(x, p) for x in a.numpy()])
        near(L.matrix_norm(a, p), expected)
        near(L.norm(a, p, dim=(1, 2), keepdim=True), expected.reshape(2, 1, 1))
    square = draw(2, 3, 3)
    for p in (None, "fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")):
        near(L.cond(square, p), torch.tensor([np.linalg.cond(x, p) for x in square.numpy()]), 10)
    assert L.cond(torch.ones(2, 2), 1).item() == float("inf")
    near(L.matrix_power(square, -3), L.inv(square @ square @ square), 100)
    near(L.norm(torch.empty(0, 0), 1), torch.tensor(0.0))


def test_tensors_as_maps() -> None:
    a = draw(2, 3, 6)
    x = L.tensorsolve(a, draw(2, 3))
    near(torch.tensordot(a, x, 1), draw(2, 3), 10)
    inverse = L.tensorinv(draw(6, 2, 3), ind=1)
    assert inverse.shape == (2, 3, 6)
    near(torch.tensordot(inverse, draw(6), 1), L.tensorsolve(draw(6, 2, 3), draw(6)), 10)
    with pytest.raises(LinAlgError, match="singular"):
        L.tensorinv(torch.zeros(4, 2, 2), ind=1)


def test_low_rank_approximations() -> None:
    a = draw(20, 4) @ draw(4, 12)
    u, s, v = torch.svd_lowrank(a, q=4)
    near(u * s @ v.mT, a)
    near(s, L.svdvals(a)[:4])
    u, s, v = torch.pca_lowrank(a, q=4)
    near(u * s @ v.mT, a - a.mean(0))
    with pytest.raises(ValueError, match="q"):
        torch.svd_lowrank(a, q=13)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
@pytest.mark.parametrize("n", [130, 200])
def test_matrices_that_are_worked_on_in_blocks(n: int, dtype: torch.dtype) -> None:
    a, b, eye = draw(n, n, dtype=dtype), draw(n, 20, dtype=dtype), torch.eye(n, dtype=dtype)
    p, low, up = L.lu(a)
    near(p @ low @ up, a, 100)
    near(L.inv(a) @ a, eye, 1000)
    near(a.mH @ L.lu_solve(*L.lu_factor(a), b, adjoint=True), b, 1000)
    spd = positive(n=n, dtype=dtype)
    for upper in (False, True):
        near(spd @ torch.cholesky_solve(b, L.cholesky(spd, upper=upper), upper=upper), b, 100)
        triangle = (a.triu() if upper else a.tril()) / n + 2 * eye
        near(triangle @ L.solve_triangular(triangle, b, upper=upper), b, 100)
    for shape in ((n + 70, n), (n - 20, n), (n, n)):
        tall = draw(*shape, dtype=dtype)
        q, r = L.qr(tall, mode="complete")
        near(q @ r, tall, 100)
        packed, tau = torch.geqrf(tall)
        c = draw(shape[0], 9, dtype=dtype)
        near(torch.ormqr(packed, tau, c), q @ c, 100)
        near(torch.ormqr(packed, tau, c, transpose=True), q.mH @ c, 100)
        p, low, up = L.lu(tall)
        near(p @ low @ up, tall, 100)
        u, s, vh = L.svd(tall, full_matrices=False)
        near(u * s @ vh, tall, 100)
    w, v = L.eigh(a + a.mH)
    near(v * w @ v.mH, a + a.mH, 100)
    half = torch.zeros(n, n, dtype=dtype)
    half[:100, :100] = draw(100, 100, dtype=dtype)
    assert L.lu_factor_ex(half).info.item() == 101
    assert L.cholesky_ex(torch.diag(1 - 2 * (torch.arange(n) >= 100).to(dtype))).info.item() == 101


def test_out_and_named_results() -> None:
    a, out = positive(n=3), torch.empty(0, dtype=torch.float64)
    assert L.inv(a, out=out) is out
    near(out, L.inv(a))
    w, v = torch.empty(3, dtype=torch.float64), torch.empty(3, 3, dtype=torch.float64)
    got = L.eigh(a, out=(w, v))
    near(w, L.eigvalsh(a))
    assert got.eigenvalues is w and type(L.svd(a)).__name__ == "linalg_svd" and type(torch.svd(a)).__name__ == "svd"
    assert torch.return_types.linalg_qr is type(L.qr(a)) and torch.return_types.qr is type(torch.qr(a))


def test_bits_do_not_depend_on_threads() -> None:
    a, kept, large = draw(40, 12, 12), torch.get_num_threads(), draw(200, 200)
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append([L.inv(a), *L.qr(a), *L.svd(a), *L.eigh(a + a.mT), *L.eig(a), L.det(a)])
            results[-1] += [L.inv(large), *L.qr(large), *L.svd(large), *L.eigh(large + large.mT), *L.lu(large)]
    finally:
        torch.set_num_threads(kept)
    for result in results[1:]:
        assert all(torch.equal(x, y) for x, y in zip(results[0], result))


WRONG = [
    (lambda: L.inv(torch.ones(2, 3)), "batches of square matrices, but they are 2 by 3"),
    (lambda: L.inv(torch.ones(3)), "at least 2 dimensions"),
    (lambda: L.inv(torch.ones(2, 2, dtype=torch.int64)), "floating point or complex tensor as input. Got Long"),
    (lambda: L.inv(torch.ones(2, 2, dtype=torch.float16)), "Low precision dtypes not supported. Got Half"),
    (lambda: L.solve(torch.eye(2), torch.ones(3, 1)), r"AX = B \(2x2 and 3x1\)"),
    (lambda: L.solve(torch.eye(2), torch.ones(2, 1).double()), "same dtype"),
    (lambda: L.solve_triangular(torch.eye(2), torch.ones(3, 2), upper=True), "AX = B"),
    (lambda: L.qr(torch.eye(2), mode="full"), "unrecognized mode 'full'"),
    (lambda: L.eigh(torch.eye(2), UPLO="X"), "UPLO argument to be 'L' or 'U', but got X"),
    (lambda: L.lu(torch.eye(2), pivot=False), "without pivoting"),
    (
        lambda: torch.lu_unpack(torch.eye(2), torch.tensor([0, 9], dtype=torch.int32)),
        "pivots passed to lu_unpack must be between 1",
    ),
    (lambda: L.lu_solve(torch.eye(2), torch.tensor([1, 2]), torch.ones(2, 1)), "int32"),
    (lambda: L.householder_product(torch.ones(2, 3), torch.ones(2)), "greater than or equal to input.shape"),
    (lambda: torch.ormqr(torch.ones(3, 2), torch.ones(2), torch.ones(2, 2)), "must be equal to input.shape"),
    (lambda: L.cholesky_ex(torch.ones(2, 3)), "square"),
    (lambda: L.matrix_norm(torch.eye(2), 3), "Order 3"),
    (lambda: L.tensorsolve(torch.ones(2, 3), torch.ones(2)), "requirement"),
    (lambda: L.tensorinv(torch.ones(2, 3), ind=0), "strictly positive"),
]


@pytest.mark.parametrize(("call", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_is_refused(call, words) -> None:
    with pytest.raises(RuntimeError, match=words):
        call()


def test_numbers_that_are_not_finite() -> None:
    bad = torch.full((3, 3), float("nan"))
    for function in (L.eigh, L.eig, L.svd, L.svdvals, L.pinv):
        with pytest.raises(LinAlgError, match="converge"):
            function(bad)
    assert L.det(bad).isnan() and torch.matrix_exp(bad).isnan().all()
    with pytest.raises(LinAlgError):
        L.cholesky(bad)
