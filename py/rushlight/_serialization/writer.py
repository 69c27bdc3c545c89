"""Pickling for files: tensors leave their storages outside, and Rushlight's classes and functions go by PyTorch's
names.

The pickler is the standard library's Python one: C's cannot write a global under another name than its own.
"""

from __future__ import annotations

import io
import pickle
from types import FunctionType
from typing import Any

import rushlight as torch
from rushlight import _storage, _utils

_OURS = "rushlight"
_HERE = {"._rushlight": "", "._C": "", "._storage": ".storage"}


def file_module(module: str) -> str:
    """`rushlight.x` -> `torch.x`; what lives in our own extension module is plain `torch`."""
    if module != _OURS and not module.startswith(_OURS + "."):
        return module
    rest = module[len(_OURS) :]
    return "torch" + _HERE.get(rest, rest)


class Storages:
    """The storages of one file: each once, under a number."""

    def __init__(self, legacy: bool = False) -> None:
        self._legacy = legacy
        self._keys: dict[tuple[int, int], str] = {}
        self._dtypes: dict[str, Any] = {}
        self.kept: dict[str, Any] = {}  # also keeps their memory from being used again while we write

    def persistent_id(self, obj: Any) -> Any:
        """What stands in the pickle for a storage; None for everything else."""
        if isinstance(obj, _storage.TypedStorage):
            untyped, dtype, numel = obj.untyped(), obj.dtype, obj.size()
            kind = getattr(_storage, _storage._class_name(dtype))
        elif type(obj) is torch.UntypedStorage:
            untyped, dtype, numel, kind = obj, torch.uint8, obj.nbytes(), torch.UntypedStorage
        else:
            return None
        size, location = untyped.nbytes(), str(untyped.device)
        where = (untyped.data_ptr(), size) if size else (id(untyped), 0)
        key = self._keys.get(where)
        if key is None:
            key = self._keys[where] = str(len(self._keys))
            self.kept[key] = untyped if location == "cpu" else obj.cpu().untyped()
            self._dtypes[key] = dtype
        elif self._dtypes[key] != dtype and kind is not torch.UntypedStorage:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types "
                f"({self._dtypes[key]} and {dtype}); clone one of them"
            )
        saved = ("storage", kind, key, location, numel)
        return (*saved, None) if self._legacy else saved  # the old format had a place for views of storages

    def itemsize(self, key: str) -> int:
        """Bytes of one element of a kept storage."""
        return self._dtypes[key].itemsize


class _Names:
    """Writes globals under the names that files use."""

    def save_global(self: Any, obj: Any, name: str | None = None) -> None:
        module = getattr(obj, "__module__", None) or ""
        name = name or getattr(obj, "__qualname__", None) or obj.__name__
        if not (module == _OURS or module.startswith(_OURS + ".")) or "." in name:
            return pickle._Pickler.save_global(self, obj, name)  # type: ignore[attr-defined]
        self.save_name(file_module(module), name, obj)

    def save_name(self: Any, module: str, name: str, obj: Any) -> None:
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)


def _tensor(self: Any, obj: Any) -> None:
    self.save_reduce(*_utils._reduce_tensor(obj), obj=obj)


def _constant(self: Any, obj: Any) -> None:
    self.save_name("torch", str(obj).rpartition(".")[2], obj)


def _size(self: Any, obj: Any) -> None:
    self.save_reduce(torch.Size, (tuple(obj),), obj=obj)


def _device(self: Any, obj: Any) -> None:
    args = (obj.type,) if obj.index is None else (obj.type, obj.index)
    self.save_reduce(torch.device, args, obj=obj)


def _pickler() -> type:
    """The pickler's class, made at first use: it knows types by identity."""
    if not _made:

        class FilePickler(_Names, pickle._Pickler):  # type: ignore[name-defined, misc]
            dispatch = {
                **pickle._Pickler.dispatch,  # type: ignore[attr-defined]
                FunctionType: _Names.save_global,
                torch.Tensor: _tensor,
                torch.nn.Parameter: _tensor,
                torch.dtype: _constant,
                torch.layout: _constant,
                torch.memory_format: _constant,
                torch.Size: _size,
                torch.device: _device,
            }

            def __init__(self, file: Any, storages: Storages, protocol: int) -> None:
                super().__init__(file, protocol=protocol)
                self.persistent_id = storages.persistent_id
                self._known = {torch.Tensor: "Tensor", torch.Size: "Size", torch.device: "device", torch.dtype: "dtype"}

            def save_global(self, obj: Any, name: str | None = None) -> None:
                try:
                    known = self._known.get(obj)
                except TypeError:
                    known = None
                if known is not None:
                    return self.save_name("torch", known, obj)
                if obj is torch.UntypedStorage:
                    return self.save_name("torch.storage", "UntypedStorage", obj)
                _Names.save_global(self, obj, name)

        _made.append(FilePickler)
    return _made[0]


_made: list[type] = []


def dumps(obj: Any, storages: Storages, protocol: int = 2, pickle_module: Any = pickle) -> bytes:
    """`obj` as a pickle whose storages are in `storages`. With a pickle module of one's own, names stay as they are
    here.
    """
    buffer = io.BytesIO()
    if pickle_module is pickle:
        _pickler()(buffer, storages, protocol).dump(obj)
    else:

        class Pickler(pickle_module.Pickler):
            def persistent_id(self, obj: Any) -> Any:
                return storages.persistent_id(obj)

        Pickler(buffer, protocol).dump(obj)
    return buffer.getvalue()
