"""Causal masks for attention, by name instead of by elements."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import rushlight as torch

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """Where the diagonal of a causal mask that is not square begins or ends."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(torch.Tensor):
    """A causal mask for `scaled_dot_product_attention`: true where a query may see a key. Made by `causal_upper_left`
    and
    `causal_lower_right`.

    Args:
        variant: where the diagonal is.
        seq_len_q, seq_len_kv: the mask's shape.
    """

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> Any:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"CausalBias: expected a CausalVariant, got {variant!r}")
        if seq_len_q > seq_len_kv and variant == CausalVariant.LOWER_RIGHT:
            import warnings

            warnings.warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!", stacklevel=3
            )
        offset = 0 if variant == CausalVariant.UPPER_LEFT else seq_len_kv - seq_len_q
        mask = torch.ones(seq_len_q, seq_len_kv, dtype=torch.bool).tril(diagonal=offset)
        made = torch.Tensor._make_subclass(cls, mask, False)
        made.variant, made.seq_len_q, made.seq_len_kv = variant, seq_len_q, seq_len_kv
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"CausalBias(variant={self.variant.name}, shape=({self.seq_len_q}, {self.seq_len_kv}))"

    __torch_function__ = torch._C._disabled_torch_function_impl


def _size(size: Any) -> tuple[int, int]:
    size = tuple(size[0]) if len(size) == 1 else tuple(size)
    if len(size) != 2:
        raise RuntimeError(f"a causal bias must be a 2D tensor, got sizes {size}")
    return size


def causal_upper_left(*size: Any) -> CausalBias:
    """The mask whose diagonal begins at the upper left: query i sees keys 0 to i.

    Example::

        >>> from rushlight.nn.attention.bias import causal_upper_left
        >>> causal_upper_left(2, 3).tolist()
        [[True, False, False], [True, True, False]]
    """
    return CausalBias(CausalVariant.UPPER_LEFT, *_size(size))


def causal_lower_right(*size: Any) -> CausalBias:
    """The mask whose diagonal ends at the lower right: the last query sees all keys.

    Example::

        >>> from rushlight.nn.attention.bias import causal_lower_right
        >>> causal_lower_right(2, 3).tolist()
        [[True, True, False], [True, True, True]]
    """
    return CausalBias(CausalVariant.LOWER_RIGHT, *_size(size))
