"""SparseAdam: there only to say what to use instead."""

from __future__ import annotations

import rushlight as torch

from .optimizer import Optimizer, ParamsT

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam for sparse gradients. Rushlight has no sparse gradients yet, so making one raises NotImplementedError."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | torch.Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        raise NotImplementedError(
            "optim.SparseAdam: Rushlight has no sparse gradients yet. Use optim.Adam, and Embedding(..., sparse=False)."
        )
