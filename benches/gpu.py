"""What the road to the GPU costs: time on the host for an op that is queued, launches in a second, hits of pool and caches.

    python benches/gpu.py              # RUSHLIGHT_GPU_ADAPTER=… chooses the GPU

The host's time is that of the calling thread: on a software GPU the shaders take the same cores, so the table says both what the
program waits for and the processor time of its thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import rushlight as torch
import rushlight.nn as nn
import rushlight.nn.functional as F


def host_cost(step: Callable[[], object], count: int, rounds: int = 9) -> tuple[float, float]:
    """Best microseconds of an op: of the thread's processor time, and until the call returns, waiting for batches left out."""
    step()
    best = [float("inf")] * 2
    for _ in range(rounds):
        torch.gpu.synchronize()
        wall, mine = time.perf_counter(), time.thread_time()
        for _ in range(count):
            step()
        wall, mine = time.perf_counter() - wall, time.thread_time() - mine
        best = [min(best[0], mine / count * 1e6), min(best[1], wall / count * 1e6)]
    torch.gpu.synchronize()
    return best[0], best[1]


def main() -> None:
    properties = torch.gpu.get_device_properties()
    print(f"{torch.gpu.get_device_name()}, {properties.get('backend_type')}, {properties.get('description')}")
    print(f"\n{'pointwise op on 64 floats':34} {'host, µs':>9} {'wall, µs':>9}")
    x = torch.ones(64, device="gpu")
    y = torch.ones(64, device="gpu")
    out = torch.empty(64, device="gpu")
    matrix = torch.ones(8, 8, device="gpu")
    with torch.no_grad():
        for name, step in {
            "x + y": lambda: x + y,
            "x * 2.0": lambda: x * 2.0,
            "x.relu()": lambda: x.relu(),
            "x.add_(y)": lambda: x.add_(y),
            "torch.add(x, y, out=out)": lambda: torch.add(x, y, out=out),
            "matrix + matrix.t()": lambda: matrix + matrix.t(),
            "x.sum()": lambda: x.sum(),
            "matrix @ matrix": lambda: matrix @ matrix,
        }.items():
            mine, wall = host_cost(step, 640)
            print(f"{name:34} {mine:9.1f} {wall:9.1f}")

    before = torch.gpu.memory_stats()
    start = time.perf_counter()
    with torch.no_grad():
        for _ in range(5000):
            x = x * 1.0001
    torch.gpu.synchronize()
    seconds = time.perf_counter() - start
    after = torch.gpu.memory_stats()
    print(f"\nlaunches per second, until all are done: {5000 / seconds:,.0f}")

    def rate(hits: str, misses: str) -> str:
        yes, no = after[hits] - before[hits], after[misses] - before[misses]
        return f"{yes / (yes + no):.1%}"

    print(f"pool hits {rate('pool_hits', 'pool_misses')}, bind group hits {rate('bind_group_hits', 'bind_group_misses')}")

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).to("gpu")
    optimizer = torch.optim.Adam(net.parameters())
    data, labels = torch.randn(32, 64, device="gpu"), torch.randint(0, 10, (32,), device="gpu")

    def train() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(data), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    for _ in range(5):
        train()
    before = torch.gpu.memory_stats()
    start = time.perf_counter()
    for _ in range(50):
        train()
    seconds = time.perf_counter() - start
    after = torch.gpu.memory_stats()
    step = {name: (after[name] - before[name]) / 50 for name in after}
    print(
        f"\na training step (two layers, Adam, loss.item()): {seconds / 50 * 1e3:.2f} ms, {step['launches']:.1f} launches, "
        f"{step['flushes']:.1f} flushes, {step['reads']:.1f} reads, pool hits {rate('pool_hits', 'pool_misses')}, "
        f"bind group hits {rate('bind_group_hits', 'bind_group_misses')}"
    )
    print(f"memory: {after['allocated_bytes'] / 1e6:.2f} MB in use, {after['kept_bytes'] / 1e6:.2f} MB kept for later tensors")


if __name__ == "__main__":
    main()
