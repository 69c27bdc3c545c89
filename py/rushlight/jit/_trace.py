"""Tracing: run a function once, keep the graph of what it did, run that from then on, save it in a file."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import rushlight as torch
from rushlight import _rushlight
from rushlight._rushlight import Tensor
from rushlight.nn import Module, Parameter

_tracing: list[bool] = []


class TracerWarning(Warning):
    """What a trace does not show: a decision by a tensor's value, for one."""

    @staticmethod
    def ignore_lib_warnings() -> None:
        """Silences these warnings where the package's own code is what causes them."""
        warnings.filterwarnings("ignore", category=TracerWarning, module="rushlight.(?!jit)")


def is_tracing() -> bool:
    """Whether a trace is being taken in this thread."""
    return bool(_tracing) and _rushlight._graph_active()


def looked(what: str) -> None:
    """The core tells of a tensor whose elements become Python's while recording."""
    if is_tracing():
        warnings.warn(
            f"Converting a tensor to {what} might cause the trace to be incorrect: the value it has now becomes part of "
            "the program, and a decision made by it is not made again. The trace might not generalize to other inputs!",
            TracerWarning,
            stacklevel=3,
        )


def fixed(what: str) -> None:
    """The core tells of a size that becomes Python's while recording."""
    if is_tracing():
        warnings.warn(
            f"{what} might cause the trace to be incorrect: the number of elements becomes part of the program.",
            TracerWarning,
            stacklevel=3,
        )


# ---- structures of tensors

_CONSTANTS = (type(None), bool, int, float, str)


def flatten(obj: Any, tensors: list[Tensor], where: str) -> Any:
    """Collects the tensors of nested tuples, lists and dicts; gives a description that JSON can hold."""
    if isinstance(obj, Tensor):
        tensors.append(obj)
        return {"t": len(tensors) - 1}
    if isinstance(obj, (tuple, list)):
        return {"u" if isinstance(obj, tuple) else "l": [flatten(x, tensors, where) for x in obj]}
    if isinstance(obj, Mapping):
        if not all(isinstance(k, str) for k in obj):
            raise RuntimeError(f"jit.trace: expected string keys in the dict among the {where}, got {list(obj)!r}")
        return {"d": {k: flatten(v, tensors, where) for k, v in obj.items()}}
    if isinstance(obj, _CONSTANTS):
        return {"c": obj}
    raise RuntimeError(
        f"jit.trace: expected tensors, or tuples, lists and dicts of tensors, among the {where}, got {type(obj).__name__}: "
        "only these can be traced"
    )


def unflatten(spec: Any, tensors: list[Tensor]) -> Any:
    """What `flatten` has described, of these tensors."""
    ((kind, value),) = spec.items()
    if kind == "t":
        return tensors[value]
    if kind in "ul":
        made = [unflatten(x, tensors) for x in value]
        return tuple(made) if kind == "u" else made
    if kind == "d":
        return {k: unflatten(v, tensors) for k, v in value.items()}
    return value


def _match(spec: Any, obj: Any, tensors: list[Tensor], path: str) -> None:
    """Collects the tensors of `obj`, which must be built like the example."""
    ((kind, value),) = spec.items()
    if kind == "t":
        if not isinstance(obj, Tensor):
            raise RuntimeError(f"forward(): expected a Tensor for {path}, as in the example, got {type(obj).__name__}")
        tensors.append(obj)
    elif kind in "ul":
        if not isinstance(obj, (tuple, list)) or len(obj) != len(value):
            given = f"{type(obj).__name__} of {len(obj)}" if isinstance(obj, (tuple, list)) else type(obj).__name__
            raise RuntimeError(f"forward(): expected {len(value)} values for {path}, as in the example, got {given}")
        for i, (s, x) in enumerate(zip(value, obj)):
            _match(s, x, tensors, f"{path}[{i}]")
    elif kind == "d":
        if not isinstance(obj, Mapping) or set(obj) != set(value):
            given = sorted(obj) if isinstance(obj, Mapping) else type(obj).__name__
            raise RuntimeError(f"forward(): expected a dict with keys {sorted(value)} for {path}, got {given}")
        for k, s in value.items():
            _match(s, obj[k], tensors, f"{path}[{k!r}]")
    elif value != obj:
        raise RuntimeError(f"forward(): {path} was {value!r} in the example and is part of the program; got {obj!r}")


# ---- what is traced


