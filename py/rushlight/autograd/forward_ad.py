"""Forward-mode differentiation, which Rushlight does not have."""

from __future__ import annotations

from typing import Any


def _missing(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError("forward-mode AD is not in Rushlight; torch.autograd.functional.jvp computes the same by two backwards")


class dual_level:
    """Raises NotImplementedError."""

    __init__ = _missing


enter_dual_level = exit_dual_level = make_dual = unpack_dual = _missing
