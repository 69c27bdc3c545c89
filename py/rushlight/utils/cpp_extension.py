"""`torch.utils.cpp_extension`: extensions against PyTorch's C++ cannot be built for Rushlight."""

from __future__ import annotations

from typing import Any

__all__ = ["CUDA_HOME", "BuildExtension", "CUDAExtension", "CppExtension", "include_paths", "load", "load_inline"]

CUDA_HOME = None
ROCM_HOME = None


def _missing(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"utils.cpp_extension.{name}: extensions in C++ or CUDA are written against PyTorch's ABI, which Rushlight "
        "has not; "
        "use the pure Python path of the library, or a torch.autograd.Function"
    )


def load(name: str, *args: Any, **kwargs: Any) -> Any:
    """Builds an extension. Raises NotImplementedError."""
    raise _missing("load")


def load_inline(name: str, *args: Any, **kwargs: Any) -> Any:
    """Builds an extension. Raises NotImplementedError."""
    raise _missing("load_inline")


def CppExtension(name: str, *args: Any, **kwargs: Any) -> Any:
    """An extension for setuptools. Raises NotImplementedError."""
    raise _missing("CppExtension")


def CUDAExtension(name: str, *args: Any, **kwargs: Any) -> Any:
    """An extension for setuptools. Raises NotImplementedError."""
    raise _missing("CUDAExtension")


def include_paths(*args: Any, **kwargs: Any) -> list[str]:
    """No folders."""
    return []


class BuildExtension:
    """A command for setuptools. Raises NotImplementedError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise _missing("BuildExtension")

    @classmethod
    def with_options(cls, **options: Any) -> Any:
        """The command with options. Raises NotImplementedError."""
        raise _missing("BuildExtension")
