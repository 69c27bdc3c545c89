"""L-BFGS: quasi-Newton steps from the last gradients, with a strong Wolfe line search if asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as torch

from .optimizer import Optimizer, ParamsT, _check_lr, _number, _run_closure

__all__ = ["LBFGS"]


def _cubic_minimum(
    x1: float, f1: float, g1: Any, x2: float, f2: float, g2: Any, bounds: tuple[float, float] | None = None
) -> float:
    """Where the cubic through two points with given slopes is least, kept within `bounds`."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if square >= 0:
        d2 = square**0.5
        if x1 <= x2:
            at = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
        else:
            at = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
        return min(max(at, low), high)
    return (low + high) / 2.0


def _strong_wolfe(evaluate, x, t, d, f, g, slope, c1=1e-4, c2=0.9, tolerance_change=1e-9, most=25):
    """A step length along `d` that meets the strong Wolfe conditions: first a bracket, then narrowing it.

    Returns the loss and gradient there, the step length, and how often `evaluate` ran.
    """
    size = d.abs().max()
    g = g.clone()
    f_new, g_new = evaluate(x, t, d)
    evaluations = 1
    slope_new = g_new.dot(d)

    t_prev, f_prev, g_prev, slope_prev = 0, f, g, slope
    done, searched = False, 0
    while searched < most:
        bad = f_new > f + c1 * t * slope or (searched > 1 and f_new >= f_prev)
        if bad or slope_new >= 0:
            if not bad and abs(slope_new) <= -c2 * slope:
                bracket, bracket_f, bracket_g, bracket_slope = [t], [f_new], [g_new], [slope_new]
                done = True
                break
            bracket = [t_prev, t]
            bracket_f = [f_prev, f_new]
            bracket_g = [g_prev, g_new.clone()]
            bracket_slope = [slope_prev, slope_new]
            break
        if abs(slope_new) <= -c2 * slope:
            bracket, bracket_f, bracket_g, bracket_slope = [t], [f_new], [g_new], [slope_new]
            done = True
            break
        least, most_t = t + 0.01 * (t - t_prev), t * 10
        longer = _cubic_minimum(t_prev, f_prev, slope_prev, t, f_new, slope_new, bounds=(least, most_t))
        t_prev, f_prev, g_prev, slope_prev = t, f_new, g_new.clone(), slope_new
        t = longer
        f_new, g_new = evaluate(x, t, d)
        evaluations += 1
        slope_new = g_new.dot(d)
        searched += 1
    else:
        bracket, bracket_f, bracket_g = [0, t], [f, f_new], [g, g_new]
        bracket_slope = [slope, slope_new]

    stuck = False
    low, high = (0, 1) if bracket_f[0] <= bracket_f[-1] else (1, 0)
    while not done and searched < most:
        if abs(bracket[1] - bracket[0]) * size < tolerance_change:
            break
        t = _cubic_minimum(bracket[0], bracket_f[0], bracket_slope[0], bracket[1], bracket_f[1], bracket_slope[1])
        # a point too near an end of the bracket makes no progress: the second time, move it inside
        margin = 0.1 * (max(bracket) - min(bracket))
        if min(max(bracket) - t, t - min(bracket)) < margin:
            if stuck or t >= max(bracket) or t <= min(bracket):
                t = max(bracket) - margin if abs(t - max(bracket)) < abs(t - min(bracket)) else min(bracket) + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        f_new, g_new = evaluate(x, t, d)
        evaluations += 1
        slope_new = g_new.dot(d)
        searched += 1
        if f_new > f + c1 * t * slope or f_new >= bracket_f[low]:
            bracket[high], bracket_f[high], bracket_g[high], bracket_slope[high] = t, f_new, g_new.clone(), slope_new
            low, high = (0, 1) if bracket_f[0] <= bracket_f[1] else (1, 0)
        else:
            if abs(slope_new) <= -c2 * slope:
                done = True
            elif slope_new * (bracket[high] - bracket[low]) >= 0:
                bracket[high], bracket_f[high] = bracket[low], bracket_f[low]
                bracket_g[high], bracket_slope[high] = bracket_g[low], bracket_slope[low]
            bracket[low], bracket_f[low], bracket_g[low], bracket_slope[low] = t, f_new, g_new.clone(), slope_new
    if len(bracket) == 1:
        low = 0
    return bracket_f[low], bracket_g[low], bracket[low], evaluations


