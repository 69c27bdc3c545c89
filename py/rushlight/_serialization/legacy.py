"""The formats before zip: pickles one after the other with the storages behind them (until 2020), and tar (until
2017).
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any

import rushlight as torch
from rushlight import _storage, _utils

from .safe import SafeUnpickler
from .writer import Storages, dumps

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001


def save(obj: Any, file: Any, protocol: int, pickle_module: Any) -> None:
    """Writes the format that `_use_new_zipfile_serialization=False` asks for."""
    storages = Storages(legacy=True)
    body = dumps(obj, storages, protocol, pickle_module)
    system = {
        "protocol_version": VERSION,
        "little_endian": sys.byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    for part in (MAGIC, VERSION, system):
        file.write(pickle.dumps(part, protocol=protocol))
    file.write(body)
    file.write(pickle.dumps(sorted(storages.kept), protocol=protocol))
    for key in sorted(storages.kept):
        memory = _storage._memory(storages.kept[key])
        file.write(struct.pack("<q", memory.nbytes // storages.itemsize(key)))
        file.write(memory)


class _Pool:
    """The storages that a legacy file announces before it holds their data."""

    def __init__(self, limit: int, restore: Callable[[Any, str], Any]) -> None:
        self._left = limit
        self._restore = restore
        self.storages: dict[str, Any] = {}
        self.itemsizes: dict[str, int] = {}

    def load(self, saved_id: Any) -> Any:
        """The storage of a persistent id, not yet filled."""
        if not isinstance(saved_id, tuple) or not saved_id:
            raise pickle.UnpicklingError(f"damaged pickle: persistent id {saved_id!r}")
        if saved_id[0] == "module":  # source code of a module, only for warnings
            return saved_id[1]
        if saved_id[0] != "storage" or len(saved_id) not in (5, 6):
            raise pickle.UnpicklingError(f"Unknown saved id type: {saved_id[0]!r}")
        _, kind, key, location, numel, view = (*saved_id, None)[:6]
        dtype = storage_dtype(kind)
        itemsize = _storage._ITEMSIZE[_storage._dtype_name(dtype)]
        if not isinstance(numel, int) or numel < 0 or not isinstance(key, str):
            raise pickle.UnpicklingError(f"damaged pickle: storage {key!r} of {numel!r} elements")
        storage = self.storages.get(key)
        if storage is None:
            self._left -= numel * itemsize
            if self._left < 0:
                raise RuntimeError(
                    f"file is cut off or damaged: it announces {numel} elements of {dtype} and has not that many bytes"
                )
            storage = self.storages[key] = self._restore(torch.UntypedStorage(numel * itemsize), str(location))
            self.itemsizes[key] = itemsize
        if view is not None:
            _, offset, count = view
            end = (offset + count) * itemsize
            if offset < 0 or count < 0 or end > storage.nbytes():
                raise RuntimeError(f"file is damaged: a view of {count} elements at {offset} is beyond its storage")
            whole = torch._C._tensor_from_storage(storage, dtype, 0, (storage.nbytes() // itemsize,), (1,))
            storage = _storage._from_bytes(_storage._memory(whole.untyped_storage())[offset * itemsize : end])
        return _storage.TypedStorage(wrap_storage=storage, dtype=dtype)


def storage_dtype(kind: Any) -> Any:
    """The dtype that a storage class in a file stands for."""
    if kind is torch.UntypedStorage:
        return torch.uint8
    name = getattr(kind, "_dtype_name", None)
    if name is None:
        raise pickle.UnpicklingError(f"damaged pickle: {kind!r} is not a storage class")
    return getattr(torch, name)


def load(file: Any, make: Callable[[Any, Callable], Any], restore: Callable[[Any, str], Any], size: int) -> Any:
    """Reads pickles one after the other. `make(file, persistent_load)` gives the unpickler for the body."""

    def plain() -> Any:
        return SafeUnpickler(file, _no_storages).load()

    if plain() != MAGIC:
        raise RuntimeError(
            "Invalid magic number; corrupt file? It is neither a zip archive nor a file that torch.save wrote."
        )
    version = plain()
    if version != VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}, expected {VERSION}")
    plain()  # the system's sizes: the format is the same on all
    pool = _Pool(size, restore)
    result = make(file, pool.load).load()
    for key in plain():
        storage = pool.storages.get(key)
        if storage is None:
            raise RuntimeError(f"file is damaged: storage {key!r} is not named in its pickle")
        head = file.read(8)
        if len(head) != 8:
            raise RuntimeError("file is cut off: a storage's size is missing")
        (count,) = struct.unpack("<q", head)
        memory = _storage._memory(storage)
        if count * pool.itemsizes[key] != memory.nbytes:
            raise RuntimeError(
                f"file is damaged: storage {key!r} has {count} elements, expected "
                f"{memory.nbytes // pool.itemsizes[key]}"
            )
        _fill(file, memory)
    return result


def _fill(file: Any, memory: memoryview) -> None:
    done, readinto = 0, getattr(file, "readinto", None)
    while done < memory.nbytes:
        if readinto is not None:
            got = readinto(memory[done:])
        else:
            chunk = file.read(min(memory.nbytes - done, 1 << 24))
            got = len(chunk)
            memory[done : done + got] = chunk
        if not got:
            raise RuntimeError(
                f"unexpected EOF: expected {memory.nbytes - done} more bytes. The file might be corrupted."
            )
        done += got


def _no_storages(saved_id: Any) -> Any:
    raise pickle.UnpicklingError("damaged pickle: no storage expected here")


def load_tar(file: Any, make: Callable[[Any, Callable], Any], restore: Callable[[Any, str], Any], size: int) -> Any:
    """Reads the tar format: members `storages`, `tensors` and `pickle`."""
    import tarfile

    with tarfile.open(fileobj=file, mode="r:") as tar:

        def member(name: str) -> Any:
            found = tar.extractfile(name)
            if found is None:
                raise RuntimeError(f"file is damaged: no member {name!r}")
            return io.BytesIO(found.read())

        objects: dict[Any, Any] = {}
        data = member("storages")
        left = size
        for _ in range(_count(SafeUnpickler(data, _no_storages).load())):
            key, location, kind = SafeUnpickler(data, _no_storages).load()
            dtype = storage_dtype(kind)
            (count,) = struct.unpack("<q", data.read(8))
            nbytes = count * _storage._ITEMSIZE[_storage._dtype_name(dtype)]
            left -= nbytes
            if count < 0 or left < 0:
                raise RuntimeError(f"file is damaged: it announces a storage of {count} elements")
            untyped = torch.UntypedStorage(nbytes)
            _fill(data, _storage._memory(untyped))
            objects[key] = _storage.TypedStorage(wrap_storage=restore(untyped, str(location)), dtype=dtype)
        for _ in range(_count(SafeUnpickler(data, _no_storages).load())):  # views
            target, root, offset, count = SafeUnpickler(data, _no_storages).load()
            whole = objects[root]
            itemsize = whole.element_size()
            part = _storage._memory(whole.untyped())[offset * itemsize : (offset + count) * itemsize]
            objects[target] = _storage.TypedStorage(wrap_storage=_storage._from_bytes(part), dtype=whole.dtype)
        data = member("tensors")
        for _ in range(_count(SafeUnpickler(data, _no_storages).load())):
            key, storage, _ = SafeUnpickler(data, _no_storages).load()
            (ndim,) = struct.unpack("<i", data.read(4))
            data.read(4)
            if not 0 <= ndim <= 64:
                raise RuntimeError(f"file is damaged: a tensor of {ndim} dimensions")
            numbers = struct.unpack(f"<{2 * ndim + 1}q", data.read(8 * (2 * ndim + 1)))
            if storage is None:
                objects[key] = torch.empty(0)
            else:
                objects[key] = _utils._rebuild_tensor(
                    objects[storage], numbers[-1], numbers[:ndim], numbers[ndim : 2 * ndim]
                )

        def persistent(saved_id: Any) -> Any:
            return saved_id[0] if isinstance(saved_id, tuple) else objects[saved_id]

        return make(member("pickle"), persistent).load()


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise RuntimeError(f"file is damaged: a count is {value!r}")
    return value
