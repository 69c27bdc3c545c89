"""Gradients of convolutions with respect to their input and their weight, as functions of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rushlight as torch

from .modules.utils import _pair, _single, _triple

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _conv(
    n: int, x: torch.Tensor, w: torch.Tensor, stride: Any, padding: Any, dilation: Any, groups: int
) -> torch.Tensor:
    tuples = (_single, _pair, _triple)[n - 1]
    function = (torch.conv1d, torch.conv2d, torch.conv3d)[n - 1]
    return function(x, w, None, tuples(stride), tuples(padding), tuples(dilation), groups)


def _input_grad(n: int, input_size: Any, weight: torch.Tensor, grad: torch.Tensor, *options: Any) -> torch.Tensor:
    if input_size is None:
        raise ValueError(f"grad.conv{n}d_input requires specifying an input_size")
    with torch.enable_grad():
        x = torch.zeros(tuple(input_size), dtype=grad.dtype, device=grad.device, requires_grad=True)
        out = _conv(n, x, weight.detach(), *options)
        return torch.autograd.grad(out, x, grad.detach())[0]


def _weight_grad(n: int, x: torch.Tensor, weight_size: Any, grad: torch.Tensor, *options: Any) -> torch.Tensor:
    with torch.enable_grad():
        w = torch.zeros(tuple(weight_size), dtype=grad.dtype, device=grad.device, requires_grad=True)
        out = _conv(n, x.detach(), w, *options)
        return torch.autograd.grad(out, w, grad.detach())[0]


def conv1d_input(
    input_size: Sequence[int],
    weight: torch.Tensor,
    grad_output: torch.Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> torch.Tensor:
    """The gradient of `conv1d` with respect to an input of size ``input_size``, given that of its output."""
    return _input_grad(1, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: torch.Tensor,
    weight_size: Sequence[int],
    grad_output: torch.Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> torch.Tensor:
    """The gradient of `conv1d` with respect to a weight of size ``weight_size``, given that of its output."""
    return _weight_grad(1, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Sequence[int],
    weight: torch.Tensor,
    grad_output: torch.Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> torch.Tensor:
    """The gradient of `conv2d` with respect to an input of size ``input_size``, given that of its output."""
    return _input_grad(2, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: torch.Tensor,
    weight_size: Sequence[int],
    grad_output: torch.Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> torch.Tensor:
    """The gradient of `conv2d` with respect to a weight of size ``weight_size``, given that of its output."""
    return _weight_grad(2, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Sequence[int],
    weight: torch.Tensor,
    grad_output: torch.Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> torch.Tensor:
    """The gradient of `conv3d` with respect to an input of size ``input_size``, given that of its output."""
    return _input_grad(3, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: torch.Tensor,
    weight_size: Sequence[int],
    grad_output: torch.Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> torch.Tensor:
    """The gradient of `conv3d` with respect to a weight of size ``weight_size``, given that of its output."""
    return _weight_grad(3, input, weight_size, grad_output, stride, padding, dilation, groups)
