"""`save` and `load` in PyTorch's file formats: files go both ways between Rushlight and PyTorch.

`load` reads data only (`weights_only=True`) unless told to trust the file. `save` to a path never leaves a
half-written file: it writes
beside it, then exchanges the two.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections.abc import Callable
from enum import Enum
from typing import IO, Any

import rushlight as torch

from . import _storage
from ._serialization import legacy
from ._serialization.container import BadContainer, Reader, Writer
from ._serialization.safe import SafeUnpickler, _user_safe, allowed, globals_of, torch_name
from ._serialization.writer import Storages, dumps

__all__ = [
    "LoadEndianness",
    "SourceChangeWarning",
    "add_safe_globals",
    "clear_safe_globals",
    "get_default_load_endianness",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "safe_globals",
    "save",
    "set_default_load_endianness",
]

DEFAULT_PROTOCOL = 2
LONG_SIZE = 8
INT_SIZE = 4
SHORT_SIZE = 2
MAGIC_NUMBER = legacy.MAGIC
PROTOCOL_VERSION = legacy.VERSION
FILE_LIKE = "str | os.PathLike[str] | IO[bytes]"
MAP_LOCATION = "Callable[[Any, str], Any] | torch.device | str | dict[str, str] | None"

UnpicklingError = pickle.UnpicklingError


class SourceChangeWarning(Warning):
    """PyTorch's warning about changed source code of pickled modules; nothing raises it here."""


class LoadEndianness(Enum):
    """Which byte order to assume of files that do not say."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


_default_load_endianness: LoadEndianness | None = None
_default_mmap_options: int | None = None


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order assumed of files that do not say theirs."""
    return _default_load_endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Sets the byte order assumed of files that do not say theirs."""
    global _default_load_endianness
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _default_load_endianness = endianness


# ---- what weights_only=True may build


def _safe_names(safe: list[Any]) -> dict[str, Any]:
    names = {}
    for entry in safe:
        if isinstance(entry, tuple):
            if len(entry) != 2 or not isinstance(entry[1], str):
                raise ValueError(f"Expected a global or a tuple (global, 'module.name'), got {entry!r}")
            entry, name = entry
            names[name] = entry
        else:
            names[torch_name(entry.__module__, entry.__qualname__)] = entry
    return names


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Allows files to name these functions and classes; `(object, "module.name")` allows one under another name.

    Example::

        >>> torch.serialization.add_safe_globals([MyConfig])
        >>> torch.load("checkpoint.pt")
    """
    _user_safe.update(_safe_names(safe_globals))


def get_safe_globals() -> list[Any]:
    """What has been allowed by `add_safe_globals`."""
    return list(_user_safe.values())


def clear_safe_globals() -> None:
    """Takes back everything that `add_safe_globals` allowed."""
    _user_safe.clear()


class safe_globals:
    """`add_safe_globals` for the length of a `with` block."""

    def __init__(self, safe_globals: list[Any]) -> None:
        self._names = _safe_names(safe_globals)

    def __enter__(self) -> None:
        self._before = dict(_user_safe)
        _user_safe.update(self._names)

    def __exit__(self, *exc: object) -> None:
        _user_safe.clear()
        _user_safe.update(self._before)


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names in a file that `weights_only=True` would refuse.

    Raises:
        ValueError: for files of the formats before zip.
    """
    with _opened(f) as file:
        if not _is_zip(file):
            raise ValueError("Expected input to be a checkpoint returned by torch.save but got a file of an old format")
        data = Reader(file).read("data.pkl")
    known = allowed()
    return list(dict.fromkeys(name for name in globals_of(data) if name not in known))


# ---- saving


def save(
    obj: object,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Saves `obj` (tensors, state dicts, modules, anything that pickles) to a path or a binary file object.

    A file at a path is exchanged only when the new one is complete and on the disk.

    Raises:
        RuntimeError: if tensors of different dtypes share memory.
        OSError: if the disk is full, say; the file that was there is then still there.

    Example::

        >>> torch.save(model.state_dict(), "model.pt")
    """
    if isinstance(f, (str, os.PathLike)):
        path = os.fspath(f)
        with _Exchange(path) as file:
            _save(
                obj,
                file,
                os.path.basename(path),
                pickle_module,
                pickle_protocol,
                _use_new_zipfile_serialization,
                _disable_byteorder_record,
            )
        return
    if not hasattr(f, "write"):
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, got {type(f).__name__}"
        )
    name = getattr(f, "name", None)
    name = os.path.basename(name) if isinstance(name, str) else "archive"
    _save(obj, f, name, pickle_module, pickle_protocol, _use_new_zipfile_serialization, _disable_byteorder_record)


