"""The optimisers that go parameter by parameter in plain tensor arithmetic: each class says how state begins and how
one parameter steps.

`PerParameter.step` does what they share: the closure, parameters without gradient, `maximize`, complex parameters (as
pairs of reals).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as torch

from .optimizer import (
    Optimizer,
    ParamsT,
    _check_at_least,
    _check_betas,
    _check_dense,
    _check_lr,
    _number,
    _run_closure,
    use_grad_for_differentiable,
)

__all__ = ["ASGD", "Adadelta", "Adagrad", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop"]


def _zeros(p: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(p, requires_grad=False)


def _scalar(value: float = 0.0) -> torch.Tensor:
    """Counters are 0-d float32 tensors on the CPU, as saved states have them."""
    return torch.tensor(value, dtype=torch.float32)


class PerParameter(Optimizer):
    """Shared `step`; subclasses define `_init_state` and `_update`."""

    # options that states saved by early versions lack
    _OLD = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self._OLD.items():
                if name in self.defaults or name in group:
                    group.setdefault(name, value)
            for p in group["params"]:
                entry = self.state.get(p)
                if entry:
                    for name in ("step", "eta", "mu", "mu_product"):
                        if name in entry and not isinstance(entry[name], torch.Tensor):
                            entry[name] = _scalar(float(entry[name]))

    def _init_state(self, group: dict[str, Any], p: torch.Tensor, state: dict[str, Any]) -> None:
        """Fills `state`, empty so far, for `p`."""
        raise NotImplementedError

    def _update(self, group: dict[str, Any], p: torch.Tensor, grad: torch.Tensor, state: dict[str, Any]) -> None:
        """One step of `p`, in place."""
        raise NotImplementedError

    @use_grad_for_differentiable
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Updates the parameters once; returns what `closure` returns."""
        loss = None if closure is None else _run_closure(closure)
        for group in self.param_groups:
            maximize = group.get("maximize", False)
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                _check_dense(type(self).__name__, [grad])
                state = self.state[p]
                if not state:
                    self._init_state(group, p, state)
                if maximize:
                    grad = -grad
                if p.is_complex():
                    real = {
                        k: torch.view_as_real(v) if isinstance(v, torch.Tensor) and v.is_complex() else v
                        for k, v in state.items()
                    }
                    self._update(group, torch.view_as_real(p), torch.view_as_real(grad), real)
                else:
                    self._update(group, p, grad, state)
        return loss


