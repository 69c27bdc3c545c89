"""`torch.cuda.profiler`: NVIDIA's profiler, which is not here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rushlight import _no_device as _none

__all__ = ["profile", "start", "stop"]

start = _none.need("cuda", "profiler.start")
stop = _none.need("cuda", "profiler.stop")


@contextmanager
def profile() -> Iterator[None]:
    """Profiles a block with NVIDIA's profiler: raises."""
    start()
    yield
