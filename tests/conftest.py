"""Tests that wait for an op which is not there yet stand in pending.txt: they run and must fail, so that a line goes when its op comes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Shaders must run within what WebGPU promises everywhere, whatever this machine's adapter offers; and no op may quietly run on the CPU.
os.environ.setdefault("RUSHLIGHT_GPU_LIMITS", "default")
os.environ.setdefault("RUSHLIGHT_GPU_FALLBACK", "error")

# What a shell starts in the background ignores Ctrl-C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PENDING = {
    line.strip()
    for line in (Path(__file__).parent / "pending.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid in PENDING:
            item.add_marker(pytest.mark.xfail(strict=True, reason="waits for an op that is not there yet"))


def gpu_or_skip() -> str:
    """`"gpu"`, or a skip that says why there is none."""
    from rushlight.gpu import _driver

    try:
        _driver.start()
    except RuntimeError as error:
        pytest.skip(str(error))
    return "gpu"


@pytest.fixture(params=["cpu", "gpu"])
def device(request: pytest.FixtureRequest) -> str:
    """Each device in turn: a test that takes it must hold on all of them."""
    return gpu_or_skip() if request.param == "gpu" else "cpu"


@pytest.fixture
def gpu() -> str:
    """The GPU; skips where there is none."""
    return gpu_or_skip()
