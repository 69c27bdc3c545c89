"""Sparse tensors in coordinate form: indices `(sparse_dim, nnz)` and values `(nnz, …)`.

A :class:`SparseTensor` is a Tensor without memory of its own: every call on it comes to `__torch_function__`, which looks
into `TABLE` (filled here and in `_ops`). What it does is done by ops on indices and values, so gradients flow to the values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight._rushlight import Tensor

__all__ = ["SparseTensor", "sparse_coo_tensor"]

TABLE: dict[str, Callable] = {}
# What a Tensor says of itself without looking at its elements.
_PLAIN = frozenset(
    "numel nelement size dim ndimension is_floating_point is_complex is_conj is_neg is_signed element_size get_device "
    "register_hook is_same_size is_inference __len__ __hash__ type_as_device".split()
)


def handles(*names: str) -> Callable:
    """Decorator: makes a function what `torch.<name>` and `Tensor.<name>` do with sparse tensors."""

    def decorator(function: Callable) -> Callable:
        for name in names:
            TABLE[name] = function
        return function

    return decorator


class SparseTensor(Tensor):
    """A sparse tensor in coordinate form; made by `torch.sparse_coo_tensor` and `Tensor.to_sparse`."""

    _i: Tensor
    _v: Tensor
    _is_coalesced: bool

    @classmethod
    def __torch_function__(cls, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = getattr(func, "__name__", str(func))
        function = TABLE.get(name)
        if function is not None:
            return function(*args, **(kwargs or {}))
        if name in _PLAIN:
            with _rushlight.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        raise NotImplementedError(
            f"{name} of sparse tensors is not in Rushlight yet: call to_dense() first, or work on its indices() and values()"
        )

    # ---- what it is

    @property
    def layout(self) -> Any:  # type: ignore[override]
        return torch.sparse_coo

    @property
    def is_sparse(self) -> bool:  # type: ignore[override]
        return True

    @property
    def requires_grad(self) -> bool:  # type: ignore[override]
        return self._v.requires_grad

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        self._v.requires_grad = on

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:  # type: ignore[override]
        """Whether the values get a gradient."""
        self._v.requires_grad_(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:  # type: ignore[override]
        return self._v.is_leaf

    @property
    def grad_fn(self) -> Any:  # type: ignore[override]
        return self._v.grad_fn

    @property
    def grad(self) -> SparseTensor | None:  # type: ignore[override]
        """The gradient of the values, at the same indices."""
        grad = self._v.grad
        return None if grad is None else make(self._i, grad, self.shape, self._is_coalesced)

    @grad.setter
    def grad(self, value: SparseTensor | None) -> None:
        self._v.grad = None if value is None else value._v

    @property
    def data(self) -> SparseTensor:  # type: ignore[override]
        return make(self._i, self._v.data, self.shape, self._is_coalesced)

    @property
    def T(self) -> SparseTensor:  # type: ignore[override]  # noqa: N802
        return TABLE["t"](self)

    mT = T  # type: ignore[assignment]  # noqa: N815

    # ---- its parts

    def _indices(self) -> Tensor:
        return self._i

    def _values(self) -> Tensor:
        return self._v

    def _nnz(self) -> int:
        return self._v.shape[0]

    def indices(self) -> Tensor:
        """The indices, `(sparse_dim, nnz)`. Raises RuntimeError unless coalesced."""
        self._need_coalesced("indices")
        return self._i

    def values(self) -> Tensor:
        """The values, `(nnz, …)`. Raises RuntimeError unless coalesced."""
        self._need_coalesced("values")
        return self._v

    def _need_coalesced(self, what: str) -> None:
        if not self._is_coalesced:
            raise RuntimeError(f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first")

    def is_coalesced(self) -> bool:
        """Whether each index stands once, in order."""
        return self._is_coalesced

    def sparse_dim(self) -> int:
        """How many dimensions the indices have."""
        return self._i.shape[0]

    def dense_dim(self) -> int:
        """How many dimensions a value has."""
        return self._v.dim() - 1

    def _keys(self) -> Tensor:
        """Each index as one number."""
        return keys(self._i, self.shape)

    def coalesce(self) -> SparseTensor:
        """The same with each index once, in order; values of equal indices are added up."""
        if self._is_coalesced:
            return self
        unique, inverse = torch.unique(self._keys(), return_inverse=True)
        shape = (unique.numel(), *self._v.shape[1:])
        if self._v.dtype == torch.bool:
            values = torch.zeros(shape, dtype=torch.int64).index_add(0, inverse, self._v.long()).bool()
        else:
            values = self._v.new_zeros(shape).index_add(0, inverse, self._v)
        return make(unkeys(unique, self.shape[: self.sparse_dim()]), values, self.shape, True)

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
        """The tensor with all its zeros."""
        n = self.sparse_dim()
        rows = math.prod(self.shape[:n])
        values = self._v.long() if self._v.dtype == torch.bool else self._v
        flat = values.new_zeros((rows, *values.shape[1:])).index_add(0, self._keys(), values)
        result = flat.view(self.shape).to(self.dtype)
        return result if dtype is None else result.to(dtype)

    def to_sparse(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """The tensor itself, for the coordinate form is what it has."""
        layout = kwargs.get("layout", args[0] if args else None)
        if layout not in (None, torch.sparse_coo) and not isinstance(layout, int):
            raise not_there(f"to_sparse(layout={layout})")
        return self

    to_sparse_coo = to_sparse

    def with_values(self, values: Tensor, coalesced: bool | None = None) -> SparseTensor:
        """Other values at the same indices."""
        return make(self._i, values, self.shape, self._is_coalesced if coalesced is None else coalesced)

    def backward(self, gradient: Any = None, *args: Any, **kwargs: Any) -> None:
        """Backward from the values; `gradient` is sparse, at the same indices."""
        if gradient is None:
            raise RuntimeError("grad can be implicitly created only for scalar outputs; give gradient=, or sum first")
        self._v.backward(gradient.coalesce()._v if isinstance(gradient, SparseTensor) else gradient, *args, **kwargs)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        parts = [f"indices={_indented(self._i, 15)}", f"values={_indented(self._v.detach(), 14)}"]
        parts += [f"size={tuple(self.shape)}", f"nnz={self._nnz()}", "layout=torch.sparse_coo"]
        if self._v.grad_fn is not None:
            parts.append(f"grad_fn=<{type(self._v.grad_fn).__name__}>")
        elif self.requires_grad:
            parts.append("requires_grad=True")
        first, second, *rest = parts
        return f"tensor({first},\n       {second},\n       {', '.join(rest)})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return object.__format__(self, spec)

    def __reduce_ex__(self, protocol: Any) -> tuple:
        data = (self._i, self._v.detach(), self.shape, self._is_coalesced)
        return torch._utils._rebuild_sparse_tensor, (torch.sparse_coo, data)

    def __deepcopy__(self, memo: dict) -> SparseTensor:
        if not self.is_leaf:
            raise RuntimeError("Only Tensors created explicitly by the user support the deepcopy protocol at the moment")
        values = self._v.detach().clone().requires_grad_(self.requires_grad)
        memo[id(self)] = result = make(self._i.clone(), values, self.shape, self._is_coalesced)
        return result


def _indented(tensor: Tensor, width: int) -> str:
    return str(tensor).replace("\n", "\n" + " " * width)


def make(indices: Tensor, values: Tensor, size: Any, coalesced: bool) -> SparseTensor:
    """A sparse tensor of parts that fit."""
    face = values.detach().new_zeros(()).expand(tuple(size))  # says shape, dtype and device, and takes no memory
    result = Tensor._make_subclass(SparseTensor, face)
    result._i, result._v, result._is_coalesced = indices, values, coalesced
    return result


def keys(indices: Tensor, size: Any) -> Tensor:
    """Indices as single numbers, row-major."""
    if indices.shape[0] == 1:
        return indices[0]
    key = torch.zeros(indices.shape[1], dtype=torch.int64, device=indices.device)
    for row, extent in zip(indices, size):
        key = key * extent + row
    return key


def unkeys(key: Tensor, size: Any) -> Tensor:
    """The indices of such numbers."""
    rows = []
    for extent in reversed(list(size)):
        rows.append(key % max(extent, 1))
        key = torch.div(key, max(extent, 1), rounding_mode="floor")
    return torch.stack(rows[::-1]) if rows else torch.zeros((0, key.numel()), dtype=torch.int64)


def not_there(what: str) -> NotImplementedError:
    return NotImplementedError(
        f"{what}: of the sparse layouts, Rushlight has the coordinate form (torch.sparse_coo) alone; use "
        "torch.sparse_coo_tensor or to_sparse()"
    )


def sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> SparseTensor:
    """A sparse tensor with `values[k]` at `indices[:, k]`; values of equal indices count together.

    Args:
        indices: integers, `(sparse_dim, nnz)`.
        values: `(nnz, …)`.
        size: the shape; default: just large enough.
        dtype: of the values; default: theirs.
        device: where it is to lie.
        pin_memory: ignored.
        requires_grad: whether the values get a gradient.
        check_invariants: indices are always checked.
        is_coalesced: True if each index stands once, in order.

    Raises:
        RuntimeError: if indices, values and size do not fit.

    Example::

        >>> s = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
        >>> s.to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 0.]])
    """
    if values is None:  # sparse_coo_tensor(size): an empty one
        size = indices if size is None else size
        if size is None:
            raise TypeError("sparse_coo_tensor: expected indices and values, or a size")
        indices, values = torch.zeros((len(size), 0), dtype=torch.int64), torch.zeros((0,), dtype=dtype)
        is_coalesced = True
    indices = torch.as_tensor(indices, device=device)
    if indices.numel() == 0:
        indices = indices.long()
    if indices.dtype not in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        raise RuntimeError(f"sparse_coo_tensor: indices must be an int64 tensor, got {indices.dtype}")
    indices = indices.detach().long()
    given = values
    values = torch.as_tensor(values, dtype=dtype, device=device)
    if values.dim() == 0:
        values = values.expand(indices.shape[-1] if indices.dim() == 2 else 1)
    if not isinstance(given, Tensor) or requires_grad:
        values = values.detach()
    if indices.dim() != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(indices.shape)}")
    if values.shape[0] != indices.shape[1]:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {indices.shape[1]}, nnz from values: "
            f"{values.shape[0]}"
        )
    sparse_dim = indices.shape[0]
    nnz = indices.shape[1]
    if size is None:
        extents = (indices.amax(1) + 1).tolist() if nnz else [0] * sparse_dim
        size = (*extents, *values.shape[1:])
    size = torch.Size(size)
    if len(size) != sparse_dim + values.dim() - 1:
        raise RuntimeError(
            f"number of dimensions must be sparse_dim ({sparse_dim}) + dense_dim ({values.dim() - 1}), but got {len(size)}"
        )
    if tuple(size[sparse_dim:]) != tuple(values.shape[1:]):
        expected = [nnz, *size[sparse_dim:]]
        raise RuntimeError(f"values has incorrect size, expected {expected}, got {list(values.shape)}")
    if nnz and sparse_dim:
        low, high = indices.amin(1).tolist(), indices.amax(1).tolist()
        for dim, (a, b, extent) in enumerate(zip(low, high, size)):
            if a < 0:
                raise RuntimeError(f"found negative index {a} for dim {dim}")
            if b >= extent:
                raise RuntimeError(
                    f"size is inconsistent with indices: for dim {dim}, size is {extent} but found index {b}"
                )
    result = make(indices, values, size, bool(is_coalesced) or nnz == 0)
    return result.requires_grad_() if requires_grad else result


def from_dense(tensor: Tensor, sparse_dim: int | None = None) -> SparseTensor:
    """`Tensor.to_sparse`: what is not zero."""
    n = tensor.dim() if sparse_dim is None else sparse_dim
    if not 0 < n <= tensor.dim() and tensor.dim() > 0:
        raise RuntimeError(f"to_sparse: sparse_dim argument must be in >0, <={tensor.dim()}, got {n}")
    if tensor.dim() == 0:
        hit = bool(tensor != 0)
        return make(torch.zeros((0, int(hit)), dtype=torch.int64), tensor.reshape(1)[: int(hit)], (), True)
    where = tensor.detach() != 0
    if n < tensor.dim():
        where = where.flatten(n).any(-1)
    indices = where.nonzero().t().contiguous()
    return make(indices, tensor[tuple(indices)], tensor.shape, True)
