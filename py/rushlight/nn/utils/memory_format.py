"""The memory format of convolutions' weights."""

from __future__ import annotations

from typing import Any

import rushlight as torch

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def _convert(module: Any, memory_format: Any, kinds: tuple) -> Any:
    if isinstance(module, kinds):
        weight = module.weight.detach().clone(memory_format=memory_format)
        module.weight.data = weight.resize_(weight.size(), memory_format=memory_format)
    for child in module.children():
        _convert(child, memory_format, kinds)
    return module


def convert_conv2d_weight_memory_format(module: Any, memory_format: torch.memory_format) -> Any:
    """Converts the weights of all two-dimensional convolutions in a module, in place."""
    nn = torch.nn
    return _convert(module, memory_format, (nn.Conv2d, nn.ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: Any, memory_format: torch.memory_format) -> Any:
    """Converts the weights of all three-dimensional convolutions in a module, in place."""
    nn = torch.nn
    return _convert(module, memory_format, (nn.Conv3d, nn.ConvTranspose3d))