class Adadelta(PerParameter):
    """Adadelta: steps of the size of recent steps.

    `v = rho v + (1 - rho) g²`, `d = g sqrt(u + eps) / sqrt(v + eps)`, `u = rho u + (1 - rho) d²`, `p -= lr d`.

    Example::

        >>> optimizer = torch.optim.Adadelta(model.parameters())
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        _check_at_least("epsilon value", eps)
        _check_at_least("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _init_state(self, group, p, state) -> None:
        state["step"] = _scalar()
        state["square_avg"] = _zeros(p)
        state["acc_delta"] = _zeros(p)

    def _update(self, group, p, grad, state) -> None:
        rho, eps = group["rho"], group["eps"]
        square_avg, acc_delta = state["square_avg"], state["acc_delta"]
        state["step"].add_(1)
        if group["weight_decay"]:
            grad = grad.add(p, alpha=group["weight_decay"])
        square_avg.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = acc_delta.add(eps).sqrt_().div_(square_avg.add(eps).sqrt_()).mul_(grad)
        acc_delta.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        p.add_(delta, alpha=-_number(group["lr"]))


class Adagrad(PerParameter):
    """Adagrad: `s += g²`, `p -= lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)`. State exists from the start.

    Example::

        >>> optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        _check_lr(lr)
        _check_at_least("lr_decay value", lr_decay)
        _check_at_least("weight_decay value", weight_decay)
        _check_at_least("initial_accumulator_value value", initial_accumulator_value)
        _check_at_least("epsilon value", eps)
        if fused and differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if fused and foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self._init_state(group, p, self.state[p])

    def share_memory(self) -> None:
        """Moves the state into shared memory, for training from several processes."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _init_state(self, group, p, state) -> None:
        start = group["initial_accumulator_value"]
        state["step"] = _scalar()
        state["sum"] = torch.full_like(p, complex(start, start) if p.is_complex() else start, requires_grad=False)

    def _update(self, group, p, grad, state) -> None:
        state["step"].add_(1)
        if group["weight_decay"]:
            grad = grad.add(p, alpha=group["weight_decay"])
        lr = _number(group["lr"]) / (1 + (state["step"].item() - 1) * group["lr_decay"])
        total = state["sum"]
        total.addcmul_(grad, grad, value=1)
        p.addcdiv_(grad, total.sqrt().add_(group["eps"]), value=-lr)


class Adamax(PerParameter):
    """Adamax: Adam with the largest recent gradient, `u = max(beta2 u, |g| + eps)`, in place of the root of the mean
    square.

    Example::

        >>> optimizer = torch.optim.Adamax(model.parameters())
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check_at_least("epsilon value", eps)
        _check_betas(betas)
        _check_at_least("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _init_state(self, group, p, state) -> None:
        state["step"] = _scalar()
        state["exp_avg"] = _zeros(p)
        state["exp_inf"] = _zeros(p)

    def _update(self, group, p, grad, state) -> None:
        beta1, beta2 = group["betas"]
        exp_avg, exp_inf = state["exp_avg"], state["exp_inf"]
        state["step"].add_(1)
        if group["weight_decay"]:
            grad = grad.add(p, alpha=group["weight_decay"])
        exp_avg.lerp_(grad, 1 - beta1)
        exp_inf.copy_(torch.maximum(exp_inf.mul_(beta2), grad.abs().add_(group["eps"])))
        p.addcdiv_(exp_avg, exp_inf, value=-_number(group["lr"]) / (1 - beta1 ** state["step"].item()))


class NAdam(PerParameter):
    """NAdam: Adam that looks ahead as Nesterov's momentum does, with a momentum that grows by `momentum_decay`.

    Example::

        >>> optimizer = torch.optim.NAdam(model.parameters())
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check_at_least("epsilon value", eps)
        _check_betas(betas)
        _check_at_least("weight_decay value", weight_decay)
        _check_at_least("momentum_decay value", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("decoupled_weight_decay", False)

    def _init_state(self, group, p, state) -> None:
        state["step"] = _scalar()
        state["mu_product"] = _scalar(1.0)
        state["exp_avg"] = _zeros(p)
        state["exp_avg_sq"] = _zeros(p)

    def _update(self, group, p, grad, state) -> None:
        (beta1, beta2), lr, decay = group["betas"], _number(group["lr"]), group["weight_decay"]
        exp_avg, exp_avg_sq, mu_product = state["exp_avg"], state["exp_avg_sq"], state["mu_product"]
        state["step"].add_(1)
        step = state["step"].item()
        if decay:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                grad = grad.add(p, alpha=decay)
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * group["momentum_decay"]))
        mu_product.mul_(mu)
        product = mu_product.item()
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denominator = exp_avg_sq.div(1 - beta2**step).sqrt_().add_(group["eps"])
        p.addcdiv_(grad, denominator, value=-lr * (1 - mu) / (1 - product))
        p.addcdiv_(exp_avg, denominator, value=-lr * mu_next / (1 - product * mu_next))


class RAdam(PerParameter):
    """RAdam: Adam that steps like momentum alone until its estimate of the variance can be trusted.

    Example::

        >>> optimizer = torch.optim.RAdam(model.parameters())
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check_at_least("epsilon value", eps)
        _check_betas(betas)
        _check_at_least("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("decoupled_weight_decay", False)

    def _init_state(self, group, p, state) -> None:
        state["step"] = _scalar()
        state["exp_avg"] = _zeros(p)
        state["exp_avg_sq"] = _zeros(p)

    def _update(self, group, p, grad, state) -> None:
        (beta1, beta2), lr, decay = group["betas"], _number(group["lr"]), group["weight_decay"]
        exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
        state["step"].add_(1)
        step = state["step"].item()
        if decay:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                grad = grad.add(p, alpha=decay)
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction1, correction2 = 1 - beta1**step, 1 - beta2**step
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / correction2
        if length > 5.0:
            rectification = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
            scale = lr / correction1 * rectification * correction2**0.5
            p.addcdiv_(exp_avg, exp_avg_sq.sqrt().add_(group["eps"]), value=-scale)
        else:
            p.add_(exp_avg, alpha=-lr / correction1)


class RMSprop(PerParameter):
    """RMSprop: `v = alpha v + (1 - alpha) g²`, `p -= lr g / (sqrt(v) + eps)`; optionally centred, and with momentum.

    Example::

        >>> optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, momentum=0.9)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check_at_least("epsilon value", eps)
        _check_at_least("momentum value", momentum)
        _check_at_least("weight_decay value", weight_decay)
        _check_at_least("alpha value", alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("momentum", 0)
            group.setdefault("centered", False)

    def _init_state(self, group, p, state) -> None:
        state["step"] = _scalar()
        state["square_avg"] = _zeros(p)
        if group["momentum"] > 0:
            state["momentum_buffer"] = _zeros(p)
        if group["centered"]:
            state["grad_avg"] = _zeros(p)

    def _update(self, group, p, grad, state) -> None:
        lr, alpha, square_avg = _number(group["lr"]), group["alpha"], state["square_avg"]
        state["step"].add_(1)
        if group["weight_decay"]:
            grad = grad.add(p, alpha=group["weight_decay"])
        square_avg.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            grad_avg = state["grad_avg"]
            grad_avg.lerp_(grad, 1 - alpha)
            root = square_avg.addcmul(grad_avg, grad_avg, value=-1).sqrt_()
        else:
            root = square_avg.sqrt()
        root.add_(group["eps"])
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"]
            buffer.mul_(group["momentum"]).addcdiv_(grad, root)
            p.add_(buffer, alpha=-lr)
        else:
            p.addcdiv_(grad, root, value=-lr)


class Rprop(PerParameter):
    """Rprop: a step size per element, that grows while the gradient keeps its sign and shrinks when it turns.

    Example::

        >>> optimizer = torch.optim.Rprop(model.parameters())
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _init_state(self, group, p, state) -> None:
        lr = _number(group["lr"])
        state["step"] = _scalar()
        state["prev"] = _zeros(p)
        state["step_size"] = torch.full_like(p, complex(lr, lr) if p.is_complex() else lr, requires_grad=False)

    def _update(self, group, p, grad, state) -> None:
        shrink, grow = group["etas"]
        prev, step_size = state["prev"], state["step_size"]
        state["step"].add_(1)
        turned = grad.mul(prev).sign_()
        factor = torch.where(turned > 0, grow, torch.where(turned < 0, shrink, 1.0)).to(step_size.dtype)
        step_size.mul_(factor).clamp_(*group["step_sizes"])
        # where the sign turned, this step is skipped, and the next one starts afresh
        grad = grad.masked_fill(turned < 0, 0.0)
        p.addcmul_(grad.sign(), step_size, value=-1)
        prev.copy_(grad)


class ASGD(PerParameter):
    """Averaged SGD: `p` follows SGD with a decaying rate, `state["ax"]` is its average from step `t0` on.

    Example::

        >>> optimizer = torch.optim.ASGD(model.parameters())
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check_at_least("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _init_state(self, group, p, state) -> None:
        state["step"] = _scalar()
        state["eta"] = _scalar(float(_number(group["lr"])))
        state["mu"] = _scalar(1.0)
        state["ax"] = _zeros(p)

    def _update(self, group, p, grad, state) -> None:
        lr, lambd = _number(group["lr"]), group["lambd"]
        ax, eta, mu = state["ax"], state["eta"], state["mu"]
        state["step"].add_(1)
        step = state["step"].item()
        if group["weight_decay"]:
            grad = grad.add(p, alpha=group["weight_decay"])
        rate = eta.item()
        p.mul_(1 - lambd * rate)
        p.add_(grad, alpha=-rate)
        weight = mu.item()
        if weight == 1:
            ax.copy_(p)
        else:
            ax.add_(p.sub(ax).mul_(weight))
        eta.fill_(lr / ((1 + lambd * lr * step) ** group["alpha"]))
        mu.fill_(1 / max(1, step - group["t0"]))
