"""`Module`: what every layer and every model is. Attributes that are parameters, buffers or modules are kept track of.

Neighbours: `_registry` (why reading `module.weight` is fast), `_state` (saving and loading), `_hooks` (calls with
    hooks),
`_paths` (errors that say in which module they happened).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import rushlight as torch
from rushlight.utils.hooks import RemovableHandle

from ..parameter import Buffer, Parameter, _typename, is_lazy
from . import _hooks
from ._hooks import (
    any_global as _any_global,
)
from ._hooks import (
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ._paths import locate as _locate
from ._registry import Registry
from ._state import (
    _EXTRA_STATE_KEY_SUFFIX as _EXTRA_STATE_KEY_SUFFIX,
)
from ._state import (
    _IncompatibleKeys as _IncompatibleKeys,
)
from ._state import (
    _StateMixin,
)
from ._state import (
    _WrappedHook as _WrappedHook,
)

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]


_REGISTRIES = ("_parameters", "_buffers", "_modules")
# Dictionaries of hooks, made when first asked for; of those in the first group a call must know.
_CALL_HOOKS = frozenset(["_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"])
_HOOKS = _CALL_HOOKS | {
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
}
_SPECIAL = _HOOKS | set(_REGISTRIES) | {"_compiled_call_impl"}
_PLAIN = frozenset([int, float, bool, str, tuple, list, dict, set, complex, bytes])


def _addindent(text: str, spaces: int) -> str:
    """Indents all lines but the first."""
    return text.replace("\n", "\n" + " " * spaces)


def _forward_unimplemented(self: Any, *input: Any) -> None:
    """What a module computes at every call. Every subclass must define it.

    Call the module itself rather than this method: the call also runs the hooks.
    """
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(_StateMixin):
    r"""Base class of all layers and models.

    Assign parameters, buffers and other modules as attributes in ``__init__`` (after ``super().__init__()``) and define
    ``forward``. The module then knows all of its parameters, and moves, saves and trains them together.

    An error raised inside a module names it: ``encoder.fc1 (Linear): ...``.

    Example::

        >>> import rushlight as torch
        >>> from rushlight import nn
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.fc1 = nn.Linear(4, 8)
        ...         self.fc2 = nn.Linear(8, 2)
        ...     def forward(self, x):
        ...         return self.fc2(torch.relu(self.fc1(x)))
        >>> Net()(torch.zeros(3, 4)).shape
        torch.Size([3, 2])

    Attributes:
        training (bool): whether the module is in training mode (see `train`).
    """

    dump_patches: bool = False
    training: bool
    call_super_init: bool = False
    _is_full_backward_hook: bool | None = None
    _compiled_call_impl: Callable | None = None
    _slow_call: bool = False  # this module has, or once had, hooks that a call must look at

    forward: Callable[..., Any] = _forward_unimplemented

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (args or kwargs) and self.call_super_init is False:
            name = type(self).__name__
            if kwargs:
                raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
            count = len(args) + 1
            raise TypeError(f"{name}.__init__() takes 1 positional argument but {count} were given")
        attributes = self.__dict__
        attributes["training"] = True
        attributes["_parameters"] = Registry(self)
        attributes["_buffers"] = Registry(self)
        attributes["_non_persistent_buffers_set"] = set()
        attributes["_modules"] = Registry(self)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # ---- calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._slow_call or _any_global:
                return self._call_slowly(args, kwargs)
            if kwargs:
                return self.forward(*args, **kwargs)
            return self.forward(*args)
        except Exception as error:
            _locate(self, error)
            raise

    def _call_slowly(self, args: tuple, kwargs: dict) -> Any:
        compiled = self._compiled_call_impl
        if compiled is not None:
            return compiled(*args, **kwargs)
        return _hooks.call_with_hooks(self, self.forward, args, kwargs)

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return _hooks.call_with_hooks(self, self.forward, args, kwargs)

    def _wrapped_call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return self._call_slowly(args, kwargs)

    def _slow_forward(self, *input: Any, **kwargs: Any) -> Any:
        return self.forward(*input, **kwargs)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compiles the module's forward with `torch.compile`, in place. Arguments are those of `torch.compile`."""
        self._compiled_call_impl = torch.compile(self._call_impl, *args, **kwargs)

    # ---- attributes

    def __getattr__(self, name: str) -> Any:
        # Registered names stand in __dict__ too (see _registry), so this is the way of what is not there.
        attributes = self.__dict__
        if name in _HOOKS and "_modules" in attributes:
            made: OrderedDict = OrderedDict()
            attributes[name] = made
            if name in _CALL_HOOKS:
                attributes["_slow_call"] = True
            return made
        for kind in _REGISTRIES:
            held = attributes.get(kind)
            if held is not None and name in held:
                return held[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if type(value) in _PLAIN:
            if name in attributes:
                if type(attributes[name]) in _PLAIN:  # so the name is not a registered one, nor a property's
                    attributes[name] = value
                    return
            else:
                super().__setattr__(name, value)
                return
        params = attributes.get("_parameters")
        if params is None:
            if isinstance(value, (Parameter, Module, Buffer)):
                what = (
                    "parameters"
                    if isinstance(value, Parameter)
                    else "module"
                    if isinstance(value, Module)
                    else "buffer"
                )
                raise AttributeError(f"cannot assign {what} before Module.__init__() call")
            super().__setattr__(name, value)
            return
        if isinstance(value, Parameter):
            self._forget(name, params)
            self.register_parameter(name, value)
        elif name in params:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, Module) or name in attributes["_modules"]:
            self._set_module(name, value)
        elif name in attributes["_buffers"] or isinstance(value, Buffer):
            self._set_buffer(name, value)
        elif name in _SPECIAL:
            self._set_special(name, value)
        else:
            super().__setattr__(name, value)

    def _forget(self, name: str, keep: Any = None) -> None:
        """Takes a name out of wherever it stands, but for the registry `keep`, where it is about to be replaced."""
        attributes = self.__dict__
        if keep is None or name not in keep:
            attributes.pop(name, None)
        for kind in _REGISTRIES:
            held = attributes[kind]
            if held is not keep and name in held:
                del held[name]
        attributes["_non_persistent_buffers_set"].discard(name)

    def _set_module(self, name: str, value: Any) -> None:
        modules = self.__dict__["_modules"]
        if isinstance(value, Module):
            self._forget(name, modules)
        elif value is not None:
            raise TypeError(
                f"cannot assign '{_typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
            )
        for hook in _hooks._global_module_registration_hooks.values():
            changed = hook(self, name, value)
            if changed is not None:
                value = changed
        modules[name] = value
        if type(modules) is not Registry:
            self.__dict__[name] = value

    def _set_buffer(self, name: str, value: Any) -> None:
        buffers = self.__dict__["_buffers"]
        if value is not None and not isinstance(value, torch.Tensor):
            raise TypeError(
                f"cannot assign '{_typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None "
                f"expected)"
            )
        if isinstance(value, Buffer):
            persistent = getattr(value, "persistent", True)
            self._forget(name, buffers)
            self.register_buffer(name, value, persistent)
            return
        for hook in _hooks._global_buffer_registration_hooks.values():
            changed = hook(self, name, value)
            if changed is not None:
                value = changed
        buffers[name] = value
        if type(buffers) is not Registry:
            self.__dict__[name] = value

    def _set_special(self, name: str, value: Any) -> None:
        """Assigns one of the module's own dictionaries, or a compiled call."""
        attributes = self.__dict__
        if name in _REGISTRIES:
            for old in attributes.get(name) or ():
                attributes.pop(old, None)
            attributes[name] = value if value is None else Registry(self, value)
            return
        attributes[name] = value
        if name in _CALL_HOOKS or name == "_compiled_call_impl":
            attributes["_slow_call"] = True

    def __delattr__(self, name: str) -> None:
        attributes = self.__dict__
        for kind in _REGISTRIES:
            held = attributes.get(kind)
            if held is not None and name in held:
                del held[name]
                attributes.pop(name, None)
                attributes["_non_persistent_buffers_set"].discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        attributes = self.__dict__
        names = {*dir(type(self)), *attributes}
        for kind in _REGISTRIES:
            names.update(attributes.get(kind) or ())
        return sorted(name for name in names if not name[:1].isdigit())

    # ---- copying and pickling

    def __getstate__(self) -> dict[str, Any]:
        attributes = self.__dict__
        registered = {name for kind in _REGISTRIES for name in attributes.get(kind) or ()}
        return {k: dict(v) if type(v) is Registry else v for k, v in attributes.items() if k not in registered}

    def __setstate__(self, state: dict[str, Any]) -> None:
        attributes = self.__dict__
        attributes.update(state)
        for kind in _REGISTRIES:
            attributes[kind] = Registry(self, attributes.get(kind) or {})
        attributes.setdefault("_non_persistent_buffers_set", set())
        for name in _HOOKS:
            hooks = attributes.get(name)
            if hooks:
                if name in _CALL_HOOKS:
                    attributes["_slow_call"] = True
            elif hooks is not None:
                del attributes[name]

    def _replicate_for_data_parallel(self) -> Module:
        replica = type(self).__new__(type(self))
        state = self.__getstate__()
        state["_parameters"] = {}
        state["_is_replica"] = True
        replica.__setstate__(state)
        return replica

    def share_memory(self) -> Self:
        """Moves parameters and buffers to shared memory (`torch.Tensor.share_memory_`)."""
        return self._apply(lambda t: t.share_memory_())

    # ---- registration

    def register_buffer(self, name: str, tensor: torch.Tensor | None, persistent: bool = True) -> None:
        """Adds a buffer: state that is not a parameter, such as the running mean of BatchNorm.

        Args:
            name: the attribute under which it can be read.
            tensor: the buffer; ``None`` keeps the name without state, and out of `state_dict`.
            persistent: whether it is part of `state_dict`. Default: ``True``
        """
        buffers = self.__dict__.get("_buffers")
        if buffers is None:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, buffers)
        if tensor is not None and not isinstance(tensor, torch.Tensor):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        for hook in _hooks._global_buffer_registration_hooks.values():
            changed = hook(self, name, tensor)
            if changed is not None:
                tensor = changed
        buffers[name] = tensor
        transient = self.__dict__["_non_persistent_buffers_set"]
        transient.discard(name) if persistent else transient.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter, which can then be read as an attribute. ``None`` keeps the name without a parameter."""
        params = self.__dict__.get("_parameters")
        if params is None:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, params)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_typename(param)}' object to parameter '{name}' (torch.nn.Parameter or "
                    f"None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly; to "
                    "express one as a function of another tensor, compute the value in forward()."
                )
        for hook in _hooks._global_parameter_registration_hooks.values():
            changed = hook(self, name, param)
            if changed is not None:
                param = changed
        params[name] = param

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a child module, which can then be read as an attribute."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        modules = self.__dict__.get("_modules")
        if modules is None:
            raise AttributeError("cannot assign module before Module.__init__() call")
        self._check_name("module", name, modules)
        for hook in _hooks._global_module_registration_hooks.values():
            changed = hook(self, name, module)
            if changed is not None:
                module = changed
        modules[name] = module

    def _check_name(self, what: str, name: Any, held: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {_typename(name)}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in held and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # ---- finding what is inside

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path such as ``"encoder.layers.0"``; ``""`` is the module itself.

        Raises:
            AttributeError: there is no such attribute on the way, or it is not a module.
        """
        module: Any = self
        for item in target.split(".") if target else ():
            if not hasattr(module, item):
                raise AttributeError(f"{module._get_name()} has no attribute `{item}`")
            module = getattr(module, item)
            if not isinstance(module, Module):
                raise AttributeError(f"`{item}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Puts a module at a dotted path, replacing what is there.

        Args:
            target: the path; must not be empty.
            module: what to put there.
            strict: something must be there already. Default: ``False``, which lets the last name be new.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        param = getattr(module, name)
        if not isinstance(param, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return param

    def get_buffer(self, target: str) -> torch.Tensor:
        """The buffer at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(module, name)

    def _named_members(
        self, get_members_fn: Callable, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Walks the modules and gives what ``get_members_fn(module)`` yields, by dotted name, each object once."""
        seen: set[int] = set()  # of ids: the modules keep the objects alive
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in get_members_fn(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once; with ``recurse=False`` only this module's own."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their dotted names.

        Args:
            prefix: put before every name.
            recurse: the descendants' parameters too. Default: ``True``
            remove_duplicate: a parameter that is shared comes only once. Default: ``True``
        """
        yield from self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[torch.Tensor]:
        """All buffers, each once; with ``recurse=False`` only this module's own."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """All buffers with their dotted names; arguments as for `named_parameters`."""
        yield from self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def children(self) -> Iterator[Module]:
        """The direct child modules, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct child modules with their names, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all modules below it, each once."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module (under ``prefix``) and all modules below it, with their dotted names.

        Args:
            memo: modules that were seen already.
            prefix: put before every name.
            remove_duplicate: a module that is shared comes only once. Default: ``True``
        """
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    # ---- changing everything inside

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Calls ``fn`` on every module below this one, then on itself. Typical use: initialisation."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """Replaces the contents of all parameters, their gradients and all buffers by ``fn`` of them."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        params = self._parameters
        for name, param in params.items():
            if param is None:
                continue
            with torch.no_grad():
                changed = fn(param)
                grad = param.grad
                grad_changed = None if grad is None else fn(grad)
            try:
                if changed is not param:
                    param.data = changed
                kept = param
            except (RuntimeError, TypeError):  # memory of another kind cannot move in under the same parameter
                kept = Parameter(changed, param.requires_grad)
                params[name] = kept
            if grad_changed is not None and grad_changed is not grad:
                kept.grad = None
                kept.grad = grad_changed.requires_grad_(grad.requires_grad)
        buffers = self._buffers
        for name, buffer in buffers.items():
            if buffer is None:
                continue
            if is_lazy(buffer):
                buffer.data = fn(buffer)
            else:
                buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves and casts parameters and buffers, in place.

        Forms: ``to(device=None, dtype=None, non_blocking=False)``, ``to(dtype, non_blocking=False)``,
        ``to(tensor, non_blocking=False)``, ``to(memory_format=...)``. Only floating point and complex tensors change
        dtype;
        ``memory_format`` applies to those of four and five dimensions.

        Returns:
            the module itself.

        Raises:
            TypeError: ``dtype`` is not floating point or complex.
        """
        device, dtype, non_blocking, memory_format = _parse_to(args, kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(t: torch.Tensor) -> torch.Tensor:
            options: dict[str, Any] = {}
            if device is not None:
                options["device"] = device
            if dtype is not None and (t.is_floating_point() or t.is_complex()):
                options["dtype"] = dtype
            if memory_format is not None and t.dim() in (4, 5):
                options["memory_format"] = memory_format
            if not options:
                return t
            if non_blocking:
                options["non_blocking"] = True
            return t.to(**options)

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Moves parameters and buffers to a device without their values, which are then uninitialised."""
        return self._apply(lambda t: torch.empty_like(t, device=device), recurse=recurse)

    def cuda(self, device: Any = None) -> Self:
        """Moves all parameters and buffers to a GPU."""
        return self._apply(lambda t: t.cuda(device))

    def ipu(self, device: Any = None) -> Self:
        """Moves all parameters and buffers to an IPU."""
        return self._apply(lambda t: t.to("ipu" if device is None else device))

    def xpu(self, device: Any = None) -> Self:
        """Moves all parameters and buffers to an XPU."""
        return self._apply(lambda t: t.to("xpu" if device is None else device))

    def mtia(self, device: Any = None) -> Self:
        """Moves all parameters and buffers to an MTIA device."""
        return self._apply(lambda t: t.to("mtia" if device is None else device))

    def cpu(self) -> Self:
        """Moves all parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def type(self, dst_type: Any) -> Self:
        """Casts all parameters and buffers to a dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Casts all floating point parameters and buffers to ``float32``."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Casts all floating point parameters and buffers to ``float64``."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Casts all floating point parameters and buffers to ``float16``."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Casts all floating point parameters and buffers to ``bfloat16``."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def train(self, mode: bool = True) -> Self:
        """Sets training mode, which dropout and batch normalisation look at, here and in all modules below."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self._modules.values():
            if module is not None:
                module.train(mode)
        return self

    def eval(self) -> Self:
        """Sets evaluation mode: the same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Sets whether the parameters collect gradients, in place: ``False`` freezes the module."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Resets the gradients of all parameters: to ``None``, or with ``set_to_none=False`` to zeros."""
        if getattr(self, "_is_replica", False):
            import warnings

            warnings.warn(
                "Calling .zero_grad() from a module created with nn.DataParallel() has no effect: the parameters "
                "are copies of "
                "the original module's.",
                stacklevel=2,
            )
        for param in self.parameters():
            grad = param.grad
            if grad is None:
                continue
            if set_to_none:
                param.grad = None
            else:
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    # ---- hooks

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args)`` before every forward; what it returns, if not None, replaces the positional
        arguments.

        Args:
            hook: the function to call.
            prepend: it runs before the hooks that are there already.
            with_kwargs: it is called as ``hook(module, args, kwargs)`` and may return ``(args, kwargs)``.

        Returns:
            a handle whose ``remove()`` takes the hook away again.
        """
        hooks = self._forward_pre_hooks
        handle = RemovableHandle(hooks, extra_dict=self._forward_pre_hooks_with_kwargs)
        hooks[handle.id] = hook
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args, output)`` after every forward; what it returns, if not None, replaces the output.

        Args:
            hook: the function to call.
            prepend: it runs before the hooks that are there already.
            with_kwargs: it is called as ``hook(module, args, kwargs, output)``.
            always_call: it runs even if forward raises.

        Returns:
            a handle whose ``remove()`` takes the hook away again.
        """
        hooks = self._forward_hooks
        extra = [self._forward_hooks_with_kwargs, self._forward_hooks_always_called]
        handle = RemovableHandle(hooks, extra_dict=extra)
        hooks[handle.id] = hook
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_output)`` when the gradient of the output is known; what it returns replaces it."""
        hooks = self._backward_pre_hooks
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """The old form of `register_full_backward_hook`, which sees only the module's last operation."""
        return self._register_backward(hook, False, False)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are known.

        It may return new gradients in place of ``grad_input``. Both are tuples, with ``None`` for what is not a
        tensor or
        has no gradient. The module's inputs and outputs must not be changed in place while the hook is there.
        """
        return self._register_backward(hook, True, prepend)

    def _register_backward(self, hook: Callable, full: bool, prepend: bool) -> RemovableHandle:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use "
                "only one of them."
            )
        self._is_full_backward_hook = full
        hooks = self._backward_hooks
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def _get_backward_hooks(self) -> tuple[list, list]:
        return _hooks.backward_hooks(self)

    def _get_backward_pre_hooks(self) -> list:
        return _hooks.backward_pre_hooks(self)

    # ---- showing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What to show of the module between the parentheses; override it. One line or several."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {_addindent(repr(module), 2)}" for name, module in self._modules.items()]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        body = "\n  ".join(lines + children)
        return f"{self._get_name()}(\n  {body}\n)"


def _parse_to(args: tuple, kwargs: dict) -> tuple[Any, Any, bool, Any]:
    """The arguments of `Module.to` as (device, dtype, non_blocking, memory_format)."""
    kwargs = dict(kwargs)
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    non_blocking, memory_format = kwargs.pop("non_blocking", False), kwargs.pop("memory_format", None)
    kwargs.pop("copy", None)
    other = kwargs.pop("tensor", kwargs.pop("other", None))
    if kwargs:
        raise TypeError(f"to() received an unexpected keyword argument '{next(iter(kwargs))}'")
    rest = list(args)
    if rest and isinstance(rest[0], torch.Tensor):
        other = rest.pop(0)
    elif rest and isinstance(rest[0], torch.dtype):
        dtype = rest.pop(0)
    elif rest:
        device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], torch.dtype)):
            dtype = rest.pop(0)
    if rest:
        non_blocking = rest.pop(0)
    if len(rest) > 1 or not isinstance(non_blocking, (bool, int)):
        raise TypeError(f"to() received an invalid combination of arguments: {args}")
    if other is not None:
        device, dtype = other.device, other.dtype
    if device is not None and not isinstance(device, torch.device):
        if not isinstance(device, (str, int)) or isinstance(device, bool):
            raise TypeError(
                f"to() received an invalid combination of arguments - got ({type(device).__name__}), but "
                f"expected a device, "
                "a dtype or a tensor"
            )
        device = torch.device(device)
    return device, dtype, bool(non_blocking), memory_format
