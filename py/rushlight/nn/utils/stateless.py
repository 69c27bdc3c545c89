"""Calling a module with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rushlight as torch

__all__ = ["functional_call"]

_MISSING: Any = object()


def _untie_named_tensors_map(module: Any, parameters_and_buffers: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Gives every name of a tied tensor the value that one of its names was given."""
    names: dict[int, list[str]] = {}
    for name, tensor in (
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ):
        names.setdefault(id(tensor), []).append(name)
    untied = dict(parameters_and_buffers)
    for tied in names.values():
        given = [name for name in tied if name in parameters_and_buffers]
        if len({id(parameters_and_buffers[name]) for name in given}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(given)}, which are tied. Consider using "
                f"tie_weights=False"
            )
        for name in tied if given else ():
            untied[name] = parameters_and_buffers[given[0]]
    return untied


@contextmanager
def _reparametrize_module(
    module: Any,
    parameters_and_buffers: dict[str, torch.Tensor],
    tie_weights: bool = False,
    strict: bool = False,
    stack_weights: bool = False,
) -> Iterator[None]:
    """Within this context the module has other parameters and buffers."""
    tensors = _untie_named_tensors_map(module, parameters_and_buffers) if tie_weights else dict(parameters_and_buffers)
    if strict:
        known = {name for name, _ in module.named_parameters(remove_duplicate=False)}
        known |= {name for name, _ in module.named_buffers(remove_duplicate=False)}
        missing, unexpected = known - tensors.keys(), tensors.keys() - known
        if missing or unexpected:
            parts = [f"Unexpected key(s): {', '.join(sorted(unexpected))}."] if unexpected else []
            parts += [f"Missing key(s): {', '.join(sorted(missing))}."] if missing else []
            raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(parts))
    before: list[tuple[Any, str, Any, Any]] = []
    try:
        for path, tensor in tensors.items():
            parent, _, name = path.rpartition(".")
            owner = module.get_submodule(parent)
            registry = next((r for r in (owner._parameters, owner._buffers) if name in r), None)
            if registry is None:  # no parameter: an attribute for as long as this lasts
                before.append((owner, name, None, getattr(owner, name, _MISSING)))
                object.__setattr__(owner, name, tensor)
            else:
                before.append((owner, name, registry, registry[name]))
                registry[name] = tensor
        yield
    finally:
        for owner, name, registry, old in reversed(before):
            now = registry[name] if registry is not None and name in registry else _MISSING
            path = next((p for p, t in tensors.items() if t is now), None)
            if registry is None:
                if old is _MISSING:
                    object.__delattr__(owner, name)
                else:
                    object.__setattr__(owner, name, old)
                continue
            if now is not _MISSING and path is None:
                # forward assigned a new tensor: what functional_call was given becomes that
                full = next(
                    p
                    for p in tensors
                    if p.rpartition(".")[2] == name and module.get_submodule(p.rpartition(".")[0]) is owner
                )
                if full in parameters_and_buffers:
                    parameters_and_buffers[full] = now
            registry[name] = old


def functional_call(
    module: Any,
    parameters_and_buffers: dict[str, torch.Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The old name of `torch.func.functional_call`."""
    import warnings

    warnings.warn(
        "This API is deprecated as of PyTorch 2.0 and will be removed in a future version. Please use "
        "torch.func.functional_call instead which is a drop-in replacement for this API.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)


def _functional_call(
    module: Any,
    parameters_and_buffers: dict[str, torch.Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls ``module(*args, **kwargs)`` with other parameters and buffers, those named; they keep their own else.

    Args:
        module: what to call.
        parameters_and_buffers: tensors by dotted names.
        args: the arguments, a tuple or a single one.
        kwargs: the keyword arguments.
        tie_weights: a tensor that has several names gets its new value under all. Default: ``True``
        strict: the names must be exactly those of the module. Default: ``False``
    """
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights=tie_weights, strict=strict):
        return module(*args, **(kwargs or {}))
