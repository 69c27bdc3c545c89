"""Masked reductions, windows, integrals and slopes: against what their definitions say of small numbers."""

from __future__ import annotations

import pytest

import rushlight as torch

X = torch.tensor([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
M = torch.tensor([[True, False, True], [False, False, True]])


def test_masked_reductions() -> None:
    m = torch.masked
    assert m.sum(X, mask=M).item() == 37 and m.sum(X, 1, mask=M).tolist() == [5, 32]
    assert m.prod(X, 0, mask=M).tolist() == [1, 1, 128]
    assert m.mean(X, 1, mask=M).tolist() == [2.5, 32]
    assert m.amax(X, 0, mask=M).tolist() == [1, float("-inf"), 32] and m.amin(X, 1, keepdim=True, mask=M).tolist() == [
        [1],
        [32],
    ]
    assert m.argmax(X, 1, mask=M).tolist() == [2, 2]
    assert m.cumsum(X, 1, mask=M).tolist() == [[1, 1, 5], [0, 0, 32]]
    assert m.var(X, 1, correction=0, mask=M).tolist() == [2.25, 0]
    assert m.median(X, 1, mask=M).tolist() == [1, 32]
    assert m.softmax(X * 0, 1, mask=M).tolist() == [[0.5, 0, 0.5], [0, 0, 1]]
    assert m.norm(torch.tensor([3.0, 9.0, 4.0]), 2, mask=M[0]).item() == 5
    assert m.sum(torch.tensor([1, 2]), mask=torch.tensor([True, True])).dtype == torch.int64
    assert m.sum(X).item() == 63  # without a mask, as its namesake
    with pytest.raises(IndexError, match="Dimension out of range"):
        m.sum(X, 2, mask=M)
    with pytest.raises(ValueError, match="floating point"):
        m.mean(torch.tensor([1, 2]), mask=M[0, :2])
    with pytest.raises(TypeError, match="Tensor of bools"):
        m.sum(X, mask=[True])


def test_masked_gradients() -> None:
    x = X.double().requires_grad_()
    for function in (torch.masked.mean, torch.masked.var, torch.masked.logsumexp, torch.masked.prod):
        assert torch.autograd.gradcheck(lambda t, f=function: f(t, 1, mask=M[:1]), (x,))


def test_windows() -> None:
    w = torch.signal.windows
    for name in w.__all__:
        extra = {"a": [0.5, 0.5]} if name == "general_cosine" else {}
        make = getattr(w, name)
        symmetric = make(9, **extra)
        assert torch.allclose(symmetric, symmetric.flip(0), atol=1e-6), name
        assert torch.allclose(make(8, sym=False, **extra), symmetric[:8], atol=1e-6) or name == "cosine", name
        assert make(0, **extra).shape == (0,) and make(5, dtype=torch.float64, **extra).dtype == torch.float64
        with pytest.raises(ValueError, match="non-negative"):
            make(-1, **extra)
        with pytest.raises(ValueError, match="float32 or float64"):
            make(3, dtype=torch.float16, **extra)
    assert torch.allclose(w.hann(5), torch.hann_window(5, periodic=False))


def test_integrals_and_slopes() -> None:
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    assert torch.trapezoid(t * t, t).item() == pytest.approx(1 / 3, abs=1e-4)
    assert torch.trapz(torch.ones(2, 5), dx=2).tolist() == [8, 8]
    assert torch.cumulative_trapezoid(torch.tensor([1.0, 3, 5])).tolist() == [2, 6]
    with pytest.raises(RuntimeError, match="one `x` value for each sample point"):
        torch.trapezoid(torch.ones(3), torch.ones(2))
    (slope,) = torch.gradient(t**2, spacing=(t,), edge_order=2)
    assert torch.allclose(slope, 2 * t)
    rows, columns = torch.gradient(torch.arange(12.0).reshape(3, 4))
    assert rows.eq(4).all() and columns.eq(1).all()
    with pytest.raises(RuntimeError, match=r"edge_order\+1"):
        torch.gradient(torch.ones(1))


def test_histogram_in_two_dimensions() -> None:
    points = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [0.0, 0.9], [9.0, 9.0]])
    hist, edges = torch.histogramdd(points, [2, 2], range=[0.0, 2.0, 0.0, 2.0])
    assert hist.tolist() == [[1, 1], [1, 1]] and [e.tolist() for e in edges] == [[0, 1, 2], [0, 1, 2]]
    assert torch.histogramdd(points, bins=1, density=True).hist.item() == pytest.approx(1 / 81)
    with pytest.raises(RuntimeError, match="expected 2 bins"):
        torch.histogramdd(points, [1, 2, 3])


def test_reduction_of_segments() -> None:
    x = torch.tensor([1.0, 2.0, 4.0, 8.0])
    lengths = torch.tensor([1, 0, 3])
    assert torch.segment_reduce(x, "sum", lengths=lengths).tolist() == [1, 0, 14]
    assert torch.segment_reduce(x, "max", offsets=torch.tensor([0, 2, 4])).tolist() == [2, 8]
    assert torch.segment_reduce(x, "mean", lengths=lengths, initial=-1.0)[1].item() == -1
    rows = torch.segment_reduce(x.reshape(2, 2), "prod", lengths=torch.tensor([[1, 1], [2, 0]]), axis=1)
    assert rows.tolist() == [[1, 2], [32, 1]]
    data = x.double().requires_grad_()
    for how in ("sum", "mean", "max", "min", "prod"):
        assert torch.autograd.gradcheck(lambda t, how=how: torch.segment_reduce(t, how, lengths=torch.tensor([1, 3])), (data,))
    with pytest.raises(RuntimeError, match="sum to"):
        torch.segment_reduce(x, "sum", lengths=torch.tensor([1, 1]))
    with pytest.raises(RuntimeError, match="negative"):
        torch.segment_reduce(x, "sum", lengths=torch.tensor([-1, 5]))
