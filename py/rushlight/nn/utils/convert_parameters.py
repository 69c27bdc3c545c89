"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rushlight as torch

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def _check_param_device(param: torch.Tensor, old_device: Any) -> Any:
    if old_device is not None and param.device != old_device:
        raise TypeError(
            f"Found two parameters on different devices ({old_device} and {param.device}), this is currently not "
            f"supported."
        )
    return param.device


def parameters_to_vector(parameters: Iterable[torch.Tensor]) -> torch.Tensor:
    """The elements of all parameters, one after the other.

    Example::

        >>> torch.nn.utils.parameters_to_vector(torch.nn.Linear(2, 3).parameters()).shape
        torch.Size([9])
    """
    device, parts = None, []
    for param in parameters:
        device = _check_param_device(param, device)
        parts.append(param.view(-1))
    return torch.cat(parts)


def vector_to_parameters(vec: torch.Tensor, parameters: Iterable[torch.Tensor]) -> None:
    """Gives parameters the elements of a vector as their data; they then share its memory."""
    if not isinstance(vec, torch.Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    device, start = None, 0
    for param in parameters:
        device = _check_param_device(param, device)
        count = param.numel()
        param.data = vec[start : start + count].view_as(param).data
        start += count
