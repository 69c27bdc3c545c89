"""Views, joins, copies in another order, padding: values against nested lists, gradients against differences."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rushlight as torch
from rushlight.autograd import gradcheck, gradgradcheck


def numbers(*shape: int) -> torch.Tensor:
    """Numbers without pattern, in float64."""
    n = 1
    for size in shape:
        n *= size
    return ((torch.arange(n, dtype=torch.float64) * 0.7310585).sin() + 0.1 * torch.arange(n)).reshape(shape).clone()


VIEWS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "view": lambda x: x.view(2, -1),
    "reshape of a transposed": lambda x: x.transpose(0, 2).reshape(-1, 3),
    "flatten": lambda x: x.flatten(1),
    "unflatten": lambda x: x.unflatten(2, (2, -1)),
    "squeeze": lambda x: x[:, :1].squeeze(1),
    "unsqueeze": lambda x: x.unsqueeze(-2),
    "permute": lambda x: x.permute(2, 0, 1),
    "movedim": lambda x: x.movedim((0, 1), (-1, 0)),
    "expand": lambda x: x[:, :1].expand(-1, 5, -1),
    "select": lambda x: x.select(1, -1),
    "slice": lambda x: x[:, 0:3:2, 1:],
    "narrow": lambda x: x.narrow(2, -3, 2),
    "diagonal": lambda x: x.diagonal(1, 1, 2),
    "unfold": lambda x: x.unfold(2, 3, 1),
    "as_strided": lambda x: x.as_strided((3, 2), (1, 2), 1),
    "as_strided of a view": lambda x: x[1].as_strided((2, 2), (1, 1)),
    "mT": lambda x: x.mT,
    "split": lambda x: torch.cat([p * (i + 1) for i, p in enumerate(x.split([1, 3], 2))], 2),
    "unbind, one unused": lambda x: x.unbind(1)[0] * x.unbind(1)[2],
    "tensor_split": lambda x: x.tensor_split((1, 3), 2)[1],
}

COPIES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "flip": lambda x: x.flip(0, 2),
    "roll": lambda x: x.roll((1, -2), (0, 2)),
    "roll all": lambda x: x.roll(5),
    "rot90": lambda x: x.rot90(3, (0, 2)),
    "repeat": lambda x: x.repeat(2, 1, 1, 3),
    "tile": lambda x: x.tile(2),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "repeat_interleave by tensor": lambda x: x.repeat_interleave(torch.tensor([0, 2, 1]), 1),
    "tril": lambda x: x.tril(-1),
    "triu": lambda x: x.triu(1),
    "diag_embed": lambda x: x.diag_embed(1, 0, 2),
    "stack": lambda x: torch.stack([x[0], x[1] * 2], -1),
    "hstack": lambda x: torch.hstack([x, x * 2]),
    "diagonal_scatter": lambda x: x.diagonal_scatter(x[:, 0, :3] * 2, 0, 1, 2),
    "select_scatter": lambda x: x.select_scatter(x[:, 0] * 2, 1, 1),
    "slice_scatter": lambda x: x.slice_scatter(x[:, :1] * 2, 1, 0, 3, 3),
    "constant_pad": lambda x: torch.constant_pad_nd(x, (1, -1, 0, 2), 3.0),
    "reflect": lambda x: torch._C._nn.pad(x, (2, 1), "reflect"),
    "replicate": lambda x: torch._C._nn.pad(x, (2, -1), "replicate"),
    "circular": lambda x: torch._C._nn.pad(x, (1, 2), "circular"),
    "diff": lambda x: x.diff(2, 2),
    "cross": lambda x: torch.cross(x.transpose(1, 2), x.transpose(1, 2).flip(0), dim=2),
}


@pytest.mark.parametrize("name", [*VIEWS, *COPIES])
def test_gradients(name: str) -> None:
    function = {**VIEWS, **COPIES}[name]
    x = numbers(2, 3, 4).requires_grad_()
    assert gradcheck(function, (x,))
    assert gradgradcheck(lambda x: function(x) ** 2, (x,))


@pytest.mark.parametrize("name", [n for n in VIEWS if n not in ("reshape of a transposed", "split", "unbind, one unused")])
def test_views_share_memory(name: str) -> None:
    x = numbers(2, 3, 4)
    view = VIEWS[name](x)
    assert view._base is x
    version = x._version
    view.zero_() if "expand" not in name and name not in ("unfold", "as_strided", "as_strided of a view") else x.zero_()
    assert x._version == version + 1 and not view.abs().sum().item()


def test_write_through_views_of_a_split() -> None:
    x = numbers(6).requires_grad_()
    y = x * 1
    a, b = y.split(3)
    a.mul_(torch.tensor([2.0, 3.0, 4.0]))
    (a + b * a.detach()).sum().backward()
    assert x.grad.tolist() == [2, 3, 4, *a.tolist()]


def test_in_place_views_keep_the_object() -> None:
    x = torch.zeros(1, 3)
    same = x
    x.squeeze_(0)
    x.unsqueeze_(1)
    x.t_()
    x.transpose_(0, 1)
    assert x is same and x.shape == (3, 1)


def test_view_as_another_dtype() -> None:
    x = torch.tensor([1.0, -2.0])
    assert x.view(torch.int32).tolist() == [0x3F800000, -0x40000000]
    assert x.view(torch.uint8).shape == (8,)
    assert torch.equal(x.view(torch.uint8).view(torch.float32), x)
    with pytest.raises(RuntimeError, match="divisible"):
        torch.zeros(3, dtype=torch.uint8).view(torch.int16)


def test_shape_errors_name_what_was_given() -> None:
    x = torch.zeros(2, 3)
    for call, error, words in [
        (lambda: x.view(4, -1), RuntimeError, "invalid for input of size 6"),
        (lambda: x.t().view(6), RuntimeError, r"Use \.reshape"),
        (lambda: x.view(-1, -1), RuntimeError, "only one dimension can be inferred"),
        (lambda: torch.zeros(0).view(0, -1), RuntimeError, "ambiguous"),
        (lambda: x.expand(3, 3), RuntimeError, "must match the existing size"),
        (lambda: x.permute(0, 0), RuntimeError, "multiple times"),
        (lambda: x.select(0, 2), IndexError, "out of range"),
        (lambda: x.unsqueeze(4), IndexError, "Dimension out of range"),
        (lambda: x.narrow(0, 1, 2), RuntimeError, "exceeds dimension size"),
        (lambda: torch.cat([x, torch.zeros(3)]), RuntimeError, "same number of dimensions"),
        (lambda: torch.cat([x, torch.zeros(2, 2)]), RuntimeError, "must match except in dimension 0"),
        (lambda: torch.stack([x, x.t()]), RuntimeError, "equal size"),
        (lambda: torch._C._nn.pad(x, (3, 0), "reflect"), RuntimeError, "Padding size should be less"),
        (lambda: x.split([1, 2], 1).unbind(), AttributeError, "unbind"),
        (lambda: x.split([1, 1], 1), RuntimeError, "sum exactly to 3"),
    ]:
        with pytest.raises(error, match=words):
            call()


def test_cat_promotes_and_skips_empty_vectors() -> None:
    x = torch.cat([torch.zeros(0), torch.ones(1, 2, dtype=torch.int32), torch.full((2, 2), 2.5)])
    assert x.dtype == torch.float32 and x.tolist() == [[1, 1], [2.5, 2.5], [2.5, 2.5]]
    out = torch.empty(0)
    assert torch.cat([x, x], 1, out=out) is out and out.shape == (3, 4)


def test_margins() -> None:
    x = torch.arange(4.0).reshape(1, 4)
    pad = torch._C._nn.pad
    assert pad(x, (2, 1), "reflect").tolist() == [[2, 1, 0, 1, 2, 3, 2]]
    assert pad(x, (2, 1), "replicate").tolist() == [[0, 0, 0, 1, 2, 3, 3]]
    assert pad(x, (2, 1), "circular").tolist() == [[2, 3, 0, 1, 2, 3, 0]]
    assert pad(x, (-1, 1), "constant", 9.0).tolist() == [[1, 2, 3, 9]]


def test_functions_of_many_tensors() -> None:
    a, b = torch.tensor([1, 2]), torch.tensor([3, 4, 5])
    rows, columns = torch.meshgrid(a, b, indexing="ij")
    assert rows.tolist() == [[1, 1, 1], [2, 2, 2]] and columns.tolist() == [[3, 4, 5], [3, 4, 5]]
    assert torch.meshgrid(a, b, indexing="xy")[0].tolist() == [[1, 2]] * 3
    assert torch.cartesian_prod(a, a).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert torch.combinations(b, 2).tolist() == [[3, 4], [3, 5], [4, 5]]
    assert torch.block_diag(a, torch.tensor([[7], [8]])).tolist() == [[1, 2, 0], [0, 0, 7], [0, 0, 8]]
    assert torch.broadcast_shapes((2, 1), (3,), 1) == (2, 3)
    assert [t.shape for t in torch.atleast_2d(a, torch.tensor(1))] == [(1, 2), (1, 1)]


def test_covariance() -> None:
    x = numbers(3, 7).requires_grad_()
    centered = x - x.sum(1, keepdim=True) / 7
    assert torch.allclose(x.cov(), centered @ centered.mT / 6)
    assert torch.allclose(x.corrcoef().diagonal(), torch.ones(3, dtype=torch.float64))
    assert gradcheck(lambda x: x.cov(aweights=torch.arange(1.0, 8.0, dtype=torch.float64)), (x,))


def test_complex_parts_are_views() -> None:
    z = torch.complex(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    z.real.zero_()
    assert z.tolist() == [3j, 4j]
    assert torch.view_as_real(z).tolist() == [[0, 3], [0, 4]]
    assert torch.view_as_complex(torch.view_as_real(z)).tolist() == z.tolist()
    x = numbers(4, 2).requires_grad_()
    assert gradcheck(lambda x: torch.view_as_complex(x).conj() * torch.view_as_complex(x), (x,))
