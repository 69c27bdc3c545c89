"""The old name of Tensor."""

from __future__ import annotations

from rushlight._rushlight import Tensor as Variable

__all__ = ["Variable"]
