"""What can be done with sparse tensors in coordinate form. Importing this module fills the table of `_coo`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as torch
from rushlight._rushlight import Tensor

from ._coo import SparseTensor, from_dense, handles, keys, make

# ---- conversions and copies


@handles("to")
def _to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if not isinstance(self, SparseTensor):  # x.to(sparse): its dtype and device
        like = args[0]
        return self.to(device=like.device, dtype=like.dtype)
    if args and isinstance(args[0], SparseTensor):
        args = (args[0]._v, *args[1:])
    values = self._v.to(*args, **kwargs)
    return self if values is self._v else make(self._i.to(values.device), values, self.shape, self._is_coalesced)


def _through_values(name: str) -> None:
    """A method that gives values of another kind, and None otherwise nothing new."""

    @handles(name)
    def method(self: SparseTensor, *args: Any, **kwargs: Any) -> SparseTensor:
        values = getattr(self._v, name)(*args, **kwargs)
        return self if values is self._v else self.with_values(values)


for _name in "float double half bfloat16 int long short char bool cpu cuda detach clone contiguous cfloat cdouble".split():
    _through_values(_name)


@handles("type")
def _type(self: SparseTensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    if dtype is None:
        return self._v.type().replace("torch.", "torch.sparse.")
    if isinstance(dtype, str):
        dtype = dtype.replace("torch.sparse.", "torch.")
    return self.with_values(self._v.type(getattr(dtype, "_dense_type", dtype)))


@handles("type_as")
def _type_as(self: SparseTensor, other: Tensor) -> SparseTensor:
    return self.with_values(self._v.to(other.dtype))


@handles("detach_")
def _detach_(self: SparseTensor) -> SparseTensor:
    self._v.detach_()
    return self


@handles("zeros_like")
def _zeros_like(self: SparseTensor, **options: Any) -> SparseTensor:
    dtype = options.get("dtype") or self.dtype
    return make(self._i[:, :0], torch.zeros((0, *self._v.shape[1:]), dtype=dtype), self.shape, True)


@handles("zero_")
def _zero_(self: SparseTensor) -> SparseTensor:
    return _replace(self, _zeros_like(self))


@handles("copy_")
def _copy_(self: SparseTensor, source: Tensor, non_blocking: bool = False) -> SparseTensor:
    if not isinstance(self, SparseTensor):
        raise RuntimeError("copy_() between dense and sparse Tensors is not implemented: use sparse.to_dense()")
    if not isinstance(source, SparseTensor):
        source = from_dense(source)
    if source.shape != self.shape:
        raise RuntimeError(f"copy_: expected shape {tuple(self.shape)}, got {tuple(source.shape)}")
    return _replace(self, source.with_values(source._v.to(self.dtype).clone()))


def _replace(self: SparseTensor, other: SparseTensor) -> SparseTensor:
    self._i, self._v, self._is_coalesced = other._i, other._v, other._is_coalesced
    return self


@handles("numpy", "tolist", "__array__", "item")
def _no_numpy(self: SparseTensor, *args: Any, **kwargs: Any) -> Any:
    raise TypeError("can't convert Sparse layout tensor to numpy: use to_dense() first")


@handles("is_contiguous", "is_pinned", "is_shared")
def _no(self: SparseTensor, *args: Any, **kwargs: Any) -> bool:
    return False


@handles("stride", "data_ptr", "storage", "untyped_storage", "storage_offset", "view", "as_strided")
def _no_memory(self: SparseTensor, *args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("sparse tensors do not have strides or storage: use _indices() and _values(), or to_dense()")


# ---- elementwise

_LINEAR = "neg negative positive real imag conj".split()
_ZERO_KEEPING = (
    "abs absolute sign sgn sqrt square sin sinh tan tanh asin arcsin asinh arcsinh atan arctan atanh arctanh expm1 log1p erf "
    "erfinv floor ceil trunc fix round frac relu deg2rad rad2deg nan_to_num isnan isinf isposinf isneginf signbit"
).split()


def _on_values(name: str, function: Callable, linear: bool) -> None:
    @handles(name)
    def unary(self: SparseTensor, *args: Any, **kwargs: Any) -> SparseTensor:
        kwargs.pop("inplace", None)
        self = self if linear else self.coalesce()
        return self.with_values(function(self._v, *args, **kwargs))

    @handles(name + "_")
    def unary_(self: SparseTensor, *args: Any, **kwargs: Any) -> SparseTensor:
        return _replace(self, unary(self, *args, **kwargs))


for _name in _LINEAR:
    _on_values(_name, getattr(torch, _name), True)
for _name in _ZERO_KEEPING:
    _on_values(_name, getattr(torch, _name), False)
handles("__neg__")(lambda self: self.with_values(-self._v))
handles("__abs__")(lambda self: self.coalesce().with_values(self.coalesce()._v.abs()))


@handles("pow", "__pow__")
def _pow(self: SparseTensor, exponent: Any) -> SparseTensor:
    if not isinstance(exponent, (int, float)) or exponent <= 0:
        raise RuntimeError(f"pow of a sparse tensor needs a positive number as exponent, got {exponent}: 0 must stay 0")
    self = self.coalesce()
    return self.with_values(self._v**exponent)


@handles("isclose", "allclose", "equal")
def _compared(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError("comparisons of sparse tensors are not in Rushlight yet: compare their to_dense()")


def _number(value: Any) -> bool:
    return not isinstance(value, Tensor) or value.dim() == 0 and not isinstance(value, SparseTensor)


def _same_shape(op: str, a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise RuntimeError(f"{op}: expected sparse tensors of one size, got {tuple(a.shape)} and {tuple(b.shape)}")


@handles("add", "__add__", "__radd__")
def _add(a: Any, b: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    if _number(a) or _number(b):
        raise RuntimeError("add of a sparse tensor and a number would not be sparse: use to_dense() + number")
    if not isinstance(a, SparseTensor) or not isinstance(b, SparseTensor):
        dense, other = (a.to_dense(), b) if isinstance(a, SparseTensor) else (a, b.to_dense())
        return torch.add(dense, other, alpha=alpha)
    _same_shape("add", a, b)
    if a.sparse_dim() != b.sparse_dim():
        raise RuntimeError(f"add: expected as many sparse dimensions in both, got {a.sparse_dim()} and {b.sparse_dim()}")
    dtype = torch.promote_types(a.dtype, b.dtype)
    second = b._v if alpha == 1 else b._v * alpha
    joined = make(torch.cat([a._i, b._i], 1), torch.cat([a._v.to(dtype), second.to(dtype)]), a.shape, False)
    return joined.coalesce() if a._is_coalesced and b._is_coalesced else joined


@handles("add_", "__iadd__")
def _add_(a: Tensor, b: Tensor, *, alpha: Any = 1) -> Tensor:
    if isinstance(a, SparseTensor):
        if not isinstance(b, SparseTensor):
            raise RuntimeError("add_: a dense tensor cannot be added to a sparse one in place")
        return _replace(a, _add(a, b, alpha=alpha))
    return a.add_(b.to_dense(), alpha=alpha)


@handles("sub", "subtract", "__sub__")
def _sub(a: Any, b: Any, *, alpha: Any = 1) -> Tensor:
    return _add(a, b, alpha=-alpha)


@handles("__rsub__", "rsub")
def _rsub(a: Any, b: Any) -> Tensor:
    return _add(b, a, alpha=-1)


@handles("mul", "multiply", "__mul__", "__rmul__")
def _mul(a: Any, b: Any, *, out: Any = None) -> Tensor:
    if not isinstance(a, SparseTensor):
        a, b = b, a
    if _number(b):
        return a.with_values(a._v * b)
    if not isinstance(b, SparseTensor):
        if torch.broadcast_shapes(a.shape, b.shape) != a.shape:
            raise RuntimeError(f"mul: a dense tensor of shape {tuple(b.shape)} does not broadcast to {tuple(a.shape)}")
        at = b.expand(a.shape)[tuple(a._i)]
        return a.with_values(a._v * at)
    _same_shape("mul", a, b)
    a, b = a.coalesce(), b.coalesce()
    left, right = a._keys(), b._keys()
    if not left.numel() or not right.numel():
        return _zeros_like(a, dtype=torch.promote_types(a.dtype, b.dtype))
    place = torch.searchsorted(right, left).clamp(max=right.numel() - 1)
    both = right[place] == left
    return make(a._i[:, both], a._v[both] * b._v[place[both]], a.shape, True)


@handles("mul_", "__imul__")
def _mul_(a: SparseTensor, b: Any) -> SparseTensor:
    return _replace(a, _mul(a, b))


@handles("div", "divide", "true_divide", "__truediv__")
def _div(a: Any, b: Any, *, rounding_mode: str | None = None) -> SparseTensor:
    if isinstance(b, SparseTensor):
        raise RuntimeError("div: a tensor cannot be divided by a sparse one, most of which is 0")
    if _number(b):
        return a.with_values(torch.div(a._v, b, rounding_mode=rounding_mode))
    return a.with_values(torch.div(a._v, b.expand(a.shape)[tuple(a._i)], rounding_mode=rounding_mode))


@handles("div_", "__itruediv__")
def _div_(a: SparseTensor, b: Any) -> SparseTensor:
    return _replace(a, _div(a, b))


# ---- products


def _rows(op: str, a: SparseTensor) -> tuple[Tensor, Tensor]:
    if a.dim() != 2 or a.sparse_dim() != 2:
        raise RuntimeError(
            f"{op}: expected a sparse matrix, got {a.sparse_dim()} sparse and {a.dense_dim()} dense dimensions"
        )
    return a._i[0], a._i[1]


def _product(op: str, a: SparseTensor, b: Tensor) -> Tensor:
    """A sparse matrix times a dense one: each entry adds its multiple of a row of b to a row of the result."""
    rows, columns = _rows(op, a)
    if b.dim() != 2 or a.shape[1] != b.shape[0]:
        given = f"{a.shape[0]}x{a.shape[1]} and {'x'.join(map(str, b.shape))}"
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({given})")
    if a.dtype != b.dtype:
        raise RuntimeError(f"{op}: expected both matrices to have the same dtype, got {a.dtype} and {b.dtype}")
    terms = b.index_select(0, columns) * a._v.unsqueeze(1)
    return b.new_zeros((a.shape[0], b.shape[1])).index_add(0, rows, terms)


def _sparse_product(a: SparseTensor, b: SparseTensor) -> SparseTensor:
    """A sparse matrix times a sparse one: every entry of a meets the entries of b in the row of its column."""
    (rows, columns), _ = _rows("mm", a), _rows("mm", b)
    if a.shape[1] != b.shape[0]:
        given = f"{a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]}"
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({given})")
    b = b.coalesce()
    counts = torch.bincount(b._i[0], minlength=b.shape[0])
    starts = counts.cumsum(0) - counts
    times = counts[columns]
    entry = torch.repeat_interleave(torch.arange(a._nnz()), times)
    offset = torch.arange(entry.numel()) - torch.repeat_interleave(times.cumsum(0) - times, times)
    partner = starts[columns][entry] + offset
    indices = torch.stack([rows[entry], b._i[1][partner]])
    return make(indices, a._v[entry] * b._v[partner], (a.shape[0], b.shape[1]), False).coalesce()


@handles("mm", "matmul", "__matmul__", "spmm", "mv")
def mm(a: Tensor, b: Tensor, *, out: Any = None) -> Tensor:
    """A matrix product with sparse matrices on one side or both."""
    if isinstance(a, SparseTensor) and isinstance(b, SparseTensor):
        return _sparse_product(a, b)
    if isinstance(a, SparseTensor):
        if b.dim() == 1:
            return _product("mv", a, b.unsqueeze(1)).squeeze(1)
        return _product("mm", a, b)
    if a.dim() == 1:
        return _product("mm", _t(b), a.unsqueeze(1)).squeeze(1)
    return _product("mm", _t(b), a.t()).t()


@handles("__rmatmul__")
def _rmatmul(b: Tensor, a: Tensor) -> Tensor:
    return mm(a, b)


@handles("addmm")
def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * mat + alpha * (mat1 @ mat2)`."""
    product = mm(mat1, mat2)
    product = product if alpha == 1 else product * alpha
    return torch.add(product, mat if beta == 1 else mat * beta)


