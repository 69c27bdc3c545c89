"""Integrals and slopes of sampled functions, and histograms in several dimensions, made of other operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import rushlight as torch
from rushlight import Tensor

__all__ = ["cumulative_trapezoid", "gradient", "histogramdd", "segment_reduce", "trapezoid", "trapz"]


def _widths(name: str, y: Tensor, x: Tensor | None, dx: Any, dim: int) -> Any:
    """The distances between the places that `y` was sampled at along `dim`: a number, or a tensor that broadcasts with the
    means of neighbours."""
    if y.dtype == torch.bool or (x is not None and x.dtype == torch.bool):
        raise RuntimeError(f"{name}: received a bool input for `x` or `y`, but bool is not supported")
    if x is None:
        if isinstance(dx, bool):
            raise RuntimeError(f"{name}: Currently, we only support dx as a real number.")
        return dx
    if x.dim() == 1:
        if x.size(0) != y.size(dim):
            raise RuntimeError(
                f"{name}: There must be one `x` value for each sample point, got {x.size(0)} for {y.size(dim)} of them"
            )
        shape = [1] * y.dim()
        shape[dim] = x.size(0)
        x = x.view(shape)
    elif x.dim() < y.dim():
        x = x.view((1,) * (y.dim() - x.dim()) + tuple(x.shape))
    return x.narrow(dim, 1, x.size(dim) - 1) - x.narrow(dim, 0, x.size(dim) - 1)


def _sides(y: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    n = y.size(dim) - 1
    return y.narrow(dim, 0, n), y.narrow(dim, 1, n)


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral of samples `y` along `dim` by the trapezoidal rule, taken at the places `x` or at steps of `dx`.

    >>> torch.trapezoid(torch.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    if y.size(dim) == 0:
        shape = list(y.shape)
        del shape[dim]
        return torch.zeros(shape, dtype=y.dtype)
    width = _widths("trapezoid", y, x, dx, dim)
    if x is None:
        return (y.sum(dim) - (y.select(dim, 0) + y.select(dim, -1)) * 0.5) * width
    left, right = _sides(y, dim)
    return ((left + right) * width).sum(dim) / 2.0


trapz = trapezoid


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integrals from the first sample to each of the others; see `trapezoid`."""
    width = _widths("cumulative_trapezoid", y, x, dx, dim)
    left, right = _sides(y, dim)
    if x is None:
        return (left + right).cumsum(dim) * (width / 2.0)
    return ((left + right) * width).cumsum(dim) / 2.0


