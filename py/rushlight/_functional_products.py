"""The products of ``torch.functional``: what sorts out its arguments in Python before the core multiplies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight.overrides import handle_torch_function, has_torch_function

_VF = _rushlight._VF

__all__ = ["cdist", "chain_matmul", "einsum", "tensordot"]


def _letters(subscripts: Any) -> str:
    """``[0, 1, Ellipsis]`` as ``"AB..."``: 0 to 25 are capitals, 26 to 51 small letters."""
    text = ""
    for s in subscripts:
        if s is Ellipsis:
            text += "..."
            continue
        try:
            s = int(s)
        except (TypeError, ValueError):
            raise ValueError(f"einsum(): a list of subscripts holds ints and Ellipsis, got {s!r}") from None
        if not 0 <= s < 52:
            raise ValueError(f"einsum(): subscripts in a list must be within the range [0, 52), got {s}")
        text += chr(ord("A") + s) if s < 26 else chr(ord("a") + s - 26)
    return text


def einsum(*args: Any) -> torch.Tensor:
    """Sums of products of the elements of tensors, by a formula in Einstein's notation.

    The equation names each operand's dimensions by a letter; letters that do not stand after ``->`` are summed over. Without
    ``->``, the result has those that occur once, in alphabetical order. ``...`` stands for any further dimensions, which
    broadcast. In place of an equation, each operand may be followed by a list of numbers (and ``Ellipsis``), and a last list
    names the result's. Several operands are multiplied in the order that needs the fewest multiplications.

    >>> a, b = torch.ones(2, 3), torch.ones(3, 4)
    >>> torch.einsum("ij,jk->ik", a, b).shape
    torch.Size([2, 4])
    >>> torch.einsum(a, [0, 1], b, [1, 2], [2]).tolist()
    [6.0, 6.0, 6.0, 6.0]
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, "
            "or at least one operand and its subscripts list"
        )
    if isinstance(args[0], torch.Tensor):
        lists = [_letters(subscripts) for subscripts in args[1::2]]
        equation, operands = ",".join(lists), args[0::2]
        if len(args) % 2:
            equation += "->" + _letters(args[-1])
            operands = args[0:-1:2]
    else:
        equation, operands = args[0], args[1:]
    if has_torch_function(operands):
        return handle_torch_function(einsum, operands, equation, *operands)
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        return einsum(equation, *operands[0])
    return _VF.einsum(equation, operands)


def tensordot(a: Any, b: Any, dims: Any = 2, out: torch.Tensor | None = None) -> torch.Tensor:
    """Sums of products along dimensions of both: the last ``dims`` of ``a`` and the first of ``b``, or those that two lists
    name.

    >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(4, 3, 5), dims=([1, 2], [1, 0])).shape
    torch.Size([2, 5])
    """
    if has_torch_function((a, b)):
        return handle_torch_function(tensordot, (a, b), a, b, dims=dims, out=out)
    if not isinstance(dims, (tuple, list, int, torch.Tensor)):
        raise RuntimeError(
            f"tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, "
            f"but got dims={dims}"
        )
    if isinstance(dims, torch.Tensor):
        if dims.numel() > 1:
            dims_a, dims_b = dims[0].tolist(), dims[1].tolist()
            dims = (dims_a if isinstance(dims_a, list) else [dims_a], dims_b if isinstance(dims_b, list) else [dims_b])
        else:
            dims = int(dims.item())
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims = (list(range(-dims, 0)), list(range(dims)))
    dims_a, dims_b = dims
    return _VF.tensordot(a, b, list(dims_a), list(dims_b), **({} if out is None else {"out": out}))


_MODES = {
    "use_mm_for_euclid_dist_if_necessary": None,
    "use_mm_for_euclid_dist": 1,
    "donot_use_mm_for_euclid_dist": 2,
}


def cdist(
    x1: torch.Tensor,
    x2: torch.Tensor,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> torch.Tensor:
    """The p-norms of the differences between all rows of ``x1`` ``[..., m, d]`` and of ``x2`` ``[..., n, d]``, as ``[..., m, n]``.

    For ``p=2`` and many rows, squares come from a product of matrices, which is fast but inexact for rows that nearly
    coincide; ``compute_mode`` forbids or demands that.

    >>> torch.cdist(torch.zeros(1, 2), torch.tensor([[3.0, 4.0], [0.0, 1.0]])).tolist()
    [[5.0, 1.0]]
    """
    if has_torch_function((x1, x2)):
        return handle_torch_function(cdist, (x1, x2), x1, x2, p=p, compute_mode=compute_mode)
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode; it is one of {', '.join(_MODES)}")
    return _VF.cdist(x1, x2, p, _MODES[compute_mode])


def chain_matmul(*matrices: Any, out: torch.Tensor | None = None) -> torch.Tensor:
    """The product of several matrices, in the order that costs least. (``torch.linalg.multi_dot`` is its successor.)

    >>> torch.chain_matmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)).tolist()
    [[12.0], [12.0]]
    """
    chained: Sequence[Any] = matrices
    if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)):
        chained = matrices[0]
    if has_torch_function(chained):
        return handle_torch_function(chain_matmul, chained, *chained, out=out)
    return _VF.chain_matmul(chained, **({} if out is None else {"out": out}))
