"""`torch.compile` and `torch.compiler`: functions recorded as they run, and run from the record after that.

The first call with arguments of a new kind runs the function as it is, while the core records the operations. Later calls run the
recorded graph: without Python between operations, with elementwise chains fused. Gradients flow as they always do. Guards
decide whether a record still holds: dtypes, shapes and `requires_grad` of tensors, values of all other arguments, modes, and
what the function reads elsewhere (attributes of modules, globals, closures). Tensors found there are read anew in each call.

What no record can show makes a function run as it is, with one warning that says why: a decision by a tensor's value,
`backward()`, printing, attributes that change, module hooks, random numbers of Python. See docs/graph.md.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import logging
import operator
import random
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight._rushlight import Tensor
from rushlight.nn import Module, Parameter

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_stance",
    "substitute_in_graph",
]

log = logging.getLogger("rushlight.compiler")

_BACKENDS = ("inductor", "cudagraphs", "eager", "aot_eager")
_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
_compiled: list[Any] = []
_stance = ["default"]
_recording: list[bool] = []


class InvalidBackend(RuntimeError):
    """A backend that is not there."""


class Unsupported(RuntimeError):
    """What `fullgraph=True` does not let pass: something that no graph shows."""


class _Limits:
    """`torch._dynamo.config`."""

    recompile_limit = 8
    suppress_errors = False
    disable = False

    def __getattr__(self, name: str) -> Any:
        if name == "cache_size_limit":
            return self.recompile_limit
        raise AttributeError(f"torch._dynamo.config has no option {name!r} in Rushlight")

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, "recompile_limit" if name == "cache_size_limit" else name, value)


config = _Limits()

# ---- arguments


_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.layout, torch.memory_format)
_LEAF = object()


class _Opaque(Exception):
    """An argument that no guard can describe."""


def _flatten(obj: Any, tensors: list[Tensor]) -> Any:
    """The structure of an argument, hashable, with the values of all that is no tensor; the tensors apart."""
    kind = type(obj)
    if kind is Tensor or kind is Parameter:
        tensors.append(obj)
        return _LEAF
    if kind in _PLAIN_SET:
        return kind, obj
    if kind is tuple or kind is list:
        return (kind, *[_flatten(x, tensors) for x in obj])
    if kind is dict:
        return (kind, *[(k, _flatten(v, tensors)) for k, v in obj.items()])
    if kind is torch.Size:
        return (kind, *obj)
    if isinstance(obj, tuple) and (hasattr(obj, "_fields") or hasattr(obj, "n_fields")):
        return (kind, *[_flatten(x, tensors) for x in obj])
    if kind is slice or kind is range:
        return kind, obj.start, obj.stop, obj.step
    if isinstance(obj, (Module, types.FunctionType, types.BuiltinFunctionType, type)) or kind.__module__ == "enum":
        return kind, _Same(obj)
    raise _Opaque(f"an argument of type {kind.__name__}")


_PLAIN_SET = frozenset(_PLAIN)


class _Same:
    """Equal to itself alone."""

    __slots__ = ("obj",)

    def __init__(self, obj: Any) -> None:
        self.obj = obj

    def __hash__(self) -> int:
        return id(self.obj)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.obj is other.obj

    def __repr__(self) -> str:
        return f"<{type(self.obj).__name__} at {id(self.obj):#x}>"


def _unflatten_result(spec: Any, tensors: list[Tensor]) -> Any:
    if spec is _LEAF:
        return tensors.pop()
    kind, rest = spec[0], spec[1:]
    if kind in (tuple, list):
        return kind([_unflatten_result(x, tensors) for x in rest])
    if kind is dict:
        return {k: _unflatten_result(v, tensors) for k, v in rest}
    if kind is torch.Size:
        return kind(rest)
    if issubclass(kind, tuple) and (hasattr(kind, "_fields") or hasattr(kind, "n_fields")):
        parts = [_unflatten_result(x, tensors) for x in rest]
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    if kind in (slice, range):
        return kind(*rest)
    return rest[0].obj if isinstance(rest[0], _Same) else rest[0]


def _autocast() -> Any:
    enabled = getattr(torch, "is_autocast_enabled", None)
    return enabled is not None and enabled("cpu") and torch.get_autocast_dtype("cpu")


def _modes() -> tuple:
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        _autocast(),
        torch.get_default_dtype(),
        _rushlight.is_anomaly_enabled(),
    )


# ---- what a function reads besides its arguments


_SCALARS = (bool, int, float, str, type(None), torch.dtype)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class _World:
    """Guards on what a function reads elsewhere, and where the tensors are that it finds there."""

    def __init__(self, fn: Callable, module: Module | None) -> None:
        self.guards: list[tuple[Callable, dict, Any, str]] = []
        self.cells: list[tuple[Any, Any, str]] = []
        self.places: list[tuple[Any, Any]] = []
        self.names: list[str] = []
        self.problem: str | None = None
        self._seen: set[int] = set()
        if module is not None:
            self._module(module, "self")
        self._function(fn, 0)

    def _place(self, container: Any, key: Any, tensor: Tensor, name: str) -> None:
        if id(tensor) not in self._seen:
            self._seen.add(id(tensor))
            self.places.append((container, key))
            self.names.append(name)

    def _module(self, module: Module, name: str) -> None:
        if id(module) in self._seen:
            return
        for path, part in module.named_modules():
            if id(part) in self._seen:
                continue
            self._seen.add(id(part))
            where = f"{name}.{path}" if path else name
            inside = vars(part)
            if any(inside.get(hook) for hook in _HOOKS):
                self.problem = f"{where} has hooks"
            for store in (part._parameters, part._buffers):
                for key, tensor in store.items():
                    if tensor is not None:
                        self._place(store, key, tensor, f"{where}.{key}")
            keys = [k for k, v in inside.items() if type(v) in _SCALARS]
            self._scalars(inside, [*keys, "_modules", *(hook for hook in _HOOKS if hook in inside)], where)
            for key, value in inside.items():
                if isinstance(value, Tensor):
                    self._place(inside, key, value, f"{where}.{key}")
            for key, store in (("_parameters", part._parameters), ("_buffers", part._buffers)):
                if store:
                    self.guards.append((len, store, len(store), f"{where}.{key}"))
                if absent := [k for k, v in store.items() if v is None]:
                    self.cells.append((_all_none, (store, absent), f"{where}.{key}"))
            forward = getattr(type(part).forward, "__wrapped__", type(part).forward)
            self._function(forward, 1)
            if isinstance(forward, types.FunctionType) and not _own(forward):
                for method in map(functools.partial(getattr, type(part)), _names(forward.__code__) & set(dir(type(part)))):
                    if isinstance(method, types.FunctionType):
                        self._function(method, 1)

    def _scalars(self, inside: dict, keys: list[str], where: str) -> None:
        if len(keys) == 1:
            keys = keys * 2  # itemgetter of one key gives no tuple
        if keys:
            getter = operator.itemgetter(*keys)
            values = getter(inside)
            self.guards.append((getter, inside, tuple(dict(v) if isinstance(v, dict) else v for v in values), where))

    def _value(self, container: Any, key: Any, value: Any, name: str, depth: int) -> None:
        """One name that a function may read."""
        if isinstance(value, Module):
            self._module(value, name)
            self.cells.append((_is_same, (container, key, value), name))
        elif isinstance(value, Tensor):
            self._place(container, key, value, name)
        elif type(value) in _SCALARS:
            self.cells.append((_is_equal, (container, key, value), name))
        elif isinstance(value, types.FunctionType):
            self.cells.append((_is_same, (container, key, value), name))
            self._function(value, depth + 1)
        elif isinstance(value, types.MethodType) and isinstance(value.__self__, Module):
            self._module(value.__self__, name)
        elif isinstance(value, (list, tuple)) and len(value) <= 64:
            for i, x in enumerate(value):
                if isinstance(x, (Module, Tensor)):
                    self._value(value, i, x, f"{name}[{i}]", depth)
        elif isinstance(value, dict) and len(value) <= 64:
            for k, x in value.items():
                if isinstance(x, (Module, Tensor, *_SCALARS)):
                    self._value(value, k, x, f"{name}[{k!r}]", depth)

    def _function(self, fn: Any, depth: int) -> None:
        owner = getattr(fn, "__self__", None)
        fn = getattr(fn, "__func__", fn)
        if isinstance(fn, functools.partial):
            fn = fn.func
        fn = inspect.unwrap(fn) if callable(fn) else fn
        if not isinstance(fn, types.FunctionType) or id(fn) in self._seen or depth > 4:
            return
        if _own(fn):
            return
        self._seen.add(id(fn))
        if owner is not None and not isinstance(owner, (Module, type, types.ModuleType)) and hasattr(owner, "__dict__"):
            for key, value in vars(owner).items():
                self._value(vars(owner), key, value, f"self.{key}", depth)
        if isinstance(owner, Module):
            self._module(owner, "self")
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or ()):
            try:
                self._value(cell, "cell_contents", cell.cell_contents, name, depth)
            except ValueError:
                continue  # not filled yet
        for name in _names(fn.__code__):
            if name in fn.__globals__:
                self._value(fn.__globals__, name, fn.__globals__[name], name, depth)
        for i, value in enumerate(fn.__defaults__ or ()):
            if isinstance(value, Tensor):
                self._place(fn.__defaults__, i, value, f"default {i}")

    def tensors(self) -> list[Tensor]:
        """The tensors as they are now."""
        return [c.cell_contents if type(c) is types.CellType else c[k] for c, k in self.places]

    def changed(self) -> str | None:
        """What does not hold any more."""
        try:
            for getter, inside, expected, where in self.guards:
                if getter(inside) != expected:
                    return self._which(getter, inside, expected, where)
            for check, what, where in self.cells:
                if not check(*what):
                    return where
        except (KeyError, AttributeError, IndexError, ValueError) as error:
            return f"{where} ({error})"
        return None

    @staticmethod
    def _which(getter: Any, inside: dict, expected: tuple, where: str) -> str:
        if getter is len:
            return where
        names = getter.__reduce__()[1]
        for name, old, new in zip(names, expected, getter(inside)):
            if old != new:
                return f"{where}.{name} was {old!r}, is {new!r}"
        return where


def _own(fn: types.FunctionType) -> bool:
    """Whether a function is the package's own: what those read does not change."""
    return bool(fn.__module__) and fn.__module__.split(".")[0] in ("rushlight", "torch")


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _read(container: Any, key: Any) -> Any:
    return container.cell_contents if isinstance(container, types.CellType) else container[key]


