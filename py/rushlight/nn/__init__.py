"""Neural networks: layers as modules (`Linear`, `Conv2d`, …), the same as functions (`functional`), initial values
(`init`).

Each family of layers is read when one of its names is first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .modules import FAMILY_OF as _FAMILY_OF

if TYPE_CHECKING:
    from . import attention, functional, grad, init, modules, parallel, parameter, utils  # noqa: F401
    from .modules import *  # noqa: F403
    from .parallel import DataParallel as DataParallel
    from .parameter import (
        Buffer as Buffer,
    )
    from .parameter import (
        Parameter as Parameter,
    )
    from .parameter import (
        UninitializedBuffer as UninitializedBuffer,
    )
    from .parameter import (
        UninitializedParameter as UninitializedParameter,
    )

_HERE = {
    "Buffer": "parameter",
    "DataParallel": "parallel",
    "Parameter": "parameter",
    "UninitializedBuffer": "parameter",
    "UninitializedParameter": "parameter",
}
_SUBMODULES = frozenset(
    ["attention", "common_types", "functional", "grad", "init", "modules", "parallel", "parameter", "utils"]
)
_QUANTIZED = frozenset(["intrinsic", "qat", "quantizable", "quantized"])
__all__ = sorted([*_FAMILY_OF, *_HERE])


def __getattr__(name: str) -> Any:
    if name in _FAMILY_OF:
        found = getattr(import_module(f"{__name__}.modules.{_FAMILY_OF[name]}"), name)
    elif name in _HERE:
        found = getattr(import_module(f"{__name__}.{_HERE[name]}"), name)
    elif name in _SUBMODULES:
        found = import_module(f"{__name__}.{name}")
    elif name in _QUANTIZED:
        raise NotImplementedError(
            f"nn.{name}: quantization is not supported; use float16 or bfloat16 to make models smaller"
        )
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """What of ``kwargs`` a factory such as `torch.empty` takes: ``device``, ``dtype`` and ``memory_format``.

    Raises:
        TypeError: there is something else in it.
    """
    if kwargs is None:
        return {}
    taken = {"device", "dtype", "memory_format"}
    nested = dict(kwargs.get("factory_kwargs", {}))
    unexpected = (kwargs.keys() - taken - {"factory_kwargs"}) | (nested.keys() - taken)
    if unexpected:
        raise TypeError(f"unexpected kwargs {unexpected}")
    for name in taken & kwargs.keys():
        if name in nested:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        nested[name] = kwargs[name]
    return nested
