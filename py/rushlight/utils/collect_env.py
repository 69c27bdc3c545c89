"""`python -m rushlight.utils.collect_env`: what to tell in a report about a problem."""

from __future__ import annotations

import os
import platform
import sys

import rushlight as torch

__all__ = ["get_pretty_env_info", "main"]


def get_pretty_env_info() -> str:
    """Versions and machine, a line each."""
    try:
        from importlib.metadata import version

        numpy = version("numpy")
    except Exception:
        numpy = "not installed"
    lines = {
        "Rushlight version": torch.__version__,
        "Python version": sys.version.replace("\n", " "),
        "NumPy version": numpy,
        "OS": platform.platform(),
        "CPU": platform.processor() or platform.machine(),
        "CPU capability": torch.backends.cpu.get_cpu_capability(),
        "Cores": os.cpu_count(),
        "Threads": torch.get_num_threads(),
        "CUDA available": torch.cuda.is_available(),
    }
    return "\n".join(f"{name}: {value}" for name, value in lines.items())


def main() -> None:
    """Prints them."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