def _is_same(container: Any, key: Any, value: Any) -> bool:
    return _read(container, key) is value


def _is_equal(container: Any, key: Any, value: Any) -> bool:
    now = _read(container, key)
    return type(now) is type(value) and (now == value or now != now and value != value)


def _all_none(store: dict, names: list[str]) -> bool:
    return all(store.get(name) is None for name in names)


# ---- running


class _Watch:
    """Notices what a function does besides its operations, while it is recorded."""

    def __enter__(self) -> _Watch:
        self.wrote = False
        self.state, self.out = random.getstate(), sys.stdout
        numpy = sys.modules.get("numpy")
        self.numpy = numpy.random.get_state(legacy=False) if numpy is not None else None
        watch = self

        class Out:
            def write(self, text: str) -> Any:
                watch.wrote = watch.wrote or bool(text)
                return watch.out.write(text)

            def __getattr__(self, name: str) -> Any:
                return getattr(watch.out, name)

        sys.stdout = self._proxy = Out()  # type: ignore[assignment]
        return self

    def __exit__(self, *exc: object) -> None:
        if sys.stdout is self._proxy:
            sys.stdout = self.out

    def problem(self) -> str | None:
        """What it was."""
        if self.wrote:
            return "it prints"
        if random.getstate() != self.state:
            return "it draws random numbers of Python's random module"
        if self.numpy is not None:
            now, then = sys.modules["numpy"].random.get_state(legacy=False), self.numpy
            if str(now["state"].get("pos")) != str(then["state"].get("pos")) or now.get("has_gauss") != then.get("has_gauss"):
                return "it draws random numbers of NumPy"
        return None


