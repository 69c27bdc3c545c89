"""Typed storages: thin Python classes over the core's `UntypedStorage`, kept for old programs and for the file format.

New programs use tensors, or `tensor.untyped_storage()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rushlight as torch

__all__ = ["TypedStorage"]

# storage class name, dtype name; the names are part of the file format
_NAMES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "BFloat16Storage": "bfloat16",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
}
_ITEMSIZE = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
_ITEMSIZE.update(bfloat16=2, complex128=16, complex64=8)


def _memory(storage: Any) -> memoryview:
    """The bytes of an untyped storage, writable, without a copy."""
    return memoryview(storage).cast("B")


def _from_bytes(data: Any) -> Any:
    """An untyped storage that holds a copy of `data`."""
    data = memoryview(data).cast("B")
    storage = torch.UntypedStorage(data.nbytes)
    if data.nbytes:
        _memory(storage)[:] = data
    return storage


def _rebuild_typed(dtype_name: str, data: Any) -> TypedStorage:
    return TypedStorage(wrap_storage=_from_bytes(data), dtype=getattr(torch, dtype_name))


class TypedStorage:
    """A row of elements of one dtype in memory: `TypedStorage(size_or_sequence, dtype=…)` or
    `TypedStorage(wrap_storage=…, dtype=…)`.
    """

    _dtype_name: str | None = None

    def __init__(
        self, *args: Any, wrap_storage: Any = None, dtype: Any = None, device: Any = None, _internal: bool = False
    ) -> None:
        if dtype is None:
            dtype = torch.get_default_dtype() if self._dtype_name is None else getattr(torch, self._dtype_name)
        elif self._dtype_name is not None and dtype != getattr(torch, self._dtype_name):
            raise RuntimeError(f"{type(self).__name__}: dtype must be torch.{self._dtype_name}, got {dtype}")
        self.dtype = dtype
        if wrap_storage is not None:
            if args:
                raise RuntimeError("TypedStorage: no positional arguments should be given when using 'wrap_storage'")
            self._untyped_storage = wrap_storage
            return
        if device is not None and torch.device(device).type != "cpu":
            raise NotImplementedError(f"TypedStorage: only the device 'cpu' is supported, got {device}; use a tensor")
        if len(args) > 1:
            raise TypeError(f"TypedStorage: expected a size or a sequence, got {len(args)} arguments")
        if not args:
            self._untyped_storage = torch.UntypedStorage(0)
        elif isinstance(args[0], int):
            if args[0] < 0:
                raise RuntimeError(f"TypedStorage: size must not be negative, got {args[0]}")
            self._untyped_storage = torch.UntypedStorage(args[0] * self.element_size())
        else:
            self._untyped_storage = torch.tensor(args[0], dtype=dtype).untyped_storage()

    def _tensor(self) -> torch.Tensor:
        n = self.size()
        return torch._C._tensor_from_storage(self._untyped_storage, self.dtype, 0, (n,), (1,))

    # ---- what it is

    def untyped(self) -> Any:
        """The storage without its type."""
        return self._untyped_storage

    def element_size(self) -> int:
        """Bytes of one element."""
        return _ITEMSIZE[_dtype_name(self.dtype)]

    def size(self) -> int:
        """Number of elements."""
        return self._untyped_storage.nbytes() // self.element_size()

    __len__ = size

    def nbytes(self) -> int:
        """Bytes in all."""
        return self._untyped_storage.nbytes()

    def data_ptr(self) -> int:
        """Address of the first element."""
        return self._untyped_storage.data_ptr()

    @property
    def device(self) -> Any:
        """Where it lives."""
        return self._untyped_storage.device

    @property
    def is_cuda(self) -> bool:
        """False: there are no CUDA devices."""
        return False

    def get_device(self) -> int:
        """The number of its device; -1 for the CPU."""
        return -1 if self.device.type == "cpu" else self.device.index or 0

    def pickle_storage_type(self) -> str:
        """The name of the class in files, such as `FloatStorage`."""
        return _class_name(self.dtype)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The type's name; with `dtype`, a copy of that type."""
        return f"torch.{_class_name(self.dtype)}" if dtype is None else self._to(dtype)

    # ---- elements

    def tolist(self) -> list:
        """The elements as Python numbers."""
        return self._tensor().tolist()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__; use a tensor")
        return self._tensor()[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._tensor()[index] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def fill_(self, value: Any) -> TypedStorage:
        """Sets every element."""
        self._tensor().fill_(value)
        return self

    def copy_(self, source: Any, non_blocking: bool = False) -> TypedStorage:
        """Takes over the elements of another storage of the same length."""
        self._tensor().copy_(source._tensor())
        return self

    def clone(self) -> TypedStorage:
        """A copy."""
        if self.device.type != "cpu":
            return TypedStorage(wrap_storage=self._tensor().clone().untyped_storage(), dtype=self.dtype)
        return TypedStorage(wrap_storage=_from_bytes(_memory(self._untyped_storage)), dtype=self.dtype)

    def cpu(self) -> TypedStorage:
        """This storage, or a copy on the CPU."""
        if self.device.type == "cpu":
            return self
        return TypedStorage(wrap_storage=self._tensor().cpu().untyped_storage(), dtype=self.dtype)

    def gpu(self) -> TypedStorage:
        """This storage, or a copy on the GPU."""
        return TypedStorage(wrap_storage=self._tensor().to("gpu").untyped_storage(), dtype=self.dtype)

    def _to(self, dtype: Any) -> TypedStorage:
        return TypedStorage(wrap_storage=self._tensor().to(dtype).untyped_storage(), dtype=dtype)

    def is_shared(self) -> bool:
        """Whether other processes see it."""
        return self._untyped_storage.is_shared()

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, size: int = 0) -> TypedStorage:
        """Over the first `size` elements of a file; with `shared`, what is written here is written there."""
        if cls._dtype_name is None:
            raise RuntimeError("from_file can only be called on derived classes, such as FloatStorage")
        dtype = getattr(torch, cls._dtype_name)
        return cls(wrap_storage=torch.UntypedStorage.from_file(filename, shared, size * dtype.itemsize))

    def share_memory_(self) -> TypedStorage:
        """Moves it to shared memory."""
        self._untyped_storage.share_memory_()
        return self

    # ---- copying and pickling

    def __deepcopy__(self, memo: dict) -> TypedStorage:
        return self.clone()

    __copy__ = clone

    def __reduce_ex__(self, protocol: int) -> tuple:
        if self.device.type != "cpu":
            return _rebuild_on_gpu, (self.cpu(),)
        data = _memory(self._untyped_storage)
        if protocol >= 5:
            from pickle import PickleBuffer

            return _rebuild_typed, (_dtype_name(self.dtype), PickleBuffer(data))
        return _rebuild_typed, (_dtype_name(self.dtype), bytes(data))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TypedStorage) and self.data_ptr() == other.data_ptr() and self.nbytes() == other.nbytes()
        )

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        body = "".join(f" {value}\n" for value in self.tolist())
        return f"{body}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {self.size()}]"


