"""Tensors over the memory of files."""

from __future__ import annotations

import mmap
import os
from typing import Any

import rushlight as torch

__all__ = ["from_file"]


def _mapped(op: str, filename: str | os.PathLike, shared: bool, nbytes: int) -> mmap.mmap:
    """The first `nbytes` bytes of a file in memory; with `shared`, a file that is missing or too short is made longer."""
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    if shared:
        flags |= os.O_CREAT
    try:
        descriptor = os.open(filename, flags, 0o600)
    except OSError as error:
        raise RuntimeError(f"{op}: unable to open file <{os.fspath(filename)}> in read-write mode: {error}") from error
    try:
        have = os.fstat(descriptor).st_size
        if have < nbytes:
            if not shared:
                raise RuntimeError(
                    f"{op}: file <{os.fspath(filename)}> has {have} bytes, expected at least {nbytes}; shared=True would "
                    "make it longer"
                )
            os.truncate(descriptor, nbytes)
        return mmap.mmap(descriptor, nbytes, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
    finally:
        os.close(descriptor)


def from_file(
    filename: str | os.PathLike,
    shared: bool | None = None,
    size: int | None = 0,
    *,
    dtype: torch.dtype | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool | None = False,
    requires_grad: bool = False,
) -> torch.Tensor:
    """A tensor of `size` elements over the memory of a file.

    With `shared=True`, what is written to the tensor is written to the file, which is made (or made longer) if needed, and is
    seen by all processes that map it. Otherwise the file stays as it is, and must be long enough.

    Raises:
        RuntimeError: if the file cannot be opened for reading and writing, or is too short.

    Example::

        >>> torch.from_file("weights.bin", shared=True, size=3, dtype=torch.int32)
        tensor([0, 0, 0], dtype=torch.int32)
    """
    size = size or 0
    if size < 0:
        raise RuntimeError(f"from_file: expected a size of 0 or more, got {size}")
    dtype = torch.get_default_dtype() if dtype is None else dtype
    if device is not None and torch.device(device).type != "cpu":
        raise NotImplementedError(f"from_file: files are mapped on the CPU only, got device {device}; use .to({device!r})")
    if size == 0:
        result = torch.empty(0, dtype=dtype)
    else:
        result = torch.frombuffer(_mapped("from_file", filename, bool(shared), size * dtype.itemsize), dtype=dtype)
    return result.requires_grad_(True) if requires_grad else result


def storage_from_file(filename: str | os.PathLike, shared: bool, nbytes: int) -> torch.UntypedStorage:
    """`UntypedStorage.from_file`."""
    return from_file(filename, shared, nbytes, dtype=torch.uint8).untyped_storage()
