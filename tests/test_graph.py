"""Graphs beneath torch.jit: passes, plans, files of today and of earlier, and changed files."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import fuzz_files
import pytest

import rushlight as torch
from rushlight import _rushlight


def recorded(f, *inputs: torch.Tensor):
    _rushlight._graph_begin(list(inputs), [], [])
    try:
        out = f(*inputs)
    except BaseException:
        _rushlight._graph_abandon()
        raise
    graph, left = _rushlight._graph_end([out] if isinstance(out, torch.Tensor) else list(out))
    assert not left
    return graph


def check(graph, f, *inputs: torch.Tensor) -> tuple[int, int, int]:
    """Runs a graph by its plan and compares: calls as recorded, after the passes, and how many write over an input."""
    for _ in range(2):
        expected = f(*inputs)
        expected = [expected] if isinstance(expected, torch.Tensor) else expected
        for a, b in zip(expected, graph.run_as_recorded(list(inputs))):
            assert torch.equal(a, b) and a.dtype == b.dtype and a.shape == b.shape
    calls, plan = graph.counts()
    return calls, *plan


def test_dead_equal_and_constant_calls_go() -> None:
    def f(x):
        x.exp().sum()  # nobody reads it
        scale = torch.arange(4.0).sin() * 2  # always the same
        return x.matmul(x).sum(0) * scale + x.matmul(x).sum(1)  # once is enough

    x = torch.randn(4, 4)
    graph = recorded(f, x)
    calls, planned, _ = check(graph, f, x)
    text = graph.planned()
    assert text.count("matmul") == 1 and "exp" not in text and "sin" not in text
    assert planned <= 4 < calls


def test_chains_are_fused_around_what_stands_between() -> None:
    def f(x, w):
        a = (x * 2 + 1).tanh()
        b = w.t().contiguous()  # between the steps of the chain, and of no concern to it
        c = a.sigmoid() - x
        return c.matmul(b).relu() * 0.5, c

    x, w = torch.randn(8, 6), torch.randn(5, 6)
    graph = recorded(f, x, w)
    check(graph, f, x, w)
    text = graph.planned()
    assert text.count("fused") == 2 and "tanh[" not in text.replace("fused", "")


def test_memory_is_written_over_where_nobody_looks() -> None:
    def f(x):
        y = x.matmul(x)
        z = y.relu()
        return z.matmul(x).exp()

    x = torch.randn(5, 5) * 0.1
    assert check(recorded(f, x), f, x) == (4, 4, 2)

    def kept(x):
        y = x.matmul(x)
        v = y[0]
        return y.relu().sum() + v.sum(), y.exp()

    check(recorded(kept, x), kept, x)


def test_one_group_never_reads_itself_through_another() -> None:
    def f(x):
        a = x * 2
        s = a.sum(1, keepdim=True)
        b = a + s  # reads a and, by way of s, a again
        return b * a, (b - 1).sum(0) + x.sum(0)

    x = torch.randn(6, 6)
    check(recorded(f, x), f, x)


def test_writes_of_constants_start_afresh() -> None:
    def f(x):
        out = torch.empty(3)
        out.zero_()
        for i in range(3):
            out[i] = x[i] * i
        return out

    x = torch.randn(3)
    check(recorded(f, x), f, x)


def test_random_calls_are_neither_joined_nor_dropped() -> None:
    def f(x):
        torch.rand(3)
        return x + torch.rand(3) + torch.rand(3)

    x = torch.zeros(3)
    graph = recorded(f, x)
    torch.manual_seed(1)
    expected = f(x)
    torch.manual_seed(1)
    (got,) = graph.run_as_recorded([x])
    assert torch.equal(expected, got)


def test_other_shapes_are_refused_by_the_plan_and_taken_by_the_program() -> None:
    graph = recorded(lambda x: (x + 1).relu() * 2, torch.ones(3))
    assert graph.run_as_recorded([torch.ones(4)]) is None
    assert graph.run_as_recorded([torch.ones(3, dtype=torch.float64)]) is None
    assert torch.equal(graph.run([torch.ones(2, 2)])[0], torch.full((2, 2), 4.0))


def test_recordings_do_not_nest_and_end() -> None:
    _rushlight._graph_begin([], [], [])
    try:
        with pytest.raises(NotImplementedError, match="capture inside of capture"):
            _rushlight._graph_begin([], [], [])
    finally:
        _rushlight._graph_abandon()
    assert not _rushlight._graph_active()
    with pytest.raises(RuntimeError, match="nothing is being recorded"):
        _rushlight._graph_end([])


@pytest.mark.parametrize("name", sorted(path.stem for path in fuzz_files.GRAPHS.glob("*.rlg")))
def test_files_of_earlier_versions_are_read(name: str) -> None:
    torch.jit.load(fuzz_files.GRAPHS / f"{name}.rlg")


def test_the_programs_to_begin_with_run() -> None:
    for name, data in fuzz_files.graphs().items():
        loaded = torch.jit.load(io.BytesIO(data))
        assert loaded.graph is not None, name


def test_changed_pt_files_do_no_harm() -> None:
    pytest.importorskip("resource")
    script = Path(fuzz_files.__file__)
    done = subprocess.run([sys.executable, script, "--seconds", "4"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    tried, loaded = (int(word) for word in done.stdout.replace(",", "").split() if word.isdigit())
    assert tried > 20 and loaded < tried


def test_the_headers_are_cpp17_and_c11(tmp_path: Path) -> None:
    include = Path(__file__).parent.parent / "rust/capi/include"
    for compiler, name, flags in (("cc", "rushlight.h", ["-std=c11", "-xc"]), ("c++", "rushlight.hpp", ["-std=c++17", "-xc++"])):
        if shutil.which(compiler) is None:
            pytest.skip(f"no {compiler} here")
        source = tmp_path / "try.txt"
        source.write_text(f"#include <{name}>\n")
        subprocess.run([compiler, *flags, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{include}", source], check=True)
