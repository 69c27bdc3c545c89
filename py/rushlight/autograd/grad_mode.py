"""Contexts that say whether autograd records: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`.

Each one is a context manager and a decorator, also of generators.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight import _rushlight
from rushlight._classes import context_decorator

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled", "set_multithreading_enabled"]

_GRAD, _INFERENCE = 1, 2


class _Mode:
    """Changes the modes of this thread while it is entered, and puts back the old ones."""

    def __init__(self) -> None:
        self._before: list[int] = []

    def _bits(self, modes: int) -> int:
        raise NotImplementedError

    def clone(self) -> _Mode:
        """A context of the same kind that is not entered."""
        return type(self)()

    def __enter__(self) -> None:
        modes = _rushlight._get_modes()
        self._before.append(modes)
        _rushlight._set_modes(self._bits(modes))

    def __exit__(self, *exception: Any) -> None:
        _rushlight._set_modes(self._before.pop())

    def __call__(self, func: Callable) -> Callable:
        return context_decorator(self.clone, func)


class _PlainMode(_Mode):
    def __new__(cls, func: Callable | None = None) -> Any:
        if func is None:
            return super().__new__(cls)
        return cls()(func)  # @torch.no_grad, without parentheses


class no_grad(_PlainMode):
    """Nothing is recorded: results do not require grad.

    >>> x = torch.ones(1, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def _bits(self, modes: int) -> int:
        return modes & ~_GRAD


class enable_grad(_PlainMode):
    """Recording goes on again, inside of `no_grad`."""

    def _bits(self, modes: int) -> int:
        return modes | _GRAD


class set_grad_enabled(_Mode):
    """Switches recording on or off: at once as a function, or for a block as a context."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.prev = bool(_rushlight.is_grad_enabled())
        self.mode = bool(mode)
        _rushlight._set_grad_enabled(self.mode)

    def _bits(self, modes: int) -> int:
        return modes | _GRAD if self.mode else modes & ~_GRAD

    def clone(self) -> set_grad_enabled:
        before = _rushlight._get_modes()
        clone = type(self)(self.mode)
        _rushlight._set_modes(before)
        return clone

    def __call__(self, func: Callable) -> Callable:
        _rushlight._set_grad_enabled(self.prev)
        return super().__call__(func)

    def __enter__(self) -> None:
        _rushlight._set_grad_enabled(self.mode)

    def __exit__(self, *exception: Any) -> None:
        _rushlight._set_grad_enabled(self.prev)

    def __repr__(self) -> str:
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"


class inference_mode(_Mode):
    """As `no_grad`, and the tensors that it makes have no versions and can never be part of a graph."""

    def __new__(cls, mode: Any = True) -> Any:
        if isinstance(mode, bool):
            return super().__new__(cls)
        return cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.mode = mode

    def _bits(self, modes: int) -> int:
        return (modes | _INFERENCE) & ~_GRAD if self.mode else (modes & ~_INFERENCE) | _GRAD

    def clone(self) -> inference_mode:
        return type(self)(self.mode)


class set_multithreading_enabled:
    """Taken for compatibility: backward runs in the thread that asks for it, and its kernels in many."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: Any) -> None:
        pass
