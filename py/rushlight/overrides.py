"""`__torch_function__` from Python: for functions that wish to be overridable, and for modes that see every call."""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable, Iterable
from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight._rushlight import Tensor

__all__ = [
    "BaseTorchFunctionMode",
    "TorchFunctionMode",
    "get_default_nowrap_functions",
    "get_ignored_functions",
    "get_overridable_functions",
    "get_testing_overrides",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]

has_torch_function = _rushlight._has_torch_function
has_torch_function_variadic = _rushlight._has_torch_function_variadic
has_torch_function_unary = _rushlight._has_torch_function_variadic
_disabled_torch_function_impl = _rushlight._disabled_torch_function_impl


def handle_torch_function(public_api: Callable, relevant_args: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
    """Hands a call of `public_api` to the first of the relevant arguments that answers it.

    Raises TypeError if none does.
    """
    return _rushlight._handle_torch_function(public_api, tuple(relevant_args), args, kwargs)


def wrap_torch_function(dispatcher: Callable) -> Callable:
    """Makes a function overridable; `dispatcher` takes its arguments and gives those that may override it."""

    def inner(func: Callable) -> Callable:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return inner


def is_tensor_like(inp: Any) -> bool:
    """Whether `inp` is a tensor, or of a class that answers `__torch_function__`."""
    return type(inp) is Tensor or hasattr(type(inp), "__torch_function__")


@functools.cache
def get_overridable_functions() -> dict[Any, list[Callable]]:
    """The functions that go through `__torch_function__`, by the module or class that holds them."""

    def callables(holder: Any) -> list[Callable]:
        kinds = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
        return [value for name, value in sorted(vars(holder).items()) if isinstance(value, kinds) and not name.startswith("_")]

    return {torch: callables(_rushlight), Tensor: callables(Tensor), torch._C._nn: callables(_rushlight._nn)}


def get_testing_overrides() -> dict[Callable, Callable]:
    """For each overridable function one that takes anything and gives -1."""
    return {func: (lambda *args, **kwargs: -1) for funcs in get_overridable_functions().values() for func in funcs}


def get_ignored_functions() -> set[Callable]:
    """Functions that cannot be overridden, because they take no tensors."""
    names = "tensor as_tensor asarray from_numpy from_dlpack frombuffer zeros ones empty full get_default_dtype set_default_dtype"
    return {getattr(torch, name) for name in names.split() if hasattr(torch, name)}


def get_default_nowrap_functions() -> set[Callable]:
    """Functions whose results keep their class."""
    return set()


def is_tensor_method_or_property(func: Callable) -> bool:
    """Whether `func` is a method or property of Tensor."""
    return getattr(func, "__objclass__", None) is Tensor or getattr(func, "__name__", None) == "__get__"


def resolve_name(f: Any) -> str | None:
    """The public name of a function: `torch.add`, `torch.Tensor.add`."""
    if isinstance(f, str):
        return f
    name = getattr(f, "__name__", None)
    if name is None:
        return None
    if getattr(f, "__objclass__", None) is Tensor:
        return f"torch.Tensor.{name}"
    module = "torch._C._nn" if getattr(_rushlight._nn, name, None) is f else "torch"
    return f"{module}.{name}"


_stacks = threading.local()


def _stack() -> list[TorchFunctionMode]:
    if not hasattr(_stacks, "modes"):
        _stacks.modes = []
    return _stacks.modes


class TorchFunctionMode:
    """Sees every call of a function of torch while it is entered: define `__torch_function__(self, func, types, args, kwargs)`.

    Calls that it makes itself go to the modes around it.
    """

    inner: TorchFunctionMode | None = None

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> TorchFunctionMode:
        _stack().append(self)
        _rushlight._count_torch_function_modes(1)
        return self

    def __exit__(self, *exception: Any) -> None:
        _rushlight._count_torch_function_modes(-1)
        _stack().pop()


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return func(*args, **(kwargs or {}))


def _ask_modes(func: Callable, types: Any, args: tuple, kwargs: dict | None) -> Any:
    """What the innermost mode answers; NotImplemented if none is entered in this thread."""
    stack = _stack()
    if not stack:
        return NotImplemented
    mode = stack.pop()
    try:
        return mode.__torch_function__(func, types, args, kwargs or {})
    finally:
        stack.append(mode)
