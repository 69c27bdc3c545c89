"""Module hooks: the ones that watch every module, how a call with hooks runs, and how backward hooks are tied in."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import rushlight as torch
from rushlight.utils.hooks import RemovableHandle

__all__ = [
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

_global_forward_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
_global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
_global_forward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_backward_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_backward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_buffer_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_module_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_parameter_registration_hooks: OrderedDict[int, Callable] = OrderedDict()

# Becomes non-empty with the first global call hook: every module then takes the way that looks for hooks.
any_global: list[bool] = []
_global_is_full: bool | None = None


def _register(hooks: OrderedDict[int, Callable], hook: Callable, extra: Any = None) -> RemovableHandle:
    handle = RemovableHandle(hooks, extra_dict=extra)
    hooks[handle.id] = hook
    return handle


def _register_call(hooks: OrderedDict[int, Callable], hook: Callable, extra: Any = None) -> RemovableHandle:
    if not any_global:
        any_global.append(True)
    return _register(hooks, hook, extra)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, name, buffer)`` whenever any module is given a buffer; a value it returns replaces the
    buffer."""
    return _register(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, name, submodule)`` whenever any module is given a child; a value it returns replaces the
    child."""
    return _register(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, name, param)`` whenever any module is given a parameter; a value it returns replaces it."""
    return _register(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, args)`` before the forward of every module; what it returns, if not None, replaces the
    arguments."""
    return _register_call(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Calls ``hook(module, args, output)`` after the forward of every module; what it returns, if not None, replaces
    the output.

    Args:
        hook: the function to call.
        with_kwargs: it is called as ``hook(module, args, kwargs, output)``.
        always_call: it runs even if forward raises.
    """
    extra = [_global_forward_hooks_with_kwargs, _global_forward_hooks_always_called]
    handle = _register_call(_global_forward_hooks, hook, extra)
    if with_kwargs:
        _global_forward_hooks_with_kwargs[handle.id] = True
    if always_call:
        _global_forward_hooks_always_called[handle.id] = True
    return handle


def _register_global_backward(hook: Callable, full: bool) -> RemovableHandle:
    global _global_is_full
    if _global_is_full is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use "
            "only one of them."
        )
    _global_is_full = full
    return _register_call(_global_backward_hooks, hook)


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """The old form of `register_module_full_backward_hook`, which sees only the module's last operation."""
    return _register_global_backward(hook, False)


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, grad_output)`` when the gradient of any module's output is known; it may return another
    one."""
    return _register_call(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, grad_input, grad_output)`` when the gradients of any module's inputs are known."""
    return _register_global_backward(hook, True)


def backward_hooks(module: Any) -> tuple[list, list]:
    """The (full, old-style) backward hooks that apply to a module."""
    full, old = [], []
    if _global_backward_hooks:
        (full if _global_is_full else old).extend(_global_backward_hooks.values())
    mine = module.__dict__.get("_backward_hooks")
    if mine:
        (full if module._is_full_backward_hook else old).extend(mine.values())
    return full, old


def backward_pre_hooks(module: Any) -> list:
    mine = module.__dict__.get("_backward_pre_hooks")
    return [*_global_backward_pre_hooks.values(), *(mine.values() if mine else ())]


def _first_tensor(value: Any) -> Any:
    while value is not None and not isinstance(value, torch.Tensor):
        if isinstance(value, dict):
            value = next((v for v in value.values() if isinstance(v, torch.Tensor)), None)
        elif isinstance(value, (list, tuple)) and value:
            value = value[0]
        else:
            return None
    return value