class _Recorded:
    """A graph, and how Python's arguments become its inputs and its outputs Python's result."""

    def __init__(self, graph: Any, args: Any, kwargs: Any, result: Any) -> None:
        self.graph, self.args, self.kwargs, self.result = graph, args, kwargs, result

    def inputs(self, args: tuple, kwargs: dict, name: str) -> list[Tensor]:
        """The tensors of a call, in the order of the graph."""
        tensors: list[Tensor] = []
        expected = self.args["u"]
        names = list(self.kwargs["d"])
        if len(args) > len(expected) or len(args) < len(expected) and kwargs.keys() != set(names):
            raise RuntimeError(
                f"{name}() expected {len(expected)} positional argument(s) as in the example, got {len(args)}"
            )
        for i, (spec, arg) in enumerate(zip(expected, args)):
            _match(spec, arg, tensors, f"argument {i}")
        _match(self.kwargs, kwargs, tensors, "the keyword arguments")
        return tensors


def record(func: Callable, args: tuple, kwargs: dict, named: list[tuple[str, Tensor]], what: str) -> tuple[Any, Any]:
    """Runs `func` and records it: what was recorded, and the result."""
    tensors: list[Tensor] = []
    arg_spec = flatten(tuple(args), tensors, "inputs")
    kwarg_spec = flatten(dict(kwargs), tensors, "inputs")
    # New handles: an input that is also a parameter, or given twice, is still an input of its own.
    handles = [t.detach().requires_grad_(t.requires_grad) if t.is_leaf else t.view_as(t) for t in tensors]
    args, kwargs = unflatten(arg_spec, handles), unflatten(kwarg_spec, handles)
    _rushlight._graph_begin(handles, [name for name, _ in named], [tensor for _, tensor in named])
    _tracing.append(True)
    try:
        result = func(*args, **kwargs)
        outputs: list[Tensor] = []
        spec = flatten(result, outputs, "outputs")
    except BaseException:
        _rushlight._graph_abandon()
        raise
    finally:
        _tracing.pop()
    graph, left = _rushlight._graph_end(outputs)
    inside = [x for x in left if x.startswith("look: the value")]
    told = [x for x in left if x.startswith("look: a Python") and not x.endswith("list")]
    if len(inside) > len(told):  # Python's own looks have warned already, and count in both
        warnings.warn(
            "An operation decides by a tensor's value (an index that is a tensor, for one): the value it has now becomes part of "
            "the program. The trace might not generalize to other inputs!",
            TracerWarning,
            stacklevel=4,
        )
    state = [x.split(": ", 1)[1] if x.startswith("state: ") else x for x in left if not x.startswith(("look: ", "grad: "))]
    if state:
        raise NotImplementedError(f"{what}: {state[0]} cannot be part of a trace; trace the function without it")
    return _Recorded(graph, arg_spec, kwarg_spec, spec), result


