"""Tensors out of nothing: sequences, identities, windows."""

from __future__ import annotations

import math

import pytest

import rushlight as torch


def test_arange_infers_its_dtype() -> None:
    assert torch.arange(5).dtype == torch.int64 and torch.arange(5).tolist() == [0, 1, 2, 3, 4]
    assert torch.arange(1, 2, 0.25).tolist() == [1, 1.25, 1.5, 1.75]
    assert torch.arange(1, 2, 0.25).dtype == torch.get_default_dtype()
    assert torch.arange(5, 0, -2).tolist() == [5, 3, 1]
    assert torch.arange(0, 3, dtype=torch.float16).dtype == torch.float16
    assert torch.arange(1.0, 5.000001, 2.0, dtype=torch.int64).tolist() == [1, 3]
    assert torch.arange(2**53, 2**53 + 3)[2].item() == 2**53 + 2
    out = torch.empty(0, dtype=torch.int32)
    assert torch.arange(3, out=out) is out and out.tolist() == [0, 1, 2]
    for bad, words in [((0, 3, 0), "nonzero"), ((0, 3, -1), "inconsistent"), ((0, math.inf), "unsupported range")]:
        with pytest.raises(RuntimeError, match=words):
            torch.arange(*bad)


def test_linspace_meets_both_ends() -> None:
    assert torch.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert torch.linspace(-0.1, 0.7, 33, dtype=torch.float64)[-1].item() == 0.7
    assert torch.linspace(0, 10, 4, dtype=torch.int64).tolist() == [0, 3, 6, 10]
    assert torch.linspace(3, 4, 1).tolist() == [3] and torch.linspace(3, 4, 0).shape == (0,)
    assert torch.linspace(torch.tensor(0.0), 1, 3).tolist() == [0, 0.5, 1]
    assert torch.linspace(0, 1j, 3).tolist() == [0, 0.5j, 1j]
    assert torch.allclose(torch.logspace(0, 2, 3), torch.tensor([1.0, 10.0, 100.0]))
    with pytest.raises(RuntimeError, match="non-negative"):
        torch.linspace(0, 1, -1)


def test_identities_and_triangles() -> None:
    assert torch.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert torch.tril_indices(3, 2, -1).tolist() == [[1, 2, 2], [0, 0, 1]]
    assert torch.triu_indices(2, 3, 1).tolist() == [[0, 0, 1], [1, 2, 2]]
    x = torch.arange(9).reshape(3, 3)
    assert torch.equal(x[tuple(torch.tril_indices(3, 3))], x[torch.ones(3, 3).tril() > 0])


def test_windows() -> None:
    def hann(n: int, length: int) -> float:
        return 0.5 - 0.5 * math.cos(2 * math.pi * n / length)

    assert torch.allclose(torch.hann_window(8), torch.tensor([hann(n, 8) for n in range(8)]))
    assert torch.allclose(torch.hann_window(8, periodic=False), torch.tensor([hann(n, 7) for n in range(8)]))
    assert torch.hamming_window(5, False, 0.5, 0.25)[2].item() == 0.75
    assert torch.bartlett_window(5, False).tolist() == [0, 0.5, 1, 0.5, 0]
    assert torch.kaiser_window(5, False)[2].item() == 1 and torch.kaiser_window(1).tolist() == [1]
    assert torch.blackman_window(0).shape == (0,)
    with pytest.raises(RuntimeError, match="floating point"):
        torch.hann_window(3, dtype=torch.int64)


def test_fill() -> None:
    x = torch.empty(2, 2)
    assert x.fill_(3) is x and x.tolist() == [[3, 3], [3, 3]]
    value = torch.tensor(2.0, requires_grad=True)
    torch.fill(x, value).sum().backward()
    assert value.grad.item() == 4
    assert x.zero_().sum().item() == 0


def test_devices_that_are_not_here() -> None:
    with pytest.raises(RuntimeError, match="cuda"):
        torch.zeros(1, device="cuda")
    assert torch.zeros(1, device="cpu", pin_memory=True, requires_grad=True).requires_grad


def test_a_tensor_among_data_is_a_number():
    one = torch.tensor([1.5])
    assert torch.tensor([[one], [2]]).tolist() == [[1.5], [2.0]]
    assert torch.tensor([[one, torch.tensor(3.0)]]).shape == (1, 2)
    with pytest.raises(ValueError, match=r"only one element tensors .* shape \[2\]: torch.stack"):
        torch.tensor([torch.ones(2)])
