"""From a list of samples to a batch."""

from __future__ import annotations

import collections.abc
import copy
from collections.abc import Callable
from typing import Any

import rushlight as torch

__all__ = ["collate", "collate_tensor_fn", "default_collate", "default_collate_fn_map", "default_convert"]

# In a worker process: gives a tensor of a dtype and size in the memory that the batch is sent in, or None.
_room: Callable[[Any, tuple[int, ...]], Any] | None = None

_ERROR = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def _is_numpy(elem: Any) -> bool:
    cls = type(elem)
    return cls.__module__ == "numpy" and cls.__name__ not in ("str_", "string_", "bytes_")


def _is_namedtuple(elem: Any) -> bool:
    return isinstance(elem, tuple) and hasattr(elem, "_fields")


def _array_to_tensor(array: Any) -> Any:
    """A tensor of a NumPy array, or the array itself if it holds text or objects."""
    if array.dtype.kind in "SUO" or array.dtype.name == "void":
        return array
    return torch.as_tensor(array)


def default_convert(data: Any) -> Any:
    """NumPy arrays in `data` (also inside lists, tuples and dicts) as tensors, everything else as it is.

    Example::

        >>> default_convert(np.array([0, 1]))
        tensor([0, 1])
    """
    if isinstance(data, torch.Tensor):
        return data
    if _is_numpy(data):
        return _array_to_tensor(data) if type(data).__name__ == "ndarray" else torch.as_tensor(data)
    if isinstance(data, collections.abc.Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if _is_namedtuple(data):
        return type(data)(*(default_convert(d) for d in data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return _rebuild_sequence(data, [default_convert(d) for d in data])
    return data


def _rebuild_mapping(like: Any, items: dict) -> Any:
    """`items` as a mapping of the type of `like`, if that type can be made."""
    cls = type(like)
    if cls is dict:
        return items
    try:
        if isinstance(like, collections.abc.MutableMapping):
            clone = copy.copy(like)  # keeps attributes, such as a defaultdict's factory
            clone.update(items)
            return clone
        return cls(items)
    except TypeError:
        return items


def _rebuild_sequence(like: Any, items: list) -> Any:
    """`items` as a sequence of the type of `like`, if that type can be made."""
    cls = type(like)
    if cls is list:
        return items
    try:
        if isinstance(like, collections.abc.MutableSequence):
            clone = copy.copy(like)
            for number, item in enumerate(items):
                clone[number] = item
            return clone
        return cls(items)
    except TypeError:
        return items


def collate(batch: list, *, collate_fn_map: dict[type | tuple[type, ...], Callable] | None = None) -> Any:
    """Like `default_collate`, with functions of your own by type of element: `fn(batch, *, collate_fn_map)`."""
    elem = batch[0]
    cls = type(elem)
    if collate_fn_map is not None:
        if cls in collate_fn_map:
            return collate_fn_map[cls](batch, collate_fn_map=collate_fn_map)
        for known in collate_fn_map:
            if isinstance(elem, known):
                return collate_fn_map[known](batch, collate_fn_map=collate_fn_map)
        if _is_numpy(elem):
            return (_collate_arrays if cls.__name__ == "ndarray" else _collate_numpy_scalars)(
                batch, collate_fn_map=collate_fn_map
            )
    if isinstance(elem, collections.abc.Mapping):
        return _rebuild_mapping(
            elem, {key: collate([d[key] for d in batch], collate_fn_map=collate_fn_map) for key in elem}
        )
    if _is_namedtuple(elem):
        return cls(*(collate(samples, collate_fn_map=collate_fn_map) for samples in zip(*batch)))
    if isinstance(elem, collections.abc.Sequence):
        length = len(elem)
        for sample in batch:
            if len(sample) != length:
                raise RuntimeError("each element in list of batch should be of equal size")
        columns = [collate(samples, collate_fn_map=collate_fn_map) for samples in zip(*batch)]
        # plain tuples become lists, as PyTorch has it
        return columns if isinstance(elem, tuple) else _rebuild_sequence(elem, columns)
    raise TypeError(_ERROR.format(cls))


def collate_tensor_fn(batch: list, *, collate_fn_map: dict | None = None) -> torch.Tensor:
    """Stacks tensors of one shape; in a worker process, right where they are sent from."""
    if _room is not None:
        elem = batch[0]
        if not elem.requires_grad and type(elem) is torch.Tensor:
            out = _room(elem.dtype, (len(batch), *elem.shape))
            if out is not None:
                try:
                    return torch.stack(batch, 0, out=out)
                except RuntimeError:
                    pass  # not of one shape and dtype
    return torch.stack(batch, 0)


def _collate_arrays(batch: list, *, collate_fn_map: dict | None = None) -> Any:
    elem = batch[0]
    if elem.dtype.kind in "SUO":
        raise TypeError(_ERROR.format(elem.dtype))
    return collate([torch.as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def _collate_numpy_scalars(batch: list, *, collate_fn_map: dict | None = None) -> torch.Tensor:
    return torch.as_tensor(batch)


def _collate_floats(batch: list, *, collate_fn_map: dict | None = None) -> torch.Tensor:
    return torch.tensor(batch, dtype=torch.float64)


def _collate_ints(batch: list, *, collate_fn_map: dict | None = None) -> torch.Tensor:
    return torch.tensor(batch)


def _collate_text(batch: list, *, collate_fn_map: dict | None = None) -> list:
    return batch


default_collate_fn_map: dict[type | tuple[type, ...], Callable] = {
    torch.Tensor: collate_tensor_fn,
    float: _collate_floats,
    int: _collate_ints,
    str: _collate_text,
    bytes: _collate_text,
}


def default_collate(batch: list) -> Any:
    """Samples to a batch: tensors and arrays are stacked, numbers become a tensor, and the structure around them
    (tuples, lists, dicts) stays.

    Raises:
        TypeError: for elements of other kinds.
        RuntimeError: for samples of different structure or shape.

    Example::

        >>> default_collate([(torch.ones(2), 0), (torch.zeros(2), 1)])
        [tensor([[1., 1.],
                [0., 0.]]), tensor([0, 1])]
    """
    elem = batch[0]
    # the common case, a tuple of tensors and numbers, without the general search
    if type(elem) is tuple:
        length = len(elem)
        fast = []
        for column in zip(*batch):
            function = default_collate_fn_map.get(type(column[0]))
            if function is None:
                break
            fast.append((function, column))
        else:
            for sample in batch:
                if len(sample) != length:
                    raise RuntimeError("each element in list of batch should be of equal size")
            return [function(column, collate_fn_map=default_collate_fn_map) for function, column in fast]
    return collate(batch, collate_fn_map=default_collate_fn_map)
