"""Parametrisations: a parameter that is computed from others each time it is read."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rushlight as torch

from ..modules.container import ModuleDict, ModuleList
from ..modules.module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache_enabled = 0
_cache: dict[tuple[int, str], Any] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Within this context each parametrised tensor is computed only once.

    Example::

        >>> with torch.nn.utils.parametrize.cached():
        ...     pass
    """
    global _cache_enabled
    _cache_enabled += 1
    try:
        yield
    finally:
        _cache_enabled -= 1
        if not _cache_enabled:
            _cache.clear()


def _register_parameter_or_buffer(module: Module, name: str, X: torch.Tensor) -> None:
    if isinstance(X, Parameter):
        module.register_parameter(name, X)
    else:
        module.register_buffer(name, X)


def _maybe_set(dest: torch.Tensor, src: torch.Tensor) -> None:
    dest.data = src


class ParametrizationList(ModuleList):
    """The parametrisations of one tensor, and the tensor (or tensors) that they compute it from.

    Args:
        modules: the parametrisations, applied one after the other.
        original: the tensor as it was; it becomes ``original``, or ``original0``, ``original1``, … where
            ``right_inverse``
            gives several.
        unsafe: do not check shapes and dtypes. Default: ``False``
    """

    original: torch.Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: torch.Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with torch.no_grad():
            new: Any = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        pass
        if not isinstance(new, torch.Tensor) and not isinstance(new, Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, torch.Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            if original.dtype != new.dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            if original.device != new.device:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the device.\n"
                    f"original.device: {original.device}\nright_inverse(original).device: {new.device}"
                )
            # the parameter itself goes on living: optimisers may hold it
            _maybe_set(original, new)
            _register_parameter_or_buffer(self, "original", original)
        else:
            for n, part in enumerate(new):
                if not isinstance(part, torch.Tensor):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                        f"Got element {n} of the sequence with type {type(part).__name__}."
                    )
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                part.requires_grad_(original.requires_grad)
                _register_parameter_or_buffer(self, f"original{n}", part)
        if not unsafe:
            Z = self()
            if not isinstance(Z, torch.Tensor):
                raise ValueError(f"A parametrization must return a tensor. Got {type(Z).__name__}.")
            if Z.dtype != dtype:
                raise ValueError(
                    "Registering a parametrization may not change the dtype of the tensor, unless `unsafe` flag "
                    "is enabled.\n"
                    f"unparametrized dtype: {dtype}\nparametrized dtype: {Z.dtype}"
                )
            if Z.shape != shape:
                raise ValueError(
                    "Registering a parametrization may not change the shape of the tensor, unless `unsafe` flag "
                    "is enabled.\n"
                    f"unparametrized shape: {shape}\nparametrized shape: {Z.shape}"
                )

    def right_inverse(self, value: torch.Tensor) -> None:
        """Sets the original such that the parametrised tensor becomes ``value``, going through all ``right_inverse``
        s."""
        with torch.no_grad():
            new: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                new = module.right_inverse(new)
            if self.is_tensor:
                if not isinstance(new, torch.Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(new).__name__}")
                if new.dtype != self.original.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {new.dtype} while `original` has dtype "
                        f"{self.original.dtype}"
                    )
                _maybe_set(self.original, new)
                return
            if not isinstance(new, Sequence):
                raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(new).__name__}.")
            if len(new) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a "
                    f"sequence of length {len(new)}."
                )
            for n, part in enumerate(new):
                original = getattr(self, f"original{n}")
                if not isinstance(part, torch.Tensor):
                    raise ValueError(
                        f"`right_inverse` must return a sequence of tensors. Got element {n} of type "
                        f"{type(part).__name__}"
                    )
                if original.dtype != part.dtype:
                    raise ValueError(
                        f"Tensor {n} returned by `right_inverse` has dtype {part.dtype} while `original{n}` has dtype "
                        f"{original.dtype}"
                    )
                _maybe_set(original, part)

    def forward(self) -> torch.Tensor:
        modules = list(self._modules.values())
        if self.is_tensor:
            x = modules[0](self.original)
        else:
            x = modules[0](*(getattr(self, f"original{n}") for n in range(self.ntensors)))
        for module in modules[1:]:
            x = module(x)
        return x


def _inject_new_class(module: Any) -> None:
    """Gives the module a class of its own, on which properties can be put."""
    cls = type(module)

    def default_deepcopy(self: Any, memo: dict[int, Any]) -> Any:
        found = memo.get(id(self))
        if found is not None:
            return found
        replica = self.__new__(type(self))
        memo[id(self)] = replica
        replica.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return replica

    def getstate(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(): save "
            "module.state_dict() instead."
        )

    methods: dict[str, Any] = {"__module__": cls.__module__, "__reduce_ex__": lambda self, protocol: getstate(self)}
    if not hasattr(cls, "__deepcopy__"):
        methods["__deepcopy__"] = default_deepcopy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), methods)