@handles("linear")
def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    product = mm(x, weight.t())
    return product if bias is None else product + bias


# ---- shape


@handles("t")
def _t(self: SparseTensor) -> SparseTensor:
    if self.dim() > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but self is {self.dim()}D")
    return _transpose(self, 0, 1) if self.dim() == 2 else self


@handles("transpose", "swapaxes", "swapdims")
def _transpose(self: SparseTensor, dim0: int, dim1: int) -> SparseTensor:
    order = list(range(self.dim()))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return _permute(self, order)


@handles("permute")
def _permute(self: SparseTensor, *dims: Any) -> SparseTensor:
    order = dims[0] if len(dims) == 1 and isinstance(dims[0], (list, tuple)) else dims
    order, n = [d % self.dim() for d in order], self.sparse_dim()
    if sorted(order) != list(range(self.dim())) or any(d >= n for d in order[:n]):
        raise RuntimeError(f"permute: sparse dimensions must stay among the first {n}, got {order}")
    values = self._v.permute(0, *(d - n + 1 for d in order[n:])) if self.dense_dim() else self._v
    return make(self._i[order[:n]], values, [self.shape[d] for d in order], order == sorted(order) and self._is_coalesced)


@handles("unsqueeze")
def _unsqueeze(self: SparseTensor, dim: int) -> SparseTensor:
    dim = dim % (self.dim() + 1)
    if dim > self.sparse_dim():
        size = (*self.shape[:dim], 1, *self.shape[dim:])
        return make(self._i, self._v.unsqueeze(dim - self.sparse_dim() + 1), size, self._is_coalesced)
    zero = torch.zeros((1, self._nnz()), dtype=torch.int64)
    indices = torch.cat([self._i[:dim], zero, self._i[dim:]])
    return make(indices, self._v, (*self.shape[:dim], 1, *self.shape[dim:]), self._is_coalesced)


