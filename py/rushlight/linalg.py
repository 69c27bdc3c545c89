"""Linear algebra: the functions of ``torch.linalg``, as the core has them."""

from __future__ import annotations

from rushlight import _rushlight
from rushlight._classes import LinAlgError as LinAlgError

globals().update({name: value for name, value in vars(_rushlight._linalg).items() if not name.startswith("_")})
