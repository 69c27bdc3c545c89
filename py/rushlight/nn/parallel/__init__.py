"""Several devices. There is one here: `DataParallel` runs on it, and what needs processes says so."""

from __future__ import annotations

from typing import Any

from .data_parallel import DataParallel, data_parallel

__all__ = [
    "DataParallel",
    "DistributedDataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]


class DistributedDataParallel:
    """Training in several processes; not there yet.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "nn.parallel.DistributedDataParallel: training over several processes is not supported yet; in a "
            "single process use the "
            "module itself, which computes the same"
        )


def __getattr__(name: str) -> Any:
    if name in ("scatter", "gather", "replicate", "parallel_apply", "scatter_kwargs"):
        from . import scatter_gather

        return getattr(scatter_gather, name)
    if name == "distributed":
        from types import SimpleNamespace

        return SimpleNamespace(DistributedDataParallel=DistributedDataParallel)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
