"""Tensors print as PyTorch prints them, character by character (tests/data/pytorch_prints.json)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rushlight as torch
from rushlight import _tensor_str

CASES = json.loads((Path(__file__).parent / "data" / "pytorch_prints.json").read_text())


@pytest.fixture(autouse=True)
def _default_options():
    torch.set_printoptions(profile="default")
    yield
    torch.set_printoptions(profile="default")


def make(case):
    dtype = case["dtype"]
    if dtype.startswith("complex"):
        values = case["v"]

        def pairs(v):
            return complex(*v) if not isinstance(v[0], list) else [pairs(x) for x in v]

        x = torch.tensor(pairs(values), dtype=getattr(torch, dtype))
    else:
        x = torch.tensor(case["v"], dtype=getattr(torch, dtype))
    if case["shape"] is not None:
        x = x.reshape(case["shape"])
    return x.requires_grad_() if case["rg"] else x


@pytest.mark.parametrize("number", range(len(CASES)))
def test_prints_as_pytorch(number):
    case = CASES[number]
    torch.set_printoptions(**case["opts"])
    assert repr(make(case)) == case["text"]


def test_suffixes():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert repr(x + 1) == "tensor([2., 3.], grad_fn=<AddBackward0>)"
    assert repr(x.detach()) == "tensor([1., 2.])"
    assert repr(torch.nn.Parameter(torch.ones(1))) == "Parameter containing:\ntensor([1.], requires_grad=True)"
    assert str(torch.ones(2)) == "tensor([1., 1.])"


def test_default_dtype_is_not_named():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert repr(torch.tensor([1.5])) == "tensor([1.5000])"
        assert repr(torch.tensor([1.5], dtype=torch.float32)) == "tensor([1.5000], dtype=torch.float32)"
    finally:
        torch.set_default_dtype(before)


def test_views_print_their_elements():
    x = torch.arange(6).view(2, 3)
    assert repr(x.t()) == "tensor([[0, 3],\n        [1, 4],\n        [2, 5]])"
    assert repr(torch.tensor(1.0).expand(2)) == "tensor([1., 1.])"


def test_options():
    torch.set_printoptions(precision=2, linewidth=40)
    assert _tensor_str.get_printoptions() == {
        "precision": 2,
        "threshold": 1000,
        "edgeitems": 3,
        "linewidth": 40,
        "sci_mode": None,
    }
    with _tensor_str.printoptions(precision=1):
        assert repr(torch.tensor(0.25)) == "tensor(0.2)"
    assert _tensor_str.get_printoptions()["precision"] == 2
    with pytest.raises(ValueError, match="profile"):
        torch.set_printoptions(profile="long")


def test_a_large_tensor_prints_at_once():
    text = repr(torch.zeros(3000, 3000))
    assert text.count("\n") == 6 and text.startswith("tensor([[0., 0., 0.,  ..., 0., 0., 0.],")
