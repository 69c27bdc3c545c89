"""Apple's Metal backend as seen from Rushlight, which reaches GPUs by WebGPU: not available."""

from __future__ import annotations

from rushlight import _no_device as _none

_none.fill(
    globals(),
    "mps",
    answers={
        "is_available": False,
        "device_count": 0,
        "synchronize": None,
        "empty_cache": None,
        "seed": None,
        "set_per_process_memory_fraction": None,
        "current_allocated_memory": 0,
        "driver_allocated_memory": 0,
        "recommended_max_memory": 0,
    },
    needing="get_rng_state set_rng_state compile_shader",
)
manual_seed, _ = _none.seeds("mps")
Event = _none.stream_classes("mps")[1]
