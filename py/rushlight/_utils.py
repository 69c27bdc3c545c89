"""How tensors are taken apart and put together again: pickling, deep copies, files.

The `_rebuild_*` names and arguments are part of the file format: files name them as `torch._utils._rebuild_…`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import rushlight as torch

from . import _storage
from ._storage import TypedStorage


def _rebuild_tensor(storage: Any, storage_offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> torch.Tensor:
    """A tensor over `storage`. Raises RuntimeError if it would reach beyond the storage's end."""
    dtype = storage.dtype
    untyped = storage.untyped()
    _check_inside(size, stride, storage_offset, untyped.nbytes() // _storage._ITEMSIZE[_storage._dtype_name(dtype)])
    return torch._C._tensor_from_storage(untyped, dtype, storage_offset, size, stride)


def _check_inside(size: Any, stride: Any, offset: Any, available: int) -> None:
    good = (
        isinstance(size, (tuple, list))
        and isinstance(stride, (tuple, list))
        and len(size) == len(stride)
        and isinstance(offset, int)
        and all(isinstance(n, int) and n >= 0 for n in (*size, *stride, offset))
    )
    if not good:
        raise RuntimeError(
            f"cannot rebuild a tensor of size {size}, stride {stride}, offset {offset}: expected non-negative integers"
        )
    needed = 0 if 0 in size else offset + 1 + sum((n - 1) * s for n, s in zip(size, stride))
    if needed > available:
        raise RuntimeError(
            f"cannot rebuild a tensor of size {list(size)}, stride {list(stride)}, offset {offset}: "
            f"it needs {needed} elements and its storage has {available}"
        )


def _rebuild_tensor_v2(
    storage: Any,
    storage_offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> torch.Tensor:
    tensor = _rebuild_tensor(storage, storage_offset, tuple(size), tuple(stride))
    if requires_grad:
        tensor.requires_grad_(True)
    _set_hooks(tensor, backward_hooks)
    return tensor


def _rebuild_tensor_v3(
    storage: Any,
    storage_offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    backward_hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> torch.Tensor:
    """For dtypes without a storage class: the storage is untyped, and the dtype comes along."""
    untyped = storage.untyped() if isinstance(storage, TypedStorage) else storage
    if _storage._dtype_name(dtype) not in _storage._ITEMSIZE:
        raise NotImplementedError(f"cannot load a tensor of dtype {dtype}: Rushlight does not have that dtype yet")
    typed = TypedStorage(wrap_storage=untyped, dtype=dtype)
    return _rebuild_tensor_v2(typed, storage_offset, size, stride, requires_grad, backward_hooks)


def _set_hooks(tensor: torch.Tensor, hooks: Any) -> None:
    if hooks:  # PyTorch never saves hooks, but the format has a place for them
        for hook in hooks.values():
            tensor.register_hook(hook)


def _rebuild_sparse_tensor(layout: Any, data: tuple) -> torch.Tensor:
    """A sparse tensor in coordinate form, of (indices, values, size) or these and whether it is coalesced."""
    if layout != torch.sparse_coo:
        raise NotImplementedError(f"a sparse tensor of layout {layout} cannot be rebuilt: Rushlight has torch.sparse_coo alone")
    indices, values, size, *coalesced = data
    return torch.sparse_coo_tensor(indices, values, tuple(size), is_coalesced=bool(coalesced and coalesced[0]))


def _rebuild_parameter(data: torch.Tensor, requires_grad: bool, backward_hooks: Any) -> torch.Tensor:
    param = torch.nn.Parameter(data, requires_grad)
    _set_hooks(param, backward_hooks)
    return param


def _rebuild_parameter_with_state(
    data: torch.Tensor, requires_grad: bool, backward_hooks: Any, state: Any
) -> torch.Tensor:
    return _set_obj_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _rebuild_from_type_v2(func: Callable, new_type: type, args: tuple, state: Any) -> Any:
    """A tensor of a subclass, with its attributes."""
    tensor = func(*args)
    if type(tensor) is not new_type:
        tensor = tensor.as_subclass(new_type)
    if getattr(new_type, "__setstate__", None) is not getattr(torch.Tensor, "__setstate__", None):
        tensor.__setstate__(state)
        return tensor
    return _set_obj_state(tensor, state)


def _rebuild_qtensor(*args: Any) -> Any:
    raise NotImplementedError(
        "loading a quantized tensor: Rushlight has none; call .dequantize() before saving it in PyTorch"
    )


def _rebuild_device_tensor_from_numpy(data: Any, dtype: Any, device: Any, requires_grad: bool) -> torch.Tensor:
    tensor = torch.from_numpy(data).to(dtype=dtype, device="cpu")
    tensor.requires_grad = requires_grad
    return tensor


def _rebuild_meta_tensor_no_storage(dtype: Any, size: Any, stride: Any, requires_grad: bool) -> Any:
    raise NotImplementedError(
        "loading a tensor of the device 'meta': Rushlight has no meta tensors yet; save real ones"
    )


def _get_obj_state(obj: Any) -> Any:
    """What `__dict__` and slots hold, or None if nothing."""
    state = {key: value for key, value in getattr(obj, "__dict__", {}).items() if key != "_is_param"} or None
    slots = {}
    for cls in type(obj).__mro__:
        names = cls.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ("__dict__", "__weakref__") and hasattr(obj, name):
                slots[name] = getattr(obj, name)
    return (state, slots) if slots else state


def _set_obj_state(obj: Any, state: Any) -> Any:
    values, slots = state if isinstance(state, tuple) else (state, None)
    for key, value in (values or {}).items():
        setattr(obj, key, value)
    for key, value in (slots or {}).items():
        setattr(obj, key, value)
    return obj


# ---- taking apart: what Tensor.__reduce_ex__ calls


def _reduce_tensor(tensor: torch.Tensor, protocol: int = 2) -> tuple:
    """`__reduce_ex__` of tensors and parameters (subclasses keep their type and attributes)."""
    state = _get_obj_state(tensor)
    if isinstance(tensor, torch.nn.Parameter) and type(tensor) is torch.nn.Parameter:
        args = (tensor.data, tensor.requires_grad, OrderedDict())
        return (_rebuild_parameter_with_state, (*args, state)) if state else (_rebuild_parameter, args)
    func, args = _reduce_plain(tensor)
    if type(tensor) is torch.Tensor and not state:
        return func, args
    return _rebuild_from_type_v2, (func, type(tensor), args, state)


def _reduce_plain(tensor: torch.Tensor) -> tuple:
    requires_grad = tensor.requires_grad
    tensor = tensor.detach()  # as in PyTorch, the value goes without its history
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    storage = TypedStorage(wrap_storage=tensor.untyped_storage(), dtype=tensor.dtype)
    args = (
        storage,
        tensor.storage_offset(),
        tuple(tensor.size()),
        tuple(tensor.stride()),
        requires_grad,
        OrderedDict(),
    )
    return _rebuild_tensor_v2, args


def _element_size(dtype: Any) -> int:
    """Bytes of one element of `dtype`."""
    return dtype.itemsize


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """The number of a device given as such, as text or as number."""
    if isinstance(device, str):
        device = torch.device(device)
    if isinstance(device, torch.device):
        if device.type == "cpu" and not allow_cpu:
            raise ValueError(f"Expected a non cpu device, but got: {device}")
        if device.index is not None or device.type == "cpu":
            return -1 if device.type == "cpu" else device.index
        device = None
    if device is None:
        if optional:
            return 0
        raise ValueError("Expected a device with a specified index or an integer, but got: None")
    return int(device)


class ExceptionWrapper:
    """An exception from another thread or process, with its traceback as text, to raise here."""

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        import sys
        import traceback

        exc_info = exc_info or sys.exc_info()
        self.exc_type = exc_info[0]
        self.exc_msg = "".join(traceback.format_exception(*exc_info))
        self.where = where

    def reraise(self) -> None:
        """Raises an exception of the same type whose message holds the original traceback."""
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            message = _KeyErrorMessage(message)  # KeyError shows the repr of its message
        elif getattr(self.exc_type, "message", None):
            raise self.exc_type(message=message)
        try:
            exception = self.exc_type(message)
        except Exception:
            # the type wants other arguments
            raise RuntimeError(message) from None
        raise exception


class _KeyErrorMessage(str):
    """Text whose repr is itself."""

    def __repr__(self) -> str:
        return str(self)


KeyErrorMessage = _KeyErrorMessage
