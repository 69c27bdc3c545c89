"""The CPU's instruction sets."""

from __future__ import annotations

import rushlight as torch

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """The instruction set that kernels use: "AVX512", "AVX2", "NEON" or "DEFAULT"."""
    return torch._C._get_cpu_capability()
