"""`torch.backends.mps`: PyTorch's Metal backend is not here."""

from __future__ import annotations

import platform

__all__ = ["is_available", "is_built", "is_macos13_or_newer", "is_macos_or_newer"]


def is_built() -> bool:
    """False."""
    return False


def is_available() -> bool:
    """False."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Whether this machine runs at least that version of macOS."""
    version = platform.mac_ver()[0]
    if not version:
        return False
    numbers = [int(part) for part in version.split(".")[:2]]
    return numbers >= [major, minor]


def is_macos13_or_newer(minor: int = 0) -> bool:
    """Whether this machine runs at least macOS 13."""
    return is_macos_or_newer(13, minor)
