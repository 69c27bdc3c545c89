"""Sparse tensors in coordinate form (COO): indices of what is stored, and its values.

    >>> s = torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3))
    >>> torch.sparse.mm(s, torch.ones(3, 1))
    tensor([[3.],
            [9.]])

Products, sums, elementwise functions that keep 0, indexing and conversions are there, with gradients to values and dense
operands. The compressed forms (CSR and its like) are not.
"""

from __future__ import annotations

from typing import Any

import rushlight as torch
from rushlight._rushlight import Tensor

from . import _ops
from ._coo import SparseTensor, from_dense, not_there, sparse_coo_tensor
from ._ops import log_softmax, softmax, spdiags

__all__ = ["addmm", "check_sparse_tensor_invariants", "log_softmax", "mm", "softmax", "spdiags", "spsolve", "sum"]


def mm(sparse: Tensor, dense: Tensor) -> Tensor:
    """The product of a sparse matrix and a dense or sparse one. Gradients flow to both.

    Example::

        >>> eye = torch.eye(2).to_sparse()
        >>> torch.sparse.mm(eye, torch.ones(2, 2))
        tensor([[1., 1.],
                [1., 1.]])
    """
    return torch.mm(sparse, dense)


def spmm(input: Tensor, mat2: Tensor) -> Tensor:
    """`torch.mm`, for sparse matrices too."""
    return torch.mm(input, mat2)


def smm(input: Tensor, mat: Tensor) -> Tensor:
    """The product of a sparse and a dense matrix, as a sparse one."""
    return torch.mm(input, mat).to_sparse()


def hspmm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """The product of a sparse and a dense matrix, sparse in its rows alone."""
    return torch.mm(mat1, mat2).to_sparse(1)


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0) -> Tensor:
    """`beta * mat + alpha * (mat1 @ mat2)` with a sparse `mat1`."""
    return torch.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input: Tensor, dim: Any = None, dtype: Any = None) -> Tensor:
    """The sum of a sparse tensor over all or some dimensions; sparse while a sparse dimension is left.

    Example::

        >>> torch.sparse.sum(torch.eye(3).to_sparse())
        tensor(3.)
    """
    return _ops.total(input, dim, dtype=dtype) if isinstance(input, SparseTensor) else input.sum(dim, dtype=dtype)


def spsolve(input: Tensor, other: Tensor, *, left: bool = True) -> Tensor:
    """Would solve a sparse system. Raises NotImplementedError."""
    raise NotImplementedError("torch.sparse.spsolve is not in Rushlight yet: torch.linalg.solve(input.to_dense(), other)")


class check_sparse_tensor_invariants:
    """Says whether indices of sparse tensors are checked: they always are."""

    def __init__(self, enable: bool = True) -> None:
        self.enabled = enable

    @staticmethod
    def is_enabled() -> bool:
        """True."""
        return True

    @staticmethod
    def enable() -> None:
        """They are checked anyway."""

    @staticmethod
    def disable() -> None:
        """They are checked anyway."""

    def __enter__(self) -> check_sparse_tensor_invariants:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def __call__(self, function: Any) -> Any:
        return function


class _SparseType(type):
    """The class of `torch.sparse.FloatTensor` and its like: makes sparse tensors, and knows them when it sees them."""

    _dense_type: Any

    def __call__(cls, *args: Any, device: Any = None) -> SparseTensor:
        dtype = cls._dense_type.dtype
        if len(args) >= 2 and isinstance(args[0], Tensor) and isinstance(args[1], Tensor):
            if args[1].dtype != dtype:
                raise TypeError(f"expected values of dtype {dtype} (got {args[1].dtype})")
            return sparse_coo_tensor(*args[:3], dtype=dtype, device=device)
        size = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
        size = tuple(size) if size else (0,)
        return sparse_coo_tensor(size, dtype=dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, SparseTensor) and instance.dtype == cls._dense_type.dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.sparse.{cls.__name__}'>"


def _types() -> dict[str, Any]:
    names = "Float Double Half BFloat16 Long Int Short Char Byte Bool"
    made = {}
    for name in (f"{n}Tensor" for n in names.split()):
        about = {"_dense_type": getattr(torch, name), "__module__": "torch.sparse", "__doc__": f"Sparse tensors like torch.{name}."}
        made[name] = _SparseType(name, (), about)
    return made


globals().update(_types())


# ---- methods of dense tensors, called by the binding


def _dense_to_sparse(self: Tensor, sparse_dim: Any = None, *, layout: Any = None, blocksize: Any = None, dense_dim: Any = None) -> Tensor:
    if isinstance(sparse_dim, torch.layout):
        sparse_dim, layout = None, sparse_dim
    if layout not in (None, torch.sparse_coo) or blocksize is not None:
        raise not_there(f"to_sparse(layout={layout})")
    if dense_dim is not None:
        sparse_dim = self.dim() - dense_dim
    return from_dense(self, sparse_dim)


def _dense_sparse_mask(self: Tensor, mask: Tensor) -> Tensor:
    return _ops.sparse_mask(self, mask)


def _dense_refuse(self: Tensor, name: str) -> Any:
    raise RuntimeError(f"{name} expected sparse tensor layout but got Strided: call to_sparse() first")
