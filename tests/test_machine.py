"""The same results on every machine that there is: each set of instructions passes the tests, any number of threads gives the
same bits, and graphs may be as deep as memory allows."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import rushlight as torch

HERE = Path(__file__).parent
# The tests that reach the kernels; the others would pass alike.
KERNELS = "gradients conv pool matmul index random attention"


def run(program: list[str], **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        cwd=HERE.parent,
    )


def capped() -> list[str]:
    """The caps below what this machine has."""
    levels = ["baseline", "avx2", "avx512"]
    has = {"DEFAULT": 0, "AVX2": 1, "AVX512": 2}.get(torch._C._get_cpu_capability(), 0)
    return levels[:has]


@pytest.mark.skipif("RUSHLIGHT_ISA" in os.environ, reason="runs under a cap already")
@pytest.mark.parametrize("cap", capped())
def test_kernels_of_lesser_machines(cap: str) -> None:
    files = [f"tests/test_{name}.py" for name in KERNELS.split()]
    done = run(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files], RUSHLIGHT_ISA=cap)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    said = run(["-c", "import rushlight; print(rushlight._C._get_cpu_capability())"], RUSHLIGHT_ISA=cap)
    assert said.stdout.strip().lower() == {"baseline": "default"}.get(cap, cap)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    digests = {n: run([str(HERE / "bits_of_ops.py")], RUSHLIGHT_NUM_THREADS=str(n)) for n in (1, 2, 5)}
    one = digests[1].stdout.splitlines()
    assert digests[1].returncode == 0 and len(one) > 30, digests[1].stderr[-2000:]
    for n, done in digests.items():
        assert done.returncode == 0, done.stderr[-2000:]
        different = [a for a, b in zip(one, done.stdout.splitlines(), strict=True) if a != b]
        assert not different, f"with {n} threads: {different}"


def test_number_of_threads() -> None:
    for given, want in (("1", "1"), ("3", "3")):
        done = run(["-c", "import rushlight; print(rushlight.get_num_threads())"], RUSHLIGHT_NUM_THREADS=given)
        assert done.stdout.strip() == want, done.stderr
    for bad in ("0", "-1", "many", ""):
        done = run(["-c", "import rushlight; print(rushlight.get_num_threads() >= 1)"], RUSHLIGHT_NUM_THREADS=bad)
        assert done.stdout.strip() == "True", done.stderr
    with pytest.raises(RuntimeError, match="positive"):
        torch.set_num_threads(0)


# --- depth ------------------------------------------------------------------------------------------------------------


def chain(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(n):
        y = y + 1
    return x, y


def test_a_million_nodes_backward_and_drop() -> None:
    x, y = chain(1_000_000)
    y.backward(retain_graph=True)
    assert x.grad.item() == 1
    del y
    x, y = chain(1_000_000)
    y.backward()
    assert x.grad.item() == 1
    del x, y


class Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g


def test_depth_in_a_thread_with_little_stack() -> None:
    """The depth of a graph must cost no stack: neither in backward nor when it is dropped, in whatever way it is deep."""
    found: list = []

    def work() -> None:
        x, y = chain(100_000)
        del y
        x, y = chain(100_000)
        (g,) = torch.autograd.grad(y, x, create_graph=True)
        found.append(g.item())
        del g, y

        x = torch.ones(2, 2, requires_grad=True)
        y = x
        for _ in range(50_000):  # views of views
            y = y.t()
        y.sum().backward()
        found.append(x.grad.sum().item())
        del y

        base = torch.zeros(4)
        w = torch.ones(1, requires_grad=True)
        for _ in range(20_000):  # writes through a view, one upon the other
            base[1:2].add_(w)
        base.sum().backward()
        found.append(w.grad.item())
        del base

        y = z = torch.ones(1, requires_grad=True)
        for _ in range(20_000):  # nodes that are Python's
            y = Same.apply(y)
        y.sum().backward()
        found.append(z.grad.item())
        del y

    size = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert found == [1, 4, 20_000, 1]