@handles("index_select")
def _index_select(self: SparseTensor, dim: int, index: Tensor) -> SparseTensor:
    dim, n = dim % self.dim(), self.sparse_dim()
    size = (*self.shape[:dim], index.numel(), *self.shape[dim + 1 :])
    if dim >= n:
        return make(self._i, self._v.index_select(dim - n + 1, index), size, self._is_coalesced)
    index = index.reshape(-1).long()
    index = torch.where(index < 0, index + self.shape[dim], index)
    if index.numel() and not (0 <= int(index.min()) and int(index.max()) < self.shape[dim]):
        raise IndexError(f"index_select(): index out of range for dimension {dim} of size {self.shape[dim]}")
    hits = (self._i[dim].unsqueeze(1) == index.unsqueeze(0)).nonzero()
    indices = self._i[:, hits[:, 0]].clone()
    indices[dim] = hits[:, 1]
    return make(indices, self._v[hits[:, 0]], size, False)


@handles("select")
def _select(self: SparseTensor, dim: int, index: int) -> Tensor:
    dim, n = dim % self.dim(), self.sparse_dim()
    if not -self.shape[dim] <= index < self.shape[dim]:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(self.shape)} at dimension {dim}")
    index %= self.shape[dim]
    size = (*self.shape[:dim], *self.shape[dim + 1 :])
    if dim >= n:
        return make(self._i, self._v.select(dim - n + 1, index), size, self._is_coalesced)
    hit = self._i[dim] == index
    if n == 1:
        return self._v[hit].sum(0)
    return make(torch.cat([self._i[:dim, hit], self._i[dim + 1 :, hit]]), self._v[hit], size, self._is_coalesced)


