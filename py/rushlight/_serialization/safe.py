"""A reader of pickles that builds data and runs no code: what `load(weights_only=True)` uses.

A machine of its own rather than a restricted `pickle.Unpickler`: only the instructions that files need exist, only
listed functions can
be called, and no number in a file makes it allocate memory.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import rushlight as torch

_MARK = object()
_user_safe: dict[str, Any] = {}


def _encode(text: str, encoding: str) -> bytes:
    """`_codecs.encode`, as far as protocol 2 uses it to write bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnpicklingError(f"only latin1 text can be turned into bytes, got {type(text).__name__} and {encoding!r}")
    return text.encode("latin1")


def _bytearray(data: Any = b"", *rest: Any) -> bytearray:
    if isinstance(data, str) and rest[:1] in (("latin-1",), ("latin1",)):
        return bytearray(data, "latin1")
    if not isinstance(data, bytes) or rest:  # a number would be a size
        raise UnpicklingError(f"a bytearray must be made from bytes, got {type(data).__name__}")
    return bytearray(data)


def _new_set(items: Any = ()) -> set:
    return set(items)


def _complex(real: float = 0.0, imag: float = 0.0) -> complex:
    return complex(real, imag)


def _defaultdict(factory: Any = None, *rest: Any) -> defaultdict:
    if factory not in (None, list, dict, set, int, float, str, tuple):
        raise UnpicklingError(
            f"a defaultdict may only make lists, dicts, sets, tuples, numbers and text, not {factory!r}"
        )
    return defaultdict(factory)


_dtypes = [
    "float64",
    "double",
    "float32",
    "float",
    "float16",
    "half",
    "bfloat16",
    "int64",
    "long",
    "int32",
    "int",
    "int16",
    "short",
    "int8",
    "uint8",
    "bool",
    "complex128",
    "cdouble",
    "complex64",
    "cfloat",
    "uint16",
    "uint32",
    "uint64",
    "complex32",
    "chalf",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
]


def _table() -> dict[str, Any]:
    """Global name in files -> what stands for it here."""
    from rushlight import _storage, _utils

    table: dict[str, Any] = {
        "collections.OrderedDict": OrderedDict,
        "collections.Counter": Counter,
        "collections.defaultdict": _defaultdict,
        "builtins.set": _new_set,
        "builtins.frozenset": frozenset,
        "builtins.complex": _complex,
        "builtins.bytearray": _bytearray,
        "_codecs.encode": _encode,
        "torch.Tensor": torch.Tensor,
        "torch.Size": torch.Size,
        "torch.device": torch.device,
        "torch.nn.parameter.Parameter": torch.nn.Parameter,
        "torch.serialization._get_layout": _get_layout,
        "torch._tensor._rebuild_from_type_v2": _utils._rebuild_from_type_v2,
    }
    for name in ("list", "dict", "int", "float", "str", "tuple", "bool", "bytes"):
        table[f"builtins.{name}"] = getattr(__import__("builtins"), name)
    for name in vars(_utils):
        if name.startswith("_rebuild_"):
            table[f"torch._utils.{name}"] = getattr(_utils, name)
    for name in _storage._NAMES:
        table[f"torch.{name}"] = table[f"torch.storage.{name}"] = getattr(_storage, name)
    table["torch.storage.UntypedStorage"] = table["torch.UntypedStorage"] = torch.UntypedStorage
    table["torch.storage.TypedStorage"] = _storage.TypedStorage
    for name in _dtypes:
        if hasattr(torch, name):
            table[f"torch.{name}"] = getattr(torch, name)
    for name in ("strided", "contiguous_format", "preserve_format", "channels_last", "channels_last_3d", "sparse_coo"):
        if hasattr(torch, name):
            table[f"torch.{name}"] = getattr(torch, name)
    return table


def _get_layout(name: str) -> Any:
    layout = getattr(torch, str(name).rpartition(".")[2], None)
    if not isinstance(layout, torch.layout):
        raise UnpicklingError(f"unknown layout {name!r}")
    return layout


# what a REDUCE may not call although a file may name it: types that only stand for themselves
_NOT_CALLED = frozenset(("list", "dict", "int", "float", "str", "tuple", "bool", "bytes"))
_tables: list[dict[str, Any]] = []


