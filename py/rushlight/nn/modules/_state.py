"""How a module's state is saved and loaded: `state_dict`, `load_state_dict` and their hooks, as a part of `Module`."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

import rushlight as torch
from rushlight.utils.hooks import RemovableHandle

from ..parameter import Parameter, is_lazy

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` returns: the keys that were missing, and those nobody asked for."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class _WrappedHook:
    """A hook that is also given the module it was registered on, without keeping that module alive."""

    def __init__(self, hook: Callable, module: Any = None) -> None:
        import weakref

        self.hook = hook
        self.module = None if module is None else weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.module is None:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {"hook": self.hook, "module": None if self.module is None else self.module()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["hook"], state["module"])  # type: ignore[misc]


class _StateMixin:
    """The part of `Module` that saves and loads."""

    _version: int = 1
    _modules: dict[str, Any]
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: OrderedDict[int, Callable]
    _state_dict_pre_hooks: OrderedDict[int, Callable]
    _load_state_dict_pre_hooks: OrderedDict[int, Callable]
    _load_state_dict_post_hooks: OrderedDict[int, Callable]

    # ---- extra state

    def get_extra_state(self) -> Any:
        """Anything beside parameters and buffers that ``state_dict`` should hold; override together with
        `set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called: override it before "
            "calling it."
        )

    def set_extra_state(self, state: Any) -> None:
        """Takes what `get_extra_state` gave; called by `load_state_dict`."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called: override it before "
            "calling it."
        )

    # ---- hooks

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        """The old form of `register_state_dict_post_hook`: what the hook returns, if not None, replaces the state
        dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered"
            )
        handle = RemovableHandle(self._state_dict_hooks)
        self._state_dict_hooks[handle.id] = hook
        return handle

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata) -> None`` after `state_dict`; it may change the
        dict in place."""
        hook._from_public_api = True  # type: ignore[attr-defined]
        handle = RemovableHandle(self._state_dict_hooks)
        self._state_dict_hooks[handle.id] = hook
        return handle

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, prefix, keep_vars) -> None`` before `state_dict` collects."""
        handle = RemovableHandle(self._state_dict_pre_hooks)
        self._state_dict_pre_hooks[handle.id] = hook
        return handle

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> RemovableHandle:
        """As `register_load_state_dict_pre_hook`; only ``with_module`` passes the module first."""
        handle = RemovableHandle(self._load_state_dict_pre_hooks)
        self._load_state_dict_pre_hooks[handle.id] = _WrappedHook(hook, self if with_module else None)
        return handle

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        -> None``
        before this module loads; it may change its arguments in place."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, incompatible_keys) -> None`` after `load_state_dict`; it may change the key lists in
        place."""
        handle = RemovableHandle(self._load_state_dict_post_hooks)
        self._load_state_dict_post_hooks[handle.id] = hook
        return handle

    # ---- saving

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Puts this module's own state, not its children's, into ``destination``."""
        for name, param in self._parameters.items():
            if param is not None:
                destination[prefix + name] = param if keep_vars else param.detach()
        transient = self._non_persistent_buffers_set
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in transient:
                destination[prefix + name] = buffer if keep_vars else buffer.detach()
        if getattr(type(self), "get_extra_state", None) is not _StateMixin.get_extra_state:
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """All parameters and persistent buffers of the module and its descendants, by their dotted names.

        Args:
            destination: a dict to put them into; a new ``OrderedDict`` if not given.
            prefix: put before every name. Default: ``''``
            keep_vars: give the parameters themselves instead of detached views of them. Default: ``False``

        Example::

            >>> list(torch.nn.Linear(2, 3).state_dict())
            ['weight', 'bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to the documentation of "
                "state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            if destination is None:
                destination = args[0]
            if len(args) > 1 and prefix == "":
                prefix = args[1]
            if len(args) > 2 and keep_vars is False:
                keep_vars = args[2]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        hooks = self.__dict__.get("_state_dict_pre_hooks")
        for hook in tuple(hooks.values()) if hooks else ():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        hooks = self.__dict__.get("_state_dict_hooks")
        for hook in tuple(hooks.values()) if hooks else ():
            changed = hook(self, destination, prefix, local_metadata)
            if changed is None:
                continue
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = changed
        return destination

    # ---- loading

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Loads this module's own state, not its children's; override to read old formats
        (``local_metadata['version']``)."""
        hooks = self.__dict__.get("_load_state_dict_pre_hooks")
        for hook in tuple(hooks.values()) if hooks else ():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        transient = self._non_persistent_buffers_set
        mine = {k: v for k, v in self._parameters.items() if v is not None}
        mine.update((k, v) for k, v in self._buffers.items() if v is not None and k not in transient)
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, param in mine.items():
            key = prefix + name
            if key in state_dict:
                self._load_one(name, param, key, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)

        extra_key = prefix + _EXTRA_STATE_KEY_SUFFIX
        if getattr(type(self), "set_extra_state", None) is not _StateMixin.set_extra_state:
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)

        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    head, dot, _ = key[len(prefix) :].partition(".")
                    if head not in (self._modules if dot else mine):
                        unexpected_keys.append(key)

    def _load_one(self, name: str, param: Any, key: str, given: Any, assign: bool, error_msgs: list[str]) -> None:
        if not isinstance(given, torch.Tensor) and not hasattr(given, "__torch_function__"):
            error_msgs.append(
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                f"checkpoint but received {type(given)}"
            )
            return
        if not is_lazy(param):
            if param.dim() == 0 and given.dim() == 1:
                given = given[0]  # how very old files held a scalar
            if not is_lazy(given) and given.shape != param.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                    f"the shape in current model is {param.shape}."
                )
                return
            if param.is_meta and not given.is_meta and not assign:
                warnings.warn(
                    f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the "
                    f"current model, "
                    "which is a no-op. (Did you mean to pass `assign=True`?)"
                )
        try:
            with torch.no_grad():
                if not assign:
                    param.copy_(given)
                elif isinstance(param, Parameter):
                    if isinstance(given, Parameter):
                        given.requires_grad_(param.requires_grad)
                    else:
                        given = Parameter(given, requires_grad=param.requires_grad)
                    setattr(self, name, given)
                else:
                    setattr(self, name, given)
        except Exception as error:
            shape = "uninitialized" if is_lazy(param) else param.size()
            error_msgs.append(
                f'While copying the parameter named "{key}", whose dimensions in the model are {shape} and whose '
                f"dimensions in the checkpoint are {given.size()}, an exception occurred : {error.args}."
            )

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copies parameters and buffers from a state dict into this module and its descendants.

        Args:
            state_dict: a mapping from dotted names to tensors.
            strict: the names must be exactly those of `state_dict`. Default: ``True``
            assign: take the given tensors themselves instead of copying their values into those at hand, which keeps
                *their* dtype, device and memory (``requires_grad`` stays the module's). Default: ``False``

        Returns:
            a named tuple of ``missing_keys`` and ``unexpected_keys``.

        Raises:
            RuntimeError: a shape does not fit, or with ``strict`` a name is missing or unexpected. All problems are
                listed.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        state = OrderedDict(state_dict)
        if metadata is not None:
            state._metadata = metadata  # type: ignore[attr-defined]

        def load(module: Any, local: Any, prefix: str) -> None:
            info = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                info["assign_to_params_buffers"] = assign
            module._load_from_state_dict(local, prefix, info, True, missing, unexpected, errors)
            children = {name: child for name, child in module._modules.items() if child is not None}
            if children:
                parts: dict[str, Any] = {name: {} for name in children}
                start = len(prefix)
                for key, value in local.items():
                    if key.startswith(prefix):
                        head, dot, _ = key[start:].partition(".")
                        if dot and head in parts:
                            parts[head][key] = value
                for name, child in children.items():
                    load(child, parts[name], f"{prefix}{name}.")
            hooks = module.__dict__.get("_load_state_dict_post_hooks")
            for hook in tuple(hooks.values()) if hooks else ():
                if hook(module, _IncompatibleKeys(missing, unexpected)) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return "
                        "new values; "
                        "change incompatible_keys in place instead."
                    )

        load(self, state, "")
        if strict:
            for keys, what in ((unexpected, "Unexpected"), (missing, "Missing")):
                if keys:
                    names = ", ".join(f'"{k}"' for k in keys)
                    errors.insert(0, f"{what} key(s) in state_dict: {names}. ")
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}")
        return _IncompatibleKeys(missing, unexpected)