@handles("narrow")
def _narrow(self: SparseTensor, dim: int, start: int, length: int) -> SparseTensor:
    dim, n = dim % self.dim(), self.sparse_dim()
    size = (*self.shape[:dim], length, *self.shape[dim + 1 :])
    if start + length > self.shape[dim] or start < 0 or length < 0:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({self.shape[dim]}).")
    if dim >= n:
        return make(self._i, self._v.narrow(dim - n + 1, start, length), size, self._is_coalesced)
    hit = (self._i[dim] >= start) & (self._i[dim] < start + length)
    indices = self._i[:, hit].clone()
    indices[dim] -= start
    return make(indices, self._v[hit], size, self._is_coalesced)


@handles("__getitem__")
def _getitem(self: SparseTensor, key: Any) -> Tensor:
    keys_ = key if isinstance(key, tuple) else (key,)
    dim = 0
    for k in keys_:
        if isinstance(k, int):
            self = _select(self, dim, k)
            continue
        if isinstance(k, slice) and k.step in (None, 1):
            start, stop, _ = k.indices(self.shape[dim])
            if (start, stop) != (0, self.shape[dim]):
                self = _narrow(self, dim, start, max(stop - start, 0))
        elif isinstance(k, Tensor) and k.dtype == torch.int64 and k.dim() == 1:
            self = _index_select(self, dim, k)
        else:
            raise NotImplementedError(
                f"indexing a sparse tensor by {type(k).__name__} is not in Rushlight yet: call to_dense() first"
            )
        dim += 1
    return self