class _Record:
    """One graph, for arguments of one kind."""

    def __init__(self, graph: Any, world: _World, result: Any, echo: list[int | None]) -> None:
        self.graph, self.world, self.result, self.echo = graph, world, result, echo

    def run(self, tensors: list[Tensor], outside: list[Tensor]) -> tuple[bool, Any]:
        """Whether the graph took these tensors, and the result."""
        outputs = self.graph.run_as_recorded(tensors + outside)
        if outputs is None:
            return False, None
        everything = tensors + outside
        outputs = [t if i is None else everything[i] for t, i in zip(outputs, self.echo)]
        outputs.reverse()
        return True, _unflatten_result(self.result, outputs)


class _Function:
    """A compiled function: its records, and the call that finds the right one."""

    def __init__(self, fn: Callable, module: Module | None, fullgraph: bool, limit: int | None) -> None:
        self.fn, self.module, self.fullgraph, self.limit = fn, module, fullgraph, limit
        self.name = getattr(fn, "__qualname__", type(fn).__name__) if module is None else type(module).__name__
        self.records: dict[Any, list[_Record]] = {}
        self.as_it_is: str | None = None
        _compiled.append(self)

    def __call__(self, args: tuple, kwargs: dict) -> Any:
        stance = _stance[0]
        if self.as_it_is is not None or stance in ("force_eager", "eager_on_recompile") and not self.records:
            return self.fn(*args, **kwargs)
        if stance == "force_eager" or config.disable or _recording or _rushlight._graph_active():
            return self.fn(*args, **kwargs)
        tensors: list[Tensor] = []
        try:
            spec = (_flatten(args, tensors), _flatten(kwargs, tensors)) if kwargs else _flatten(args, tensors)
        except _Opaque as opaque:
            return self._give_up(f"it has {opaque}", args, kwargs)
        shapes = tuple([(t.dtype, t.shape, t.requires_grad, t.is_cpu) for t in tensors])
        if len(tensors) > 1 and len(set(map(id, tensors))) != len(tensors):
            shapes += (tuple(map(id, tensors)),)
        key = (spec, shapes, _modes())
        try:
            records = self.records.get(key)
        except TypeError as error:
            return self._give_up(f"it has an argument that cannot be compared ({error})", args, kwargs)
        reason = None
        for record in records or ():
            reason = record.world.changed()
            if reason is None:
                taken, result = record.run(tensors, record.world.tensors())
                if taken:
                    return result
                reason = "dtype or shape of a parameter"
        if stance == "fail_on_recompile" and self.records:
            raise RuntimeError(f"torch.compile: {self.name} would be recorded again: {self._explain(key, reason)}")
        if stance == "eager_on_recompile":
            return self.fn(*args, **kwargs)
        return self._record(key, args, kwargs, tensors, reason)

    def _record(self, key: Any, args: tuple, kwargs: dict, tensors: list[Tensor], reason: str | None) -> Any:
        count = sum(map(len, self.records.values()))
        if count:
            why = self._explain(key, reason)
            log.info("Recompiling function %s: %s", self.name, why)
            if torch._logging.enabled("recompiles"):
                print(f"[rushlight.compiler] Recompiling function {self.name}: {why}", file=sys.stderr)
            limit = self.limit if self.limit is not None else config.recompile_limit
            if count >= limit:
                return self._give_up(
                    f"it hit config.recompile_limit ({limit}); the last reason: {why}", args, kwargs, fullgraph=False
                )
        world = _World(self.fn if self.module is None else self.module.forward, self.module)
        if world.problem is not None:
            return self._give_up(world.problem, args, kwargs)
        outside = world.tensors()
        known = {id(t) for t in tensors}
        kept = [i for i, t in enumerate(outside) if id(t) not in known]
        world.places = [world.places[i] for i in kept]
        names = [world.names[i] for i in kept]
        outside = [outside[i] for i in kept]
        first: list[Tensor] = []
        for t in tensors:
            if not any(t is other for other in first):
                first.append(t)
        if len(first) != len(tensors):
            return self.fn(*args, **kwargs) if self.fullgraph is None else self._plain_once(args, kwargs)
        _rushlight._graph_begin(tensors, names, outside)
        _recording.append(True)
        try:
            with _Watch() as watch:
                result = self.fn(*args, **kwargs)
            outputs: list[Tensor] = []
            try:
                spec, opaque = _flatten(result, outputs), None
            except _Opaque as error:
                spec, opaque = None, f"it returns {str(error).replace('an argument', 'something')}"
        except BaseException:
            _rushlight._graph_abandon()
            raise
        finally:
            _recording.pop()
        graph, left = _rushlight._graph_end(outputs)
        problem = opaque or watch.problem() or next((_why(x) for x in left), None)
        changed = world.changed()
        if problem is None and changed is not None:
            problem = f"it changes {changed}"
        if problem is None and len(set(map(id, outputs))) != len(outputs):
            problem = "it returns one tensor twice"
        if problem is not None:
            self._note(problem)
            return result
        # An output that is an input comes back as that very tensor.
        everything = {id(t): i for i, t in enumerate(tensors + outside)}
        echo = [everything.get(id(t)) for t in outputs]
        self.records.setdefault(key, []).append(_Record(graph, world, spec, echo))
        if torch._logging.enabled("graph_code"):
            print(f"[rushlight.compiler] {self.name}:\n{graph.code}", file=sys.stderr)
        return result

    def _plain_once(self, args: tuple, kwargs: dict) -> Any:
        """One tensor given twice: rare, and not worth a record."""
        return self.fn(*args, **kwargs)

    def _explain(self, key: Any, reason: str | None) -> str:
        """What is new about a call, against the record that is nearest."""
        if reason is not None:
            return f"{reason} has changed" if " was " not in reason else reason
        if not self.records:
            return "the first call"
        names = self._argument_names()
        best: list[str] | None = None
        for other in self.records:
            told = _differences(other, key, names)
            if told and (best is None or len(told) < len(best)):
                best = told
        return "; ".join(best or ["the arguments have changed"])

    def _argument_names(self) -> list[str]:
        try:
            fn = self.fn if self.module is None else self.module.forward
            return list(inspect.signature(fn).parameters)
        except (TypeError, ValueError):
            return []

    def _note(self, problem: str) -> None:
        if self.fullgraph:
            raise Unsupported(f"torch.compile with fullgraph=True: {self.name} cannot be one graph: {problem}")
        self.as_it_is = problem
        self.records.clear()
        warnings.warn(f"torch.compile: {self.name} runs as it is, because {problem}", stacklevel=4)

    def _give_up(self, problem: str, args: tuple, kwargs: dict, fullgraph: bool = True) -> Any:
        if self.fullgraph and fullgraph:
            raise Unsupported(f"torch.compile with fullgraph=True: {self.name} cannot be one graph: {problem}")
        self.as_it_is = problem
        warnings.warn(f"torch.compile: {self.name} runs as it is, because {problem}", stacklevel=4)
        return self.fn(*args, **kwargs)


