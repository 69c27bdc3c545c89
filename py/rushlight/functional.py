"""Functions of any number of tensors, and others that PyTorch keeps in ``torch.functional``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight._functional_products import cdist, chain_matmul, einsum, tensordot
from rushlight._rushlight import istft, lu, stft
from rushlight.overrides import handle_torch_function, has_torch_function

_VF = _rushlight._VF

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block_diag",
    "broadcast_shapes",
    "broadcast_tensors",
    "cartesian_prod",
    "cdist",
    "chain_matmul",
    "einsum",
    "istft",
    "lu",
    "meshgrid",
    "split",
    "stft",
    "tensordot",
]


def _listed(tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    """``f(a, b)`` and ``f([a, b])`` mean the same."""
    return tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors


def broadcast_tensors(*tensors: Any) -> tuple[torch.Tensor, ...]:
    """The tensors, each expanded (as a view) to the shape that all of them broadcast to.

    >>> a, b = torch.broadcast_tensors(torch.zeros(3, 1), torch.zeros(2))
    >>> a.shape
    torch.Size([3, 2])
    """
    tensors = _listed(tensors)
    if has_torch_function(tensors):
        return handle_torch_function(broadcast_tensors, tensors, *tensors)
    return _VF.broadcast_tensors(tensors)


def broadcast_shapes(*shapes: Sequence[int] | int) -> torch.Size:
    """The shape that tensors of these shapes broadcast to; a RuntimeError if they do not.

    >>> torch.broadcast_shapes((2, 1), (3,), 1)
    torch.Size([2, 3])
    """
    lists = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    result = [1] * max((len(shape) for shape in lists), default=0)
    for shape in lists:
        for place, size in enumerate(reversed(shape), start=1):
            if size < 0:
                raise RuntimeError(f"broadcast_shapes(): a size must not be negative, got {size} in {shape}")
            if size == 1 or result[-place] == size:
                continue
            if result[-place] != 1:
                raise RuntimeError(f"Shape mismatch: objects cannot be broadcast to a single shape: {lists}")
            result[-place] = size
    return torch.Size(result)


def split(
    tensor: torch.Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[torch.Tensor, ...]:
    """Views of the tensor: pieces of one size along ``dim`` (the last may be smaller), or of the sizes in a list.

    >>> [piece.tolist() for piece in torch.split(torch.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    if has_torch_function((tensor,)):
        return handle_torch_function(split, (tensor,), tensor, split_size_or_sections, dim=dim)
    return tensor.split(split_size_or_sections, dim)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[torch.Tensor, ...]:
    """Grids of coordinates from vectors: with ``indexing='ij'`` (the default) result ``k`` varies along dimension ``k``; with
    ``'xy'`` the first two dimensions are exchanged.

    >>> x, y = torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4, 5]), indexing="ij")
    >>> x.shape, y[0].tolist()
    (torch.Size([2, 3]), [3, 4, 5])
    """
    tensors = _listed(tensors)
    if has_torch_function(tensors):
        return handle_torch_function(meshgrid, tensors, *tensors, indexing=indexing)
    return _VF.meshgrid(tensors, indexing="ij" if indexing is None else indexing)


def cartesian_prod(*tensors: Any) -> torch.Tensor:
    """All combinations of one element of each vector, as rows.

    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4])).tolist()
    [[1, 3], [1, 4], [2, 3], [2, 4]]
    """
    tensors = _listed(tensors)
    if has_torch_function(tensors):
        return handle_torch_function(cartesian_prod, tensors, *tensors)
    return _VF.cartesian_prod(tensors)


def block_diag(*tensors: Any) -> torch.Tensor:
    """Matrices along the diagonal of a greater one; vectors and numbers count as rows.

    >>> torch.block_diag(torch.ones(1, 2), torch.tensor(3.0)).tolist()
    [[1.0, 1.0, 0.0], [0.0, 0.0, 3.0]]
    """
    tensors = _listed(tensors)
    if has_torch_function(tensors):
        return handle_torch_function(block_diag, tensors, *tensors)
    return _VF.block_diag(tensors)


def _at_least(function: Any, one: Any, tensors: tuple[Any, ...]) -> Any:
    if has_torch_function(_listed(tensors)):
        return handle_torch_function(function, _listed(tensors), *tensors)
    if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)):
        return one(tensors[0])
    return tuple(one(tensor) for tensor in _listed(tensors))


def atleast_1d(*tensors: Any) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """The tensor as a view of at least one dimension; several tensors give a tuple."""
    return _at_least(atleast_1d, _VF.atleast_1d, tensors)


def atleast_2d(*tensors: Any) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """The tensor as a view of at least two dimensions: a vector becomes a row."""
    return _at_least(atleast_2d, _VF.atleast_2d, tensors)


def atleast_3d(*tensors: Any) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """The tensor as a view of at least three dimensions: a vector ``n`` becomes ``1, n, 1``, a matrix ``m, n`` ``m, n, 1``."""
    return _at_least(atleast_3d, _VF.atleast_3d, tensors)
