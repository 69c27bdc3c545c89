"""Custom functions: a forward and a backward of one's own, as one node of the graph."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight._rushlight import Tensor

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "NestedIOFunction", "once_differentiable"]


class FunctionCtx:
    """What `forward` tells `backward`. Attributes of one's own may be set as well."""

    needs_input_grad: tuple[bool, ...] = ()
    materialize_grads: bool = True
    _to_save: tuple = ()
    _unpacked: tuple | None = None
    _dirty: tuple = ()
    _non_differentiable: tuple = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Saves tensors (inputs, outputs, or neither) for `saved_tensors`. Call it once."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument is of type {type(tensor).__name__}")
        self._to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """For forward mode, which Rushlight does not have; does nothing."""

    def mark_dirty(self, *args: Tensor) -> None:
        """Says which inputs `forward` changed in place. They must be returned, too."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Says which outputs have no gradient."""
        self._non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether a gradient that nothing flowed into comes as zeros (the default) or as None."""
        self.materialize_grads = value

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Needed no more: shared storage is seen."""

    @property
    def saved_tensors(self) -> tuple:
        """What `save_for_backward` saved. Raises RuntimeError once it is freed, or if it was changed in place."""
        saved = self._unpacked
        if saved is None:
            saved = self._saved_tensors if self._recorded else tuple(t for t in self._to_save if t is not None)
        if len(saved) == len(self._to_save):
            return tuple(saved)
        tensors = iter(saved)
        return tuple(None if hole else next(tensors) for hole in self._holes)

    _recorded = False
    _holes: tuple[bool, ...] = ()


class BackwardCFunction(FunctionCtx, _rushlight.Node):
    """The node that a custom function leaves in the graph; `forward` and `backward` know it as `ctx`."""

    _forward_cls: type[Function]
    _tensors: tuple[bool, ...] = ()

    def _run_backward(self, *grads: Tensor | None) -> list[Tensor | None]:
        cls, name = self._forward_cls, type(self).__name__
        own_backward, own_vjp = cls.backward is not Function.backward, cls.vjp is not Function.vjp
        if own_backward and own_vjp:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them."
            )
        results = (cls.vjp if own_vjp else cls.backward)(self, *grads)
        if not isinstance(results, (tuple, list)):
            results = (results,)
        expected = len(self._tensors)
        if len(results) > expected and all(extra is None for extra in results[expected:]):
            results = results[:expected]
        if len(results) != expected:
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {expected}, got {len(results)})"
            )
        out: list[Tensor | None] = []
        for i, (is_tensor, result) in enumerate(zip(self._tensors, results)):
            if result is not None and not isinstance(result, Tensor):
                raise TypeError(f"expected Variable or None (got {type(result).__name__})")
            if is_tensor:
                out.append(result)
            elif result is not None:
                raise RuntimeError(
                    f"function {name} returned a gradient different from None at position {i + 1}, "
                    "but the corresponding forward input was not a Variable"
                )
        return out

    def apply(self, *grads: Tensor | None) -> Any:
        """Runs backward by hand."""
        return self._forward_cls.backward(self, *grads)


class _FunctionMeta(type):
    """Makes the class of a function's nodes."""

    def __init__(cls, name: str, bases: tuple, attributes: dict) -> None:
        super().__init__(name, bases, attributes)
        cls._backward_cls = type(f"{name}Backward", (BackwardCFunction,), {"_forward_cls": cls, "__module__": cls.__module__})


