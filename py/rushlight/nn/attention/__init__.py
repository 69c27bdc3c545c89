"""How scaled dot product attention is computed. There is one way here, which is exact; programs that choose may go on
choosing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

__all__ = ["SDPBackend", "WARN_FOR_UNFUSED_KERNELS", "sdpa_kernel"]

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(IntEnum):
    """The implementations that PyTorch has of scaled dot product attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_chosen: list[SDPBackend] = [
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
    SDPBackend.CUDNN_ATTENTION,
]


def _cur_sdpa_kernel_backends(with_priority: bool = False) -> list[SDPBackend]:
    return list(_chosen)


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """Within this context attention may use only these implementations. All give the same, so that only their names
    matter.

    Args:
        backends: one `SDPBackend`, or several.
        set_priority: their order is that of preference.

    Example::

        >>> from rushlight.nn.attention import SDPBackend, sdpa_kernel
        >>> q = torch.ones(1, 1, 2, 4)
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     out = torch.nn.functional.scaled_dot_product_attention(q, q, q)
    """
    global _chosen
    if not isinstance(backends, (Iterable, SDPBackend)):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    wanted = [backends] if isinstance(backends, SDPBackend) else list(dict.fromkeys(backends))
    if not wanted or not all(isinstance(b, SDPBackend) for b in wanted):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    before, _chosen = _chosen, wanted
    try:
        yield
    finally:
        _chosen = before


def __getattr__(name: str) -> Any:
    if name in ("bias", "flex_attention"):
        from importlib import import_module

        try:
            return import_module(f"{__name__}.{name}")
        except ModuleNotFoundError:
            raise NotImplementedError(
                f"nn.attention.{name} is not supported yet; give scaled_dot_product_attention an attn_mask instead"
            ) from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
