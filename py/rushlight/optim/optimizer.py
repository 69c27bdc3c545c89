"""The base of all optimisers: parameter groups, state, hooks, saving and loading.

Two decorators wrap every `step`: `use_grad_for_differentiable` (grad mode off, unless the optimiser is differentiable)
is put on by
the optimiser's author; the one that runs the step hooks is put on by `Optimizer.__init__`, so that user subclasses get
it too.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any, TypeAlias

import rushlight as torch
from rushlight.utils.hooks import RemovableHandle

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

ParamsT: TypeAlias = "Iterable[torch.Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, torch.Tensor]]"

_global_optimizer_pre_hooks: dict[int, Callable] = OrderedDict()
_global_optimizer_post_hooks: dict[int, Callable] = OrderedDict()


class _RequiredParameter:
    """Stands for "no default: every group must give this option"."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


def use_grad_for_differentiable(step: Callable) -> Callable:
    """Runs `step` with gradient recording off, or on if the optimiser was made with `differentiable=True`."""

    @functools.wraps(step)
    def wrapper(self, *args, **kwargs):
        was = torch.is_grad_enabled()
        set_grad = torch._C._set_grad_enabled
        set_grad(bool(self.defaults.get("differentiable", False)))
        try:
            return step(self, *args, **kwargs)
        finally:
            set_grad(was)

    return wrapper


_use_grad_for_differentiable = use_grad_for_differentiable


def _number(value: Any) -> Any:
    """A hyperparameter as a Python number, also if it was given as a tensor."""
    return value.item() if isinstance(value, torch.Tensor) else value


def _with_hooks(step: Callable) -> Callable:
    """Runs the step hooks around `step`; nearly free when there are none."""

    @functools.wraps(step)
    def wrapper(self, *args, **kwargs):
        pre, post = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if not (pre or post or _global_optimizer_pre_hooks or _global_optimizer_post_hooks):
            return step(self, *args, **kwargs)
        # as in PyTorch, a hook sees the positional arguments with the optimiser in front
        args = (self, *args)
        for hook in list(chain(_global_optimizer_pre_hooks.values(), pre.values())):
            result = hook(self, args, kwargs)
            if result is None:
                continue
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(
                    f"{step!r} pre hook must return None or a tuple (new_args, new_kwargs), but got {result}"
                )
            args, kwargs = result
        out = step(*args, **kwargs)
        for hook in list(chain(post.values(), _global_optimizer_post_hooks.values())):
            hook(self, args, kwargs)
        return out

    wrapper.hooked = True
    return wrapper


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Calls `hook(optimizer, args, kwargs)` before every step of every optimiser."""
    return _register(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Calls `hook(optimizer, args, kwargs)` after every step of every optimiser."""
    return _register(_global_optimizer_post_hooks, hook)


