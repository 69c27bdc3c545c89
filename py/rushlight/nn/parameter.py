"""Tensors that a module owns: parameters, which optimisers train, and buffers, which are state without a gradient."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import rushlight as torch

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]

_disabled = torch._C._disabled_torch_function_impl


class _ParameterMeta(type(torch.Tensor)):
    """`isinstance(x, Parameter)` also holds for an instance of another tensor subclass that was wrapped as one."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, torch.Tensor) and getattr(instance, "_is_param", False)


class Parameter(torch.Tensor, metaclass=_ParameterMeta):
    r"""A tensor that becomes one of a module's parameters when it is assigned as an attribute of the module.

    Args:
        data: the tensor to hold; its memory is shared, not copied.
        requires_grad: whether the parameter collects a gradient. Default: ``True``

    Example::

        >>> layer = torch.nn.Module()
        >>> layer.scale = torch.nn.Parameter(torch.ones(3))
        >>> [name for name, _ in layer.named_parameters()]
        ['scale']
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = torch.empty(0)
        kind = type(data)
        if kind is torch.Tensor or kind is Parameter:
            return torch.Tensor._make_subclass(cls, data, requires_grad)
        if not isinstance(data, torch.Tensor):
            raise TypeError(f"Parameter(): argument 'data' must be Tensor, not {kind.__name__}")
        held = data.detach().requires_grad_(requires_grad)
        if type(held) is not kind:
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {kind.__name__} requires that detach() returns an "
                f"instance of the same type, but got {type(held).__name__} instead"
            )
        held._is_param = True
        return held

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.data.clone(memory_format=torch.preserve_format), self.requires_grad)
        memo[id(self)] = result
        return result

    def __repr__(self) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = {k: v for k, v in self.__dict__.items() if k != "_is_param"}
        args = (self.data, self.requires_grad, OrderedDict())
        if not state:
            return torch._utils._rebuild_parameter, args
        return torch._utils._rebuild_parameter_with_state, (*args, state)

    # A parameter behaves as a plain tensor in every function; the results of operations are plain tensors.
    __torch_function__ = _disabled


class _BufferMeta(type(torch.Tensor)):
    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Buffer and isinstance(instance, torch.Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(torch.Tensor, metaclass=_BufferMeta):
    r"""A tensor that becomes a buffer of a module when it is assigned as an attribute: state, such as a running mean,
    that moves with the module and is saved with it but is not trained.

    Args:
        data: the tensor to hold. It comes back as it is, marked as a buffer.
        persistent: whether it is part of the module's ``state_dict``. Default: ``True``
    """

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = torch.empty(0)
        held = data.detach().requires_grad_(data.requires_grad)
        held.persistent = persistent
        held._is_buffer = True
        return held

    __torch_function__ = _disabled


# What may be done with a tensor that has no shape yet: nothing that would look at its elements.
_ALLOWED = frozenset(
    "__hash__ size copy_ is_complex is_floating_point half float double char short int long bfloat16 cuda cpu to "
    "get_device __get__ __set__ __delete__ _has_compatible_shallow_copy_type requires_grad_ zero_ __deepcopy__ "
    "_make_subclass is_shared share_memory_ is_meta detach type _is_view".split()
)


class UninitializedTensorMixin:
    """What parameters and buffers without a shape have in common; see `UninitializedParameter`."""

    cls_to_become: Any

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Becomes an ordinary parameter or buffer of this shape, its values uninitialised, in place.

        Args:
            shape: the shape to take.
            device, dtype: where and what; the placeholder's own if not given.
        """
        device = self.data.device if device is None else device
        dtype = self.data.dtype if dtype is None else dtype
        self.data = torch.empty(shape, device=device, dtype=dtype)
        try:
            self.__class__ = self.cls_to_become
        except TypeError:  # a built-in class takes no instances of a Python one
            self.__class__ = _MaterializedBuffer

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer: run the module on an input once "
            "(which fixes it) before its shape is read or an initialized module is loaded from it"
        )

    def share_memory_(self) -> Any:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer: call forward once before module.share_memory()"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad,)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _ALLOWED or type(func).__name__ == "method-wrapper":
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {func}. This happens when an uninitialized parameter is "
            "given to an operation, or a lazy module to an optimizer's step, before forward has run once"
        )


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    r"""A parameter whose shape is not known yet; lazy modules hold these until their first input.

    It can be moved, cast and told whether it requires a gradient. Everything else waits for `materialize`.

    Args:
        requires_grad: as for `Parameter`. Default: ``True``
        device, dtype: what it will be once it has a shape.
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return torch.Tensor._make_subclass(cls, torch.empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        memo[id(self)] = result
        return result


class UninitializedBuffer(UninitializedTensorMixin, torch.Tensor):
    r"""A buffer whose shape is not known yet; see `UninitializedParameter`.

    Args:
        requires_grad: almost always ``False``, the default.
        device, dtype: what it will be once it has a shape.
        persistent: whether it is part of the ``state_dict``. Default: ``True``
    """

    cls_to_become = torch.Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        held = torch.Tensor._make_subclass(cls, torch.empty(0, device=device, dtype=dtype), requires_grad)
        held.persistent = persistent
        held._is_buffer = True
        return held


class _MaterializedBuffer(torch.Tensor):
    """What an `UninitializedBuffer` becomes: a tensor in everything but the name of its class."""

    __torch_function__ = _disabled


def _typename(obj: Any) -> str:
    """The name of an object's type as error messages give it: `torch.FloatTensor`, `int`, `collections.OrderedDict`."""
    if isinstance(obj, torch.Tensor):
        return obj.type()
    kind = type(obj)
    module = getattr(kind, "__module__", "")
    return kind.__qualname__ if module in ("", "builtins") else f"{module}.{kind.__qualname__}"
