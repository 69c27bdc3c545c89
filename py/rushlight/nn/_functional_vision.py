"""Resizing, sampling and unfolding of images, as functions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import rushlight as torch

from .modules.utils import _pair

if TYPE_CHECKING:
    from rushlight import Tensor

__all__ = [
    "GRID_SAMPLE_INTERPOLATION_MODES",
    "GRID_SAMPLE_PADDING_MODES",
    "affine_grid",
    "fold",
    "grid_sample",
    "interpolate",
    "pad",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

_nn = torch._C._nn

GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}

# (number of dimensions, mode) to the core's function and whether it takes align_corners
_UPSAMPLE = {
    (3, "nearest"): ("upsample_nearest1d", False),
    (4, "nearest"): ("upsample_nearest2d", False),
    (5, "nearest"): ("upsample_nearest3d", False),
    (3, "nearest-exact"): ("_upsample_nearest_exact1d", False),
    (4, "nearest-exact"): ("_upsample_nearest_exact2d", False),
    (5, "nearest-exact"): ("_upsample_nearest_exact3d", False),
    (3, "linear"): ("upsample_linear1d", True),
    (4, "bilinear"): ("upsample_bilinear2d", True),
    (4, "bicubic"): ("upsample_bicubic2d", True),
    (4, "lanczos"): ("upsample_lanczos2d", True),
    (5, "trilinear"): ("upsample_trilinear3d", True),
}
_NEEDS = {"linear": "3D", "bilinear": "4D", "trilinear": "5D", "bicubic": "4D", "lanczos": "4D"}


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Adds elements at the ends of the last dimensions.

    Args:
        pad: how many, in pairs (before, after) from the last dimension backwards; negative numbers take elements away.
        mode: ``'constant'``, ``'reflect'``, ``'replicate'`` or ``'circular'``; all but the first need batch and channel
            dimensions (of which the first may be missing) in front of those padded.
        value: what a constant padding holds. Default: 0

    Example::

        >>> F.pad(torch.ones(2, 2), (1, 0)).shape
        torch.Size([2, 3])
    """
    return _nn.pad(input, pad, mode, value)


