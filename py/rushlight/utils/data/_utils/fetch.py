"""From indices to a collated batch, for both kinds of datasets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as torch

from ..dataset import Subset, TensorDataset
from . import collate
from .collate import default_collate

__all__ = ["IterableFetcher", "MapFetcher"]


class MapFetcher:
    """Fetches by index."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool) -> None:
        self.dataset = dataset
        self.collate_fn = collate_fn
        self.auto_collation = auto_collation
        many = getattr(dataset, "__getitems__", None)
        self.many = many if callable(many) else None
        if auto_collation and collate_fn is default_collate and _is_tensors(dataset):
            self.fetch = self._gather  # type: ignore[method-assign]

    def fetch(self, index: Any) -> Any:
        """The batch (or, without batching, the sample) at `index`."""
        if not self.auto_collation:
            return self.collate_fn(self.dataset[index])
        if self.many is not None:
            return self.collate_fn(self.many(index))
        dataset = self.dataset
        return self.collate_fn([dataset[i] for i in index])

    def _gather(self, index: Any) -> Any:
        """The same for tensors with the default collation: a batch is one indexing of each tensor, not a stack of its
        rows.
        """
        if set(map(type, index)) != {int}:
            return MapFetcher.fetch(self, index)
        dataset = self.dataset
        while type(dataset) is Subset:
            indices = dataset.indices
            index = [indices[i] for i in index]
            dataset = dataset.dataset
        at = torch.tensor(index)
        if collate._room is None or min(index) < 0:
            return [t[at] for t in dataset.tensors]
        return [_rows(t, at) for t in dataset.tensors]


def _rows(tensor: Any, at: Any) -> Any:
    """`tensor[at]` in a worker process: right where it is sent from."""
    if not tensor.requires_grad and type(tensor) is torch.Tensor:
        out = collate._room(tensor.dtype, (len(at), *tensor.shape[1:]))  # type: ignore[misc]
        if out is not None:
            return torch.index_select(tensor, 0, at, out=out)
    return tensor[at]


def _is_tensors(dataset: Any) -> bool:
    while type(dataset) is Subset:
        if type(dataset.indices) not in (list, range) or set(map(type, dataset.indices)) - {int}:
            return False
        dataset = dataset.dataset
    return type(dataset) is TensorDataset and all(t.is_leaf for t in dataset.tensors)


class IterableFetcher:
    """Takes what a stream gives next."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool) -> None:
        self.iterator = iter(dataset)
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.ended = False

    def fetch(self, index: Any) -> Any:
        """The next `len(index)` samples as a batch (or, without batching, the next one). Raises StopIteration at the
        end.
        """
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.iterator))
        batch = []
        for _ in index:
            try:
                batch.append(next(self.iterator))
            except StopIteration:
                self.ended = True
                break
        if not batch or (self.drop_last and len(batch) < len(index)):
            raise StopIteration
        return self.collate_fn(batch)
