"""Rushlight: PyTorch's programming model on a Rust core, for the CPU and every GPU.

    import rushlight as torch

    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x * x).sum().backward()
    x.grad                                    # tensor([2., 4., 6.])

The functions and Tensor itself come from the extension module ``rushlight._rushlight``. Everything else (``nn``, ``optim``,
``utils`` …) is loaded when it is first used. A name of PyTorch's that is not here yet raises an AttributeError that says so.
"""

from __future__ import annotations

import sys as _sys
from importlib import import_module as _import_module
from math import e, inf, nan, pi

from rushlight import _classes, _rushlight
from rushlight._classes import OutOfMemoryError, Size
from rushlight._rushlight import Tensor, __version__, device, dtype, layout, memory_format

TYPE_CHECKING = False
if TYPE_CHECKING:  # for type checkers, what else is loaded lazily or found in the extension module
    from typing import Any

    from rushlight import (
        accelerator,
        amp,
        autograd,
        backends,
        compiler,
        cpu,
        cuda,
        distributed,
        jit,
        linalg,
        mps,
        multiprocessing,
        nn,
        optim,
        overrides,
        profiler,
        return_types,
        testing,
        types,
        utils,
        version,
        xpu,
    )
    from rushlight._rushlight import *

_C = _sys.modules["rushlight._C"] = _rushlight
newaxis = None

globals().update({name: value for name, value in vars(_rushlight).items() if not name.startswith("_")})

# Subpackages and modules, loaded when they are first used.
_MODULES = frozenset(
    "accelerator amp ao autograd backends compiler cpu cuda distributed distributions export fft func functional futures "
    "fx gpu hub jit library linalg masked monitor mps multiprocessing nested nn onnx optim overrides package profiler "
    "quantization random return_types serialization signal sparse special storage testing types utils version xpu "
    "as_torch _C _classes _dynamo _logging _numeric _rushlight _tensor _tensor_str _utils _jit_internal _lowrank _linalg_utils".split()
)

# Names that live in a module of their own: name -> module.
_ELSEWHERE = {
    name: module
    for module, names in {
        "autograd.grad_mode": "no_grad enable_grad inference_mode set_grad_enabled",
        "serialization": "save load",
        "_tensor_str": "set_printoptions",
        "_tensor": "FloatTensor DoubleTensor HalfTensor BFloat16Tensor LongTensor IntTensor ShortTensor CharTensor "
        "ByteTensor BoolTensor ComplexFloatTensor ComplexDoubleTensor",
        "_python": "typename is_tensor is_storage set_default_tensor_type set_default_device "
        "get_default_device is_warn_always_enabled set_warn_always use_deterministic_algorithms "
        "are_deterministic_algorithms_enabled is_deterministic_algorithms_warn_only_enabled "
        "set_deterministic_debug_mode get_deterministic_debug_mode set_float32_matmul_precision "
        "get_float32_matmul_precision vmap finfo iinfo",
        "random": "manual_seed seed initial_seed get_rng_state set_rng_state fork_rng default_generator",
        "storage": "TypedStorage FloatStorage DoubleStorage HalfStorage BFloat16Storage LongStorage IntStorage "
        "ShortStorage CharStorage ByteStorage BoolStorage ComplexFloatStorage ComplexDoubleStorage",
        "functional": "einsum norm meshgrid cartesian_prod cdist broadcast_tensors broadcast_shapes tensordot "
        "block_diag unique unique_consecutive atleast_1d atleast_2d atleast_3d split chain_matmul align_tensors",
        "amp": "autocast GradScaler",
        "_memory": "from_file",
        "sparse": "sparse_coo_tensor spmm smm hspmm",
        "amp.autocast_mode": "is_autocast_available is_autocast_enabled set_autocast_enabled get_autocast_dtype "
        "set_autocast_dtype is_autocast_cpu_enabled set_autocast_cpu_enabled get_autocast_cpu_dtype "
        "set_autocast_cpu_dtype get_autocast_gpu_dtype set_autocast_gpu_dtype",
        "_lowrank": "svd_lowrank pca_lowrank",
        "compiler": "compile",
        "_numeric": "trapezoid trapz cumulative_trapezoid gradient histogramdd segment_reduce",
    }.items()
    for name in names.split()
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        try:
            return _import_module(f"rushlight.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"rushlight.{name}":
                raise
            raise AttributeError(f"torch.{name} is not in Rushlight yet") from None
    module = _ELSEWHERE.get(name)
    if module is not None:
        try:
            value = getattr(_import_module(f"rushlight.{module}"), name)
        except ModuleNotFoundError as error:
            if not f"rushlight.{module}".startswith(str(error.name)):
                raise
            raise AttributeError(f"torch.{name} is not in Rushlight yet") from None
        globals()[name] = value
        return value
    if not name.startswith("__") and hasattr(_rushlight, name):
        return getattr(_rushlight, name)
    if name.startswith("__"):
        raise AttributeError(f"module 'rushlight' has no attribute '{name}'")
    raise AttributeError(f"module 'torch' has no attribute '{name}' in Rushlight (yet)")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_ELSEWHERE})