def _save(obj: Any, file: Any, name: str, pickle_module: Any, protocol: int, as_zip: bool, no_byteorder: bool) -> None:
    if not as_zip:
        legacy.save(obj, file, protocol, pickle_module)
        return
    storages = Storages()
    body = dumps(obj, storages, protocol, pickle_module)
    stem = os.path.splitext(name)[0].replace("/", "_") or "archive"
    archive = Writer(file, stem)
    archive.add("data.pkl", body)
    archive.add(".format_version", b"1")
    archive.add(".storage_alignment", b"64")
    if not no_byteorder:
        archive.add("byteorder", sys.byteorder.encode())
    for key, storage in storages.kept.items():
        archive.add(f"data/{key}", _storage._memory(storage))
    archive.add("version", b"3\n")
    archive.close()


class _Exchange:
    """A file beside the one at `path`, that takes its place if all went well."""

    def __init__(self, path: Any) -> None:
        self._path = os.path.realpath(path)
        self._temporary: Any = None

    def __enter__(self) -> IO[bytes]:
        path = self._path
        parent = os.path.dirname(path)
        if not os.path.isdir(parent):
            raise RuntimeError(f"Parent directory {parent} does not exist.")
        if os.path.exists(path) and not os.path.isfile(path):
            if os.path.isdir(path):
                raise IsADirectoryError(f"cannot save to {path}: it is a directory")
            self._file = open(path, "wb")  # a device or a pipe is written to as it is
            return self._file
        tag = f".{os.getpid()}.{os.urandom(4).hex()}.tmp"
        base = os.path.basename(path)
        if isinstance(base, bytes):
            tag = tag.encode()  # type: ignore[assignment]
        temporary = os.path.join(parent, base[:200] + tag)
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        except PermissionError:
            # the folder takes no new file, but the file itself may be writable
            self._file = open(path, "wb")
            return self._file
        self._temporary = temporary
        self._file = open(descriptor, "wb", buffering=0)
        try:
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        except OSError:
            pass  # there is no old file
        return self._file

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self._file.flush()
                if self._temporary is not None:
                    os.fsync(self._file.fileno())
            self._file.close()
            if kind is None and self._temporary is not None:
                os.replace(self._temporary, self._path)
                self._temporary = None
        finally:
            self._file.close()
            if self._temporary is not None:
                try:
                    os.unlink(self._temporary)
                except OSError:
                    pass