def _register(hooks: dict, hook: Callable, prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class Optimizer:
    """Base class: holds parameters in groups, each with its own options, and per-parameter state.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a `"params"` entry and options of their own.
        defaults: the options of groups that do not give them.

    Example::

        >>> class Plain(torch.optim.Optimizer):
        ...     def __init__(self, params, lr):
        ...         super().__init__(params, {"lr": lr})
        ...     @torch.no_grad()
        ...     def step(self, closure=None):
        ...         for group in self.param_groups:
        ...             for p in group["params"]:
        ...                 if p.grad is not None:
        ...                     p.add_(p.grad, alpha=-group["lr"])
    """

    _HOOKS = (
        "_optimizer_step_pre_hooks",
        "_optimizer_step_post_hooks",
        "_optimizer_state_dict_pre_hooks",
        "_optimizer_state_dict_post_hooks",
        "_optimizer_load_state_dict_pre_hooks",
        "_optimizer_load_state_dict_post_hooks",
    )

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hooks()
        if isinstance(params, torch.Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + torch.typename(params)
            )
        self.state: defaultdict[torch.Tensor, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)
        # a step patched in later (by a scheduler, say) still finds hooks below it
        self._warned_capturable_if_run_uncaptured = True

    def _make_hooks(self) -> None:
        for name in self._HOOKS:
            if name not in self.__dict__:
                setattr(self, name, OrderedDict())
        cls = type(self)
        step = getattr(cls, "step", None)
        if step is not None and not getattr(step, "hooked", False):
            cls.step = _with_hooks(step)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_hooks()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    # ---- hooks

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` before each step; it may return changed `(args, kwargs)`."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer)` before `state_dict` gathers."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` on the result of `state_dict`; what it returns, if anything, takes its
        place.
        """
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` before loading; what it returns, if anything, is loaded instead."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer)` after a state dict was loaded."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ---- saving and loading

    def state_dict(self) -> dict[str, Any]:
        """The state as a dict of `"state"` (by parameter number) and `"param_groups"` (options, and parameter numbers).

        Tensors are the optimiser's own, not copies.
        """
        for hook in list(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {(numbers[id(k)] if isinstance(k, torch.Tensor) else k): v for k, v in self.state.items()}
        result = {"state": state, "param_groups": groups}
        for hook in list(self._optimizer_state_dict_post_hooks.values()):
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state that `state_dict` gave. State tensors go to their parameter's device and (floating point
        ones) dtype.

        Raises:
            ValueError: if the groups or their sizes differ from this optimiser's.
        """
        state_dict = state_dict.copy()
        for hook in list(self._optimizer_load_state_dict_pre_hooks.values()):
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        groups, saved_groups = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved_groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved_groups)}, this optimizer "
                f"has {len(groups)}"
            )
        for number, (group, saved) in enumerate(zip(groups, saved_groups)):
            if len(group["params"]) != len(saved["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {number} has {len(saved['params'])} parameters there and {len(group['params'])} here"
                )
        ids = chain.from_iterable(g["params"] for g in saved_groups)
        owner = dict(zip(ids, chain.from_iterable(g["params"] for g in groups)))
        options = {number: saved for saved in saved_groups for number in saved["params"]}
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in owner:
                state[owner[key]] = self._adopt(owner[key], value, options[key])
            else:
                state[key] = value
        new_groups = []
        for group, saved in zip(groups, saved_groups):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
            new_groups.append(saved)
        self.__setstate__({"state": state, "param_groups": new_groups})
        for hook in list(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    def _adopt(self, param: torch.Tensor, value: Any, options: dict[str, Any], key: Any = None) -> Any:
        """A loaded state value as it must be for `param`: device, dtype."""
        if isinstance(value, torch.Tensor):
            if key == "step":
                if options.get("capturable") or options.get("fused"):
                    return value.to(dtype=torch.float32, device=param.device)
                return value
            if param.is_floating_point():
                return value.to(dtype=param.dtype, device=param.device)
            return value.to(device=param.device)
        if isinstance(value, dict):
            return {k: self._adopt(param, v, options, k) for k, v in value.items()}
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            return type(value)(self._adopt(param, v, options) for v in value)
        return value

    # ---- what training loops call

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets all gradients; with `set_to_none=False` fills them with zeros in place."""
        if set_to_none:
            for group in self.param_groups:
                for p in group["params"]:
                    p.grad = None
            return
        for group in self.param_groups:
            for p in group["params"]:
                grad = p.grad
                if grad is not None:
                    if grad.grad_fn is not None:
                        grad.detach_()
                    else:
                        grad.requires_grad_(False)
                    grad.zero_()

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Updates the parameters once. `closure`, if given, computes the loss again and returns it."""
        raise NotImplementedError(f"{type(self).__name__} must define step()")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group of parameters, for instance of layers that are unfrozen during training.

        Raises:
            TypeError: for things that are not tensors, or unordered collections.
            ValueError: for non-leaf tensors, missing options, or parameters that are in another group.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, torch.Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        else:
            params = list(params)
        param_group["params"] = params
        named = [isinstance(p, tuple) for p in params]
        if any(named):
            if not all(named):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = [name for name, _ in params]
            params = param_group["params"] = [p for _, p in params]
        for p in params:
            if not isinstance(p, torch.Tensor):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + torch.typename(p))
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(set(map(id, params))) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
                stacklevel=3,
            )
        others = {id(p) for group in self.param_groups for p in group["params"]}
        if not others.isdisjoint(map(id, params)):
            raise ValueError("some parameters appear in more than one parameter group")
        if self.param_groups and ("param_names" in param_group) != ("param_names" in self.param_groups[0]):
            has = "does" if "param_names" in self.param_groups[0] else "does not"
            raise ValueError(
                f"all optimizer param groups should be with/without names; the first group {has} have names"
            )
        self.param_groups.append(param_group)


def _check_at_least(name: str, value: Any, least: float = 0.0) -> None:
    """`ValueError` unless `value >= least` (so also for NaN)."""
    if not least <= value:
        raise ValueError(f"Invalid {name}: {value}")


def _check_betas(betas: tuple[Any, Any]) -> None:
    for number, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {number}: {beta}")


def _check_lr(lr: Any, foreach: bool | None = None, capturable: bool = False) -> None:
    if isinstance(lr, torch.Tensor):
        if lr.numel() != 1:
            raise ValueError(f"Tensor lr must be 1-element, got shape {list(lr.shape)}")
        if foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
    _check_at_least("learning rate", lr)


def _run_closure(closure: Callable | None) -> Any:
    """The closure's loss, computed with gradient recording on."""
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


def _check_dense(name: str, grads: list[torch.Tensor]) -> None:
    for grad in grads:
        if grad.is_sparse:
            raise RuntimeError(f"{name} does not support sparse gradients; use a dense Embedding (sparse=False)")