def _inject_property(module: Any, tensor_name: str) -> None:
    """Makes reading the name compute the tensor, and assigning to it set the original."""
    if hasattr(type(module), tensor_name) and isinstance(getattr(type(module), tensor_name), property):
        raise AssertionError(f"{type(module).__name__} already has an attribute named {tensor_name}")

    def get_parametrized(self: Any) -> torch.Tensor:
        if not _cache_enabled:
            return self.parametrizations[tensor_name]()
        key = (id(self), tensor_name)
        tensor = _cache.get(key)
        if tensor is None:
            tensor = _cache[key] = self.parametrizations[tensor_name]()
        return tensor

    def set_original(self: Any, value: torch.Tensor) -> None:
        self.parametrizations[tensor_name].right_inverse(value)

    setattr(type(module), tensor_name, property(get_parametrized, set_original))


def register_parametrization(module: Any, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> Any:
    """Makes a parameter or buffer of a module the result of another module.

    Reading ``module.weight`` then calls the parametrisation with the original tensor, which stands at
    ``module.parametrizations.weight.original``. If the parametrisation has a ``right_inverse``, it is used to find
    the original
    for the present value, and for values that are assigned later. Several parametrisations of a tensor apply in turn.

    Args:
        module: the module, which gets a class of its own.
        tensor_name: of a parameter or buffer.
        parametrization: what computes the tensor.
        unsafe: do not check that shape and dtype stay. Default: ``False``

    Example::

        >>> class Symmetric(torch.nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).T
        >>> m = torch.nn.utils.parametrize.register_parametrization(torch.nn.Linear(3, 3), "weight", Symmetric())
        >>> bool((m.weight == m.weight.T).all())
        True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _append(module, tensor_name, parametrization, unsafe)
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_new_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _append(module: Any, tensor_name: str, parametrization: Any, unsafe: bool) -> None:
    """Puts one more parametrisation behind those that a tensor has."""
    if not unsafe:
        Y = getattr(module, tensor_name)
        X = parametrization(Y)
        if not isinstance(X, torch.Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(X).__name__}.")
        if X.dtype != Y.dtype:
            raise ValueError(
                "Registering a parametrization may not change the dtype of the tensor, unless the `unsafe` flag "
                "is enabled.\n"
                f"module.{tensor_name}.dtype: {Y.dtype}\nparametrization(module.{tensor_name}).dtype: {X.dtype}"
            )
        if X.shape != Y.shape:
            raise ValueError(
                "Registering a parametrization may not change the shape of the tensor, unless the `unsafe` flag "
                "is enabled.\n"
                f"module.{tensor_name}.shape: {Y.shape}\nparametrization(module.{tensor_name}).shape: {X.shape}"
            )
        if hasattr(parametrization, "right_inverse"):
            try:
                Z = parametrization.right_inverse(X)
            except NotImplementedError:
                pass
            else:
                if not isinstance(Z, torch.Tensor):
                    raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(Z).__name__}")
                if Z.dtype != Y.dtype or Z.shape != Y.shape:
                    raise ValueError(
                        "The tensor returned by parametrization.right_inverse must have the same dtype and shape as "
                        f"module.{tensor_name}: got {Z.dtype}, {Z.shape} instead of {Y.dtype}, {Y.shape}"
                    )
    parametrizations = module.parametrizations[tensor_name]
    parametrizations.append(parametrization)
    parametrizations.unsafe |= unsafe


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a module, or one of its tensors, has parametrisations."""
    found = module.__dict__.get("parametrizations") or getattr(module, "parametrizations", None)
    if found is None or not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Takes the parametrisations of a tensor away.

    Args:
        module: the module; with its last parametrisation it gets its old class back.
        tensor_name: of the tensor.
        leave_parametrized: the tensor keeps its present value; else it becomes the original. Default: ``True``
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with torch.no_grad():
                t = getattr(module, tensor_name)
            _maybe_set(original, t.detach())
    elif leave_parametrized:
        t = getattr(module, tensor_name)
        original = Parameter(t.detach()) if t.requires_grad else t
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of "
            "a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register_parameter_or_buffer(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Any) -> type:
    """The module's class without parametrisations."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module: Any, to_module: Any, tensor_name: str | None = None) -> Any:
    """Gives a module copies of another one's parametrisations, of all tensors or of one, and their parameters."""
    if not is_parametrized(from_module):
        return to_module
    if tensor_name is None:
        names = list(from_module.parametrizations)
    else:
        names = [tensor_name]
    for name in names:
        original = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for parametrization in original:
            register_parametrization(to_module, name, copy.deepcopy(parametrization), unsafe=original.unsafe)
        mine = to_module.parametrizations[name]
        if original.is_tensor and mine.is_tensor:
            mine.original.data = original.original.detach().clone()
        else:
            for n in range(original.ntensors):
                getattr(mine, f"original{n}").data = getattr(original, f"original{n}").detach().clone()
    return to_module
