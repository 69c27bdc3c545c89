"""`torch.backends`: which libraries compute. None of PyTorch's do here; flags can be set and read, and change
nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_NAMES = frozenset(
    [
        "cpu",
        "cuda",
        "cudnn",
        "cusparselt",
        "kleidiai",
        "mha",
        "miopen",
        "mkl",
        "mkldnn",
        "mps",
        "nnpack",
        "openmp",
        "opt_einsum",
        "quantized",
        "xnnpack",
    ]
)

fp32_precision = "none"


@contextmanager
def flags_of(module: ModuleType, values: dict[str, Any]) -> Iterator[None]:
    """Sets attributes of `module` for the length of a block."""
    before = {name: getattr(module, name) for name in values}
    for name, value in values.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torch.backends' has no attribute {name!r} in Rushlight")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