def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The slope of samples in each dimension of `dim`: by central differences inside, one-sided ones at the edges.

    `spacing` is the distance of samples, one for each dimension, or a vector of places for each dimension.

    >>> torch.gradient(torch.tensor([1.0, 2, 4, 8]))
    (tensor([1.0000, 1.5000, 3.0000, 4.0000]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    spacing = 1 if spacing is None else spacing
    several = isinstance(spacing, Sequence)
    if dim is None:
        dims = list(range(input.dim()))
    else:
        dims = [dim] if isinstance(dim, int) else list(dim)
    if several and len(spacing) != len(dims):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or it's spacing and dim arguments to have the same "
            f"length, but got a spacing argument of length {len(spacing)} and a dim argument of length {len(dims)}."
        )
    spaces = list(spacing) if several else [spacing] * len(dims)
    wrapped = [d + input.dim() if d < 0 else d for d in dims]
    for d in wrapped:
        if not 0 <= d < input.dim():
            raise IndexError(
                f"torch.gradient: Dimension out of range (expected to be in range of [{-input.dim()}, {input.dim() - 1}], got {dims})"
            )
    if len(set(wrapped)) != len(wrapped):
        raise RuntimeError(f"torch.gradient: dim {dims} appears multiple times in the list of dims")
    for d in wrapped:
        if input.size(d) < edge_order + 1:
            raise RuntimeError(
                f"torch.gradient expected each dimension size to be at least edge_order+1, got {list(input.shape)} with edge_order="
                f"{edge_order}"
            )
    return tuple(_slope(input, d, space, edge_order) for d, space in zip(wrapped, spaces))


def _slope(x: Tensor, dim: int, space: Any, edge_order: int) -> Tensor:
    def at(i: int) -> Tensor:
        return x.narrow(dim, i if i >= 0 else x.size(dim) + i, 1)

    n = x.size(dim)
    before, here, after = x.narrow(dim, 0, n - 2), x.narrow(dim, 1, n - 2), x.narrow(dim, 2, n - 2)
    if not isinstance(space, Tensor) or space.dim() == 0:
        inside = (after - before) / space / 2
        if edge_order == 1:
            edges = (at(1) - at(0)) / space, (at(-1) - at(-2)) / space
        else:
            edges = (-1.5 * at(0) + 2 * at(1) - 0.5 * at(2)) / space, (0.5 * at(-3) - 2 * at(-2) + 1.5 * at(-1)) / space
        return torch.cat([edges[0], inside, edges[1]], dim)
    if space.dim() != 1 or space.size(0) != n:
        raise RuntimeError(
            f"torch.gradient expected each element of spacing to have the size of the dimension that it is for ({n}), got "
            f"{list(space.shape)}"
        )
    h = space.diff()
    shape = [1] * x.dim()
    shape[dim] = -1
    left, right = h[:-1].view(shape), h[1:].view(shape)
    inside = (
        before * (-right / (left * (left + right)))
        + here * ((right - left) / (left * right))
        + after * (left / (right * (left + right)))
    )
    if edge_order == 1:
        edges = (at(1) - at(0)) / h[0], (at(-1) - at(-2)) / h[-1]
    else:
        a, b = h[0], h[1]
        first = at(0) * (-(2 * a + b) / (a * (a + b))) + at(1) * ((a + b) / (a * b)) - at(2) * (a / (b * (a + b)))
        a, b = h[-2], h[-1]
        last = at(-3) * (b / (a * (a + b))) - at(-2) * ((a + b) / (a * b)) + at(-1) * ((a + 2 * b) / (b * (a + b)))
        edges = first, last
    return torch.cat([edges[0], inside, edges[1]], dim)


class Histogram(NamedTuple):
    hist: Tensor
    bin_edges: tuple[Tensor, ...]


def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """How many of the points `input` (…, D) fall into each cell of a grid in D dimensions; and the grid's edges.

    `bins` is a number of bins for all dimensions, or one for each, or the edges themselves.
    """
    if input.dim() < 2:
        raise RuntimeError(f"torch.histogramdd: input tensor should have at least 2 dimensions, but got {input.dim()}")
    D = input.size(-1)
    points = input.detach().reshape(-1, D)
    given = [bins] * D if isinstance(bins, int) else list(bins)
    if len(given) != D:
        raise RuntimeError(f"torch.histogramdd: expected {D} bins for an input of {D} dimensions, got {len(given)}")
    if range is not None and len(range) != 2 * D:
        raise RuntimeError(
            f"torch.histogramdd: for a {D}-dimensional histogram range should have {2 * D} elements, got {len(range)}"
        )
    if weight is not None and tuple(weight.shape) != tuple(input.shape[:-1]):
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, it should have the same shape as the input tensor excluding its "
            f"innermost dimension, but got input with shape {list(input.shape)} and weight with shape {list(weight.shape)}"
        )
    edges = [_edges(points[:, d], n, None if range is None else range[2 * d : 2 * d + 2]) for d, n in enumerate(given)]
    place, inside = torch.zeros(len(points), dtype=torch.long), torch.ones(len(points), dtype=torch.bool)
    for d, edge in enumerate(edges):
        own = points[:, d].contiguous()
        n = edge.numel() - 1
        inside &= (own >= edge[0]) & (own <= edge[-1])
        place = place * n + (torch.bucketize(own, edge, right=True) - 1).clamp(0, n - 1)
    counted = (
        torch.ones(len(points), dtype=input.dtype) if weight is None else weight.detach().reshape(-1).to(input.dtype)
    )
    sizes = [edge.numel() - 1 for edge in edges]
    total = torch.Size(sizes).numel()
    hist = torch.zeros(total, dtype=input.dtype).index_add(0, place[inside], counted[inside]).view(sizes)
    if density:
        hist = hist / hist.sum()
        for d, edge in enumerate(edges):
            shape = [1] * D
            shape[d] = -1
            hist = hist / edge.diff().view(shape)
    return Histogram(hist, tuple(edges))