# ---- loading


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Loads what `save`, here or in PyTorch, wrote.

    Args:
        f: a path, or a binary file object that can seek.
        map_location: where tensors go: a device, a dict from saved to wanted devices, or a function `(storage,
            location) -> storage`.
        pickle_module: another module to unpickle with; only with `weights_only=False`.
        weights_only: read data only, and run no code (the default). With False the file can run anything: only for
            files you trust.
        mmap: map the file instead of reading it; `f` must be a path.

    Raises:
        pickle.UnpicklingError: for content that is not allowed, or damaged.
        RuntimeError: for files that are cut off or damaged.

    Example::

        >>> model.load_state_dict(torch.load("model.pt"))
    """
    if weights_only is None:
        # another pickle module can only mean that the file is trusted
        weights_only = pickle_module is None
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if mmap and not isinstance(f, (str, os.PathLike)):
        raise ValueError("f must be a file path in order to use the mmap argument")
    encoding = pickle_load_args.get("encoding", "utf-8")
    restore = _restorer(map_location)

    def make(file: Any, persistent_load: Callable[[Any], Any]) -> Any:
        if weights_only:
            return SafeUnpickler(file, persistent_load, encoding)
        return _trusting(pickle_module or pickle)(file, persistent_load, {"encoding": encoding, **pickle_load_args})

    with _opened(f) as file:
        try:
            if _is_zip(file):
                return _load_zip(file, f if mmap else None, make, restore)
            if mmap:
                raise RuntimeError(
                    "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)`"
                )
            start = file.tell()
            size = file.seek(0, os.SEEK_END) - start
            file.seek(start)
            if _is_tar(file):
                return legacy.load_tar(file, make, _on_cpu(restore), size)
            return legacy.load(file, make, _on_cpu(restore), size)
        except EOFError as error:
            raise RuntimeError(f"file is cut off: {error}") from error
        except UnpicklingError as error:
            if weights_only and "global" in str(error):
                raise UnpicklingError(
                    f"Weights only load failed. {error} Or, if you got the file from a trusted source, load it with "
                    "weights_only=False, "
                    "which can run any code in it."
                ) from None
            raise


class _opened:
    """A binary file to read from, closed afterwards if it was opened here."""

    def __init__(self, f: Any) -> None:
        self._own = isinstance(f, (str, os.PathLike))
        if self._own:
            self._file = open(f, "rb")
            return
        if not hasattr(f, "read"):
            raise AttributeError(f"expected a path or a file-like object with 'read', got {type(f).__name__}")
        seekable = hasattr(f, "seek") and hasattr(f, "tell") and getattr(f, "seekable", lambda: True)()
        if not seekable:
            raise AttributeError(
                "You can only torch.load from a file that is seekable. Read it into a buffer first: "
                "io.BytesIO(f.read())"
            )
        if isinstance(f, io.TextIOBase):
            raise TypeError("expected a file opened in binary mode ('rb'), got one opened as text")
        self._file = f

    def __enter__(self) -> Any:
        return self._file

    def __exit__(self, *exc: object) -> None:
        if self._own:
            self._file.close()


def _is_zip(file: Any) -> bool:
    start = file.tell()
    head = file.read(4)
    file.seek(start)
    return head == b"PK\3\4"


def _is_tar(file: Any) -> bool:
    start = file.tell()
    head = file.read(512)
    file.seek(start)
    return len(head) == 512 and head[257:262] == b"ustar"


class _Part:
    """The part of a file behind `start`, for archives that do not begin where the file does."""

    def __init__(self, file: Any, start: int) -> None:
        self._file, self._start = file, start
        self.read = file.read
        if hasattr(file, "readinto"):
            self.readinto = file.readinto

    def seek(self, where: int, whence: int = 0) -> int:
        return self._file.seek(where + (self._start if whence == 0 else 0), whence) - self._start


def _load_zip(file: Any, mapped: Any, make: Callable, restore: Callable) -> Any:
    start = file.tell()
    reader = Reader(_Part(file, start) if start else file)
    if "constants.pkl" in reader:
        raise RuntimeError(
            "this file is a TorchScript archive (torch.jit.save), which Rushlight cannot run; save the state_dict "
            "with torch.save"
        )
    swap = _swapped(reader)
    loaded: dict[str, Any] = {}
    whole = _map_file(mapped) if mapped is not None else None

    def storage(key: str, dtype: Any, numel: int, location: str) -> Any:
        name = f"data/{key}"
        nbytes = numel * _storage._ITEMSIZE[_storage._dtype_name(dtype)]
        available = reader.size(name)
        if nbytes != available:
            raise RuntimeError(
                f"file is damaged: storage {key!r} should have {nbytes} bytes ({numel} of {dtype}), its record has "
                f"{available}"
            )
        if whole is not None and nbytes:
            bytes_of = torch.frombuffer(whole, dtype=torch.uint8, count=nbytes, offset=reader.offset(name))
            return _settled(restore(bytes_of.untyped_storage(), location), dtype, numel)
        untyped = torch.UntypedStorage(nbytes)
        if nbytes:
            memory = _storage._memory(untyped)
            reader.read_into(name, memory)
            if swap:
                _swap(memory, dtype)
        return _settled(restore(untyped, location), dtype, numel)

    def persistent_load(saved_id: Any) -> Any:
        if not isinstance(saved_id, tuple) or len(saved_id) != 5 or saved_id[0] != "storage":
            raise UnpicklingError(f"damaged pickle: persistent id {saved_id!r}")
        _, kind, key, location, numel = saved_id
        if not isinstance(key, str) or not isinstance(numel, int) or numel < 0:
            raise UnpicklingError(f"damaged pickle: storage {key!r} of {numel!r} elements")
        dtype = legacy.storage_dtype(kind)
        untyped = loaded.get(key)
        if untyped is None:
            untyped = loaded[key] = storage(key, dtype, numel, str(location))
        return _storage.TypedStorage(wrap_storage=untyped, dtype=dtype)

    return make(io.BytesIO(reader.read("data.pkl")), persistent_load).load()


def _map_file(path: Any) -> Any:
    """The file in memory, private: what is written to its tensors never reaches the disk."""
    import mmap

    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def _swapped(reader: Reader) -> bool:
    """Whether the file's byte order is not this machine's."""
    if "byteorder" in reader:
        order = reader.read("byteorder").decode(errors="replace")
        if order not in ("little", "big"):
            raise BadContainer(f"file is damaged: byte order {order!r}")
        return order != sys.byteorder
    assumed = _default_load_endianness
    if assumed in (None, LoadEndianness.LITTLE):
        return sys.byteorder != "little"
    return assumed is LoadEndianness.BIG and sys.byteorder != "big"


def _swap(memory: memoryview, dtype: Any) -> None:
    """Turns the bytes of each element round, in place."""
    size = _storage._ITEMSIZE[_storage._dtype_name(dtype)]
    if str(dtype).rpartition(".")[2].startswith("complex"):
        size //= 2
    if size == 1:
        return
    copy = bytes(memory)
    for byte in range(size):
        memory[byte::size] = copy[size - 1 - byte :: size]


def _restorer(map_location: Any) -> Callable[[Any, str], Any]:
    """The function that puts a storage where it belongs, given where it was saved."""
    if map_location is None:
        return _default_restore
    if isinstance(map_location, dict):

        def by_dict(storage: Any, location: str) -> Any:
            return _default_restore(storage, str(map_location.get(location, location)))

        return by_dict
    if isinstance(map_location, (str, bytes)):
        name = map_location.decode() if isinstance(map_location, bytes) else map_location
        return lambda storage, location: _default_restore(storage, name)
    if isinstance(map_location, torch.device):
        return lambda storage, location: _default_restore(storage, str(map_location))
    if not callable(map_location):
        raise TypeError(
            f"map_location must be a device, a str, a dict or a function, got {type(map_location).__name__}"
        )

    def by_function(storage: Any, location: str) -> Any:
        result = map_location(storage, location)
        return _default_restore(storage, location) if result is None else result

    return by_function


class _ForGpu:
    """A storage on its way to the GPU, where memory has a dtype: it waits until that is known."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage


def _on_cpu(restore: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """For the formats before 1.6, which tell the dtypes of storages too late."""

    def checked(storage: Any, location: str) -> Any:
        result = restore(storage, location)
        if isinstance(result, _ForGpu):
            raise NotImplementedError(
                "files of the old format load on the CPU: use map_location='cpu', and .to('gpu') on what was loaded"
            )
        return result

    return checked


def _settled(storage: Any, dtype: Any, numel: int) -> Any:
    if not isinstance(storage, _ForGpu):
        return storage
    return torch._C._tensor_from_storage(storage.storage, dtype, 0, (numel,), (1,)).to("gpu").untyped_storage()


def _default_restore(storage: Any, location: str) -> Any:
    kind = location.partition(":")[0]
    if kind == "cpu":
        return storage
    if kind == "gpu":
        if not torch.gpu.is_available():
            raise RuntimeError(
                "Attempting to deserialize object on a GPU device but torch.gpu.is_available() is False. "
                "Use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
            )
        return _ForGpu(storage)
    if kind == "cuda":
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. "
            "Use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
        )
    raise RuntimeError(
        f"don't know how to restore data location of storage (tagged with {location}); use map_location='cpu'"
    )


def default_restore_location(storage: Any, location: str) -> Any:
    """`storage` where it was saved, if that place exists here.

    Raises:
        RuntimeError: if it does not.
    """
    return _default_restore(storage, location)


def _trusting(pickle_module: Any) -> Callable:
    """An unpickler that builds everything, under the names that files use."""

    class Unpickler(pickle_module.Unpickler):
        def __init__(self, file: Any, persistent_load: Callable[[Any], Any], options: dict[str, Any]) -> None:
            super().__init__(file, **options)
            self._load_storage = persistent_load

        def persistent_load(self, saved_id: Any) -> Any:
            return self._load_storage(saved_id)

        def find_class(self, module: str, name: str) -> Any:
            full = torch_name(module, name)
            known = allowed().get(full)
            if known is not None and full.startswith("torch."):
                return known
            if module == "torch" or module.startswith("torch."):
                ours = "rushlight" + module[len("torch") :]
                try:
                    return super().find_class(ours, name)
                except (ImportError, AttributeError):
                    raise UnpicklingError(
                        f"the file needs {module}.{name}, which Rushlight does not have yet"
                    ) from None
            return super().find_class(module, name)

    return Unpickler
