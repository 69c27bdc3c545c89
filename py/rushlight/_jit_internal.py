"""Names that libraries take from PyTorch's internals of scripting."""

from __future__ import annotations

from typing import Any, Final

from rushlight.jit import _overload, _overload_method, export, ignore, is_scripting, unused
from rushlight.jit.annotations import BroadcastingList1, BroadcastingList2, BroadcastingList3

__all__ = [
    "BroadcastingList1",
    "BroadcastingList2",
    "BroadcastingList3",
    "Final",
    "_overload",
    "_overload_method",
    "boolean_dispatch",
    "export",
    "ignore",
    "is_scripting",
    "unused",
]


def boolean_dispatch(
    arg_name: str, arg_index: int, default: bool, if_true: Any, if_false: Any, module_name: str, func_name: str
) -> Any:
    """A function that goes one way or the other by a boolean argument."""

    def function(*args: Any, **kwargs: Any) -> Any:
        flag = kwargs.get(arg_name, args[arg_index] if len(args) > arg_index else default)
        return (if_true if flag else if_false)(*args, **kwargs)

    function.__name__, function.__module__, function.__doc__ = func_name, module_name, if_false.__doc__
    return function
