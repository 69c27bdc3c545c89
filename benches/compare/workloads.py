"""What is timed: functions that take the library and give back a function of no arguments that does the work once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Work = Callable[[], Any]
WORKLOADS: dict[str, Callable[[Any], Work]] = {}


def workload(name: str) -> Callable[[Callable[[Any], Work]], Callable[[Any], Work]]:
    """Enters a workload under a name."""

    def enter(make: Callable[[Any], Work]) -> Callable[[Any], Work]:
        WORKLOADS[name] = make
        return make

    return enter


def of_tensors(name: str, shapes: list[tuple[int, ...]], work: Callable[..., Any], dtype: str = "float32") -> None:
    """Enters a workload on normal numbers of these shapes."""

    def make(t: Any) -> Work:
        t.manual_seed(0)
        tensors = [t.randn(*shape).to(getattr(t, dtype)) for shape in shapes]

        def run() -> Any:
            with t.no_grad():
                return work(t, *tensors)

        return run

    WORKLOADS[name] = make


of_tensors("dispatch add", [(4,), (4,)], lambda t, a, b: a + b)
of_tensors("dispatch view", [(4, 6)], lambda t, a: a.view(2, 12))
of_tensors("dispatch sum of a dimension", [(4, 6)], lambda t, a: a.sum(1, keepdim=True))
of_tensors("dispatch index", [(4, 6)], lambda t, a: a[1])
for n, size in ((4096, "4k"), (1 << 18, "256k"), (1 << 22, "4M")):
    of_tensors(f"elementwise add {size}", [(n,), (n,)], lambda t, a, b: a + b)
    of_tensors(f"elementwise exp {size}", [(n,)], lambda t, a: a.exp())
    of_tensors(f"elementwise gelu {size}", [(n,)], lambda t, a: t.nn.functional.gelu(a))
of_tensors("elementwise add of a transpose 2048", [(2048, 2048)], lambda t, a: a + a.t())
of_tensors("elementwise add bfloat16 256k", [(1 << 18,), (1 << 18,)], lambda t, a, b: a + b, "bfloat16")
of_tensors("reduce sum 4M", [(1 << 22,)], lambda t, a: a.sum())
of_tensors("reduce sum of rows 2048", [(2048, 2048)], lambda t, a: a.sum(1))
of_tensors("reduce sum of columns 2048", [(2048, 2048)], lambda t, a: a.sum(0))
of_tensors("reduce argmax of rows 2048", [(2048, 2048)], lambda t, a: a.argmax(1))
of_tensors("reduce softmax 512x1024", [(512, 1024)], lambda t, a: a.softmax(1))
of_tensors("index rows 10000 of 50000x64", [(50000, 64)], lambda t, a: a[t.arange(0, 50000, 5)])
of_tensors("sort 1M", [(1 << 20,)], lambda t, a: a.sort())
for m, k, n in ((64, 64, 64), (512, 512, 512), (2048, 2048, 2048), (1, 1024, 1024), (64, 784, 128)):
    of_tensors(f"matmul {m}x{k} @ {k}x{n}", [(m, k), (k, n)], lambda t, a, b: a @ b)
of_tensors("matmul 64 of 128x64 @ 64x128", [(64, 128, 64), (64, 64, 128)], lambda t, a, b: a @ b)
of_tensors(
    "conv 3x3 64 channels at 56",
    [(1, 64, 56, 56), (64, 64, 3, 3)],
    lambda t, x, w: t.nn.functional.conv2d(x, w, padding=1),
)
of_tensors(
    "conv 5x5 batch of 64 at 14",
    [(64, 6, 14, 14), (16, 6, 5, 5)],
    lambda t, x, w: t.nn.functional.conv2d(x, w),
)


def step(t: Any, model: Any, x: Any, y: Any) -> Work:
    """A whole step of training."""
    optimizer = t.optim.Adam(model.parameters(), lr=1e-3)

    def run() -> Any:
        optimizer.zero_grad()
        loss = t.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return run


@workload("train mlp 784, batch of 64")
def mlp(t: Any) -> Work:
    """Three linear layers."""
    t.manual_seed(0)
    nn = t.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    return step(t, model, t.randn(64, 784), t.randint(0, 10, (64,)))


@workload("train cnn 28x28, batch of 64")
def cnn(t: Any) -> Work:
    """Two convolutions and two linear layers."""
    t.manual_seed(0)
    nn = t.nn
    first = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(32 * 49, 128), nn.ReLU(), nn.Linear(128, 10))
    return step(t, model, t.randn(64, 1, 28, 28), t.randint(0, 10, (64,)))
