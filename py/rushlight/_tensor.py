"""The parts of Tensor that are easier said in Python: copies, pickling, formatting, and the old type objects."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight._rushlight import Tensor

__all__ = ["Tensor"]


def _attributes(tensor: Tensor) -> dict[str, Any]:
    """What the program has put on a tensor."""
    return {name: value for name, value in tensor.__dict__.items()}


def _deepcopy(self: Tensor, memo: dict) -> Tensor:
    """A copy of a leaf with its gradient and attributes; its memory is copied once for all tensors over it."""
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage"
        )
    if id(self) in memo:
        return memo[id(self)]
    with torch.no_grad():
        if self.device.type == "cpu":
            storage = self.untyped_storage()
            key = ("storage", storage._cdata)
            if key not in memo:
                memo[key] = storage.clone()
            new = _rushlight._tensor_from_storage(memo[key], self.dtype, self.storage_offset(), self.size(), self.stride())
        else:
            new = self.detach().clone()
        if type(self) is not Tensor:
            new = Tensor._make_subclass(type(self), new)
        new.requires_grad_(self.requires_grad)
        memo[id(self)] = new
        if self.grad is not None:
            new.grad = deepcopy(self.grad, memo)
        for name, value in _attributes(self).items():
            new.__dict__[name] = deepcopy(value, memo)
    return new


def _reduce_ex(self: Tensor, protocol: int) -> tuple:
    """How pickle takes a tensor apart: a storage, and where in it the tensor lies."""
    from rushlight import _utils

    return _utils._reduce_tensor(self, protocol)


def _setstate(self: Tensor, state: Any) -> None:
    if isinstance(state, dict):
        self.__dict__.update(state)
        return
    raise TypeError(f"Tensor.__setstate__: expected a dict of attributes, got {type(state).__name__}")


def _format(self: Tensor, spec: str) -> str:
    if self.dim() == 0 and type(self) is Tensor:
        return self.item().__format__(spec)
    return object.__format__(self, spec)


def _contains(self: Tensor, item: Any) -> bool:
    return bool((self == item).any())


def _dir(self: Tensor) -> list[str]:
    names = set(dir(type(self))) | set(self.__dict__)
    names -= {"volatile", "__cuda_array_interface__"}
    return sorted(name for name in names if not name[:1].isdigit())


class _TensorType(type):
    """The class of `FloatTensor` and its like: makes tensors of one dtype, and knows them when it sees them."""

    dtype: Any

    def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
        return _rushlight._legacy_tensor(cls.dtype, *args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype and instance.device.type == "cpu"

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _type(name: str, dtype: Any) -> _TensorType:
    return _TensorType(name, (), {"dtype": dtype, "__module__": "torch", "__doc__": f"Tensors of dtype {dtype} on the CPU."})


FloatTensor = _type("FloatTensor", torch.float32)
DoubleTensor = _type("DoubleTensor", torch.float64)
HalfTensor = _type("HalfTensor", torch.float16)
BFloat16Tensor = _type("BFloat16Tensor", torch.bfloat16)
LongTensor = _type("LongTensor", torch.int64)
IntTensor = _type("IntTensor", torch.int32)
ShortTensor = _type("ShortTensor", torch.int16)
CharTensor = _type("CharTensor", torch.int8)
ByteTensor = _type("ByteTensor", torch.uint8)
BoolTensor = _type("BoolTensor", torch.bool)
ComplexFloatTensor = _type("ComplexFloatTensor", torch.complex64)
ComplexDoubleTensor = _type("ComplexDoubleTensor", torch.complex128)
