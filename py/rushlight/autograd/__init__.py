"""Automatic differentiation: `backward`, `grad`, custom functions, modes, checks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module as _import_module
from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight._rushlight import Node, Tensor, is_grad_enabled, is_inference_mode_enabled

from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled, set_multithreading_enabled
from .gradcheck import gradcheck, gradgradcheck  # now, so that the names stand for the functions, not for the module
from .variable import Variable

_MODULES = frozenset("anomaly_mode forward_ad function functional grad_mode gradcheck graph profiler variable".split())

__all__ = [
    "Function",
    "Node",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        try:
            return _import_module(f"rushlight.autograd.{name}")
        except ModuleNotFoundError:
            raise AttributeError(f"torch.autograd.{name} is not in Rushlight yet") from None
    raise AttributeError(f"module 'torch.autograd' has no attribute '{name}' in Rushlight (yet)")


def _listed(tensors: Any) -> tuple:
    return (tensors,) if isinstance(tensors, Tensor) or hasattr(tensors, "output_nr") else tuple(tensors)


def _seeds(outputs: tuple, grads: tuple) -> tuple:
    """The gradients to start with, checked; None where the core is to put ones."""
    if len(grads) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients")
    for i, (out, seed) in enumerate(zip(outputs, grads)):
        if seed is None:
            if out.requires_grad and out.numel() != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if out.requires_grad and not out.dtype.is_floating_point:
                kind = out.dtype
                raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {kind}")
        elif not isinstance(seed, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(seed).__name__}")
        elif seed.shape != out.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {seed.shape} and output[{i}] has a shape of {out.shape}."
            )
        elif seed.dtype.is_complex != out.dtype.is_complex:
            raise RuntimeError(
                "For complex Tensors, both grad_output and output are required to have the same dtype. "
                f"Mismatch in dtype: grad_output[{i}] has a dtype of {seed.dtype} and output[{i}] has a dtype of {out.dtype}."
            )
    return tuple(None if seed is None else seed.to(out.dtype) for out, seed in zip(outputs, grads))


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Sums the gradients of `tensors` into the `grad` of the leaves that they depend on (of `inputs` alone, if given).

    `grad_tensors` are the vectors of the vector-Jacobian product, one for each tensor that is no scalar.
    """
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError("`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`.")
        grad_tensors = grad_variables
    if inputs is not None:
        inputs = _listed(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    tensors = _listed(tensors)
    grads = (None,) * len(tensors) if grad_tensors is None else _listed(grad_tensors)
    if retain_graph is None:
        retain_graph = create_graph
    _rushlight._backward(tensors, _seeds(tensors, grads), retain_graph, create_graph, inputs)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`; leaves are left alone.

    Raises RuntimeError for an input that the outputs do not depend on, unless `allow_unused` (None) or `materialize_grads`
    (zeros) is set.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.")
    if allow_unused is None:
        allow_unused = materialize_grads
    if not only_inputs:
        warnings.warn("only_inputs argument is deprecated and is ignored now (defaults to True).", FutureWarning, stacklevel=2)
    outputs, inputs = _listed(outputs), _listed(inputs)
    grads = (None,) * len(outputs) if grad_outputs is None else _listed(grad_outputs)
    if retain_graph is None:
        retain_graph = create_graph
    if is_grads_batched:
        found = _batched(outputs, inputs, grads, create_graph)
    else:
        found = _rushlight._grad(outputs, _seeds(outputs, grads), inputs, retain_graph, create_graph)
    if not allow_unused and any(one is None for one in found):
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. "
            "Set allow_unused=True if this is the desired behavior."
        )
    if materialize_grads:
        found = tuple(torch.zeros_like(x, requires_grad=create_graph) if g is None else g for g, x in zip(found, inputs))
    return found


def _batched(outputs: tuple, inputs: tuple, grads: tuple, create_graph: bool) -> tuple:
    """One walk for each vector of a batch; their results stacked."""
    sizes = {len(seed) for seed in grads if seed is not None}
    if len(sizes) != 1:
        raise RuntimeError(f"is_grads_batched=True: the first sizes of grad_outputs differ: {sorted(sizes)}")
    rows = []
    for i in range(sizes.pop()):
        seeds = tuple(None if seed is None else seed[i] for seed in grads)
        rows.append(_rushlight._grad(outputs, _seeds(outputs, seeds), inputs, True, create_graph))
    return tuple(None if column[0] is None else torch.stack(column) for column in zip(*rows))