def _why(left: str) -> str:
    kind, _, what = left.partition(": ")
    if kind == "look":
        return f"it makes a tensor {what}, on which it may decide" if what.startswith("a ") else f"it looks at {what}"
    return f"of {what}" if kind in ("grad", "state") else f"of {left}"


def _differences(old: Any, new: Any, names: list[str]) -> list[str]:
    (old_spec, old_tensors, old_modes), (new_spec, new_tensors, new_modes) = old, new
    told = []
    kinds = ("grad mode", "inference mode", "autocast", "the default dtype", "anomaly mode")
    told += [f"{name}: was {a}, is {b}" for name, a, b in zip(kinds, old_modes, new_modes) if a != b]
    paths: list[str] = []
    if old_spec != new_spec:
        _differ(old_spec, new_spec, "arguments", names, told)
    _leaves(new_spec, "", names, paths)
    for i, (a, b) in enumerate(zip(old_tensors, new_tensors)):
        if a == b or len(a) != 4 or len(b) != 4:
            continue
        name = paths[i] if i < len(paths) else f"tensor {i}"
        if a[0] != b[0]:
            told.append(f"tensor {name!r}: expected {a[0]}, got {b[0]}")
        if len(a[1]) != len(b[1]):
            told.append(f"tensor {name!r}: expected {len(a[1])} dimensions, got {len(b[1])}")
        else:
            sizes = enumerate(zip(a[1], b[1]))
            told += [f"tensor {name!r} size mismatch at index {d}. expected {x}, actual {y}" for d, (x, y) in sizes if x != y]
        if a[3] != b[3]:
            told.append(f"tensor {name!r}: its device")
        if a[2] != b[2]:
            told.append(f"tensor {name!r}: expected requires_grad={a[2]}, got {b[2]}")
    return told


