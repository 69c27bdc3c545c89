"""Adam and AdamW, one call into the core for all parameters of a group."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import rushlight as torch

from .optimizer import (
    Optimizer,
    ParamsT,
    _check_at_least,
    _check_betas,
    _check_lr,
    _number,
    _run_closure,
    use_grad_for_differentiable,
)

__all__ = ["Adam", "AdamW"]

_STEP, _AVG, _SQ, _MAX = map(itemgetter, ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"))


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g²`, and with both corrected for their start at zero,
    `p -= lr * m / (sqrt(v) + eps)`. `weight_decay * p` is added to the gradient, or taken from the parameter directly
    if
    `decoupled_weight_decay`. With `amsgrad`, the largest `v` so far takes the place of `v`.

    Raises:
        ValueError: for options out of range.

    Example::

        >>> optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        >>> loss.backward()
        >>> optimizer.step()
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1e-3,
        betas: tuple[float | torch.Tensor, float | torch.Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        _check_lr(lr, foreach, capturable)
        _check_at_least("epsilon value", eps)
        _check_betas(betas)
        _check_at_least("weight_decay value", weight_decay)
        if fused and differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if fused and foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name in ("amsgrad", "maximize", "capturable", "differentiable"):
                group.setdefault(name, False)
            group.setdefault("foreach", None)
            group.setdefault("decoupled_weight_decay", isinstance(self, AdamW))
            group.setdefault("fused", None)
            for p in group["params"]:
                entry = self.state.get(p)
                if entry and not isinstance(entry.get("step"), torch.Tensor):
                    entry["step"] = torch.tensor(float(entry["step"]), dtype=torch.float32)

    def _start(self, params: list[torch.Tensor], amsgrad: bool) -> None:
        """Gives state to the parameters that have none."""
        for p in params:
            entry = self.state[p]
            if not entry:
                entry["step"] = torch.zeros((), dtype=torch.float32)
                entry["exp_avg"] = torch.zeros_like(p, requires_grad=False)
                entry["exp_avg_sq"] = torch.zeros_like(p, requires_grad=False)
            if amsgrad and "max_exp_avg_sq" not in entry:
                entry["max_exp_avg_sq"] = torch.zeros_like(p, requires_grad=False)

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
            amsgrad = group["amsgrad"]
            # the lists are gathered anew each time, at the speed of C: state may be exchanged under us between two
            # steps
            try:
                lists = self._lists(params, amsgrad)
            except KeyError:
                self._start(params, amsgrad)
                lists = self._lists(params, amsgrad)
            adam(params, grads, *lists, group)
        return loss

    def _lists(self, params: list[torch.Tensor], amsgrad: bool) -> tuple[list, list, list, list]:
        entries = list(map(self.state.__getitem__, params))
        return (
            list(map(_AVG, entries)),
            list(map(_SQ, entries)),
            list(map(_MAX, entries)) if amsgrad else [],
            list(map(_STEP, entries)),
        )


class AdamW(Adam):
    """Adam whose weight decay acts on the parameter, not through the gradient: `p *= 1 - lr * weight_decay`.

    Example::

        >>> optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.1)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1e-3,
        betas: tuple[float | torch.Tensor, float | torch.Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


def adam(
    params: list[torch.Tensor],
    grads: list[torch.Tensor],
    exp_avgs: list[torch.Tensor],
    exp_avg_sqs: list[torch.Tensor],
    max_exp_avg_sqs: list[torch.Tensor],
    steps: list[torch.Tensor],
    options: dict[str, Any],
) -> None:
    """One step for `params`, all lists in place; `max_exp_avg_sqs` is empty without amsgrad."""
    for step in steps:
        step.add_(1)
    if options["differentiable"]:
        return _differentiable(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, options)
    for p in params:
        if p.is_complex():
            lists = (params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs)
            params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs = (
                [torch.view_as_real(t) if t.is_complex() else t for t in ts] for ts in lists
            )
            break
    beta1, beta2 = options["betas"]
    torch._C._fused_adam_(
        params,
        grads,
        exp_avgs,
        exp_avg_sqs,
        max_exp_avg_sqs,
        steps,
        lr=_number(options["lr"]),
        beta1=_number(beta1),
        beta2=_number(beta2),
        weight_decay=options["weight_decay"],
        eps=options["eps"],
        amsgrad=options["amsgrad"],
        maximize=options["maximize"],
        decoupled_weight_decay=options["decoupled_weight_decay"],
    )


def _differentiable(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, options) -> None:
    """The same in ops that autograd can follow."""
    lr, (beta1, beta2), decay = options["lr"], options["betas"], options["weight_decay"]
    for n, (p, grad, avg, sq, step) in enumerate(zip(params, grads, exp_avgs, exp_avg_sqs, steps)):
        if options["maximize"]:
            grad = -grad
        if decay:
            if options["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                grad = grad + p * decay
        avg.mul_(beta1).add_(grad * (1 - beta1))
        sq.mul_(beta2).add_(grad * grad.conj() * (1 - beta2))
        correction1, correction2 = 1 - beta1**step, 1 - beta2**step
        if options["amsgrad"]:
            max_exp_avg_sqs[n].copy_(torch.maximum(max_exp_avg_sqs[n], sq))
            sq = max_exp_avg_sqs[n]
        p.sub_(avg * (lr / correction1) / (sq.sqrt() / correction2.sqrt() + options["eps"]))
