"""frexp: mantissas and exponents as Python's math.frexp gives them."""

from __future__ import annotations

import math

import pytest

import rushlight as torch
from rushlight.autograd import gradcheck, gradgradcheck

VALUES = [0.0, -0.0, 1.0, -1.0, 0.1, -6.25, 0.75, 2.0**100, -(2.0**-126), 2.0**-149, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_agrees_with_math(dtype: torch.dtype) -> None:
    x = torch.tensor(VALUES, dtype=torch.float64).to(dtype)
    mantissa, exponent = torch.frexp(x)
    assert mantissa.dtype == dtype and exponent.dtype == torch.int32
    for value, m, e in zip(x.tolist(), mantissa.tolist(), exponent.tolist(), strict=True):
        expected = math.frexp(value) if math.isfinite(value) else (value, 0)
        assert (repr(m), e) == (repr(expected[0]), expected[1]), value


def test_any_layout_and_size() -> None:
    x = torch.linspace(-9, 9, 2000, dtype=torch.float64).reshape(40, 50)
    for view in (x.t(), x[::3, 1::7], x[:0], x[3, 4]):
        mantissa, exponent = view.frexp()
        assert mantissa.shape == exponent.shape == view.shape
        assert torch.equal(torch.ldexp(mantissa, exponent), view)


def test_out_and_names() -> None:
    x = torch.tensor([3.0, -0.5])
    out = torch.empty(0), torch.empty(0, dtype=torch.int32)
    result = torch.frexp(x, out=out)
    assert result.mantissa is out[0] and out[0].tolist() == [0.75, -0.5] and out[1].tolist() == [2, 0]


def test_gradients() -> None:
    x = torch.tensor([[3.0, -0.3], [100.0, 1.7]], dtype=torch.float64, requires_grad=True)
    mantissa, exponent = torch.frexp(x)
    assert mantissa.requires_grad and not exponent.requires_grad
    assert gradcheck(lambda x: torch.frexp(x)[0], (x,)) and gradgradcheck(lambda x: torch.frexp(x)[0] ** 2, (x,))


def test_refuses_what_has_no_mantissa() -> None:
    for dtype in (torch.int64, torch.bool, torch.complex64):
        with pytest.raises(RuntimeError, match="frexp"):
            torch.frexp(torch.ones(2, dtype=dtype))
