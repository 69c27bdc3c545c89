"""Intel's XPU backend: not available."""

from __future__ import annotations

from rushlight import _no_device as _none

_none.fill(
    globals(),
    "xpu",
    answers={
        "is_available": False,
        "is_initialized": False,
        "device_count": 0,
        "is_bf16_supported": False,
        "is_current_stream_capturing": False,
        "synchronize": None,
        "seed": None,
        "seed_all": None,
        "get_rng_state_all": [],
        "set_rng_state_all": None,
        **_none.MEMORY_ANSWERS,
    },
    needing="current_device get_device_name get_device_capability get_device_properties set_device current_stream "
    "set_stream initial_seed get_rng_state set_rng_state mem_get_info",
)
manual_seed, manual_seed_all = _none.seeds("xpu")
device = _none.device_context("xpu")
Stream, Event = _none.stream_classes("xpu")
StreamContext = stream = _none.StreamContext
