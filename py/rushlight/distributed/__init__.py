"""`torch.distributed`: training on several processes is not here yet, and says so."""

from __future__ import annotations

from enum import Enum
from typing import Any

__all__ = [
    "ReduceOp",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_initialized",
    "is_torchelastic_launched",
]


class ReduceOp(Enum):
    """How values of several processes become one."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7


class ProcessGroup:
    """A set of processes; none can be made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise _missing("ProcessGroup")


class group:
    """The standard groups."""

    WORLD = None


def _missing(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"torch.distributed.{name} is not in Rushlight yet: train in one process (it uses all cores), or ask "
        "is_available() first"
    )


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_nccl_available() -> bool:
    """False."""
    return False


def is_gloo_available() -> bool:
    """False."""
    return False


def is_mpi_available() -> bool:
    """False."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether this process was started by torchrun."""
    import os

    return "TORCHELASTIC_RUN_ID" in os.environ


def get_rank(group: Any = None) -> int:
    """This process's number. Raises ValueError: there is no process group."""
    raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")


def get_world_size(group: Any = None) -> int:
    """How many processes there are. Raises ValueError: there is no process group."""
    raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")


def init_process_group(*args: Any, **kwargs: Any) -> None:
    """Joins the processes. Raises NotImplementedError."""
    raise _missing("init_process_group")


def destroy_process_group(group: Any = None) -> None:
    """There is none to leave."""


_CALLS = frozenset(
    [
        "all_gather",
        "all_gather_into_tensor",
        "all_gather_object",
        "all_reduce",
        "all_to_all",
        "all_to_all_single",
        "barrier",
        "broadcast",
        "broadcast_object_list",
        "gather",
        "gather_object",
        "irecv",
        "isend",
        "monitored_barrier",
        "new_group",
        "recv",
        "reduce",
        "reduce_scatter",
        "reduce_scatter_tensor",
        "scatter",
        "scatter_object_list",
        "send",
        "get_backend",
        "get_process_group_ranks",
        "new_subgroups",
    ]
)


def __getattr__(name: str) -> Any:
    if name in _CALLS:

        def function(*args: Any, **kwargs: Any) -> Any:
            raise _missing(name)

        function.__name__ = function.__qualname__ = name
        function.__doc__ = "Needs a process group, and so raises NotImplementedError."
        return function
    raise AttributeError(f"module 'torch.distributed' has no attribute {name!r} in Rushlight yet")