def _leaves(spec: Any, path: str, names: list[str], paths: list[str]) -> None:
    if spec is _LEAF:
        paths.append(path)
    elif isinstance(spec, tuple):
        for i, part in enumerate(spec[1:] if isinstance(spec[0], type) else spec):
            keyed = isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], str)
            step = part[0] if keyed else (names[i] if not path and i < len(names) else f"[{i}]")
            _leaves(part[1] if keyed else part, f"{path}{step}" if path else step, names, paths)


def _differ(old: Any, new: Any, path: str, names: list[str], told: list[str]) -> None:
    both = isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new)
    if both and (not isinstance(old[0], type) or old[0] is new[0]):
        for i, (a, b) in enumerate(zip(old, new)):
            if a != b:
                step = names[i - 1] if path == "arguments" and 0 < i <= len(names) else path
                _differ(a, b, step, names, told)
        return
    told.append(f"{path}: expected {old!r}, got {new!r}".replace(repr(_LEAF), "a tensor"))


class OptimizedModule(Module):
    """A module under `torch.compile`: it runs by its records, and has the parameters of `_orig_mod`."""

    def __init__(self, module: Module, function: _Function) -> None:
        super().__init__()
        self._orig_mod = module
        self.__dict__["_function"] = function
        self.__dict__["training"] = module.training

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(args, kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the module."""
        return self._function(args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return self._modules["_orig_mod"]
        return getattr(self._modules["_orig_mod"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_orig_mod", "training") or "_orig_mod" not in self.__dict__.get("_modules", {}):
            super().__setattr__(name, value)
        else:
            setattr(self._modules["_orig_mod"], name, value)

    def train(self, mode: bool = True) -> OptimizedModule:
        """Sets training mode of the module."""
        self._modules["_orig_mod"].train(mode)
        self.__dict__["training"] = mode
        return self

    def __reduce__(self) -> Any:
        return compile, (self._modules["_orig_mod"],)


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: dict | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
) -> Any:
    """A function or module that is recorded once for each kind of arguments and then runs from the record: see the head of
    `torch.compiler`. With `fullgraph` what cannot be recorded raises; else it runs as it is, with one warning.

    Also a decorator. `dynamic`, `mode` and `options` are taken; all backends by name mean the one that there is, and
    "eager" the function as it is. At most 8 records are kept for a function (`recompile_limit`); after that it runs as it is.

    Example::

        >>> @torch.compile
        ... def gelu(x):
        ...     return 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * x**3)))
        >>> gelu(torch.zeros(2))
        tensor([0., 0.])
    """
    if callable(backend):
        raise NotImplementedError(
            "torch.compile: backends that are functions take FX graphs, which Rushlight does not make; leave backend out"
        )
    if backend not in _BACKENDS:
        raise InvalidBackend(f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available backends.")
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable,
            recompile_limit=recompile_limit,
        )  # fmt: skip
    if not callable(model):
        raise TypeError(f"torch.compile: expected a function or a module, got {type(model).__name__}")
    if disable or backend == "eager" or getattr(model, "_rushlight_disabled", False) or isinstance(model, OptimizedModule):
        return model
    if isinstance(model, Module):
        return OptimizedModule(model, _Function(model, model, fullgraph, recompile_limit))
    if isinstance(model, type):
        return model
    function = _Function(model, None, fullgraph, recompile_limit)

    @functools.wraps(model)
    def compiled(*args: Any, **kwargs: Any) -> Any:
        return function(args, kwargs)

    compiled._torchdynamo_orig_callable = model  # type: ignore[attr-defined]
    compiled._function = function  # type: ignore[attr-defined]
    return compiled


# ---- torch.compiler


def disable(fn: Callable | None = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Keeps a function from being recorded: what calls it runs as it is. Also a decorator."""
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)

    @functools.wraps(fn)
    def disabled(*args: Any, **kwargs: Any) -> Any:
        if _recording:
            _rushlight._graph_leave(f"state: a call of {getattr(fn, '__name__', fn)}, which is disabled")
        return fn(*args, **kwargs)

    disabled._rushlight_disabled = True  # type: ignore[attr-defined]
    return disabled


