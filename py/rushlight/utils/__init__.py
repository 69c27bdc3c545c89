"""Utilities around training: data loading, checkpointing, trees of tensors. Submodules load when first used."""

from __future__ import annotations

import importlib
from typing import Any

import rushlight as torch

_SUBMODULES = frozenset(
    (
        "_pytree",
        "benchmark",
        "checkpoint",
        "collect_env",
        "cpp_extension",
        "data",
        "dlpack",
        "hooks",
        "model_zoo",
        "tensorboard",
    )
)


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])


def set_module(obj: Any, mod: str) -> None:
    """Makes `obj` say that it lives in module `mod`."""
    if not isinstance(mod, str):
        raise TypeError(f"The mod argument should be a string, got {type(mod).__name__}")
    obj.__module__ = mod


def swap_tensors(t1: torch.Tensor, t2: torch.Tensor) -> None:
    """Exchanges what two tensors are: their data, gradients and attributes. Both must be leaves, or have no history to
    keep.

    Raises:
        RuntimeError: if either takes part in a recorded graph, or their types differ.
    """
    if type(t1) is not type(t2):
        raise RuntimeError(
            f"swap_tensors: expected tensors of one class, got {type(t1).__name__} and {type(t2).__name__}"
        )
    for t in (t1, t2):
        if t.grad_fn is not None:
            raise RuntimeError(f"swap_tensors: expected tensors without history, got one made by {t.grad_fn.name()}")
    with torch.no_grad():
        data1, data2 = t1.data, t2.data
        grad1, grad2 = t1.grad, t2.grad
        needs1, needs2 = t1.requires_grad, t2.requires_grad
        t1.grad = t2.grad = None
        t1.requires_grad_(False), t2.requires_grad_(False)
        t1.data, t2.data = data2, data1
        t1.requires_grad_(needs2), t2.requires_grad_(needs1)
        t1.grad, t2.grad = grad2, grad1
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
