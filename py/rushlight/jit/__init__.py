"""`torch.jit`: programs recorded by running them once (`trace`), kept in files (`save`, `load`) that Rust and C++ run too.

TorchScript, the language, is not here: `script` of a function gives the function back in a wrapper that runs its Python,
and of a module raises NotImplementedError. What only decorates passes through. See docs/graph.md.
"""

from __future__ import annotations

import functools
import inspect
import os
from builtins import isinstance as isinstance_
from collections.abc import Callable
from typing import Any, Final, TypeVar

import rushlight as torch
from rushlight.jit import _trace
from rushlight.jit._trace import (
    RecursiveScriptModule,
    ScriptModule,
    TopLevelTracedModule,
    TracedFunction,
    TracerWarning,
    is_tracing,
    trace,
)
from rushlight.jit._trace import fixed as _fixed
from rushlight.jit._trace import looked as _looked

__all__ = [
    "Attribute",
    "Final",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "TopLevelTracedModule",
    "TracedFunction",
    "TracerWarning",
    "annotate",
    "export",
    "fork",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "optimize_for_inference",
    "optimized_execution",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

_F = TypeVar("_F", bound=Callable)


class ScriptFunction:
    """A function under `torch.jit.script`: it runs as the Python that it is."""

    def __init__(self, function: Callable) -> None:
        functools.update_wrapper(self, function)
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    def _no_program(self, what: str) -> NotImplementedError:
        return NotImplementedError(
            f"ScriptFunction.{what}: Rushlight does not compile TorchScript; record {self.__name__} with torch.jit.trace"
        )

    @property
    def graph(self) -> Any:
        """Raises NotImplementedError: a program is what `torch.jit.trace` gives."""
        raise self._no_program("graph")

    @property
    def code(self) -> str:
        """The function's own source."""
        return inspect.getsource(self._function)

    def save(self, f: Any, **kwargs: Any) -> None:
        """Raises NotImplementedError: a program is what `torch.jit.trace` gives."""
        raise self._no_program("save")


def script(obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> Any:
    """Of a function: the function in a wrapper that runs its Python. Of a class: the class. Of a traced module: the module.

    Of another module it raises NotImplementedError: record it with `torch.jit.trace`.
    """
    if isinstance_(obj, ScriptModule) or isinstance_(obj, type) or isinstance_(obj, ScriptFunction):
        return obj
    if isinstance_(obj, torch.nn.Module):
        raise NotImplementedError(
            f"jit.script: Rushlight does not compile TorchScript, so it cannot script {type(obj).__name__}; record it on "
            "example inputs with torch.jit.trace(module, inputs), which saves and loads all the same"
        )
    if not callable(obj):
        raise TypeError(f"jit.script: expected a function, a class or a module, got {type(obj).__name__}")
    return ScriptFunction(obj)


def trace_module(
    mod: Any,
    inputs: dict,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    **kwargs: Any,
) -> Any:
    """The same as `trace` for inputs by method name; `forward` is the one method that can be traced."""
    if set(inputs) != {"forward"}:
        raise NotImplementedError(
            f"jit.trace_module: expected inputs for 'forward' alone, got {sorted(inputs)}; trace other methods by themselves: "
            "torch.jit.trace(module.method, inputs)"
        )
    checks = None if check_inputs is None else [check["forward"] for check in check_inputs]
    return trace(mod, inputs["forward"], None, check_trace, checks, check_tolerance, strict)


def save(m: Any, f: Any, _extra_files: dict | None = None) -> None:
    """Writes a traced module or function to a file (a path or a writable object): program and weights.

    The file is read by `torch.jit.load`, by Rust (`rushlight::Graph::load`) and by C and C++ (`rushlight.h`).
    `_extra_files` are strings or bytes by name, which `load` gives back.
    """
    if not isinstance_(m, ScriptModule):
        raise RuntimeError(
            f"jit.save: expected what torch.jit.trace gives, got {type(m).__name__}; trace it first, or save its state_dict with "
            "torch.save"
        )
    data = _trace.to_bytes(m, _extra_files)
    if hasattr(f, "write"):
        f.write(data)
        return
    with open(f, "wb") as file:
        file.write(data)


def load(f: Any, map_location: Any = None, _extra_files: dict | None = None, _restore_shapes: bool = False) -> Any:
    """Reads a file that `save` wrote (a path or a readable object). A damaged, cut or newer file raises RuntimeError."""
    if hasattr(f, "read"):
        graph = torch._C.Graph.from_bytes(f.read())
    else:
        if not os.path.exists(f):
            raise ValueError(f"The provided filename {os.fspath(f)} does not exist")
        graph = torch._C.Graph.load(os.fspath(f))
    return _trace.from_graph(graph, _extra_files, map_location)


def freeze(mod: Any, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Any:
    """A traced module with its parameters as constants, and all that follows from them computed ahead."""
    if not isinstance_(mod, ScriptModule):
        raise RuntimeError(f"jit.freeze: expected what torch.jit.trace gives, got {type(mod).__name__}")
    if mod.training:
        raise RuntimeError("Freezing module in training mode is not yet supported: call eval() before tracing")
    return _trace.frozen(mod)


def optimize_for_inference(mod: Any, other_methods: Any = None) -> Any:
    """The same as `freeze`."""
    return freeze(mod)


def script_method(fn: _F) -> _F:
    """Marks a method of a ScriptModule: returns it, and it runs as Python."""
    return fn


def is_scripting() -> bool:
    """False: nothing is compiled from TorchScript."""
    return False


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Marks a function that scripting should leave to Python: returns it. Also called with arguments."""
    return drop if callable(drop) else lambda function: function


def unused(fn: _F) -> _F:
    """Marks a function that scripting should leave out: returns it."""
    return fn


def export(fn: _F) -> _F:
    """Marks a method that scripting should compile: returns it."""
    return fn


def interface(obj: Any) -> Any:
    """Marks a class as an interface: returns it."""
    return obj


def script_if_tracing(fn: _F) -> _F:
    """Marks a function to be scripted when traced: returns it, and the trace follows it as it does all others."""
    return fn


_script_if_tracing = script_if_tracing


def _overload(func: _F) -> _F:
    return func


def _overload_method(func: _F) -> _F:
    return func


def annotate(the_type: Any, the_value: Any) -> Any:
    """Returns the value: the type is for scripting."""
    return the_value


class Attribute(tuple):
    """A value with a type for scripting."""

    __slots__ = ()

    def __new__(cls, value: Any, type: Any) -> Attribute:
        return tuple.__new__(cls, (value, type))

    @property
    def value(self) -> Any:
        """The value."""
        return self[0]

    @property
    def type(self) -> Any:
        """The type."""
        return self[1]


def fork(func: Callable, *args: Any, **kwargs: Any) -> Any:
    """Starts a task of scripted code: here it runs at once. Returns what `wait` takes."""
    return _Done(func(*args, **kwargs))


class _Done:
    def __init__(self, result: Any) -> None:
        self._result = result

    def wait(self) -> Any:
        """The task's result."""
        return self._result


def wait(future: Any) -> Any:
    """The result of a task that `fork` started."""
    return future.wait()


class optimized_execution:
    """Switches TorchScript's optimiser: nothing to do."""

    def __init__(self, should_optimize: bool) -> None:
        pass

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether `obj` is of a type; generic ones such as `list[int]` look inside."""
    import builtins
    from typing import get_args, get_origin

    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, t) for t in target_type)
    origin, args = get_origin(target_type), get_args(target_type)
    if origin is None:
        return builtins.isinstance(obj, target_type)
    if not builtins.isinstance(origin, type):  # Union, Optional
        return any(isinstance(obj, t) for t in args)
    if not builtins.isinstance(obj, origin):
        return False
    if origin is dict:
        return all(isinstance(k, args[0]) and isinstance(v, args[1]) for k, v in obj.items())
    if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        return len(obj) == len(args) and all(isinstance(v, t) for v, t in zip(obj, args))
    return all(isinstance(v, args[0]) for v in obj)