def allow_in_graph(fn: Any) -> Any:
    """Returns `fn`: all functions are followed."""
    return fn


def assume_constant_result(fn: Callable) -> Callable:
    """Returns `fn`: what is no tensor is constant in a record anyway."""
    return fn


def substitute_in_graph(
    original_fn: Callable, *, can_constant_fold_through: bool = False, skip_signature_check: bool = False
) -> Callable:
    """A decorator that returns the function."""
    return lambda function: function


def is_compiling() -> bool:
    """Whether a function is being recorded for `torch.compile`."""
    return builtins.bool(_recording)


def is_dynamo_compiling() -> bool:
    """Whether a function is being recorded for `torch.compile`."""
    return builtins.bool(_recording)


def is_exporting() -> bool:
    """False."""
    return False


def reset() -> None:
    """Forgets all records."""
    for function in _compiled:
        function.records.clear()
        function.as_it_is = None


def cudagraph_mark_step_begin() -> None:
    """There are no CUDA graphs."""


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The names that `torch.compile` takes for its one backend."""
    return ["cudagraphs", "inductor"] if exclude_tags else sorted(_BACKENDS)


class set_stance:
    """Says how compiled functions behave: "default", "force_eager" (they run as they are), "eager_on_recompile" (what would be
    recorded again runs as it is) or "fail_on_recompile". Also a context manager and a decorator.
    """

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        if stance not in ("default", "force_eager", "eager_on_recompile", "fail_on_recompile", "eager_then_compile"):
            raise RuntimeError(f"invalid torch.compile stance '{stance}'")
        self.stance, self.before = stance, _stance[0]
        _stance[0] = stance

    def __enter__(self) -> None:
        _stance[0] = self.stance

    def __exit__(self, *exc: object) -> None:
        _stance[0] = self.before

    def __call__(self, fn: Callable) -> Callable:
        _stance[0] = self.before

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            before, _stance[0] = _stance[0], self.stance
            try:
                return fn(*args, **kwargs)
            finally:
                _stance[0] = before

        return wrapper


def load_compiled_function(*args: Any, **kwargs: Any) -> Any:
    """Loads a compiled function. Raises NotImplementedError."""
    raise NotImplementedError(
        "compiler.load_compiled_function: records are not kept in files; trace with torch.jit.trace and use torch.jit.save"
    )
