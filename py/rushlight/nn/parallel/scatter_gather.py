"""Dividing inputs among devices, and putting outputs together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rushlight as torch

__all__ = ["gather", "parallel_apply", "replicate", "scatter", "scatter_kwargs"]


def scatter(inputs: Any, target_gpus: Sequence[Any], dim: int = 0) -> list[Any]:
    """Cuts every tensor in ``inputs`` into a chunk for each device; everything else is given to all of them."""
    count = len(target_gpus)
    if isinstance(inputs, torch.Tensor):
        return [chunk.to(device) for chunk, device in zip(inputs.chunk(count, dim), target_gpus)]
    if isinstance(inputs, tuple) and hasattr(inputs, "_fields"):
        return [type(inputs)(*parts) for parts in zip(*(scatter(x, target_gpus, dim) for x in inputs))]
    if isinstance(inputs, tuple) and inputs:
        return list(zip(*(scatter(x, target_gpus, dim) for x in inputs)))
    if isinstance(inputs, list) and inputs:
        return [list(parts) for parts in zip(*(scatter(x, target_gpus, dim) for x in inputs))]
    if isinstance(inputs, dict) and inputs:
        return [type(inputs)(pairs) for pairs in zip(*(scatter(item, target_gpus, dim) for item in inputs.items()))]
    return [inputs for _ in target_gpus]


def scatter_kwargs(inputs: Any, kwargs: Any, target_gpus: Sequence[Any], dim: int = 0) -> tuple[tuple, tuple]:
    """`scatter` for positional and keyword arguments together."""
    args = scatter(inputs, target_gpus, dim) if inputs else []
    named = scatter(kwargs, target_gpus, dim) if kwargs else []
    args.extend(() for _ in range(len(named) - len(args)))
    named.extend({} for _ in range(len(args) - len(named)))
    return tuple(args), tuple(named)


def gather(outputs: Any, target_device: Any, dim: int = 0) -> Any:
    """Puts the outputs of several devices together, tensor by tensor."""
    first = outputs[0]
    if isinstance(first, torch.Tensor):
        moved = [o.to(target_device) for o in outputs]
        return torch.stack(moved) if first.dim() == 0 else torch.cat(moved, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if not all(len(first) == len(d) for d in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((k, gather([d[k] for d in outputs], target_device, dim)) for k in first)
    parts = [gather(list(column), target_device, dim) for column in zip(*outputs)]
    return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)


def replicate(network: Any, devices: Sequence[Any], detach: bool = False) -> list[Any]:
    """The module, once for each device. There is one device: they are all the module itself."""
    return [network for _ in devices]


def parallel_apply(
    modules: Sequence[Any], inputs: Sequence[Any], kwargs_tup: Any = None, devices: Any = None
) -> list[Any]:
    """Calls each module with its inputs, one after the other."""
    if len(modules) != len(inputs):
        raise AssertionError(f"The number of modules {len(modules)} is not equal to the number of inputs {len(inputs)}")
    named = kwargs_tup if kwargs_tup is not None else ({},) * len(modules)
    results = []
    for module, args, kwargs in zip(modules, inputs, named):
        results.append(module(*(args if isinstance(args, (list, tuple)) else (args,)), **kwargs))
    return results
