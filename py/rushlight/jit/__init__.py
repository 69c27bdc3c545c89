"""`torch.jit`: scripting and tracing are not here yet; what only decorates passes through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

__all__ = [
    "Attribute",
    "Final",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
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
_WAY_OUT = "call the module as it is; to keep it, save its state_dict with torch.save"


def _missing(name: str) -> NotImplementedError:
    return NotImplementedError(f"torch.jit.{name} is not in Rushlight yet: {_WAY_OUT}")


class TracerWarning(Warning):
    """What tracing would warn with."""

    @staticmethod
    def ignore_lib_warnings() -> None:
        """There is nothing to ignore."""


class ScriptModule:
    """A scripted module; none can be made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise _missing("ScriptModule")


class RecursiveScriptModule(ScriptModule):
    """A scripted module; none can be made."""


class ScriptFunction:
    """A scripted function; none can be made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise _missing("ScriptFunction")


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Compiles TorchScript. Raises NotImplementedError."""
    raise _missing("script")


def trace(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Records a function's operations. Raises NotImplementedError."""
    raise _missing("trace")


def trace_module(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """Records a module's operations. Raises NotImplementedError."""
    raise _missing("trace_module")


def save(m: Any, f: Any, *args: Any, **kwargs: Any) -> None:
    """Saves a scripted module. Raises NotImplementedError."""
    raise _missing("save")


def load(f: Any, *args: Any, **kwargs: Any) -> Any:
    """Loads a scripted module. Raises NotImplementedError."""
    raise NotImplementedError(
        "torch.jit.load is not in Rushlight yet: save the state_dict with torch.save, and load it into the module's "
        "own class"
    )


def freeze(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """Freezes a scripted module. Raises NotImplementedError."""
    raise _missing("freeze")


def optimize_for_inference(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """Optimises a scripted module. Raises NotImplementedError."""
    raise _missing("optimize_for_inference")


def script_method(fn: _F) -> _F:
    """Marks a method of a ScriptModule. Raises NotImplementedError."""
    raise _missing("script_method")


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
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
    """Marks a function to be scripted when traced: returns it."""
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
