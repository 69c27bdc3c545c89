"""`DataParallel`, on the one device there is."""

from __future__ import annotations

from typing import Any

from ..modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Holds a module under the name ``module`` and calls it. PyTorch's divides batches among GPUs; here there is one
    device, so
    the batch stays whole and the results are the module's own.

    Args:
        module: what to call.
        device_ids, output_device, dim: taken, and without effect.

    Example::

        >>> model = torch.nn.DataParallel(torch.nn.Linear(2, 3))
        >>> model(torch.zeros(4, 2)).shape, list(model.state_dict())
        (torch.Size([4, 3]), ['module.weight', 'module.bias'])
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.dim = dim
        self.device_ids = list(device_ids) if device_ids else []
        self.output_device = output_device

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Calls the module, as `DataParallel` does."""
    if not isinstance(inputs, tuple):
        inputs = (inputs,) if inputs is not None else ()
    return module(*inputs, **(module_kwargs or {}))
