"""Adafactor: a second moment kept as row and column means, so that its state is small."""

from __future__ import annotations

import rushlight as torch

from .optimizer import ParamsT, _check_at_least, _check_lr, _number
from .per_parameter import PerParameter, _scalar

__all__ = ["Adafactor"]


class Adafactor(PerParameter):
    """Adafactor, with the relative step of the paper: steps are in proportion to the size of the parameter.

    Matrices (and stacks of them) keep `row_var` and `col_var`, everything else a full `variance`.

    Raises:
        ValueError: for options out of range; RuntimeError: for complex parameters.

    Example::

        >>> optimizer = torch.optim.Adafactor(model.parameters(), lr=1e-2)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        _check_lr(lr)
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None:
            _check_at_least("epsilon1", eps[0])
        _check_at_least("epsilon2", eps[1])
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        _check_at_least("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _init_state(self, group, p, state) -> None:
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters; use Adam")
        grad = p.grad
        state["step"] = _scalar()
        if grad.dim() > 1:
            rows, columns = list(grad.shape), list(grad.shape)
            rows[-1] = columns[-2] = 1
            state["row_var"] = grad.new_zeros(rows)
            state["col_var"] = grad.new_zeros(columns)
        else:
            state["variance"] = torch.zeros_like(grad)

    def _update(self, group, p, grad, state) -> None:
        (eps1, eps2), lr = group["eps"], _number(group["lr"])
        if eps1 is None:
            eps1 = torch.finfo(p.dtype).eps
        state["step"].add_(1)
        step = state["step"].item()
        fresh = step ** group["beta2_decay"]
        rho = min(lr, 1 / step**0.5)
        alpha = max(eps2, p.norm(2).item() / p.numel() ** 0.5) * rho
        if group["weight_decay"]:
            p.mul_(1 - lr * group["weight_decay"])
        if grad.dim() > 1:
            row_var, col_var = state["row_var"], state["col_var"]
            row_var.lerp_(torch.norm(grad, dim=-1, keepdim=True).square_().div_(grad.size(-1)), fresh)
            col_var.lerp_(torch.norm(grad, dim=-2, keepdim=True).square_().div_(grad.size(-2)), fresh)
            estimate = (row_var @ col_var).div_(row_var.mean(dim=-2, keepdim=True).clamp_(min=eps1))
        else:
            variance = state["variance"]
            variance.lerp_(grad.square(), fresh)
            estimate = variance.clone()
        update = estimate.clamp_(min=eps1 * eps1).rsqrt_().mul_(grad)
        size = update.norm(2).item() / (update.numel() ** 0.5 * group["d"])
        p.add_(update, alpha=-alpha / max(1.0, size))