@handles("cat", "concat", "concatenate")
def _cat(tensors: Any, dim: int = 0, *, out: Any = None) -> SparseTensor:
    tensors = list(tensors)
    if not all(isinstance(t, SparseTensor) for t in tensors):
        raise RuntimeError("cat: sparse and dense tensors cannot be joined: call to_sparse() or to_dense()")
    first = tensors[0]
    n, dim = first.sparse_dim(), dim % first.dim()
    total = sum(t.shape[dim] for t in tensors)
    size = (*first.shape[:dim], total, *first.shape[dim + 1 :])
    for t in tensors:
        rest = (*t.shape[:dim], first.shape[dim], *t.shape[dim + 1 :])
        if t.sparse_dim() != n or rest != tuple(first.shape):
            raise RuntimeError(f"cat: expected shapes like {tuple(first.shape)} but for dimension {dim}, got {tuple(t.shape)}")
    indices, values, before = [], [], 0
    for t in tensors:
        if dim < n:
            moved = t._i.clone()
            moved[dim] += before
            indices.append(moved)
            values.append(t._v)
        else:
            zeros = list(t._v.shape)
            zeros[dim - n + 1] = before
            rear = list(t._v.shape)
            rear[dim - n + 1] = total - before - t.shape[dim]
            indices.append(t._i)
            values.append(torch.cat([t._v.new_zeros(zeros), t._v, t._v.new_zeros(rear)], dim - n + 1))
        before += t.shape[dim]
    return make(torch.cat(indices, 1), torch.cat(values), size, False)


# ---- reductions and rows


