"""The graph from outside: nodes, and hooks on what it saves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rushlight import _rushlight
from rushlight._rushlight import Node, Tensor

__all__ = [
    "GradientEdge",
    "Node",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class GradientEdge(NamedTuple):
    """Where a gradient goes: a node, and which of its outputs it belongs to."""

    node: Any
    output_nr: int


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge that carries the gradient of a tensor that is no leaf."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    if tensor.grad_fn is None:
        raise NotImplementedError("get_gradient_edge of a leaf: use the tensor itself with autograd.grad")
    return GradientEdge(tensor.grad_fn, tensor.output_nr)


def increment_version(tensor: Tensor | Sequence[Tensor]) -> None:
    """Tells autograd that a tensor's memory was changed behind its back."""
    for one in (tensor,) if isinstance(tensor, Tensor) else tensor:
        _rushlight._increment_version(one)


class saved_tensors_hooks:
    """Within this context, a tensor that is saved for backward goes through `pack`, and through `unpack` when it is read.

    `pack(tensor)` may give anything; `unpack` makes the tensor again.
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _rushlight._push_saved_tensors_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exception: Any) -> None:
        _rushlight._pop_saved_tensors_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Saved tensors wait in the CPU's memory and return to their device when they are read."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: (tensor.device, tensor.cpu()), lambda packed: packed[1].to(packed[0]))


class disable_saved_tensors_hooks:
    """Within this context `saved_tensors_hooks` raises RuntimeError with this message."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        _rushlight._disable_saved_tensors_hooks(self.error_message)

    def __exit__(self, *exception: Any) -> None:
        _rushlight._disable_saved_tensors_hooks(None)


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable, *, mode: str = "all") -> Any:
    """Calls `fn` with the gradients of several tensors: once all are there, or with the first one of a backward.

    With mode "all", backward must reach each of the tensors.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    waiting: dict[int, Any] = {}

    def hook_of(i: int) -> Callable:
        def hook(grad: Tensor) -> None:
            if mode == "any":
                if not waiting:
                    fn(grad)
                waiting[i] = True
                if len(waiting) == len(tensors):
                    waiting.clear()
                return
            waiting[i] = grad
            if len(waiting) == len(tensors):
                grads = [waiting[j] for j in range(len(tensors))]
                waiting.clear()
                fn(grads)

        return hook

    handles = [tensor.register_hook(hook_of(i)) for i, tensor in enumerate(tensors)]
    return _Handles(handles)


class _Handles:
    def __init__(self, handles: list) -> None:
        self._handles = handles

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()
