"""Singular values and principal components of large matrices, from a few random products (Halko, Martinsson and Tropp)."""

from __future__ import annotations

import rushlight as torch
from rushlight import Tensor
from rushlight.overrides import handle_torch_function, has_torch_function

__all__ = ["get_approximate_basis", "pca_lowrank", "svd_lowrank"]


def get_approximate_basis(A: Tensor, q: int, niter: int | None = 2, M: Tensor | None = None) -> Tensor:
    """Q of shape `(*, m, q)` with orthonormal columns whose span holds most of `A - M`, of shape `(*, m, n)`.

    `niter` rounds of power iteration sharpen it: 2 are enough where the singular values fall fast.

    >>> q = torch._lowrank.get_approximate_basis(torch.eye(5), 3)
    >>> q.shape
    torch.Size([5, 3])
    """
    niter = 2 if niter is None else niter
    dtype = A.dtype if A.is_floating_point() or A.is_complex() else torch.get_default_dtype()
    A = A.to(dtype)

    def product(X: Tensor) -> Tensor:
        return A @ X if M is None else A @ X - M @ X

    def adjoint(X: Tensor) -> Tensor:
        return A.mH @ X if M is None else A.mH @ X - M.mH @ X

    random = torch.randn(A.shape[-1], q, dtype=dtype, device=A.device)
    Q = torch.linalg.qr(product(random)).Q
    for _ in range(niter):
        Q = torch.linalg.qr(adjoint(Q)).Q
        Q = torch.linalg.qr(product(Q)).Q
    return Q


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and V of the `q` greatest singular values of `A - M`, of shape `(*, m, n)`, approximately:
    ``A - M ≈ U @ diag(S) @ V.mH``.

    The result depends on random numbers; ``torch.manual_seed`` fixes them. ``torch.linalg.svd`` is better for small matrices.

    >>> U, S, V = torch.svd_lowrank(torch.diag(torch.tensor([3.0, 2.0, 0.0, 0.0])), q=2)
    >>> S.round(decimals=3)
    tensor([3., 2.])
    """
    if has_torch_function((A,)):
        return handle_torch_function(svd_lowrank, (A,), A, q=q, niter=niter, M=M)
    q = 6 if q is None else q
    m, n = A.shape[-2:]
    if not 0 <= q <= min(m, n):
        raise ValueError(
            f"svd_lowrank: q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if M is not None:
        M = M.broadcast_to(A.shape)
    if m < n:
        turned = None if M is None else M.mH
        U, S, V = svd_lowrank(A.mH, q, niter, turned)
        return V, S, U
    Q = get_approximate_basis(A, q, niter=niter, M=M)
    B = Q.mH @ (A if M is None else A - M)
    U, S, Vh = torch.linalg.svd(B, full_matrices=False)
    return Q @ U, S, Vh.mH


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """The `q` (6, or fewer) principal components of the rows of A, shape `(*, m, n)`: `V[..., :k]` are the first k directions,
    `S**2 / (m - 1)` the variances along them. With `center`, the mean of the rows is taken off first.

    >>> U, S, V = torch.pca_lowrank(torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]), q=1)
    >>> V.abs()
    tensor([[0.7071],
            [0.7071]])
    """
    if has_torch_function((A,)):
        return handle_torch_function(pca_lowrank, (A,), A, q=q, center=center, niter=niter)
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"pca_lowrank: q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"pca_lowrank: niter(={niter}) must be non-negative integer")
    if not center:
        return svd_lowrank(A, q, niter=niter, M=None)
    return svd_lowrank(A - A.mean(dim=-2, keepdim=True), q, niter=niter, M=None)
