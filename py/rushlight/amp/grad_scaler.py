"""`GradScaler`: scales the loss so that small gradients do not vanish in half precision, and skips steps whose
gradients overflowed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from enum import Enum
from typing import Any

import rushlight as torch

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """What has been done with an optimiser since the last update."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class GradScaler:
    """Scales the loss before backward, and the gradients back before the step.

    A step is skipped if a gradient is inf or nan; then the scale shrinks by `backoff_factor`. After `growth_interval`
    good steps it
    grows by `growth_factor`. For devices that do not exist here it is disabled, with a warning, and passes everything
    through.

    Example::

        >>> scaler = torch.amp.GradScaler("cpu")
        >>> scaler.scale(loss).backward()
        >>> scaler.step(optimizer)
        >>> scaler.update()
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        if enabled and device not in ("cpu", "gpu"):
            warnings.warn(
                f"torch.amp.GradScaler is enabled, but {device.upper()} is not available. Disabling.", stacklevel=2
            )
            enabled = False
        self._enabled = enabled
        if enabled:
            if growth_factor <= 1.0:
                raise AssertionError(f"The growth factor must be > 1.0, got {growth_factor}")
            if backoff_factor >= 1.0:
                raise AssertionError(f"The backoff factor must be < 1.0, got {backoff_factor}")
        self._init_scale = init_scale
        self._scale: torch.Tensor | None = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        # per optimiser: how far it is, and whether a gradient was not finite
        self._per_optimizer: dict[int, tuple[OptState, bool | None]] = {}

    def _scale_tensor(self) -> torch.Tensor:
        if self._scale is None:
            self._scale = torch.tensor(float(self._init_scale), dtype=torch.float32)
        return self._scale

    def scale(self, outputs: Any) -> Any:
        """The loss, or a list of losses, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, torch.Tensor):
            return outputs * self._scale_tensor().to(outputs.device)
        if isinstance(outputs, Iterable):
            scaled = [self.scale(value) for value in outputs]
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divides the gradients of `optimizer` by the scale, for instance before clipping them.

        Raises:
            RuntimeError: if that was done already since the last `update`.
        """
        if not self._enabled:
            return
        state, _ = self._per_optimizer.get(id(optimizer), (OptState.READY, None))
        if state is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = 1.0 / self._scale_tensor().item()
        overflow = False
        with torch.no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    grad = p.grad
                    if grad is None:
                        continue
                    if grad.dtype == torch.float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    grad.mul_(inverse)
                    overflow = overflow or not bool(torch.isfinite(grad).all())
        self._per_optimizer[id(optimizer)] = (OptState.UNSCALED, overflow)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(…)`, unless a gradient overflowed. Unscales first if that has not been done.

        Raises:
            RuntimeError: if called twice between updates, or with a closure.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        state, overflow = self._per_optimizer.get(id(optimizer), (OptState.READY, None))
        if state is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state is OptState.READY:
            self.unscale_(optimizer)
            overflow = self._per_optimizer[id(optimizer)][1]
        result = None if overflow else optimizer.step(*args, **kwargs)
        self._per_optimizer[id(optimizer)] = (OptState.STEPPED, overflow)
        return result

    def update(self, new_scale: Any = None) -> None:
        """Makes the scale larger or smaller after what the last steps found, or sets it.

        Raises:
            AssertionError: if nothing was stepped or unscaled.
        """
        if not self._enabled:
            return
        scale = self._scale_tensor()
        if new_scale is not None:
            scale.fill_(float(new_scale))
        else:
            found = [overflow for _, overflow in self._per_optimizer.values() if overflow is not None]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            if any(found):
                scale.mul_(self._backoff_factor)
                self._growth_tracker = 0
            else:
                self._growth_tracker += 1
                if self._growth_tracker == self._growth_interval:
                    scale.mul_(self._growth_factor)
                    self._growth_tracker = 0
        self._per_optimizer.clear()

    def get_scale(self) -> float:
        """The scale; 1 if disabled."""
        if not self._enabled:
            return 1.0
        return float(self._init_scale) if self._scale is None else self._scale.item()

    def get_growth_factor(self) -> float:
        """By how much the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets by how much the scale grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By how much the scale shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets by how much the scale shrinks."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many good steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets after how many good steps the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The state; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave.

        Raises:
            RuntimeError: if it is empty: it comes from a disabled scaler.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
