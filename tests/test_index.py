"""Indexing by tensors and masks, gather and scatter, embeddings: values, gradients, errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rushlight as torch
from rushlight.autograd import gradcheck, gradgradcheck


def numbers(*shape: int) -> torch.Tensor:
    """Numbers without pattern, all different, in float64."""
    n = 1
    for size in shape:
        n *= size
    return ((torch.arange(n, dtype=torch.float64) * 0.7310585).sin() + 0.01 * torch.arange(n)).reshape(shape)


I = torch.tensor  # noqa: E741
MASK = I([[True, False, True, False], [False, True, True, False], [False, False, False, True]])

READS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "list": lambda x: x[[1, 0, 1]],
    "middle": lambda x: x[:, I([[0, 2], [1, -1]])],
    "neighbours": lambda x: x[:, I([0, 2]), I([1, -1])],
    "apart": lambda x: x[I([0, 1, 0]), :, I([1, 1, 3])],
    "mask": lambda x: x[:, MASK],
    "mask and list": lambda x: x[I([1]), MASK],
    "whole mask": lambda x: x[x > 0.2],
    "index_select": lambda x: x.index_select(1, I([2, 2, 0])),
    "take": lambda x: x.take(I([[3, -1], [3, 0]])),
    "take_along_dim": lambda x: x.take_along_dim(I([[[1], [0], [-1]]]), 2),
    "gather": lambda x: x.gather(2, I([[[0, 0], [3, 1]], [[2, 2], [1, 0]]])),
    "masked_select": lambda x: x.masked_select(MASK),
}

Pair = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
AT = I([[0, 2, 0], [1, 1, 2]])
WRITES: dict[str, Pair] = {
    "index_put": lambda x, s: x.index_put((I([1, 0]), I([0, 2])), s[0, :2]),
    "accumulate": lambda x, s: x.index_put((I([1, 1]), I([0, 0])), s[0, :2], accumulate=True),
    "apart": lambda x, s: x.unsqueeze(1).repeat(1, 2, 1).index_put((I([1, 0]), None, I([0, 2])), s[:, :2]),
    "scatter": lambda x, s: x.scatter(1, I([[0, 2], [1, 3]]), s),
    "scatter_add": lambda x, s: x.scatter_add(1, AT, s),
    "scatter_add rows": lambda x, s: x.scatter_add(0, AT.clamp(max=1), s),
    "index_add": lambda x, s: x.index_add(1, I([2, 2, 0]), s, alpha=1.5),
    "index_copy": lambda x, s: x.index_copy(1, I([2, 1, 0]), s),
    "index_fill": lambda x, s: x.index_fill(1, I([1, 1, 3]), s[0, 0]),
    "masked_fill": lambda x, s: x.masked_fill(x > 0.3, s[0, 0]),
    "masked_scatter": lambda x, s: x.masked_scatter(MASK[:2], s),
    "put": lambda x, s: x.put(I([0, 5, 7]), s[0], accumulate=True),
    "where": lambda x, s: torch.where(x[:, :3] > 0.2, x[:, :3], s),
    **{
        f"scatter_reduce {reduce} {own}": lambda x, s, reduce=reduce, own=own: x.scatter_reduce(
            1, AT, s, reduce, include_self=own
        )
        for reduce in ("sum", "prod", "mean", "amax", "amin")
        for own in (True, False)
    },
    **{
        f"index_reduce {reduce}": lambda x, s, reduce=reduce: x.index_reduce(1, I([2, 0, 2]), s, reduce)
        for reduce in ("prod", "mean", "amax", "amin")
    },
}


@pytest.mark.parametrize("name", READS)
def test_gradients_of_reads(name: str) -> None:
    x = numbers(2, 3, 4).requires_grad_()
    assert gradcheck(READS[name], (x,))
    assert gradgradcheck(lambda x: READS[name](x) ** 2, (x,))


@pytest.mark.parametrize("name", WRITES)
def test_gradients_of_writes(name: str) -> None:
    x, s = numbers(2, 4).requires_grad_(), (numbers(2, 3) * 1.3 + 0.05).requires_grad_()
    assert gradcheck(WRITES[name], (x, s))
    assert gradgradcheck(lambda x, s: WRITES[name](x, s) ** 2, (x, s))


def test_product_with_zeros_has_a_gradient() -> None:
    x = torch.tensor([2.0, 0.0, 3.0, 0.0], dtype=torch.float64, requires_grad=True)
    s = torch.tensor([0.0, 5.0, 0.0, 7.0], dtype=torch.float64, requires_grad=True)
    index = I([0, 1, 2, 2])
    assert gradcheck(lambda x, s: x.scatter_reduce(0, index, s, "prod"), (x, s))


def test_writes_in_place_touch_only_their_places() -> None:
    x = torch.zeros(4, 3)
    x[[1, 3], 1:] = I([[1.0, 2.0], [3.0, 4.0]])
    assert x.tolist() == [[0, 0, 0], [0, 1, 2], [0, 0, 0], [0, 3, 4]]
    x[x > 2] = -1
    x.index_add_(0, I([0, 0]), torch.ones(2, 3))
    assert x.tolist() == [[2, 2, 2], [0, 1, 2], [0, 0, 0], [0, -1, -1]]
    x.t()[0, [2, 3]] = 9
    assert x[2:, 0].tolist() == [9, 9]
    x.masked_fill_(x == 9, 0).scatter_(1, I([[2], [0]]), 5.0)
    assert x.tolist() == [[2, 2, 5], [5, 1, 2], [0, 0, 0], [0, -1, -1]]


def test_in_place_writes_have_gradients() -> None:
    w, s = numbers(3, 2).requires_grad_(), numbers(2, 2).requires_grad_()

    def run(w: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        x = w * 2
        x[[2, 0]] = s * x[[1, 1]]
        x[:, 0].index_add_(0, I([1]), s[0, :1])
        return x

    assert gradcheck(run, (w, s)) and gradgradcheck(run, (w, s))


def test_the_order_of_additions_is_that_of_the_indices() -> None:
    index = (torch.arange(40_000) * 7919) % 61
    values = (torch.arange(40_000 * 3) * 0.37).sin().reshape(-1, 3)
    expected = torch.zeros(61, 3)
    for i in range(61):
        rows = values[index == i]
        for row in rows.unbind(0):
            expected[i] += row
    assert torch.equal(torch.zeros(61, 3).index_add(0, index, values), expected)
    assert torch.equal(torch.zeros(61, 3).scatter_add(0, index[:, None].expand(-1, 3), values), expected)


def test_nonzero_and_where() -> None:
    x = I([[0, 3], [4, 0]])
    assert x.nonzero().tolist() == [[0, 1], [1, 0]] == torch.argwhere(x).tolist()
    assert [t.tolist() for t in x.nonzero(as_tuple=True)] == [[0, 1], [1, 0]]
    assert [t.tolist() for t in torch.where(x)] == [[0, 1], [1, 0]]
    assert I(5).nonzero().shape == (1, 0)
    assert torch.where(x > 0, 1.5, x).tolist() == [[0, 1.5], [1.5, 0]]
    big = (torch.arange(100_000) % 7 == 0).reshape(100, 1000)
    assert torch.equal(big.nonzero()[:, 0] * 1000 + big.nonzero()[:, 1], torch.arange(0, 100_000, 7))
    assert torch.nonzero_static(x, size=3, fill_value=-7).tolist() == [[0, 1], [1, 0], [-7, -7]]


def test_embedding() -> None:
    w, at = numbers(5, 3).requires_grad_(), I([[1, 3], [1, 0]])
    assert torch.embedding(w, at).tolist() == w[at].tolist()
    torch.embedding(w, at, padding_idx=3).sum().backward()
    assert w.grad[:, 0].tolist() == [1, 2, 0, 0, 0]
    w.grad = None
    torch.embedding(w, at, scale_grad_by_freq=True).sum().backward()
    assert w.grad[:, 0].tolist() == [1, 1, 0, 1, 0]
    assert gradgradcheck(lambda w: torch.embedding(w, at, 1).square(), (w,))
    bags, which, sizes, _ = torch.embedding_bag(w, I([1, 2, 4, 4]), I([0, 0, 3]), False, 1)
    assert torch.allclose(bags[1], w[[1, 2, 4]].sum(0) / 3) and bags[0].tolist() == [0, 0, 0]
    assert sizes.tolist() == [0, 3, 1] and which.tolist() == [1, 1, 1, 2]


def test_isin_and_one_hot() -> None:
    assert torch.isin(I([1, 2, 3]), I([3, 1])).tolist() == [True, False, True]
    assert torch.isin(I([0.0, float("nan")]), I([-0.0, float("nan")])).tolist() == [True, False]
    assert torch.isin(I([1, 2]), 2, invert=True).tolist() == [True, False]
    assert torch._C._nn.one_hot(I([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_index_errors() -> None:
    x = torch.zeros(3, 2)
    for call, error, words in [
        (lambda: x[I([3])], IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
        (lambda: x[I([0, 1]), I([0, 1, 2])], IndexError, "could not be broadcast"),
        (lambda: x[I([True, False])], IndexError, "shape of the mask"),
        (lambda: x[I([1.0])], IndexError, "long, int, byte or bool"),
        (lambda: x.index_select(0, I([3])), IndexError, "out of range"),
        (lambda: x.gather(0, I([[3, 0]])), RuntimeError, "index 3 is out of bounds"),
        (lambda: x.gather(0, I([[0.0]])), RuntimeError, "int64"),
        (lambda: x.scatter_add(0, I([[0]]), torch.zeros(1, 1, dtype=torch.float64)), RuntimeError, "dtype"),
        (lambda: x.scatter_reduce(0, I([[0]]), x, "median"), RuntimeError, "reduce argument"),
        (lambda: x.masked_fill(I([1, 0]), 1), RuntimeError, "boolean masks"),
        (lambda: x.masked_scatter(x == 0, torch.zeros(5)), RuntimeError, "at least as many"),
        (lambda: torch.embedding(x, I([3])), IndexError, "out of range"),
        (lambda: x.index_put((I([0]),), torch.zeros(3)), RuntimeError, "shape mismatch"),
    ]:
        with pytest.raises(error, match=words):
            call()
