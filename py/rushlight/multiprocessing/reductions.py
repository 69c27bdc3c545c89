"""How tensors cross to other processes: their storage moves to shared memory, and what is sent is a handle of it.

Importing this module teaches it to `multiprocessing`; `share_memory_()` and `torch.multiprocessing` do so.
"""

from __future__ import annotations

import os
from multiprocessing import reduction
from multiprocessing.context import get_spawning_popen
from multiprocessing.reduction import ForkingPickler
from typing import Any
from weakref import WeakValueDictionary

import rushlight as torch
from rushlight import _storage, _utils
from rushlight.multiprocessing import _sharer
from rushlight.nn.parameter import Parameter

__all__ = ["init_reductions", "rebuild_storage", "rebuild_tensor", "reduce_storage", "reduce_tensor"]

# A forkserver passes no more descriptors than this to a new process; what is beyond is fetched when it is unpickled.
_INHERITED = 200


class _Inherited:
    """A descriptor that a new process is started with. One storage has one of these in all that the process is given."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.received = False

    def __reduce__(self) -> tuple:
        return _receive, (reduction.DupFd(self.descriptor),)

    def detach(self) -> int:
        return os.dup(self.descriptor)

    def __del__(self) -> None:
        if self.received:
            os.close(self.descriptor)


def _receive(duplicate: Any) -> _Inherited:
    handle = _Inherited(duplicate.detach())
    handle.received = True
    return handle


class _Fetched:
    """A descriptor that the receiver fetches from the sender, which must still be there then."""

    def __init__(self, descriptor: int) -> None:
        self.pid = os.getpid()
        self.place = _sharer.offer(descriptor)

    def detach(self) -> int:
        try:
            return _sharer.fetch(*self.place)
        except (OSError, EOFError, LookupError) as error:
            raise RuntimeError(
                f"a tensor of process {self.pid} cannot be received: {type(error).__name__}: {error}. The process that "
                "sends a tensor must live until the tensor has been received, and each tensor sent can be received once"
            ) from error


def _handle(descriptor: int, key: int) -> Any:
    popen = get_spawning_popen()
    if popen is None:
        return _Fetched(descriptor)
    known = popen.__dict__.setdefault("_rushlight_handles", WeakValueDictionary())
    handle = known.get(key)
    if handle is None:
        if len(getattr(popen, "_fds", None) or ()) >= _INHERITED:
            return _Fetched(descriptor)
        handle = known[key] = _Inherited(descriptor)
    return handle


def reduce_storage(storage: torch.UntypedStorage) -> tuple:
    """A storage as a handle of its shared memory; moves it there first."""
    storage.share_memory_()
    descriptor, key, nbytes = storage._shared_handle()
    return rebuild_storage, (_handle(descriptor, key), key, nbytes)


def rebuild_storage(handle: Any, key: int, nbytes: int) -> torch.UntypedStorage:
    """The storage of a handle; the same storage as before if it is known here."""
    return torch.UntypedStorage._open_shared(handle.detach(), key, nbytes)


def _reduce_typed_storage(storage: _storage.TypedStorage) -> tuple:
    return _rebuild_typed_storage, (storage.untyped(), storage.dtype)


def _rebuild_typed_storage(storage: torch.UntypedStorage, dtype: Any) -> _storage.TypedStorage:
    cls = getattr(torch, _storage._class_name(dtype))
    return cls(wrap_storage=storage)


def reduce_tensor(tensor: torch.Tensor) -> tuple:
    """A tensor as its storage and where it lies there.

    Raises:
        RuntimeError: for a tensor with a history, which cannot cross.
    """
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing "
            "process boundaries.  If you just want to transfer the data, call detach() on the tensor before serializing "
            "(e.g., putting it on the queue)."
        )
    if tensor.device.type != "cpu":
        return _utils._reduce_tensor(tensor)
    place = (tensor.dtype, tensor.storage_offset(), tuple(tensor.size()), tuple(tensor.stride()))
    state = _utils._get_obj_state(tensor)
    return rebuild_tensor, (type(tensor), tensor.untyped_storage(), place, tensor.requires_grad, state)


def rebuild_tensor(cls: type, storage: torch.UntypedStorage, place: tuple, requires_grad: bool, state: Any) -> Any:
    """The tensor that `reduce_tensor` took apart."""
    tensor = torch._C._tensor_from_storage(storage, *place)
    if cls is Parameter or (issubclass(cls, Parameter) and cls is not torch.nn.Buffer):
        tensor = torch.Tensor._make_subclass(cls, tensor, requires_grad)
    else:
        if cls is not torch.Tensor:
            tensor = tensor.as_subclass(cls)
        tensor.requires_grad_(requires_grad)
    return _utils._set_obj_state(tensor, state) if state else tensor


def init_reductions() -> None:
    """Registers the above with `multiprocessing`."""
    ForkingPickler.register(torch.Tensor, reduce_tensor)
    ForkingPickler.register(Parameter, reduce_tensor)
    ForkingPickler.register(torch.UntypedStorage, reduce_storage)
    for name in ("TypedStorage", *_storage._NAMES):
        ForkingPickler.register(getattr(_storage, name), _reduce_typed_storage)


init_reductions()
