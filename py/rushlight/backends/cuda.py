"""`torch.backends.cuda`: CUDA is not here. Its flags can be set and read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "can_use_cudnn_attention",
    "can_use_efficient_attention",
    "can_use_flash_attention",
    "cudnn_sdp_enabled",
    "cufft_plan_cache",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "is_built",
    "is_flash_attention_available",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "preferred_linalg_library",
    "sdp_kernel",
]


class _Matmul:
    """`torch.backends.cuda.matmul`."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    allow_fp16_accumulation = False
    fp32_precision = "none"


class _PlanCache:
    """`torch.backends.cuda.cufft_plan_cache`: always empty."""

    size = 0
    max_size = 0

    def clear(self) -> None:
        """Nothing to clear."""

    def __getitem__(self, device: Any) -> _PlanCache:
        return self


matmul = _Matmul()
cufft_plan_cache = _PlanCache()
_kernels = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True}


def is_built() -> bool:
    """False."""
    return False


def is_flash_attention_available() -> bool:
    """False: attention has one kernel here."""
    return False


def flash_sdp_enabled() -> bool:
    """Whether this kernel of attention may be chosen; a flag without effect."""
    return _kernels["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Sets the flag that `flash_sdp_enabled` reads."""
    _kernels["flash"] = bool(enabled)


def math_sdp_enabled() -> bool:
    """Whether this kernel of attention may be chosen; a flag without effect."""
    return _kernels["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Sets the flag that `math_sdp_enabled` reads."""
    _kernels["math"] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """Whether this kernel of attention may be chosen; a flag without effect."""
    return _kernels["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Sets the flag that `mem_efficient_sdp_enabled` reads."""
    _kernels["mem_efficient"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """Whether this kernel of attention may be chosen; a flag without effect."""
    return _kernels["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Sets the flag that `cudnn_sdp_enabled` reads."""
    _kernels["cudnn"] = bool(enabled)


def can_use_flash_attention(params: Any, debug: bool = False) -> bool:
    """False."""
    return False


def can_use_efficient_attention(params: Any, debug: bool = False) -> bool:
    """False."""
    return False


def can_use_cudnn_attention(params: Any, debug: bool = False) -> bool:
    """False."""
    return False


@contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[None]:
    """Sets the flags of attention's kernels for the length of a block."""
    before = dict(_kernels)
    _kernels.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield
    finally:
        _kernels.update(before)


def preferred_linalg_library(backend: Any = None) -> str:
    """The library for linear algebra: always the default one."""
    return "default"


def preferred_blas_library(backend: Any = None) -> str:
    """The library for matrix products: always the default one."""
    return "default"
