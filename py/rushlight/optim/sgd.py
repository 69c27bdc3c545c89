"""Stochastic gradient descent, one call into the core for all parameters of a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as torch

from .optimizer import (
    Optimizer,
    ParamsT,
    _check_at_least,
    _check_lr,
    _number,
    _run_closure,
    use_grad_for_differentiable,
)

__all__ = ["SGD", "sgd"]


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for.

    With gradient `g` (plus `weight_decay * p`): `buf = momentum * buf + (1 - dampening) * g` (the first time `buf =
    g`), then
    `p -= lr * buf`, or `p -= lr * (g + momentum * buf)` with `nesterov`.

    Raises:
        ValueError: for negative options, or `nesterov` without momentum or with dampening.

    Example::

        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        >>> loss.backward()
        >>> optimizer.step()
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | torch.Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        _check_lr(lr)
        _check_at_least("momentum value", momentum)
        _check_at_least("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        if fused and differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if fused and foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in (
                ("nesterov", False),
                ("maximize", False),
                ("foreach", None),
                ("differentiable", False),
                ("fused", None),
            ):
                group.setdefault(name, value)

    @use_grad_for_differentiable
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Updates the parameters once; returns what `closure` returns."""
        loss = None if closure is None else _run_closure(closure)
        for group in self.param_groups:
            params, grads = [], []
            for p in group["params"]:
                grad = p.grad
                if grad is not None:
                    params.append(p)
                    grads.append(grad)
            if not params:
                continue
            if not group["momentum"]:
                sgd(params, grads, [], group, False)
                continue
            state = self.state
            buffers = [state[p].get("momentum_buffer") for p in params]
            fresh = [n for n, buffer in enumerate(buffers) if buffer is None]
            if not fresh:
                sgd(params, grads, buffers, group, False)
                continue
            # a buffer that is new starts as a copy of the gradient; old ones of the same group go on as they were
            old = [n for n, buffer in enumerate(buffers) if buffer is not None]
            if old:
                sgd([params[n] for n in old], [grads[n] for n in old], [buffers[n] for n in old], group, False)
            new = [torch.empty_like(params[n]).detach() for n in fresh]
            sgd([params[n] for n in fresh], [grads[n] for n in fresh], new, group, True)
            for n, buffer in zip(fresh, new):
                state[params[n]]["momentum_buffer"] = buffer
        return loss


def sgd(
    params: list[torch.Tensor],
    grads: list[torch.Tensor],
    buffers: list[torch.Tensor],
    options: dict[str, Any],
    is_first_step: bool,
) -> None:
    """One step for `params`, all in place. `buffers` (empty without momentum) are overwritten if `is_first_step`."""
    if options["differentiable"]:
        return _differentiable(params, grads, buffers, options, is_first_step)
    for p in params:
        if p.is_complex():
            params, grads, buffers = (
                [torch.view_as_real(t) if t.is_complex() else t for t in ts] for ts in (params, grads, buffers)
            )
            break
    torch._C._fused_sgd_(
        params,
        grads,
        buffers,
        lr=_number(options["lr"]),
        momentum=options["momentum"],
        weight_decay=_number(options["weight_decay"]),
        dampening=options["dampening"],
        nesterov=options["nesterov"],
        maximize=options["maximize"],
        is_first_step=is_first_step,
    )


def _differentiable(params, grads, buffers, options, is_first_step) -> None:
    """The same in ops that autograd can follow."""
    momentum = options["momentum"]
    for n, (p, grad) in enumerate(zip(params, grads)):
        if options["maximize"]:
            grad = -grad
        grad = grad + p * options["weight_decay"]
        if momentum:
            if is_first_step:
                buffers[n] = grad.clone()
            else:
                buffers[n].mul_(momentum).add_(grad, alpha=1 - options["dampening"])
            grad = grad + buffers[n] * momentum if options["nesterov"] else buffers[n]
        p.sub_(grad * options["lr"])
