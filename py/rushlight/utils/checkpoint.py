"""Checkpointing: backward computes a block again instead of keeping what it needs, memory for time."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

import rushlight as torch

from ._pytree import tree_map as tree_map  # noqa: PLC0414 (programs take it from here)

__all__ = [
    "CheckpointError",
    "CheckpointFunction",  # noqa: F822 (by __getattr__)
    "CheckpointPolicy",
    "checkpoint",
    "checkpoint_sequential",
    "create_selective_checkpoint_contexts",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]


class CheckpointError(RuntimeError):
    """The second run of a block was not like the first."""


class CheckpointPolicy(Enum):
    """What selective checkpointing does with an operation."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False
) -> tuple[Any, Any]:
    """Would let some operations keep their results. Raises NotImplementedError."""
    raise NotImplementedError(
        "selective checkpointing is not in Rushlight yet: checkpoint whole blocks, or smaller ones"
    )


_debug: bool | None = None
_early_stop = True


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Any:
    """Overrides the `debug` of checkpoints inside of the block."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Any:
    """Says whether the second run stops as soon as backward has what it needs."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


def detach_variable(inputs: tuple) -> tuple:
    """The tensors in `inputs` outside of their graphs, requiring gradients as they did."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    result = []
    for value in inputs:
        if isinstance(value, torch.Tensor):
            needs = value.requires_grad
            value = value.detach()
            value.requires_grad_(needs)
        result.append(value)
    return tuple(result)


def check_backward_validity(inputs: Iterable) -> None:
    """Warns if no input requires gradients: then a reentrant checkpoint gives none."""
    if not any(isinstance(value, torch.Tensor) and value.requires_grad for value in inputs):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=3)


class _Random:
    """The random numbers of the first run, drawn again in the second; and autocast as it was."""

    def __init__(self, preserve: bool) -> None:
        self._state = torch.get_rng_state() if preserve else None
        self._autocast = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    @contextlib.contextmanager
    def again(self) -> Any:
        on, dtype = self._autocast
        with torch.autocast("cpu", enabled=on, dtype=dtype), self._drawn_again():
            yield

    @contextlib.contextmanager
    def _drawn_again(self) -> Any:
        if self._state is None:
            yield
            return
        now = torch.get_rng_state()
        torch.set_rng_state(self._state)
        try:
            yield
        finally:
            torch.set_rng_state(now)


def _checkpoint_function() -> type:
    """The reentrant form, a custom Function; made at first use, so that this module does not import autograd."""

    class CheckpointFunction(torch.autograd.Function):
        """Runs the block without a graph; backward runs it again with one, and backward through that."""

        @staticmethod
        def forward(ctx, run_function, preserve_rng_state, *args):
            check_backward_validity(args)
            ctx.run_function = run_function
            ctx.random = _Random(preserve_rng_state)
            ctx.inputs, ctx.places, tensors = [], [], []
            for place, value in enumerate(args):
                if isinstance(value, torch.Tensor):
                    tensors.append(value)
                    ctx.places.append(place)
                    value = None
                ctx.inputs.append(value)
            ctx.save_for_backward(*tensors)
            with torch.no_grad():
                return run_function(*args)

        @staticmethod
        def backward(ctx, *grads):
            inputs = list(ctx.inputs)
            for place, tensor in zip(ctx.places, ctx.saved_tensors):
                inputs[place] = tensor
            with ctx.random.again():
                detached = detach_variable(tuple(inputs))
                with torch.enable_grad():
                    outputs = ctx.run_function(*detached)
            if isinstance(outputs, torch.Tensor):
                outputs = (outputs,)
            pairs = [
                (o, g)
                for o, g in zip(outputs, grads)
                if isinstance(o, torch.Tensor) and o.requires_grad and g is not None
            ]
            if not pairs:
                raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
            torch.autograd.backward([o for o, _ in pairs], [g for _, g in pairs])
            return (None, None, *(value.grad if isinstance(value, torch.Tensor) else None for value in detached))

    CheckpointFunction.__module__, CheckpointFunction.__qualname__ = __name__, "CheckpointFunction"
    return CheckpointFunction


def __getattr__(name: str) -> Any:
    if name == "CheckpointFunction":
        globals()[name] = cls = _checkpoint_function()
        return cls
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)` without keeping what its backward needs: backward runs it again.

    Args:
        use_reentrant: False is recommended; True is the older form, whose inputs must include one that requires
            gradients.
        preserve_rng_state: draw the same random numbers in the second run (default).
        context_fn: gives a context for the first run and one for the second.
        determinism_check: "default" compares shapes and dtypes of the two runs, "none" does not.

    Raises:
        CheckpointError: in backward, if the second run differs from the first.

    Example::

        >>> y = checkpoint(block, x, use_reentrant=False)
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. use_reentrant=False is "
            "recommended.",
            stacklevel=2,
        )
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        function_class = globals().get("CheckpointFunction") or __getattr__("CheckpointFunction")
        return function_class.apply(function, preserve, *args)
    return _not_reentrant(function, args, kwargs, preserve, context_fn, determinism_check, early_stop and _early_stop)


class _Stop(Exception):
    """The second run has made everything that backward needs."""


class _Handle:
    """Stands in the graph for a saved tensor."""

    __slots__ = ("__weakref__", "number")

    def __init__(self, number: int) -> None:
        self.number = number


def _not_reentrant(
    function: Callable, args: tuple, kwargs: dict, preserve: bool, context_fn: Callable, check: str, early_stop: bool
) -> Any:
    if check not in ("default", "none"):
        raise ValueError(f"determinism_check must be 'default' or 'none', got {check!r}")
    if not torch.is_grad_enabled():
        return function(*args, **kwargs)
    first_context, second_context = context_fn()
    random = _Random(preserve)
    shapes: list[tuple] = []
    again: dict[int, torch.Tensor] = {}  # from the second run, until backward has taken them

    def describe(tensor: torch.Tensor) -> tuple:
        return (tuple(tensor.shape), tensor.dtype, tensor.device.type)

    def pack(tensor: torch.Tensor) -> _Handle:
        shapes.append(describe(tensor))
        return _Handle(len(shapes) - 1)

    def run_again() -> None:
        count = 0

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal count
            if count < len(shapes):
                if check == "default" and describe(tensor) != shapes[count]:
                    raise CheckpointError(
                        "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata "
                        "than during the "
                        f"forward pass: saved tensor {count}: {shapes[count]}, recomputed {describe(tensor)}"
                    )
                again[count] = tensor.detach()
            elif check == "default":
                raise CheckpointError(
                    "torch.utils.checkpoint: trying to save more tensors during recomputation than during the "
                    "original forward pass."
                )
            count += 1
            if early_stop and count == len(shapes):
                raise _Stop
            return tensor

        with random.again(), second_context, torch.enable_grad():
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                try:
                    function(*args, **kwargs)
                except _Stop:
                    pass
        if count != len(shapes) and check == "default":
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                "recomputation. "
                f"Number of tensors saved during forward: {len(shapes)}; during recomputation: {count}"
            )

    def unpack(handle: _Handle) -> torch.Tensor:
        if handle.number not in again:
            run_again()
        if handle.number not in again:
            raise CheckpointError(
                f"torch.utils.checkpoint: recomputation did not save tensor {handle.number} of {len(shapes)}"
            )
        return again.pop(handle.number)

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack), first_context:
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Runs a sequence of modules in `segments` pieces, each but the last one checkpointed."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    modules = list(functions.children()) if isinstance(functions, torch.nn.Sequential) else list(functions)

    def piece(begin: int, end: int) -> Callable:
        def run(x: Any) -> Any:
            for module in modules[begin:end]:
                x = module(x)
            return x

        return run

    size = len(modules) // segments
    end = 0
    for begin in range(0, size * (segments - 1), size or 1):
        end = begin + size
        input = checkpoint(piece(begin, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return piece(end, len(modules))(input)


def get_device_states(*args: Any) -> tuple[list, list]:
    """The random states of the devices of tensors: there are none besides the CPU's."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Sets what `get_device_states` gave."""
