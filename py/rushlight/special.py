"""Special functions: the functions of ``torch.special``, as the core has them."""

from __future__ import annotations

from rushlight import _rushlight

globals().update({name: value for name, value in vars(_rushlight._special).items() if not name.startswith("_")})
