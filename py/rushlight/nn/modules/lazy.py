"""Lazy modules: layers that learn the sizes of their parameters from the first input."""

from __future__ import annotations

import warnings
from typing import Any

from ..parameter import is_lazy
from .module import Module

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    r"""Makes a module create its parameters when it first sees an input.

    The class holds `UninitializedParameter` s and `UninitializedBuffer` s, defines ``initialize_parameters(*args,
    **kwargs)``
    which materialises them for the arguments of forward, and names in ``cls_to_become`` the class that it then turns
    into.
    Run one batch through a model with lazy modules before giving its parameters to an optimiser.

    Example::

        >>> layer = torch.nn.LazyLinear(3)
        >>> layer(torch.zeros(2, 5)).shape, layer
        (torch.Size([2, 3]), Linear(in_features=5, out_features=3, bias=True))
    """

    cls_to_become: type | None = None

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)
        warnings.warn(
            "Lazy modules are a new feature under heavy development so changes to the API or functionality can "
            "happen at any moment.",
            stacklevel=2,
        )

    def _save_to_state_dict(self: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
        # Unlike Module's, this keeps uninitialised parameters as they are: they cannot be detached.
        for name, param in self._parameters.items():
            if param is not None:
                destination[prefix + name] = param if keep_vars or is_lazy(param) else param.detach()
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = buffer if keep_vars or is_lazy(buffer) else buffer.detach()

    def _lazy_load_hook(
        self: Any,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: Any,
        unexpected_keys: Any,
        error_msgs: Any,
    ) -> None:
        """Gives parameters the shapes of those that are about to be loaded into them."""
        for registry in (self._parameters, self._buffers):
            for name, param in registry.items():
                key = prefix + name
                if key in state_dict and is_lazy(param) and not is_lazy(state_dict[key]):
                    param.materialize(state_dict[key].shape)

    def initialize_parameters(self: Any, *args: Any, **kwargs: Any) -> None:
        """Creates the parameters for these arguments of forward; every lazy class defines it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self: Any) -> bool:
        """Whether a parameter or buffer of the module itself still waits for its shape."""
        return any(is_lazy(p) for registry in (self._parameters, self._buffers) for p in registry.values())

    def _infer_parameters(self: Any, module: Any, args: Any, kwargs: Any = None) -> None:
        """The hook that runs before the first forward: creates the parameters and becomes the ordinary class."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        delattr(module, "_initialize_hook")
        delattr(module, "_load_hook")
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self: Any) -> Module:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy forward pass "
            "to correctly "
            "initialize the modules"
        )
