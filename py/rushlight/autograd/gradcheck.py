"""Checks derivatives against finite differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import rushlight as torch
from rushlight._rushlight import Tensor

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A derivative is wrong."""


def _tensors(value: Any) -> tuple[Tensor, ...]:
    values = (value,) if isinstance(value, Tensor) else tuple(value)
    return tuple(v for v in values if isinstance(v, Tensor))


def _differentiable(tensor: Tensor) -> bool:
    return tensor.dtype.is_floating_point or tensor.dtype.is_complex


def _column(out: Tensor, seed: Any, index: int, inputs: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    """The gradients of one element of an output."""
    grad = torch.zeros(out.shape, dtype=out.dtype)
    grad.view(-1)[index] = seed
    return torch.autograd.grad(out, inputs, grad, retain_graph=True, allow_unused=True)


def _analytical(out: Tensor, inputs: Sequence[Tensor], seed: Any) -> list[Tensor]:
    """For each input, the gradients of all elements of the output: (numel of input, numel of output)."""
    jacobians = [torch.zeros(x.numel(), out.numel(), dtype=x.dtype) for x in inputs]
    for i in range(out.numel()):
        for jacobian, grad in zip(jacobians, _column(out, seed, i, inputs)):
            if grad is not None:
                jacobian[:, i] = grad.detach().reshape(-1)
    return jacobians


def _numerical(fn: Callable[[], list[Tensor]], x: Tensor, eps: float, direction: Any) -> list[Tensor]:
    """For each output, its change with each element of the input in a direction: (numel of input, numel of output)."""
    data = x.data  # whose changes autograd does not notice
    if not data.is_contiguous():
        raise ValueError("gradcheck expects inputs whose memory is dense: call .contiguous() on them")
    flat = data.view(-1)
    changes: list[Tensor] = []
    for i in range(flat.numel()):
        original = flat[i].clone()
        flat[i] = original - eps * direction
        low = fn()
        flat[i] = original + eps * direction
        high = fn()
        flat[i] = original
        if not changes:
            changes = [torch.zeros(flat.numel(), a.numel(), dtype=a.dtype) for a in low]
        for change, a, b in zip(changes, low, high):
            change[i] = ((b - a) / (2 * eps)).reshape(-1)
    return changes or [torch.zeros(0, out.numel(), dtype=out.dtype) for out in fn()]


def _close(a: Tensor, n: Tensor, atol: float, rtol: float) -> bool:
    if a.numel() == 0:
        return True
    wide = torch.complex128 if a.dtype.is_complex or n.dtype.is_complex else torch.float64
    a, n = a.to(wide), n.to(wide)
    close = (a - n).abs() <= atol + rtol * n.abs()
    return int(close.sum()) == close.numel()


def gradcheck(
    func: Callable,
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compares the gradients of `func(*inputs)` with finite differences, for every input that requires grad.

    Use float64 or complex128 inputs: single precision is too coarse. Raises GradcheckError where they differ by more than
    `atol + rtol * |finite difference|`, or returns False if `raise_exception` is off. `fast_mode` is taken, and the full check is
    made.

    >>> x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(torch.exp, (x,))
    True
    """
    if check_forward_ad:
        raise NotImplementedError("gradcheck(check_forward_ad=True): forward-mode AD is not in Rushlight")
    arguments = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        _check(func, arguments, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(
    func: Callable, arguments: tuple, eps: float, atol: float, rtol: float, nondet_tol: float, undefined: bool, dtypes: bool
) -> None:
    inputs = [x for x in arguments if isinstance(x, Tensor) and x.requires_grad]
    if not inputs:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True."
        )
    for i, x in enumerate(inputs):
        if x.dtype not in (torch.float64, torch.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely "
                "fail if all the inputs are not of double precision floating point or complex.",
                stacklevel=4,
            )
        if x.numel() > 1 and any(s == 0 and n > 1 for s, n in zip(x.stride(), x.size())):
            raise RuntimeError(f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping.")

    def run() -> list[Tensor]:
        with torch.no_grad():
            return [out.detach().clone() for out in _tensors(func(*arguments)) if _differentiable(out)]

    outputs = [out for out in _tensors(func(*arguments)) if _differentiable(out)]
    for j, out in enumerate(outputs):
        if not out.requires_grad:
            _check_flat(run, inputs, j, eps, atol, rtol)
            continue
        seeds = (1.0, 1j) if out.dtype.is_complex else (1.0,)
        jacobians = [_analytical(out, inputs, seed) for seed in seeds]
        again = _analytical(out, inputs, seeds[0])
        for i, (a, b) in enumerate(zip(jacobians[0], again)):
            if not _close(a, b, nondet_tol, 0.0):
                raise GradcheckError(
                    f"Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                    f"different values, although analytical gradient matches numerical gradient, for input {i}."
                )
            if dtypes and a.dtype != inputs[i].dtype:
                raise GradcheckError(f"the gradient of input {i} has dtype {a.dtype}, expected {inputs[i].dtype}")
        for i, x in enumerate(inputs):
            _compare(run, x, i, j, out, [jacobian[i] for jacobian in jacobians], eps, atol, rtol)
    if undefined and len(outputs) > 1:
        _check_undefined(func, arguments, inputs)


def _compare(
    run: Callable, x: Tensor, i: int, j: int, out: Tensor, analytical: list[Tensor], eps: float, atol: float, rtol: float
) -> None:
    """With real and imaginary parts as inputs and outputs of their own, each entry of the Jacobian is compared."""
    directions = (1.0, 1j) if x.dtype.is_complex else (1.0,)
    for d, direction in enumerate(directions):
        change = _numerical(run, x, eps, direction)[j]
        parts = (change.real, change.imag) if out.dtype.is_complex else (change,)
        for part, jacobian in zip(parts, analytical):
            own = (jacobian.real, jacobian.imag)[d] if x.dtype.is_complex else jacobian
            if not _close(own, part, atol, rtol):
                side = f"Jacobian mismatch for output {j} with respect to input {i},"
                raise GradcheckError(f"{side}\nnumerical:{part}\nanalytical:{own}\n")


def _check_flat(run: Callable, inputs: Sequence[Tensor], j: int, eps: float, atol: float, rtol: float) -> None:
    """An output that does not require grad must not depend on the inputs."""
    for i, x in enumerate(inputs):
        change = _numerical(run, x, eps, 1.0)[j]
        if not _close(change, torch.zeros_like(change), atol, rtol):
            raise GradcheckError(f"Numerical gradient for function expected to be zero: output {j}, input {i}")


def _check_undefined(func: Callable, arguments: tuple, inputs: Sequence[Tensor]) -> None:
    """Gradients that are not there count as zeros."""
    outputs = [out for out in _tensors(func(*arguments)) if _differentiable(out) and out.requires_grad]
    for skip in range(len(outputs)):
        total = sum((torch.zeros(()) if k == skip else out.abs().sum()) for k, out in enumerate(outputs))
        if isinstance(total, Tensor) and total.requires_grad:
            torch.autograd.grad(total, inputs, retain_graph=True, allow_unused=True)


def gradgradcheck(
    func: Callable,
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Checks second derivatives: `gradcheck` of the gradients of `func`, with respect to the inputs and `grad_outputs`."""
    arguments = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if grad_outputs is None:
        outputs = [out for out in _tensors(func(*arguments)) if _differentiable(out)]
        made = []
        for out in outputs:
            seed = torch.empty(out.shape, dtype=out.dtype)
            flat = seed.view(-1)
            for i in range(flat.numel()):
                # Any numbers that are neither zero nor all alike.
                value = 0.5 + ((i * 7 + 3) % 11) / 11
                flat[i] = complex(value, 1 - value) if out.dtype.is_complex else value
            made.append(seed.requires_grad_())
        seeds = tuple(made)
    else:
        seeds = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    count = len(seeds)

    def first(*args: Any) -> tuple[Tensor, ...]:
        own, given = args[:-count], args[-count:]
        outputs = [out for out in _tensors(func(*own)) if _differentiable(out)]
        wanted = [x for x in own if isinstance(x, Tensor) and x.requires_grad]
        pairs = [(out, seed) for out, seed in zip(outputs, given) if out.requires_grad]
        grads = torch.autograd.grad(
            [out for out, _ in pairs], wanted, [seed for _, seed in pairs], create_graph=True, allow_unused=True
        )
        return tuple(grad for grad in grads if grad is not None)

    with torch.enable_grad():
        return gradcheck(
            _with_grad(first),
            (*arguments, *seeds),
            eps=eps,
            atol=atol,
            rtol=rtol,
            raise_exception=raise_exception,
            nondet_tol=nondet_tol,
            check_undefined_grad=check_undefined_grad,
            check_grad_dtypes=check_grad_dtypes,
        )


def _with_grad(func: Callable) -> Callable:
    """The first derivative needs recording also where the check itself records nothing."""

    def wrapper(*args: Any) -> Any:
        with torch.enable_grad():
            return func(*args)

    return wrapper
