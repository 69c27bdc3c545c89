"""`torch.compile` and `torch.compiler`: nothing is compiled yet; functions come back as they are.

Programs that compile a model for speed run, at the speed of calling it. `torch.compiler.is_compiling()` is always
False.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight._python import compile

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_stance",
    "substitute_in_graph",
]


def disable(fn: Callable | None = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Keeps a function from being compiled: returns it. Also a decorator."""
    return (lambda function: function) if fn is None else fn


def allow_in_graph(fn: Any) -> Any:
    """Returns `fn`."""
    return fn


def assume_constant_result(fn: Callable) -> Callable:
    """Returns `fn`."""
    return fn


def substitute_in_graph(
    original_fn: Callable, *, can_constant_fold_through: bool = False, skip_signature_check: bool = False
) -> Callable:
    """A decorator that returns the function."""
    return lambda function: function


def is_compiling() -> bool:
    """False."""
    return False


def is_dynamo_compiling() -> bool:
    """False."""
    return False


def is_exporting() -> bool:
    """False."""
    return False


def reset() -> None:
    """There is nothing cached."""


def cudagraph_mark_step_begin() -> None:
    """There are no CUDA graphs."""


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """No backends."""
    return []


class set_stance:
    """Says how compiled functions behave: they run as they are in any stance. Also a context manager and a
    decorator.
    """

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        self.stance = stance

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None

    def __call__(self, fn: Callable) -> Callable:
        return fn


def load_compiled_function(*args: Any, **kwargs: Any) -> Any:
    """Loads a compiled function. Raises NotImplementedError."""
    raise NotImplementedError(
        "compiler.load_compiled_function: Rushlight compiles nothing yet; save the state_dict with torch.save"
    )
