"""Helpers around modules: gradient clipping, sequences of unequal lengths, parametrisations, pruning, fusion."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# These are functions here, though files of the same names hold them: so not lazily.
from .spectral_norm import remove_spectral_norm as remove_spectral_norm
from .spectral_norm import spectral_norm as spectral_norm
from .weight_norm import remove_weight_norm as remove_weight_norm
from .weight_norm import weight_norm as weight_norm

_WHERE = {
    name: module
    for module, names in {
        "clip_grad": "clip_grad_norm clip_grad_norm_ clip_grads_with_norm_ clip_grad_value_ get_total_norm",
        "convert_parameters": "parameters_to_vector vector_to_parameters",
        "fusion": "fuse_conv_bn_eval fuse_conv_bn_weights fuse_linear_bn_eval fuse_linear_bn_weights",
        "init": "skip_init",
        "memory_format": "convert_conv2d_weight_memory_format convert_conv3d_weight_memory_format",
    }.items()
    for name in names.split()
}
_SUBMODULES = frozenset(
    "clip_grad convert_parameters fusion init memory_format parametrizations parametrize prune rnn stateless".split()
)
__all__ = sorted(
    [
        *_WHERE,
        "parametrizations",
        "parametrize",
        "remove_spectral_norm",
        "remove_weight_norm",
        "rnn",
        "spectral_norm",
        "stateless",
        "weight_norm",
    ]
)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        found = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    elif name in _SUBMODULES:
        found = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
