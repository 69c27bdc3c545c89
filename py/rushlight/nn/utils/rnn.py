"""Batches of sequences of unequal lengths: packed, padded, and back."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from typing import Any

import rushlight as torch

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence_(namedtuple("PackedSequence_", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])):
    """The fields of a `PackedSequence`."""

    __slots__ = ()


# as PyTorch has it: `PackedSequence` is not the class that a tuple's own methods would make
PackedSequence_.__annotations__ = {
    "data": "torch.Tensor",
    "batch_sizes": "torch.Tensor",
    "sorted_indices": "torch.Tensor | None",
    "unsorted_indices": "torch.Tensor | None",
}


class PackedSequence(PackedSequence_):
    r"""A batch of sequences of unequal lengths, for `RNN`, `LSTM` and `GRU`. Made by `pack_padded_sequence` or
    `pack_sequence`.

    Attributes:
        data: all elements, step by step: first those at time 0 of every sequence, then those at time 1, …
        batch_sizes: how many sequences there are at each step (int64, on the CPU).
        sorted_indices: the order in which the sequences stand, longest first; ``None`` if they came so.
        unsorted_indices: the order that brings back the original one.
    """

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> PackedSequence:
        return super().__new__(cls, *_packed_fields(data, batch_sizes, sorted_indices, unsorted_indices))

    def pin_memory(self) -> PackedSequence:
        """The same in page-locked memory."""
        return type(self)(
            self.data.pin_memory(),
            self.batch_sizes,
            None if self.sorted_indices is None else self.sorted_indices.pin_memory(),
            None if self.unsorted_indices is None else self.unsorted_indices.pin_memory(),
        )

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Moves and casts the data, as `torch.Tensor.to`; the indices only move."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        options = {k: v for k, v in kwargs.items() if k not in ("device", "dtype")}
        order = None if self.sorted_indices is None else self.sorted_indices.to(data.device, **options)
        back = None if self.unsorted_indices is None else self.unsorted_indices.to(data.device, **options)
        return type(self)(data, self.batch_sizes, order, back)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Moves the data to a GPU."""
        ex = torch.tensor((), dtype=self.data.dtype, device=self.data.device).to(*args, **kwargs)
        return self.to(*args, **kwargs) if ex.device.type == "cuda" else self.to(*args, device="cuda", **kwargs)

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Moves the data to the CPU."""
        return self.to(*args, device="cpu", **kwargs)

    def double(self) -> PackedSequence:
        return self.to(dtype=torch.double)

    def float(self) -> PackedSequence:
        return self.to(dtype=torch.float)

    def half(self) -> PackedSequence:
        return self.to(dtype=torch.half)

    def long(self) -> PackedSequence:
        return self.to(dtype=torch.long)

    def int(self) -> PackedSequence:
        return self.to(dtype=torch.int)

    def short(self) -> PackedSequence:
        return self.to(dtype=torch.short)

    def char(self) -> PackedSequence:
        return self.to(dtype=torch.int8)

    def byte(self) -> PackedSequence:
        return self.to(dtype=torch.uint8)

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        return self.data.is_pinned()


def _packed_fields(data: Any, batch_sizes: Any, sorted_indices: Any, unsorted_indices: Any) -> tuple:
    if unsorted_indices is None:
        unsorted_indices = invert_permutation(sorted_indices)
    if batch_sizes is not None:
        if batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created "
                "manually. They should "
                "be instantiated by functions like pack_sequence and pack_padded_sequence in nn.utils.rnn."
            )
        return data, batch_sizes, sorted_indices, unsorted_indices
    if not isinstance(data, (list, tuple)) or len(data) != 2:
        raise AssertionError("PackedSequence(): expected data and batch_sizes, or a pair of them")
    return data[0], data[1], sorted_indices, None


def invert_permutation(permutation: torch.Tensor | None) -> torch.Tensor | None:
    """The permutation that undoes another one."""
    if permutation is None:
        return None
    output = torch.empty_like(permutation)
    output.scatter_(0, permutation, torch.arange(0, permutation.numel(), device=permutation.device))
    return output


def pack_padded_sequence(
    input: torch.Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs a batch of padded sequences.

    Args:
        input: of shape (L, N, *), or (N, L, *) with ``batch_first``.
        lengths: the length of each sequence: a list, or an int64 tensor on the CPU.
        batch_first: see ``input``.
        enforce_sorted: the sequences must come longest first, else they are sorted. Default: ``True``

    Example::

        >>> packed = pack_padded_sequence(torch.tensor([[1, 2, 3], [4, 5, 0]]), [3, 2], batch_first=True)
        >>> packed.data, packed.batch_sizes
        (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """
    if not isinstance(lengths, torch.Tensor):
        lengths = torch.as_tensor(lengths, dtype=torch.int64, device="cpu")
    order = None
    if not enforce_sorted:
        lengths, order = torch.sort(lengths, descending=True)
        order = order.to(input.device)
        input = input.index_select(0 if batch_first else 1, order)
    data, batch_sizes = torch._pack_padded_sequence(input, lengths, batch_first)
    return PackedSequence(data, batch_sizes, order, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Undoes `pack_padded_sequence`.

    Args:
        sequence: the packed batch.
        batch_first: give (N, L, *) instead of (L, N, *).
        padding_value: what stands after the end of shorter sequences. Default: 0
        total_length: pad to this length; at least that of the longest.

    Returns:
        the padded batch, and the lengths.
    """
    longest = sequence.batch_sizes.size(0)
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    padded, lengths = torch._pad_packed_sequence(
        sequence.data, sequence.batch_sizes, batch_first, padding_value, longest
    )
    back = sequence.unsorted_indices
    if back is not None:
        return padded.index_select(0 if batch_first else 1, back), lengths[back.cpu()]
    return padded, lengths


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> torch.Tensor:
    """Stacks tensors of shape (L_i, *) into one of shape (L, N, *), or (N, L, *) with ``batch_first``.

    Args:
        sequences: the tensors.
        padding_value: what fills up the shorter ones. Default: 0
        padding_side: ``'right'`` or ``'left'``. Default: ``'right'``

    Example::

        >>> pad_sequence([torch.ones(2), torch.ones(1)], batch_first=True)
        tensor([[1., 1.],
                [1., 0.]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    if isinstance(sequences, torch.Tensor):
        sequences = sequences.unbind(0)
    return torch._C._nn.pad_sequence(list(sequences), batch_first, padding_value, padding_side)


def unpad_sequence(
    padded_sequences: torch.Tensor, lengths: torch.Tensor, batch_first: bool = False
) -> list[torch.Tensor]:
    """Undoes `pad_sequence`: a list of tensors of their own lengths."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [sequence[: int(n)] for sequence, n in zip(padded_sequences, lengths)]


def pack_sequence(sequences: list[torch.Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs tensors of shape (L_i, *); see `pack_padded_sequence`."""
    lengths = torch.as_tensor([sequence.size(0) for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[torch.Tensor]:
    """Undoes `pack_sequence`: a list of tensors of their own lengths."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
