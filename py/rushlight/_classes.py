"""Small classes that the extension module needs at its birth: Size, exceptions, and a decorator for contexts.

Imports nothing of the package, so that it can be imported first.
"""

from __future__ import annotations

import functools
import operator

TYPE_CHECKING = False  # what typing's stands for, without the import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from typing import Any


class Size(tuple):
    """The shape of a tensor: a tuple of ints.

    >>> Size([2, 3]).numel()
    6
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[int] = ()) -> Size:
        return tuple.__new__(cls, [_size(i, n) for i, n in enumerate(sizes)])

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        product = 1
        for n in self:
            product *= n
        return product

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    __str__ = __repr__

    def __getitem__(self, index: Any) -> Any:
        item = tuple.__getitem__(self, index)
        return tuple.__new__(Size, item) if isinstance(index, slice) else item

    def __add__(self, other: tuple) -> Size:
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: tuple) -> Size:
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(other, self))

    def __mul__(self, times: int) -> Size:
        product = tuple.__mul__(self, times)
        return product if product is NotImplemented else tuple.__new__(Size, product)

    __rmul__ = __mul__

    def __reduce__(self) -> tuple:
        return Size, (tuple(self),)


Size.__module__ = "rushlight"


def _size(i: int, n: Any) -> int:
    try:
        return operator.index(n)
    except TypeError:
        raise TypeError(f"torch.Size() takes an iterable of 'int' (item {i} is '{type(n).__name__}')") from None


class OutOfMemoryError(RuntimeError):
    """There is no memory for a tensor."""


class LinAlgError(RuntimeError):
    """A matrix lacks the property that a factorisation needs."""


OutOfMemoryError.__module__ = "rushlight"
LinAlgError.__module__ = "rushlight.linalg"


def context_decorator(context: AbstractContextManager | Callable[[], AbstractContextManager], func: Callable) -> Callable:
    """Makes ``func`` run inside of a context: a context manager, or a function that makes one.

    Generators run each of their steps inside of it, and the caller's code between the steps outside.
    """
    make: Callable[[], AbstractContextManager] = context if not hasattr(context, "__enter__") else (lambda: context)
    if isinstance(func, type):
        raise TypeError(
            f"cannot decorate the class {func.__name__}: decorate its methods, or use the context manager inside of them"
        )
    if _is_generator(func):
        return _generator_in_context(make, func)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with make():
            return func(*args, **kwargs)

    return wrapper


def _is_generator(func: Any) -> bool:
    """inspect.isgeneratorfunction, without the milliseconds that importing inspect takes."""
    while isinstance(func, functools.partial) or hasattr(func, "__func__"):
        func = func.func if isinstance(func, functools.partial) else func.__func__
    code = getattr(func, "__code__", None)
    return code is not None and bool(code.co_flags & 0x20)  # CO_GENERATOR


def _generator_in_context(make: Callable[[], AbstractContextManager], func: Callable) -> Callable:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        generator = func(*args, **kwargs)
        try:
            with make():
                response = generator.send(None)
            while True:
                try:
                    request = yield response
                except GeneratorExit:
                    with make():
                        generator.close()
                    raise
                except BaseException as error:
                    with make():
                        response = generator.throw(error)
                else:
                    with make():
                        response = generator.send(request)
        except StopIteration as end:
            return end.value

    return wrapper