def allowed() -> dict[str, Any]:
    """All names that a file may use, with those that the user has added."""
    if not _tables:
        _tables.append(_table())
    return {**_tables[0], **_user_safe} if _user_safe else _tables[0]


def torch_name(module: str, name: str) -> str:
    """The name under which files know something that lives in `module` here."""
    if module == "rushlight" or module.startswith("rushlight."):
        module = "torch" + module[len("rushlight") :]
    if module == "__builtin__":
        module = "builtins"
    return f"{module}.{name}"


class SafeUnpickler:
    """Reads one pickle from `file`.

    Args:
        file: with `read` and `readline`.
        persistent_load: turns the persistent ids of storages into storages.
        encoding: of text that Python 2 wrote.
    """

    def __init__(self, file: Any, persistent_load: Callable[[Any], Any], encoding: str = "utf-8") -> None:
        self._file = file
        self._persistent_load = persistent_load
        self._encoding = "ascii" if encoding == "bytes" else encoding
        self._allowed = allowed()
        self._new_types = {c for c in _user_safe.values() if isinstance(c, type)}

    def _take(self, size: int) -> bytes:
        data = self._file.read(size) if size < 1 << 20 else self._take_long(size)
        if len(data) != size:
            raise EOFError(f"pickle data was truncated: {size} bytes expected, {len(data)} left")
        return data

    def _take_long(self, size: int) -> bytes:
        # in pieces: a size that the file does not have must not be allocated
        parts, left = [], size
        while left:
            part = self._file.read(min(left, 1 << 24))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise EOFError("pickle data was truncated")
        return line[:-1]

    def _find(self, module: str, name: str) -> Any:
        full = torch_name(module, name)
        try:
            return self._allowed[full]
        except KeyError:
            raise UnpicklingError(
                f"Unsupported global: GLOBAL {full} was not an allowed global by default. If you trust the file, "
                "allow it with "
                f"torch.serialization.add_safe_globals([{name}]) or the context manager "
                f"torch.serialization.safe_globals([{name}])."
            ) from None

    def load(self) -> Any:
        """The object. Raises UnpicklingError for what is not allowed, EOFError for a file that ends too early."""
        try:
            return self._run()
        except (IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError, RecursionError) as error:
            raise UnpicklingError(f"damaged pickle: {type(error).__name__}: {error}") from error

    def _run(self) -> Any:
        take, line = self._take, self._line
        stack: list[Any] = []
        memo: dict[int, Any] = {}
        push, pop = stack.append, stack.pop
        unpack = struct.unpack

        def pop_mark() -> list:
            for at in range(len(stack) - 1, -1, -1):
                if stack[at] is _MARK:
                    items = stack[at + 1 :]
                    del stack[at:]
                    return items
            raise UnpicklingError("damaged pickle: no mark")

        while True:
            op = take(1)[0]
            # ---- numbers, text, bytes
            if op == 0x4B:  # K BININT1
                push(take(1)[0])
            elif op == 0x58:  # X BINUNICODE
                push(take(unpack("<I", take(4))[0]).decode("utf-8", "surrogatepass"))
            elif op == 0x8C:  # SHORT_BINUNICODE
                push(take(take(1)[0]).decode("utf-8", "surrogatepass"))
            elif op == 0x71:  # q BINPUT
                memo[take(1)[0]] = stack[-1]
            elif op == 0x68:  # h BINGET
                push(memo[take(1)[0]])
            elif op == 0x72:  # r LONG_BINPUT
                memo[unpack("<I", take(4))[0]] = stack[-1]
            elif op == 0x6A:  # j LONG_BINGET
                push(memo[unpack("<I", take(4))[0]])
            elif op == 0x94:  # MEMOIZE
                memo[len(memo)] = stack[-1]
            elif op == 0x4D:  # M BININT2
                push(unpack("<H", take(2))[0])
            elif op == 0x4A:  # J BININT
                push(unpack("<i", take(4))[0])
            elif op == 0x47:  # G BINFLOAT
                push(unpack(">d", take(8))[0])
            elif op == 0x4E:  # N NONE
                push(None)
            elif op == 0x88:
                push(True)
            elif op == 0x89:
                push(False)
            elif op == 0x8A:  # LONG1
                push(int.from_bytes(take(take(1)[0]), "little", signed=True))
            elif op == 0x8B:  # LONG4
                push(int.from_bytes(take(unpack("<I", take(4))[0]), "little", signed=True))
            elif op == 0x8D:  # BINUNICODE8
                push(take(unpack("<Q", take(8))[0]).decode("utf-8", "surrogatepass"))
            elif op == 0x43:  # C SHORT_BINBYTES
                push(take(take(1)[0]))
            elif op == 0x42:  # B BINBYTES
                push(take(unpack("<I", take(4))[0]))
            elif op == 0x8E:  # BINBYTES8
                push(take(unpack("<Q", take(8))[0]))
            elif op == 0x96:  # BYTEARRAY8
                push(bytearray(take(unpack("<Q", take(8))[0])))
            elif op == 0x55:  # U SHORT_BINSTRING
                push(take(take(1)[0]).decode(self._encoding))
            elif op == 0x54:  # T BINSTRING
                push(take(unpack("<I", take(4))[0]).decode(self._encoding))
            # ---- containers
            elif op == 0x28:  # ( MARK
                push(_MARK)
            elif op == 0x7D:  # } EMPTY_DICT
                push({})
            elif op == 0x5D:  # ] EMPTY_LIST
                push([])
            elif op == 0x29:  # ) EMPTY_TUPLE
                push(())
            elif op == 0x8F:  # EMPTY_SET
                push(set())
            elif op == 0x85:
                push((pop(),))
            elif op == 0x86:
                b, a = pop(), pop()
                push((a, b))
            elif op == 0x87:
                c, b, a = pop(), pop(), pop()
                push((a, b, c))
            elif op == 0x74:  # t TUPLE
                items = pop_mark()
                push(tuple(items))
            elif op == 0x6C:  # l LIST
                items = pop_mark()
                push(items)
            elif op == 0x64:  # d DICT
                items = pop_mark()
                push(dict(zip(items[::2], items[1::2])))
            elif op == 0x61:  # a APPEND
                item = pop()
                _list(stack[-1]).append(item)
            elif op == 0x65:  # e APPENDS
                items = pop_mark()
                _list(stack[-1]).extend(items)
            elif op == 0x73:  # s SETITEM
                value, key = pop(), pop()
                _mapping(stack[-1])[key] = value
            elif op == 0x75:  # u SETITEMS
                items = pop_mark()
                target = _mapping(stack[-1])
                for n in range(0, len(items), 2):
                    target[items[n]] = items[n + 1]
            elif op == 0x90:  # ADDITEMS
                items = pop_mark()
                if type(stack[-1]) is not set:
                    raise UnpicklingError("only a set can be added to")
                stack[-1].update(items)
            elif op == 0x91:  # FROZENSET
                items = pop_mark()
                push(frozenset(items))
            # ---- objects
            elif op == 0x63:  # c GLOBAL
                module, name = line().decode(), line().decode()
                push(self._find(module, name))
            elif op == 0x93:  # STACK_GLOBAL
                name, module = pop(), pop()
                if type(name) is not str or type(module) is not str:
                    raise UnpicklingError("damaged pickle: a global's name must be text")
                push(self._find(module, name))
            elif op == 0x52:  # R REDUCE
                args, function = pop(), pop()
                push(self._call(function, args))
            elif op == 0x81:  # NEWOBJ
                args, cls = pop(), pop()
                push(self._new(cls, args, {}))
            elif op == 0x92:  # NEWOBJ_EX
                kwargs, args, cls = pop(), pop(), pop()
                push(self._new(cls, args, kwargs))
            elif op == 0x62:  # b BUILD
                state = pop()
                self._build(stack[-1], state)
            elif op == 0x51:  # Q BINPERSID
                push(self._persistent_load(pop()))
            # ---- the machine
            elif op == 0x80:  # PROTO
                version = take(1)[0]
                if version > 5:
                    raise UnpicklingError(f"unsupported pickle protocol: {version}")
            elif op == 0x95:  # FRAME
                take(8)
            elif op == 0x2E:  # . STOP
                result = pop()
                if result is _MARK:
                    raise UnpicklingError("damaged pickle: ends inside of a container")
                return result
            elif op == 0x30:  # 0 POP
                pop()
            elif op == 0x31:  # 1 POP_MARK
                pop_mark()
            elif op == 0x32:  # 2 DUP
                push(stack[-1])
            else:
                raise UnpicklingError(
                    f"Unsupported operand {op} ({chr(op)!r}): not needed for data, so not read with weights_only=True"
                )

    def _call(self, function: Any, args: Any) -> Any:
        if type(args) is not tuple:
            raise UnpicklingError("damaged pickle: arguments must be a tuple")
        try:
            listed = function in self._callable
        except TypeError:
            listed = False
        if not listed:
            raise UnpicklingError(f"Trying to call reduce for unrecognized function {function!r}")
        if function is torch.Tensor or function is torch.nn.Parameter:
            if not all(isinstance(a, torch.Tensor) for a in args[:1]):
                raise UnpicklingError("a tensor must be made from a storage")
        return function(*args)

    @property
    def _callable(self) -> set:
        found = self.__dict__.get("_callables")
        if found is None:
            found = {
                f for name, f in self._allowed.items() if callable(f) and name.rpartition(".")[2] not in _NOT_CALLED
            }
            # sizes make storages: only the persistent ids of the file do that
            found = self.__dict__["_callables"] = {f for f in found if not _is_storage(f)} | set(
                filter(callable, _user_safe.values())
            )
        return found

    def _new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        if cls is OrderedDict or cls is Counter:
            if args or kwargs:
                raise UnpicklingError(f"{cls.__name__} must be made empty")
            return cls()
        if cls is torch.Size:
            return cls(*args)
        if isinstance(cls, type) and cls in self._new_types:
            return cls.__new__(cls, *args, **kwargs)
        raise UnpicklingError(f"Trying to create new object for unrecognized class {cls!r}")

    def _build(self, target: Any, state: Any) -> None:
        cls = type(target)
        if cls is torch.Tensor:
            from rushlight._utils import _rebuild_tensor_v2

            if not isinstance(state, tuple) or len(state) not in (4, 5):
                raise UnpicklingError("damaged pickle: state of a tensor")
            target.set_(_rebuild_tensor_v2(*state[:3], state[3] if len(state) == 5 else (), False, None))
        elif cls in self._new_types:
            setstate = getattr(target, "__setstate__", None)
            if setstate is not None:
                setstate(state)
                return
            values, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
            if values:
                target.__dict__.update(values)
            for key, value in (slots or {}).items():
                setattr(target, key, value)
        elif cls is OrderedDict or cls is torch.nn.Parameter:
            if not isinstance(state, dict):
                raise UnpicklingError(f"damaged pickle: state of a {cls.__name__}")
            target.__dict__.update(state)
        else:
            raise UnpicklingError(
                f"Can only build Tensor, Parameter, OrderedDict or types allowlisted via add_safe_globals, got {cls!r}"
            )


