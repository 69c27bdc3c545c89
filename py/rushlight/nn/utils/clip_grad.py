"""Gradient clipping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rushlight as torch

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _grads(parameters: Any) -> list[torch.Tensor]:
    if isinstance(parameters, torch.Tensor):
        parameters = [parameters]
    return [p.grad for p in parameters if p.grad is not None]


def _norms(tensors: list[torch.Tensor], norm_type: float) -> list[torch.Tensor]:
    return [torch.linalg.vector_norm(t, norm_type) for t in tensors]


def get_total_norm(
    tensors: torch.Tensor | Iterable[torch.Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> torch.Tensor:
    """The norm of all tensors taken as one vector.

    Args:
        tensors: one or several; those of gradients, not parameters.
        norm_type: the p of the norm; may be ``inf``. Default: 2
        error_if_nonfinite: raise if the norm is NaN or infinite. Default: ``False``
        foreach: taken, and without effect.
    """
    tensors = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return torch.tensor(0.0)
    with torch.no_grad():
        norms = _norms(tensors, norm_type)
        first = norms[0].device
        total = torch.linalg.vector_norm(torch.stack([norm.to(first) for norm in norms]), norm_type)
        if error_if_nonfinite and not bool(torch.isfinite(total)):
            raise RuntimeError(
                f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
                f"cannot be clipped. To "
                "disable this error and scale the gradients by the non-finite norm anyway, set "
                "`error_if_nonfinite=False`"
            )
    return total


def clip_grads_with_norm_(
    parameters: torch.Tensor | Iterable[torch.Tensor],
    max_norm: float,
    total_norm: torch.Tensor,
    foreach: bool | None = None,
) -> None:
    """Scales gradients, in place, by ``max_norm / total_norm`` if that is below 1.

    Args:
        parameters: one or several tensors whose gradients are scaled.
        max_norm: the norm they may have.
        total_norm: the norm they have; see `get_total_norm`.
        foreach: taken, and without effect.
    """
    grads = _grads(parameters)
    if not grads:
        return
    with torch.no_grad():
        # by 1 at least where nothing is to be done: asking would wait for the device
        factor = torch.clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
        for grad in grads:
            grad.mul_(factor.to(grad.device))


def clip_grad_norm_(
    parameters: torch.Tensor | Iterable[torch.Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> torch.Tensor:
    """Scales gradients, in place, such that their norm, all taken as one vector, is at most ``max_norm``.

    Args:
        parameters: one or several tensors whose gradients are scaled.
        max_norm: the norm they may have.
        norm_type: the p of the norm; may be ``inf``. Default: 2
        error_if_nonfinite: raise if the norm is NaN or infinite. Default: ``False``
        foreach: taken, and without effect.

    Returns:
        the norm before scaling.

    Example::

        >>> p = torch.nn.Parameter(torch.zeros(2))
        >>> p.grad = torch.tensor([3., 4.])
        >>> torch.nn.utils.clip_grad_norm_([p], 1.0), p.grad
        (tensor(5.), tensor([0.6000, 0.8000]))
    """
    if isinstance(parameters, torch.Tensor):
        parameters = [parameters]
    else:
        generator = not hasattr(parameters, "__len__")
        parameters = list(parameters)
        if generator and not parameters:
            import warnings

            warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm(_grads(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: torch.Tensor | Iterable[torch.Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> torch.Tensor:
    """The old name of `clip_grad_norm_`."""
    import warnings

    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(
    parameters: torch.Tensor | Iterable[torch.Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limits every element of the gradients, in place, to [-clip_value, clip_value].

    Args:
        parameters: one or several tensors whose gradients are limited.
        clip_value: the bound.
        foreach: taken, and without effect.
    """
    bound = float(clip_value)
    with torch.no_grad():
        for grad in _grads(parameters):
            grad.clamp_(-bound, bound)