def _per_dim(what: Any, given: Any, input: Tensor, dim: int) -> list:
    if not isinstance(given, (list, tuple)):
        return [given] * dim
    if len(given) != dim:
        raise ValueError(
            "Input and output must have the same number of spatial dimensions, but got input with spatial "
            "dimensions of "
            f"{list(input.shape[2:])} and {what} of {given}. Please provide input tensor in (N, C, d1, d2, "
            f"...,dK) format and "
            f"{what} in one value per spatial dimension."
        )
    return list(given)


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resizes an input of shape (N, C, d1), (N, C, d1, d2) or (N, C, d1, d2, d3).

    Args:
        size: the spatial size of the output; or
        scale_factor: its ratio to the input's.
        mode: ``'nearest'``, ``'nearest-exact'``, ``'linear'`` (3D), ``'bilinear'``, ``'bicubic'``, ``'lanczos'`` (4D, the
            last with ``antialias``), ``'trilinear'`` (5D) or ``'area'``.
        align_corners: the centres of the corner elements, not their outer corners, keep their places.
        recompute_scale_factor: use the ratio of the rounded sizes instead of the ``scale_factor`` given.
        antialias: smooth when shrinking, for ``'bilinear'``, ``'bicubic'`` and ``'lanczos'``.

    Example::

        >>> F.interpolate(torch.zeros(1, 1, 4, 4), scale_factor=2).shape
        torch.Size([1, 1, 8, 8])
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic "
                "| trilinear"
            )
    elif align_corners is None:
        align_corners = False
    ndim = input.dim()
    dim = ndim - 2
    output_size: list[int] | None = None
    factors: list[float] | None = None
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        output_size = _per_dim("output size", size, input, dim)
        for part in output_size:
            if not isinstance(part, int) and not hasattr(part, "__index__"):
                raise TypeError(
                    f"expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], "
                    f"but got size with "
                    f"types {[type(p) for p in output_size]}"
                )
    elif scale_factor is not None:
        factors = _per_dim("scale_factor", scale_factor, input, dim)
    else:
        raise ValueError("either size or scale_factor should be defined")
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if (recompute_scale_factor or mode == "area") and output_size is None and factors is not None:
        output_size = [int(math.floor(float(n) * f)) for n, f in zip(input.shape[2:], factors)]
        factors = None
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "lanczos" and ndim == 4 and (align_corners or not antialias):
        raise ValueError("interpolate: mode 'lanczos' takes antialias=True and no align_corners")
    found = _UPSAMPLE.get((ndim, mode))
    if found is not None:
        name, aligned = found
        if antialias:
            name = f"_{name}_aa"
        function = getattr(_nn, name)
        if aligned:
            return function(input, output_size, align_corners, factors)
        return function(input, output_size, factors)
    if mode == "area" and ndim in (3, 4, 5):
        pools = (torch.adaptive_avg_pool1d, _nn.adaptive_avg_pool2d, _nn.adaptive_avg_pool3d)
        return pools[ndim - 3](input, output_size)
    if ndim in (3, 4, 5) and mode in _NEEDS:
        raise NotImplementedError(f"Got {ndim}D input, but {mode} mode needs {_NEEDS[mode]} input")
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: nearest | linear "
        f"| bilinear | "
        f"bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
    )


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """The old name of `interpolate`."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """``interpolate(..., mode='nearest')``, which is the name to use."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """``interpolate(..., mode='bilinear', align_corners=True)``, which is the name to use."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _warn_align(name: str) -> None:
    warnings.warn(
        f"Default {name} and align_corners behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired.",
        stacklevel=3,
    )


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Samples an image at the places of a grid.

    Args:
        input: of shape (N, C, H, W) or (N, C, D, H, W).
        grid: of shape (N, H', W', 2) or (N, D', H', W', 3): x, y (and z) from -1 to 1.
        mode: ``'bilinear'``, ``'nearest'`` or ``'bicubic'`` (4D only).
        padding_mode: what lies outside: ``'zeros'``, ``'border'`` or ``'reflection'``.
        align_corners: whether -1 and 1 are the centres of the corner elements, or their outer edges (the default).

    Returns:
        a tensor of shape (N, C, H', W') or (N, C, D', H', W').
    """
    if mode not in GRID_SAMPLE_INTERPOLATION_MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in GRID_SAMPLE_PADDING_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
            f"but got: '{padding_mode}'"
        )
    if align_corners is None:
        _warn_align("grid_sample")
        align_corners = False
    kind, outside = GRID_SAMPLE_INTERPOLATION_MODES[mode], GRID_SAMPLE_PADDING_MODES[padding_mode]
    return torch.grid_sampler(input, grid, kind, outside, align_corners)


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid with which `grid_sample` applies affine maps.

    Args:
        theta: of shape (N, 2, 3), or (N, 3, 4) in three dimensions.
        size: the output's size, (N, C, H, W) or (N, C, D, H, W).
        align_corners: as for `grid_sample`.
    """
    if align_corners is None:
        _warn_align("affine_grid")
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    n = len(size)
    if n not in (4, 5):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    if theta.dim() != 3 or theta.shape[-2] != n - 2 or theta.shape[-1] != n - 1:
        raise ValueError(
            f"Expected a batch of {n - 2}D affine matrices of shape Nx{n - 2}x{n - 1} for size {size}. Got "
            f"{theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return torch.affine_grid_generator(theta, size, align_corners)


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of an image as columns: (N, C, H, W) becomes (N, C * kernel elements, windows)."""
    return _nn.im2col(input, _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Puts columns back as windows of an image, adding where they overlap; the shapes are those of `unfold`
    backwards."""
    size = _pair(output_size)
    return _nn.col2im(input, size, _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))