def _rebuild_on_gpu(storage: TypedStorage) -> TypedStorage:
    return storage.gpu()


def _dtype_name(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


def _class_name(dtype: Any) -> str:
    name = _dtype_name(dtype)
    for storage, element in _NAMES.items():
        if element == name:
            return storage
    raise RuntimeError(f"no storage class for {dtype}")


def _make_conversions() -> None:
    words = {
        "double": "float64",
        "float": "float32",
        "half": "float16",
        "long": "int64",
        "int": "int32",
        "short": "int16",
    }
    words.update(
        char="int8",
        byte="uint8",
        bool="bool",
        bfloat16="bfloat16",
        complex_double="complex128",
        complex_float="complex64",
    )
    for word, name in words.items():

        def convert(self: TypedStorage, _name: str = name) -> TypedStorage:
            return self._to(getattr(torch, _name))

        convert.__name__ = word
        convert.__doc__ = f"A copy as {name}."
        setattr(TypedStorage, word, convert)


_make_conversions()
for _class, _dtype in _NAMES.items():
    # found as torch.FloatStorage, and so pickled under that name
    globals()[_class] = type(
        _class,
        (TypedStorage,),
        {"_dtype_name": _dtype, "__module__": torch.__name__, "__doc__": f"Storage of {_dtype}."},
    )
__all__ += list(_NAMES)
