"""Derivatives of functions: vjp, jvp, jacobian, hessian, vhp, hvp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import rushlight as torch
from rushlight._rushlight import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = Any  # a tensor, or a tuple of tensors


def _tuple(value: Any, what: str, name: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether the value is a tuple, and as one."""
    values = value if isinstance(value, tuple) else (value,)
    for i, one in enumerate(values):
        if not isinstance(one, Tensor):
            where = f"Element {i} in the {what}" if isinstance(value, tuple) else f"The {what}"
            raise TypeError(f"{where} given to {name} must be Tensor, got {type(one).__name__}")
    return isinstance(value, tuple), values


def _prepare(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """Inputs to differentiate by: in the graph of the caller's if that is to go on, else leaves of their own."""
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs)
    return tuple(x.detach().requires_grad_() for x in inputs)


def _call(func: Callable, inputs: tuple[Tensor, ...], name: str) -> tuple[bool, tuple[Tensor, ...]]:
    return _tuple(func(*inputs), "outputs of the user-provided function", name)


def _grads(
    outputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...], seeds: tuple[Tensor | None, ...] | None, create_graph: bool
) -> tuple[Tensor | None, ...]:
    pairs = [(out, None if seeds is None else seeds[i]) for i, out in enumerate(outputs) if out.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    return torch.autograd.grad(
        [out for out, _ in pairs],
        inputs,
        None if seeds is None else [seed for _, seed in pairs],
        create_graph=create_graph,
        retain_graph=True,
        allow_unused=True,
    )


def _filled(grads: Sequence[Tensor | None], like: Sequence[Tensor], strict: bool, what: str) -> tuple[Tensor, ...]:
    filled = []
    for i, (grad, x) in enumerate(zip(grads, like)):
        if grad is None and strict:
            raise RuntimeError(f"The {what} is independent of input {i}. This is not allowed in strict mode.")
        filled.append(torch.zeros_like(x) if grad is None else grad)
    return tuple(filled)


def _vectors(v: Any, like: tuple[Tensor, ...], name: str) -> tuple[Tensor, ...]:
    """The vectors of a product, checked; a single one of one element may be left out."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"{name}: the vector v can only be None if there is a single tensor with a single element")
        return (torch.ones_like(like[0]),)
    _, vs = _tuple(v, "vector v", name)
    if len(vs) != len(like):
        raise RuntimeError(f"{name}: v is a tuple of {len(vs)} tensors, expected {len(like)}")
    for i, (one, x) in enumerate(zip(vs, like)):
        if one.shape != x.shape:
            raise RuntimeError(f"{name}: v has invalid size at entry {i}: got {one.shape}, expected {x.shape}")
    return vs


def _finish(values: tuple[Tensor, ...], as_tuple: bool, create_graph: bool) -> Tensors:
    if not create_graph:
        values = tuple(value.detach() for value in values)
    return values if as_tuple else values[0]


def vjp(func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False) -> tuple[Tensors, Tensors]:
    """`func(*inputs)`, and the product of `v` with its Jacobian."""
    with torch.enable_grad():
        several, values = _tuple(inputs, "inputs", "vjp")
        values = _prepare(values, create_graph)
        many, outputs = _call(func, values, "vjp")
        vs = _vectors(v, outputs, "vjp")
        grads = _grads(outputs, values, vs, create_graph)
        product = _filled(grads, values, strict, "output of the user-provided function")
    return _finish(outputs, many, create_graph), _finish(product, several, create_graph)


def jvp(func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False) -> tuple[Tensors, Tensors]:
    """`func(*inputs)`, and the product of its Jacobian with `v`, by differentiating a vjp."""
    with torch.enable_grad():
        _, values = _tuple(inputs, "inputs", "jvp")
        values = _prepare(values, create_graph)
        vs = _vectors(v, values, "jvp")
        many, outputs = _call(func, values, "jvp")
        seeds = tuple(torch.zeros_like(out, requires_grad=True) for out in outputs)
        grads = _grads(outputs, values, seeds, True)
        grads = _filled(grads, values, strict, "output of the user-provided function")
        product = _filled(_grads(grads, seeds, vs, create_graph), outputs, strict, "derivative")
    return _finish(outputs, many, create_graph), _finish(product, many, create_graph)


def jacobian(
    func: Callable,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian: for each output and input a tensor of the output's shape followed by the input's.

    A tensor, a tuple, or a tuple of tuples, as outputs and inputs are. `vectorize` is taken for compatibility.
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(f"Expected strategy to be either 'forward-mode' or 'reverse-mode', got {strategy!r}")
    with torch.enable_grad():
        several, values = _tuple(inputs, "inputs", "jacobian")
        values = _prepare(values, create_graph)
        many, outputs = _call(func, values, "jacobian")
        rows = []
        for out in outputs:
            columns: list[list[Tensor]] = [[] for _ in values]
            for i in range(out.numel()):
                grads = _grads((out.reshape(-1)[i],), values, None, create_graph)
                for column, grad in zip(columns, _filled(grads, values, strict, "output of the user-provided function")):
                    column.append(grad)
            row = []
            for column, x in zip(columns, values):
                whole = torch.stack(column) if column else torch.zeros(0, *x.shape, dtype=x.dtype)
                row.append(whole.reshape(out.shape + x.shape))
            rows.append(tuple(row))
    if not create_graph:
        rows = [tuple(one.detach() for one in row) for row in rows]
    results = tuple(row if several else row[0] for row in rows)
    return results if many else results[0]


def _scalar(func: Callable, name: str) -> Callable:
    def checked(*inputs: Tensor) -> Tensor:
        out = func(*inputs)
        if not isinstance(out, Tensor):
            raise RuntimeError(f"The function given to {name} should return a single Tensor")
        if out.numel() != 1:
            raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
        return out.reshape(())

    return checked


def hessian(
    func: Callable,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The matrix of second derivatives of a function that gives one number."""
    several = isinstance(inputs, tuple)

    def gradient(*values: Tensor) -> Any:
        grads = jacobian(_scalar(func, "hessian"), values, create_graph=True, strict=strict)
        return grads if several else grads[0]

    return jacobian(gradient, inputs, create_graph=create_graph, strict=strict, strategy=outer_jacobian_strategy)


def vhp(func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False) -> tuple[Tensor, Tensors]:
    """`func(*inputs)`, and the product of `v` with its Hessian."""
    with torch.enable_grad():
        several, values = _tuple(inputs, "inputs", "vhp")
        values = _prepare(values, create_graph)
        vs = _vectors(v, values, "vhp")
        out = _scalar(func, "vhp")(*values)
        grads = _filled(_grads((out,), values, None, True), values, strict, "output of the user-provided function")
        product = _filled(_grads(grads, values, vs, create_graph), values, strict, "derivative")
    return _finish((out,), False, create_graph), _finish(product, several, create_graph)


def hvp(func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False) -> tuple[Tensor, Tensors]:
    """`func(*inputs)`, and the product of its Hessian with `v`: the same as `vhp`, since a Hessian is symmetric."""
    with torch.enable_grad():
        several, values = _tuple(inputs, "inputs", "hvp")
        values = _prepare(values, create_graph)
        vs = _vectors(v, values, "hvp")
        out = _scalar(func, "hvp")(*values)
        grads = _filled(_grads((out,), values, None, True), values, strict, "output of the user-provided function")
        seeds = tuple(torch.zeros_like(grad, requires_grad=True) for grad in grads)
        double_back = _filled(_grads(grads, values, seeds, True), values, strict, "derivative")
        product = _filled(_grads(double_back, seeds, vs, create_graph), values, strict, "derivative")
    return _finish((out,), False, create_graph), _finish(product, several, create_graph)
