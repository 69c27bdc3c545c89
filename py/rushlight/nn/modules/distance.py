"""Distances between vectors."""

from __future__ import annotations

import rushlight as torch

from .. import functional as F
from .module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    r""":math:`\lVert x - y + \epsilon \rVert_p` along the last dimension.

    Args:
        p: of the norm. Default: 2
        eps: keeps the gradient finite. Default: 1e-6
        keepdim: keep the last dimension, with size 1. Default: ``False``

    Shape: (N, D) or (D) to (N) or ().

    Example::

        >>> torch.nn.PairwiseDistance(p=2)(torch.zeros(3, 16), torch.ones(3, 16)).shape
        torch.Size([3])
    """

    __constants__ = ["norm", "eps", "keepdim"]

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    r""":math:`x \cdot y / \max(\lVert x \rVert \lVert y \rVert, \epsilon)` along ``dim``.

    Args:
        dim: Default: 1
        eps: Default: 1e-8

    Example::

        >>> torch.nn.CosineSimilarity()(torch.ones(2, 3), torch.ones(2, 3)).shape
        torch.Size([2])
    """

    __constants__ = ["dim", "eps"]

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