def call_with_hooks(module: Any, forward: Callable, args: tuple, kwargs: dict) -> Any:
    """Runs a module's forward with every hook that applies to it, in PyTorch's order."""
    get = module.__dict__.get
    pre, post = get("_forward_pre_hooks"), get("_forward_hooks")
    full, old = backward_hooks(module)
    bw_pre = backward_pre_hooks(module)
    if not (pre or post or full or old or bw_pre or _global_forward_pre_hooks or _global_forward_hooks):
        return forward(*args, **kwargs)

    result: Any = None
    called: set[int] = set()
    try:
        args, kwargs = _run_pre_hooks(module, pre, args, kwargs)
        ties = BackwardHook(module, full, bw_pre) if full or bw_pre else None
        if ties is not None:
            args = ties.setup_input_hook(args)
        result = forward(*args, **kwargs)
        for key, hook, with_kwargs, always in _post_hooks(module, post):
            if always:
                called.add(key)
            changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            if changed is not None:
                result = changed
        if ties is not None:
            if not isinstance(result, (torch.Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                    f"but received {type(result)}"
                )
            result = ties.setup_output_hook(result)
        if old:
            _tie_old_hooks(module, old, args, result)
    except Exception:
        for key, hook, with_kwargs, always in _post_hooks(module, post):
            if not always or key in called:
                continue
            try:
                changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
                if changed is not None:
                    result = changed
            except Exception as error:
                warnings.warn(f"a forward hook with ``always_call=True`` raised an error that was silenced: {error}")
        raise
    return result


def _run_pre_hooks(module: Any, pre: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    flagged = module.__dict__.get("_forward_pre_hooks_with_kwargs") or ()
    for hooks, own in ((_global_forward_pre_hooks, False), (pre, True)):
        for key, hook in tuple(hooks.items()) if hooks else ():
            if own and key in flagged:
                changed = hook(module, args, kwargs)
                if changed is None:
                    continue
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                args, kwargs = changed
            else:
                changed = hook(module, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


def _post_hooks(module: Any, post: Any) -> list:
    """Forward hooks as (key, hook, wants the kwargs, runs even after an error)."""
    get = module.__dict__.get
    found = [
        (key, hook, key in _global_forward_hooks_with_kwargs, key in _global_forward_hooks_always_called)
        for key, hook in _global_forward_hooks.items()
    ]
    if post:
        flagged, always = get("_forward_hooks_with_kwargs") or (), get("_forward_hooks_always_called") or ()
        found += [(key, hook, key in flagged, key in always) for key, hook in post.items()]
    return found


def _tie_old_hooks(module: Any, old: list, args: tuple, result: Any) -> None:
    tensor = _first_tensor(result)
    node = None if tensor is None else tensor.grad_fn
    if node is None:
        return
    for hook in old:
        node.register_hook(lambda grad_in, grad_out, hook=hook: hook(module, grad_in, grad_out))
    outputs = [result] if isinstance(result, torch.Tensor) else result if isinstance(result, (tuple, list)) else []
    if len(outputs) != 1 or len([a for a in args if isinstance(a, torch.Tensor)]) != 1:
        warnings.warn(
            "Using a non-full backward hook on a Module whose forward has several inputs or outputs is "
            "deprecated: the hook "
            "misses some grad_input or grad_output. Please use register_full_backward_hook.",
            FutureWarning,
            stacklevel=4,
        )


def _as_tuple(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value,)


_function: Any = None


def _identity() -> Any:
    """The autograd function that lets tensors through and calls us when their gradients come back."""
    global _function
    if _function is None:

        class BackwardHookFunction(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, ties: Any, is_output: bool, *tensors: Any) -> Any:
                ctx.ties, ctx.is_output = ties, is_output
                through = tuple(t.view_as(t) for t in tensors)
                ctx.mark_non_differentiable(*[out for t, out in zip(tensors, through) if not t.requires_grad])
                return through

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                come = ctx.ties.output_grads if ctx.is_output else ctx.ties.input_grads
                return (None, None, *come(grads))

        _function = BackwardHookFunction
    return _function


class BackwardHook:
    """Ties full backward hooks to one call of a module.

    The inputs and outputs pass through an identity function. Its backward on the output side keeps ``grad_output``;
    on the
    input side it has ``grad_input`` too and calls the hooks. Without an input that requires a gradient they are called
    on the output side, with ``None`` for each input.
    """

    def __init__(self, module: Any, user_hooks: list, user_pre_hooks: list) -> None:
        self.module, self.user_hooks, self.user_pre_hooks = module, user_hooks, user_pre_hooks
        self.grad_outputs: tuple | None = None
        self.n_inputs = self.n_outputs = -1
        self.input_at: list[int] | None = None
        self.output_at: list[int] = []

    def _thread(self, is_output: bool, values: tuple) -> tuple[tuple, list[int] | None]:
        at = [n for n, v in enumerate(values) if isinstance(v, torch.Tensor)]
        wanted = torch.is_grad_enabled() and any(values[n].requires_grad for n in at)
        if not wanted:
            return values, None
        through = _identity().apply(self, is_output, *[values[n] for n in at])
        changed = list(values)
        for n, tensor in zip(at, through):
            changed[n] = tensor
        kind = type(values)
        return (kind(*changed) if hasattr(kind, "_fields") else tuple(changed)), at

    def setup_input_hook(self, args: tuple) -> tuple:
        self.n_inputs = len(args)
        args, self.input_at = self._thread(False, args)
        return args

    def setup_output_hook(self, result: Any) -> Any:
        values = _as_tuple(result)
        self.n_outputs = len(values)
        values, at = self._thread(True, values)
        self.output_at = at or []
        return values if isinstance(result, tuple) else values[0]

    @staticmethod
    def _spread(grads: tuple, at: list[int], count: int) -> tuple:
        spread: list = [None] * count
        for n, grad in zip(at, grads):
            spread[n] = grad
        return tuple(spread)

    def output_grads(self, grads: tuple) -> tuple:
        outputs = self._spread(grads, self.output_at, self.n_outputs)
        for hook in self.user_pre_hooks:
            changed = hook(self.module, outputs)
            if changed is None:
                continue
            changed = _as_tuple(changed)
            if len(changed) != len(outputs):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(changed)}, but expected {len(outputs)}"
                )
            outputs = changed
        if self.input_at is None:
            nothing = (None,) * self.n_inputs
            for hook in self.user_hooks:
                changed = hook(self.module, nothing, outputs)
                if changed is not None and not all(g is None for g in _as_tuple(changed)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None or "
                        "None for all gradients."
                    )
        else:
            self.grad_outputs = outputs
        return tuple(outputs[n] for n in self.output_at)

    def input_grads(self, grads: tuple) -> tuple:
        if self.grad_outputs is None:
            # backward reached the inputs by another way than through the outputs: there is nothing to tell
            return grads
        at = self.input_at or []
        inputs, outputs, self.grad_outputs = self._spread(grads, at, self.n_inputs), self.grad_outputs, None
        for hook in self.user_hooks:
            changed = hook(self.module, inputs, outputs)
            if changed is None:
                continue
            changed = _as_tuple(changed)
            if len(changed) != len(inputs):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(changed)}, but expected "
                    f"{len(inputs)}"
                )
            inputs = changed
        return tuple(inputs[n] for n in at)