class LBFGS(Optimizer):
    """L-BFGS. One group only; `step` needs a closure that computes the loss and its gradients, and calls it several
    times.

    Raises:
        ValueError: for more than one parameter group.

    Example::

        >>> optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((x - 3) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        maximize: bool = False,
    ) -> None:
        _check_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
            "maximize": maximize,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _flat_grad(self) -> torch.Tensor:
        parts = []
        for p in self._params:
            grad = p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1)
            parts.append(torch.view_as_real(grad).reshape(-1) if grad.is_complex() else grad)
        flat = torch.cat(parts, 0)
        return -flat if self.param_groups[0].get("maximize") else flat

    def _move(self, t: float, direction: torch.Tensor) -> None:
        at = 0
        for p in self._params:
            p = torch.view_as_real(p) if p.is_complex() else p
            p.add_(direction[at : at + p.numel()].view_as(p), alpha=_number(t))
            at += p.numel()

    def _evaluate(
        self, closure: Callable, x: list[torch.Tensor], t: float, d: torch.Tensor
    ) -> tuple[float, torch.Tensor]:
        """Loss and gradient at `x + t d`; the parameters come back to `x`."""
        self._move(t, d)
        loss = float(closure())
        if self.param_groups[0].get("maximize"):
            loss = -loss
        grad = self._flat_grad()
        for p, start in zip(self._params, x):
            p.copy_(start)
        return loss, grad

    def step(self, closure: Callable[[], float]) -> float:  # type: ignore[override]
        """Up to `max_iter` iterations; returns the first loss."""
        was = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        try:
            return self._step(closure)
        finally:
            torch._C._set_grad_enabled(was)

    def _step(self, original_closure: Callable[[], float]) -> float:
        def closure():
            return _run_closure(original_closure)

        group = self.param_groups[0]
        lr, search = _number(group["lr"]), group["line_search_fn"]
        max_iter, max_eval, history = group["max_iter"], group["max_eval"], group["history_size"]
        sign = -1.0 if group.get("maximize") else 1.0
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = closure()
        loss = sign * float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss

        d, t = state.get("d"), state.get("t")
        old_dirs, old_stps, ro = state.get("old_dirs"), state.get("old_stps"), state.get("ro")
        h_diag, prev_grad, prev_loss = state.get("H_diag"), state.get("prev_flat_grad"), state.get("prev_loss")

        iterations = 0
        while iterations < max_iter:
            iterations += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d, old_dirs, old_stps, ro, h_diag = grad.neg(), [], [], [], 1
            else:
                y, s = grad.sub(prev_grad), d.mul(t)
                ys = y.dot(s)
                if ys > 1e-10:
                    if len(old_dirs) == history:
                        del old_dirs[0], old_stps[0], ro[0]
                    old_dirs.append(y)
                    old_stps.append(s)
                    ro.append(1.0 / ys)
                    h_diag = ys / y.dot(y)
                # the two-loop recursion: inverse Hessian times gradient from the history
                if "al" not in state:
                    state["al"] = [None] * history
                al = state["al"]
                q = grad.neg()
                for i in range(len(old_dirs) - 1, -1, -1):
                    al[i] = old_stps[i].dot(q) * ro[i]
                    q.add_(old_dirs[i], alpha=-_number(al[i]))
                d = q.mul(h_diag)
                for i in range(len(old_dirs)):
                    d.add_(old_stps[i], alpha=_number(al[i] - old_dirs[i].dot(d) * ro[i]))
            if prev_grad is None:
                prev_grad = grad.clone()
            else:
                prev_grad.copy_(grad)
            prev_loss = loss

            t = min(1.0, 1.0 / grad.abs().sum()) * lr if state["n_iter"] == 1 else lr
            slope = grad.dot(d)
            if slope > -group["tolerance_change"]:
                break

            spent = 0
            if search is not None:
                if search != "strong_wolfe":
                    raise RuntimeError(f"only 'strong_wolfe' is supported as line_search_fn, got {search!r}")
                x = [p.clone() for p in self._params]
                loss, grad, t, spent = _strong_wolfe(
                    lambda x, t, d: self._evaluate(closure, x, t, d), x, t, d, loss, grad, slope
                )
                self._move(t, d)
                converged = grad.abs().max() <= group["tolerance_grad"]
            else:
                self._move(t, d)
                converged = False
                if iterations != max_iter:
                    loss = sign * float(closure())
                    grad = self._flat_grad()
                    converged = grad.abs().max() <= group["tolerance_grad"]
                    spent = 1
            evaluations += spent
            state["func_evals"] += spent

            change = group["tolerance_change"]
            if iterations == max_iter or evaluations >= max_eval or converged:
                break
            if d.mul(t).abs().max() <= change or abs(loss - prev_loss) < change:
                break

        state.update(
            d=d,
            t=t,
            old_dirs=old_dirs,
            old_stps=old_stps,
            ro=ro,
            H_diag=h_diag,
            prev_flat_grad=prev_grad,
            prev_loss=prev_loss,
        )
        return first_loss