def _is_storage(function: Any) -> bool:
    from rushlight._storage import TypedStorage

    return function is torch.UntypedStorage or (isinstance(function, type) and issubclass(function, TypedStorage))


def _list(target: Any) -> list:
    if type(target) is not list:
        raise UnpicklingError(f"only a list can be appended to, got {type(target).__name__}")
    return target


def _mapping(target: Any) -> Any:
    if not isinstance(target, (dict, OrderedDict, Counter, defaultdict)):
        raise UnpicklingError(f"only a dict can be assigned to, got {type(target).__name__}")
    return target


def globals_of(data: bytes) -> list[str]:
    """All globals that a pickle names, without running it."""
    import pickletools

    names: list[str] = []
    texts: list[str] = []
    memo: dict[int, str] = {}
    last: Any = None
    for op, arg, _ in pickletools.genops(data):
        if op.name == "GLOBAL":
            module, _, name = arg.partition(" ")
            names.append(torch_name(module, name))
            last = None
        elif op.name == "STACK_GLOBAL":
            names.append(torch_name(*texts[-2:]) if len(texts) >= 2 else "?")
            last = None
        elif "UNICODE" in op.name:
            texts.append(arg)
            last = arg
        elif op.name in ("BINPUT", "LONG_BINPUT", "PUT"):
            if isinstance(last, str):
                memo[arg] = last
        elif op.name == "MEMOIZE":
            memo[len(memo)] = last if isinstance(last, str) else ""
        elif op.name in ("BINGET", "LONG_BINGET", "GET"):
            if memo.get(arg):
                texts.append(memo[arg])
            last = memo.get(arg)
        else:
            last = None
    return names