class Function(metaclass=_FunctionMeta):
    """Base of custom functions: define static methods `forward(ctx, …)` and `backward(ctx, *grads)`, and call `apply`.

    `forward` may do without ctx if there is a `setup_context(ctx, inputs, output)`. `backward` gives a gradient (or None) for
    each argument of `forward`; it is differentiable itself if it is made of tensor operations.

    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad * 2
    >>> x = torch.ones(1, requires_grad=True)
    >>> Double.apply(x).backward()
    """

    _backward_cls: type[BackwardCFunction]
    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"{type(self).__name__} should not be instantiated. Methods on autograd functions are all static, "
            "so you should invoke them on the class itself, with .apply()"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the outputs."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> Any:
        """Saves what backward needs."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Gives the gradients of the inputs from those of the outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name for `backward`."""
        raise NotImplementedError("vjp is not implemented; implement backward.")

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """For forward mode, which Rushlight does not have."""
        raise NotImplementedError("forward mode AD is not in Rushlight; use autograd.functional.jvp")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs `forward` and records it."""
        own_setup = cls.setup_context is not Function.setup_context
        if kwargs:
            bound = inspect.signature(cls.forward).bind(*(args if own_setup else (None, *args)), **kwargs)
            bound.apply_defaults()
            args = bound.args if own_setup else bound.args[1:]
        ctx = cls._backward_cls()
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        ctx._tensors = tuple(isinstance(arg, Tensor) for arg in args)
        ctx.needs_input_grad = tuple(isinstance(arg, Tensor) and arg.requires_grad for arg in args)
        recording = _rushlight.is_grad_enabled() and any(ctx.needs_input_grad)
        before = _rushlight._get_modes()
        _rushlight._set_grad_enabled(False)
        try:
            if own_setup:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args)
        finally:
            _rushlight._set_modes(before)
        return _finish(ctx, tensors, output, recording)


def _finish(ctx: BackwardCFunction, inputs: list[Tensor], output: Any, recording: bool) -> Any:
    """Gives the outputs their place in the graph."""
    name = type(ctx).__name__
    outputs = list(output) if isinstance(output, (tuple, list)) else [output]
    dirty = {id(tensor) for tensor in ctx._dirty}
    silent = {id(tensor) for tensor in ctx._non_differentiable}
    given = {id(tensor) for tensor in inputs}
    for tensor in ctx._dirty:
        if id(tensor) not in given:
            raise RuntimeError(f"{name}: mark_dirty was given a tensor that is not an input")
        if recording and tensor.is_leaf and tensor.requires_grad:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        if not any(tensor is out for out in outputs):
            raise RuntimeError("Some elements marked as dirty during the forward method were not returned as output.")
    replaced: dict[int, Tensor] = {}
    made = []
    for i, out in enumerate(outputs):
        if not isinstance(out, Tensor):
            continue
        if id(out) not in dirty and (id(out) in given or out.requires_grad):
            # An input that goes through, or somebody else's tensor: what comes out is another look at it.
            replaced[id(out)] = out.detach()
            if id(out) in silent:
                silent.add(id(replaced[id(out)]))
            outputs[i] = replaced[id(out)]
        made.append(outputs[i])
    ctx._holes = tuple(tensor is None for tensor in ctx._to_save)
    if recording:
        if not made:
            raise RuntimeError(f"{name}: a function must return at least one tensor to be differentiated, got {type(output).__name__}")
        saved = tuple(tensor for tensor in ctx._to_save if tensor is not None)
        _rushlight._record_function(ctx, tuple(inputs), tuple(made), saved)
        ctx._recorded = True
        ctx._to_save = (None,) * len(ctx._to_save)
        for out in made:
            if id(out) in silent:
                out.detach_()
    ctx._dirty = ctx._non_differentiable = ()
    return type(output)(outputs) if isinstance(output, list) else tuple(outputs) if isinstance(output, tuple) else outputs[0]


class _Refuse(Function):
    """Lets nothing through backward."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Any:
        return tuple(tensor.detach() for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn: Callable) -> Callable:
    """Marks a backward that is not made of differentiable operations: a second derivative raises RuntimeError."""

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        with torch.no_grad():
            outputs = fn(ctx, *args)
        if not torch.is_grad_enabled() or not any(isinstance(arg, Tensor) and arg.requires_grad for arg in args):
            return outputs
        several = isinstance(outputs, tuple)
        listed = list(outputs) if several else [outputs]
        places = [i for i, out in enumerate(listed) if isinstance(out, Tensor) and out.dtype.is_floating_point]
        with torch.enable_grad():
            refused = _Refuse.apply(*(listed[i].detach().requires_grad_() for i in places)) if places else ()
        for i, out in zip(places, refused):
            listed[i] = out
        return tuple(listed) if several else listed[0]

    return wrapper


class InplaceFunction(Function):
    """Kept for old programs."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class NestedIOFunction(Function):
    """Not in Rushlight."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("NestedIOFunction is not in Rushlight: flatten the arguments and use autograd.Function")