def _edges(values: Tensor, bins: Any, bounds: Sequence[float] | None) -> Tensor:
    if isinstance(bins, Tensor):
        if bins.dim() != 1 or bins.numel() < 2 or bins.dtype != values.dtype:
            raise RuntimeError(
                f"torch.histogramdd: expected edges as a vector of at least 2 elements of dtype {values.dtype}, got "
                f"{list(bins.shape)} of {bins.dtype}"
            )
        return bins.detach().clone()
    if bins <= 0:
        raise RuntimeError(f"torch.histogramdd: the number of bins should be positive, got {bins}")
    if bounds is not None:
        low, high = bounds
    elif values.numel():
        low, high = values.min().item(), values.max().item()
    else:
        low, high = 0.0, 1.0
    if not (float("-inf") < low <= high < float("inf")):
        raise RuntimeError(
            f"torch.histogramdd: dimension's range [{low}, {high}] is not finite, or its ends are swapped"
        )
    if low == high:
        low, high = low - 0.5, high + 0.5
    return torch.linspace(low, high, bins + 1, dtype=values.dtype)


_FOLDS = {
    "sum": ("sum", 0.0),
    "mean": ("sum", 0.0),
    "max": ("amax", float("-inf")),
    "min": ("amin", float("inf")),
    "prod": ("prod", 1.0),
}


def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Tensor:
    """Reduces runs of neighbours along `axis`: "sum", "mean", "max", "min" or "prod" of each.

    The runs are given by their `lengths`, or by `offsets`: where each begins, and the last ends. Both have the dimensions of the
    data before `axis`, and one more. A run of no elements gives `initial`, or what is neutral (NaN for a mean).

    >>> torch.segment_reduce(torch.tensor([1.0, 2, 3]), "max", lengths=torch.tensor([2, 1]))
    tensor([2., 3.])
    """
    if reduce not in _FOLDS:
        raise RuntimeError(f"segment_reduce(): reduce must be one of {', '.join(_FOLDS)}, got '{reduce}'")
    if indices is not None:
        raise NotImplementedError("segment_reduce(): indices are not implemented; give lengths or offsets")
    if (lengths is None) == (offsets is None):
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined, and not both.")
    if not data.dtype.is_floating_point:
        raise RuntimeError(f"segment_reduce(): expected floating point data, got {data.dtype}")
    axis = axis + data.dim() if axis < 0 else axis
    counts = offsets.diff(dim=-1) if lengths is None else lengths
    before = tuple(data.shape[:axis])
    if not 0 <= axis < data.dim() or tuple(counts.shape[:-1]) != before or counts.dim() != axis + 1:
        raise RuntimeError(
            f"segment_reduce(): Expected all dimensions of lengths or offsets but the last to match those of the data {list(data.shape)} "
            f"before axis {axis}, got {list(counts.shape)}"
        )
    n, rows, length = counts.size(-1), torch.Size(before).numel(), data.size(axis)
    counts = counts.reshape(rows, n)
    if (counts < 0).any():
        raise RuntimeError("segment_reduce(): lengths contains negative value!")
    if not unsafe and (counts.sum(1) != length).any():
        raise RuntimeError(
            f"segment_reduce(): Expected all rows of lengths along axis to sum to data.size({axis}), which is {length}"
        )
    fold, neutral = _FOLDS[reduce]
    run = torch.arange(n).repeat(rows).repeat_interleave(counts.reshape(-1)).reshape(rows, -1)
    flat = data.reshape(rows, length, -1).narrow(1, 0, run.size(1))
    start = torch.full((rows, n, flat.size(2)), neutral if initial is None else initial, dtype=data.dtype)
    out = start.scatter_reduce(1, run.unsqueeze(-1).expand(flat.shape), flat, fold)
    if reduce == "mean":
        out = torch.where(
            (counts > 0).unsqueeze(-1), out / counts.unsqueeze(-1), float("nan") if initial is None else initial
        )
    return out.reshape(before + (n,) + tuple(data.shape[axis + 1 :]))
