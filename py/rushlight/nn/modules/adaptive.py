"""Adaptive softmax: many classes, of which few are frequent."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import rushlight as torch

from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    r"""Softmax over classes sorted by frequency, the rare ones in clusters of their own, which only few inputs reach.

    Args:
        in_features: the size of each input sample.
        n_classes: how many classes.
        cutoffs: where the clusters begin; classes before the first cutoff are in the head.
        div_value: each cluster's inner size is that of the one before, divided by this. Default: 4
        head_bias: whether the head has a bias. Default: ``False``

    ``forward(input, target)`` returns the log probabilities of the targets and their mean, negated. Shape: (N,
    in_features) or
    (in_features), and (N) or ().

    Example::

        >>> asm = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])
        >>> asm.log_prob(torch.randn(3, 8)).shape
        torch.Size([3, 20])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if len(cutoffs) == 0:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(cutoffs)
            or min(cutoffs) <= 0
            or max(cutoffs) > n_classes - 1
            or len(set(cutoffs)) != len(cutoffs)
            or any(int(c) != c for c in cutoffs)
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where "
                "each value is "
                f"between 1 and n_classes-1, got {cutoffs} for n_classes={n_classes}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        options = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **options)
        self.tail = ModuleList()
        for n in range(self.n_clusters):
            inner = int(in_features // (div_value ** (n + 1)))
            size = self.cutoffs[n + 1] - self.cutoffs[n]
            self.tail.append(
                Sequential(
                    Linear(in_features, inner, bias=False, **options), Linear(inner, size, bias=False, **options)
                )
            )

    def reset_parameters(self) -> None:
        """Draws new values for all weights."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: torch.Tensor, target_: torch.Tensor) -> Any:
        n = target_.dim()
        if n > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if n == 1 and input_.size(0) != target_.size(0):
            raise RuntimeError(
                "Input and target should have the same size in the batch dimension, "
                f"got {input_.size(0)} and {target_.size(0)}."
            )
        if input_.dim() != n + 1:
            raise RuntimeError(
                f"{n}D target tensor expects {n + 1}D input tensors, but found inputs with size {input_.size()}"
            )
        input, target = (input_, target_) if n == 1 else (input_.unsqueeze(0), target_.unsqueeze(0))
        batch = target.size(0)
        output = input.new_zeros(batch)
        column = target.new_empty(batch)  # of the head: the class itself, or its cluster
        used = 0
        starts = [0, *self.cutoffs]
        for cluster, (low, high) in enumerate(zip(starts, starts[1:])):
            mask = (target >= low) & (target < high)
            rows = mask.nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            if cluster == 0:
                column.index_copy_(0, rows, target[mask])
            else:
                inside = self.tail[cluster - 1](input.index_select(0, rows))
                column.index_fill_(0, rows, self.shortlist_size + cluster - 1)
                log_probs = F.log_softmax(inside, dim=1)
                local = log_probs.gather(1, (target[mask] - low).unsqueeze(1)).squeeze(1)
                output = output.index_copy(0, rows, local)
            used += rows.numel()
        if used != batch:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        head = F.log_softmax(self.head(input), dim=1)
        output = output + head.gather(1, column.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if n == 1 else output.squeeze(0), loss)

    def _get_full_log_prob(self, input: torch.Tensor, head_output: torch.Tensor) -> torch.Tensor:
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for n, cluster in enumerate(self.tail):
            parts.append(F.log_softmax(cluster(input), dim=1) + head[:, self.shortlist_size + n].unsqueeze(1))
        return torch.cat(parts, dim=1)

    def log_prob(self, input: torch.Tensor) -> torch.Tensor:
        """The log probabilities of all classes, (N, n_classes)."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: torch.Tensor) -> torch.Tensor:
        """The most probable class of each sample, (N); clusters are looked into only where they may hold it."""
        head_output = self.head(input)
        output = torch.argmax(head_output, dim=1)
        outside = output >= self.shortlist_size
        if not outside.any():
            return output
        if outside.all():
            return torch.argmax(self._get_full_log_prob(input, head_output), dim=1)
        output[outside] = torch.argmax(self._get_full_log_prob(input[outside], head_output[outside]), dim=1)
        return output