def _named_tensors(module: Module) -> list[tuple[str, Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


class ScriptModule(Module):
    """A program recorded by `torch.jit.trace` or read by `torch.jit.load`.

    It has the parameters and buffers of the module that was traced, under the same names, and runs without its Python code.
    """

    _recorded: _Recorded
    original_name: str

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["_recorded"] = None
        self.__dict__["original_name"] = type(self).__name__
        self.__dict__["_places"] = []

    def _take(self, recorded: _Recorded, named: list[tuple[str, Tensor]], name: str, training: bool) -> ScriptModule:
        places = []
        for full, tensor in named:
            *path, leaf = full.split(".")
            owner: Module = self
            for step in path:
                if step not in owner._modules:
                    owner._modules[step] = _Part()
                owner = owner._modules[step]
            if isinstance(tensor, Parameter) or tensor.requires_grad:
                owner._parameters[leaf] = tensor if isinstance(tensor, Parameter) else Parameter(tensor.detach())
                places.append((owner._parameters, leaf))
            else:
                owner._buffers[leaf] = tensor
                places.append((owner._buffers, leaf))
        self.__dict__.update(_recorded=recorded, _places=places, original_name=name)
        self.train(training)
        return self

    def _tensors(self) -> list[Tensor]:
        return [where[name] for where, name in self._places]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the program."""
        if self._recorded is None:
            raise NotImplementedError(
                "torch.jit.ScriptModule: modules written in TorchScript are not in Rushlight; write an nn.Module and trace it"
            )
        inputs = self._recorded.inputs(args, kwargs, "forward")
        return unflatten(self._recorded.result, self._recorded.graph.run(inputs + self._tensors()))

    @property
    def graph(self) -> Any:
        """The program; `str(module.graph)` lists it."""
        return self._recorded.graph.simplified()

    @property
    def inlined_graph(self) -> Any:
        """The same as `graph`: calls of submodules are part of it."""
        return self.graph

    @property
    def code(self) -> str:
        """The program as lines of Python, for reading."""
        return self.graph.code

    @property
    def any_batch(self) -> bool:
        """Whether the program runs on batches of other sizes than the one that it was traced with."""
        return self._recorded.graph.any_batch

    def save(self, f: Any, **kwargs: Any) -> None:
        """Writes the program and its weights to a file: see `torch.jit.save`."""
        torch.jit.save(self, f, **kwargs)

    def save_to_buffer(self, _extra_files: dict | None = None) -> bytes:
        """The file's bytes."""
        return to_bytes(self, _extra_files)

    def extra_repr(self) -> str:
        """The name of the module that was traced."""
        return f"original_name={self.original_name}"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (_from_bytes, (bytes(to_bytes(self, None)),))

    def __deepcopy__(self, memo: dict) -> ScriptModule:
        return _from_bytes(bytes(to_bytes(self, None)))


class RecursiveScriptModule(ScriptModule):
    """What `torch.jit.load` gives."""


class TopLevelTracedModule(ScriptModule):
    """What `torch.jit.trace` gives for a module."""


class TracedFunction(ScriptModule):
    """What `torch.jit.trace` gives for a function."""


class _Part(Module):
    """A submodule of what was traced: it holds parameters, and does not run by itself."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("jit: submodules of a traced module do not run by themselves; trace the submodule")


# ---- batches of other sizes


def _with_batch(args: Any, size: int, to: int) -> Any:
    """The example with `to` rows where it has `size`."""
    if isinstance(args, Tensor):
        if args.dim() == 0 or args.shape[0] != size or size == 0:
            return args
        rows = torch.arange(to) % size
        return args.detach()[rows].requires_grad_(args.requires_grad and args.is_floating_point())
    if isinstance(args, (tuple, list)):
        return type(args)(_with_batch(x, size, to) for x in args) if type(args) in (tuple, list) else args
    if isinstance(args, Mapping):
        return {k: _with_batch(v, size, to) for k, v in args.items()}
    return args


def _first(obj: Any) -> Iterator[Tensor]:
    if isinstance(obj, Tensor):
        yield obj
    elif isinstance(obj, (tuple, list)):
        for x in obj:
            yield from _first(x)
    elif isinstance(obj, Mapping):
        for x in obj.values():
            yield from _first(x)


def _generalise(recorded: _Recorded, func: Callable, args: tuple, kwargs: dict, named: list, what: str) -> _Recorded:
    """The same program for batches of any size, if two more recordings show which of its numbers are the batch's."""
    lead = next((t for t in _first((args, kwargs)) if t.dim() > 0), None)
    if lead is None or lead.shape[0] == 0:
        return recorded
    size = lead.shape[0]

    def again(to: int) -> Any:
        return record(func, _with_batch(args, size, to), _with_batch(kwargs, size, to), named, what)

    try:
        for pair in ((size, size + 1), (size + 1, size + 2)):
            one, _ = (recorded, None) if pair[0] == size else again(pair[0])
            two, _ = again(pair[1])
            graph = one.graph.learn_batch(two.graph, list(pair)) if one.result == two.result else None
            if graph is None:
                continue
            made = _Recorded(graph, recorded.args, recorded.kwargs, recorded.result)
            for to in (size, size + 3):
                given, expected = [_with_batch(x, size, to) for x in (args, kwargs)], []
                tensors = made.inputs(*given, "forward")
                copies = [t.clone() for t in tensors]
                with torch.no_grad():
                    flatten(func(*unflatten(made.args, copies), **unflatten(made.kwargs, copies)), expected, "outputs")
                got = made.graph.run(tensors + [t for _, t in named])
                if not _same(expected, got, 1e-5):
                    return recorded
            return made
    except Exception:
        return recorded  # the function takes no other batch
    return recorded


def _same(expected: list[Tensor], got: list[Tensor], tolerance: float) -> bool:
    if len(expected) != len(got):
        return False
    for a, b in zip(expected, got):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if a.is_floating_point() or a.is_complex():
            if not torch.allclose(a.detach(), b.detach(), rtol=tolerance, atol=tolerance, equal_nan=True):
                return False
        elif not torch.equal(a, b):
            return False
    return True


def trace(
    func: Any,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: dict | None = None,
    _store_inputs: bool = True,
) -> Any:
    """Runs `func` (a module or a function) on example inputs and gives a ScriptModule that repeats what it did.

    What Python decides, it decides now: branches and loops are followed as the example takes them, and a tensor whose value
    becomes a Python number stays at that number (a TracerWarning says so). Outside of training mode the program is taken
    at two more batch sizes, and runs on batches of any size if these show the same operations; `any_batch` says whether.
    With `check_trace` the result is compared with the function's own.

    Example::

        >>> double = torch.jit.trace(lambda x: x * 2 + 1, torch.zeros(3))
        >>> double(torch.ones(3))
        tensor([3., 3., 3.])
    """
    if isinstance(func, ScriptModule):
        return func
    if example_inputs is None and example_kwarg_inputs is None:
        raise RuntimeError("jit.trace: expected example_inputs or example_kwarg_inputs, got neither")
    if _tracing:
        return func
    args = () if example_inputs is None else example_inputs
    args = tuple(args) if isinstance(args, (tuple, list)) else (args,)
    kwargs = dict(example_kwarg_inputs or {})
    module = func if isinstance(func, Module) else getattr(func, "__self__", None)
    module = module if isinstance(module, Module) else None
    named = _named_tensors(module) if module is not None else []
    training = module.training if module is not None else False
    what = "jit.trace"
    state = torch.get_rng_state()
    recorded, result = record(func, args, kwargs, named, what)
    random = not torch.equal(state, torch.get_rng_state())
    after = torch.get_rng_state()
    writes = recorded.graph.written()
    if check_trace and not training and not random and not writes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TracerWarning)
            recorded = _generalise(recorded, func, args, kwargs, named, what)
    made = TopLevelTracedModule() if module is not None else TracedFunction()
    name = type(func).__name__ if isinstance(func, Module) else getattr(func, "__name__", type(func).__name__)
    made._take(recorded, named, name, training)
    differs = False
    if check_trace and not writes:
        given = [(args, kwargs)] + [(tuple(x) if isinstance(x, (tuple, list)) else (x,), {}) for x in check_inputs or ()]
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", TracerWarning)
            for a, k in given:
                tensors = recorded.inputs(a, k, "forward")
                expected: list[Tensor] = []
                copies = [t.clone() for t in tensors]  # what writes to its inputs does so twice
                torch.set_rng_state(state)
                flatten(func(*unflatten(recorded.args, copies), **unflatten(recorded.kwargs, copies)), expected, "outputs")
                torch.set_rng_state(state)
                got = recorded.graph.run([t.clone() for t in tensors] + made._tensors())
                if not _same(expected, got, check_tolerance):
                    differs = True
    if differs:
        warnings.warn(
            "Output of the traced function does not match the corresponding output of the Python function: it does something "
            "that the trace does not show, or something different each time",
            TracerWarning,
            stacklevel=2,
        )
    torch.set_rng_state(after)
    return made


def to_bytes(module: ScriptModule, extra_files: dict | None) -> bytes:
    """A ScriptModule as the bytes of a file."""
    recorded = module._recorded
    if recorded is None:
        raise NotImplementedError("jit.save: there is no program in this module; trace it with torch.jit.trace")
    buffers = {id(t) for t in module.buffers()}
    host = {
        "name": module.original_name,
        "training": module.training,
        "args": recorded.args,
        "kwargs": recorded.kwargs,
        "result": recorded.result,
        "buffers": [i for i, t in enumerate(module._tensors()) if id(t) in buffers],
    }
    files = [(k, v.encode() if isinstance(v, str) else bytes(v)) for k, v in (extra_files or {}).items()]
    return recorded.graph.simplified().to_bytes(module._tensors(), json.dumps(host), files)


def from_graph(graph: Any, extra_files: dict | None, map_location: Any) -> ScriptModule:
    """A ScriptModule of a file that was read."""
    if extra_files is not None:
        found = dict(graph.files)
        for name in extra_files:
            if name in found:
                extra_files[name] = found[name].decode("utf-8", "surrogateescape")
    named = graph.parameters()
    if not graph.host:  # saved by another host
        spec = {"u": [{"t": i} for i in range(graph.inputs)]}
        host = {"name": "Graph", "training": False, "args": spec, "kwargs": {"d": {}}, "result": None, "buffers": []}
    else:
        try:
            host = json.loads(graph.host)
            host = {key: host[key] for key in ("name", "training", "args", "kwargs", "result", "buffers")}
        except (ValueError, KeyError, TypeError) as error:
            raise RuntimeError(f"jit.load: what this file says of its arguments cannot be read: {error!r}") from error
    if map_location is not None:
        named = [(name, tensor.to(map_location)) for name, tensor in named]
    buffers = set(host["buffers"])
    pairs = [(n, t if i in buffers else Parameter(t, requires_grad=t.requires_grad)) for i, (n, t) in enumerate(named)]
    recorded = _Recorded(graph, host["args"], host["kwargs"], host["result"])
    return RecursiveScriptModule()._take(recorded, pairs, host["name"], host["training"])


def _from_bytes(data: bytes) -> ScriptModule:
    return from_graph(_rushlight.Graph.from_bytes(data), None, None)


def frozen(module: ScriptModule, preserved: Any = None) -> ScriptModule:
    """The same program with its parameters as constants."""
    recorded = module._recorded
    graph = recorded.graph.frozen(module._tensors())
    made = type(module)() if type(module) is not ScriptModule else RecursiveScriptModule()
    again = _Recorded(graph, recorded.args, recorded.kwargs, recorded.result)
    return made._take(again, [], module.original_name, module.training)