@handles("sum")
def total(self: SparseTensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over dimensions; sparse if a sparse dimension is left, else dense."""
    values = self._v if dtype is None else self._v.to(dtype)
    if dim is None:
        return values.sum()
    n = self.sparse_dim()
    dims = sorted({d % self.dim() for d in ([dim] if isinstance(dim, int) else dim)})
    dense = [d - n + 1 for d in dims if d >= n]
    if dense:
        values = values.sum(dense, keepdim=keepdim)
    gone = [d for d in dims if d < n]
    if len(gone) == n:
        result = values.sum(0)
        return result.reshape((1,) * n + tuple(result.shape)) if keepdim else result
    size = [1 if d in dims else s for d, s in enumerate(self.shape) if keepdim or d not in dims]
    if keepdim:
        indices = self._i.clone()
        indices[gone] = 0
    else:
        indices = self._i[[d for d in range(n) if d not in gone]]
    return make(indices, values, size, self._is_coalesced and not gone)


@handles("norm")
def _norm(self: SparseTensor, p: Any = 2, dim: Any = None, *args: Any, **kwargs: Any) -> Tensor:
    if dim is not None:
        raise NotImplementedError("norm of a sparse tensor along dimensions is not in Rushlight yet: call to_dense() first")
    return self.coalesce()._v.norm(2 if p in (None, "fro") else p)


def _by_row(self: SparseTensor, dim: int, log: bool, dtype: Any) -> SparseTensor:
    """The softmax along a dimension, over what is stored: missing entries count as -inf."""
    self = self.coalesce()
    values = self._v if dtype is None else self._v.to(dtype)
    dim, n = dim % self.dim(), self.sparse_dim()
    if dim >= n:
        function = torch.log_softmax if log else torch.softmax
        return self.with_values(function(values, dim - n + 1))
    rest = [d for d in range(n) if d != dim]
    group = keys(self._i[rest], [self.shape[d] for d in rest]) if rest else torch.zeros_like(self._i[0])
    _, group = torch.unique(group, return_inverse=True)
    count = int(group.max()) + 1 if group.numel() else 0
    index = group.reshape(-1, *[1] * (values.dim() - 1)).expand(values.shape)
    start = values.new_full((count, *values.shape[1:]), -torch.inf)
    peak = start.scatter_reduce(0, index, values.detach(), "amax")
    away = values - peak[group]
    powers = away.exp()
    sums = torch.zeros_like(peak).index_add(0, group, powers)[group]
    return self.with_values(away - sums.log() if log else powers / sums)


@handles("softmax")
def softmax(self: SparseTensor, dim: int, dtype: Any = None, **kwargs: Any) -> SparseTensor:
    """The softmax along `dim` over the stored entries."""
    return _by_row(self, dim, False, dtype)


@handles("log_softmax")
def log_softmax(self: SparseTensor, dim: int, dtype: Any = None, **kwargs: Any) -> SparseTensor:
    """The logarithm of the softmax along `dim` over the stored entries."""
    return _by_row(self, dim, True, dtype)


@handles("dropout")
def _dropout(self: SparseTensor, p: float = 0.5, training: bool = True, train: bool | None = None, **kwargs: Any) -> Any:
    return self.with_values(torch.nn.functional.dropout(self._v, p, training if train is None else train))


@handles("sparse_mask")
def sparse_mask(self: Tensor, mask: SparseTensor) -> SparseTensor:
    """The entries of a tensor at the indices of `mask`."""
    if not isinstance(mask, SparseTensor):
        raise RuntimeError("sparse_mask: expected a sparse mask, got a dense tensor")
    _same_shape("sparse_mask", self, mask)
    dense = self.to_dense() if isinstance(self, SparseTensor) else self
    return make(mask._i, dense[tuple(mask._i)], mask.shape, mask._is_coalesced)


@handles("nonzero")
def _nonzero(self: SparseTensor, **kwargs: Any) -> Tensor:
    return self.to_dense().nonzero(**kwargs)


def spdiags(diagonals: Tensor, offsets: Tensor, shape: tuple[int, int], layout: Any = None) -> SparseTensor:
    """A sparse matrix with the rows of `diagonals` along the diagonals `offsets`."""
    if diagonals.dim() == 1:
        diagonals = diagonals.unsqueeze(0)
    offsets = offsets.reshape(-1)
    if diagonals.shape[0] != offsets.numel():
        raise RuntimeError(f"spdiags: {diagonals.shape[0]} diagonals, but {offsets.numel()} offsets")
    column = torch.arange(diagonals.shape[1]).expand(diagonals.shape)
    row = column - offsets.unsqueeze(1)
    inside = (row >= 0) & (row < shape[0]) & (column < shape[1])
    return make(torch.stack([row[inside], column[inside]]), diagonals[inside], shape, False)


