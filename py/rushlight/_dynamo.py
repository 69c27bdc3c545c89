"""`torch._dynamo`: names of `torch.compile`'s inner part that programs use."""

from __future__ import annotations

import types

from rushlight.compiler import InvalidBackend, Unsupported, config, disable, list_backends, reset
from rushlight.compiler import allow_in_graph as allow_in_graph
from rushlight.compiler import is_compiling as is_compiling

__all__ = ["allow_in_graph", "config", "disable", "exc", "graph_break", "is_compiling", "list_backends", "reset"]

exc = types.SimpleNamespace(InvalidBackend=InvalidBackend, Unsupported=Unsupported, TorchDynamoException=RuntimeError)


def graph_break(msg: str = "") -> None:
    """Makes the compiled function that calls it run as it is."""
    from rushlight import _rushlight, compiler

    if compiler._recording:
        _rushlight._graph_leave(f"state: graph_break({msg})")
