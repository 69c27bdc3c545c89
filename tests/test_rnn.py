"""Recurrent networks: against their definition step by step, gradients of both orders, packed sequences, what is refused."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.autograd import gradcheck, gradgradcheck
from rushlight.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def sample(*shape: int, dtype: torch.dtype = torch.float64, grad: bool = False, seed: int = 0) -> torch.Tensor:
    """Numbers without a pattern, about -1 to 1, the same for a shape each time."""
    count = math.prod(shape)
    values = torch.arange(1, count + 1, dtype=torch.float64).add(sum(shape) + 100 * seed).mul(12.9898).sin()
    values = values.mul(43758.5453)
    return values.sub(values.floor()).mul(2).sub(1).reshape(shape).to(dtype).requires_grad_(grad)


def cell(kind: str, x: Any, state: tuple, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> tuple:
    """The definition of one step."""
    zero = torch.zeros((), dtype=x.dtype)
    a = x @ w_ih.t() + (zero if b_ih is None else b_ih)
    b = state[0] @ w_hh.t() + (zero if b_hh is None else b_hh)
    if kind == "lstm":
        i, f, g, o = (a + b).chunk(4, 1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
    if kind == "gru":
        (ar, az, an), (br, bz, bn) = a.chunk(3, 1), b.chunk(3, 1)
        r, z = (ar + br).sigmoid(), (az + bz).sigmoid()
        n = (an + r * bn).tanh()
        return ((1 - z) * n + z * state[0],)
    return ((a + b).tanh() if kind == "rnn_tanh" else (a + b).relu(),)


def unrolled(kind: str, x: Any, hx: tuple, params: list, bias: bool, layers: int, both: bool) -> tuple:
    """The definition of a network over (steps, batch, inputs)."""
    n, sides = (4 if bias else 2), (2 if both else 1)
    last: list[list] = [[] for _ in hx]
    for layer in range(layers):
        outs = []
        for side in range(sides):
            k = layer * sides + side
            state = tuple(h[k] for h in hx)
            steps: list = [None] * len(x)
            for t in reversed(range(len(x))) if side else range(len(x)):
                state = cell(kind, x[t], state, *params[k * n : (k + 1) * n])
                steps[t] = state[0]
            outs.append(torch.stack(steps))
            for all_, one in zip(last, state, strict=True):
                all_.append(one)
        x = torch.cat(outs, -1)
    return (x, *(torch.stack(s) for s in last))


def arguments(kind: str, t: int, b: int, i: int, h: int, layers: int, both: bool, bias: bool, **options: Any) -> tuple:
    sides, g = (2 if both else 1), GATES[kind]
    x = sample(t, b, i, grad=True, **options)
    hx = tuple(sample(layers * sides, b, h, grad=True, seed=s, **options) for s in range(2 if kind == "lstm" else 1))
    params = []
    for layer, _ in itertools.product(range(layers), range(sides)):
        width = i if layer == 0 else h * sides
        shapes = [(g * h, width), (g * h, h)] + ([(g * h,), (g * h,)] if bias else [])
        params += [sample(*s, grad=True, seed=len(params), **options) for s in shapes]
    return x, hx, params


def native(kind: str, x: Any, hx: tuple, params: list, *options: Any) -> tuple:
    return getattr(torch, kind)(x, hx if kind == "lstm" else hx[0], params, *options)


CASES = [
    # steps, batch, inputs, hidden, layers, both directions, bias
    (1, 1, 3, 2, 1, False, True),
    (5, 3, 4, 5, 1, False, True),
    (4, 70, 3, 40, 1, False, False),
    (6, 2, 3, 33, 2, True, True),
    (3, 5, 7, 64, 3, False, True),
]


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_definition(kind: str, case: tuple) -> None:
    x, hx, params = arguments(kind, *case)
    layers, both, bias = case[4:]
    got = native(kind, x, hx, params, bias, layers, 0.0, True, both, False)
    want = unrolled(kind, x, hx, params, bias, layers, both)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b)
    inputs = [x, *hx, *params]
    weights = [sample(*w.shape, seed=9) for w in want]
    grads = torch.autograd.grad([(a * w).sum() for a, w in zip(got, weights, strict=True)], inputs)
    expected = torch.autograd.grad([(a * w).sum() for a, w in zip(want, weights, strict=True)], inputs)
    for a, b in zip(grads, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("kind", GATES)
def test_only_the_last_state_or_cell(kind: str) -> None:
    x, hx, params = arguments(kind, 4, 3, 2, 5, 1, False, True)
    got = native(kind, x, hx, params, True, 1, 0.0, True, False, False)
    want = unrolled(kind, x, hx, params, True, 1, False)
    for a, b in list(zip(got, want, strict=True))[1:]:
        for one, two in zip(
            torch.autograd.grad(a.sin().sum(), [x, *params], retain_graph=True),
            torch.autograd.grad(b.sin().sum(), [x, *params], retain_graph=True),
            strict=True,
        ):
            torch.testing.assert_close(one, two)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("both", [False, True])
def test_gradients_of_both_orders(kind: str, both: bool) -> None:
    x, hx, params = arguments(kind, 3, 2, 2, 2, 1, both, True)

    def run(x: Any, *rest: Any) -> Any:
        return native(kind, x, rest[: len(hx)], list(rest[len(hx) :]), True, 1, 0.0, True, both, False)

    assert gradcheck(run, (x, *hx, *params))
    assert gradgradcheck(run, (x, *hx, *params))


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_packed_gradients_of_both_orders(kind: str) -> None:
    _, hx, params = arguments(kind, 1, 3, 2, 2, 1, True, True)
    data, sizes = sample(6, 2, grad=True), torch.tensor([3, 2, 1])

    def run(x: Any, *rest: Any) -> Any:
        h = rest[: len(hx)]
        return getattr(torch, kind)(x, sizes, h if kind == "lstm" else h[0], rest[len(hx) :], True, 1, 0.0, True, True)

    assert gradcheck(run, (data, *hx, *params))
    assert gradgradcheck(run, (data, *hx, *params))


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}])
def test_packed_sequences_agree_with_each_alone(make: Any, options: dict) -> None:
    torch.manual_seed(0)
    net = make(3, 5, **options).double()
    lengths = [2, 5, 1, 5, 3]
    sequences = [sample(n, 3, seed=s, grad=True) for s, n in enumerate(lengths)]
    packed = pack_sequence(sequences, enforce_sorted=False)
    out, state = net(packed)
    out, got = pad_packed_sequence(out)
    assert got.tolist() == lengths
    (out.sin().sum() + sum(s.sin().sum() for s in (state if isinstance(state, tuple) else (state,)))).backward()
    grads = [s.grad.clone() for s in sequences]
    weights = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    for i, s in enumerate(sequences):
        s.grad = None
        alone, last = net(s)
        torch.testing.assert_close(out[: lengths[i], i], alone)
        for a, b in zip(state if isinstance(state, tuple) else (state,), last if isinstance(last, tuple) else (last,),
                        strict=True):
            torch.testing.assert_close(a[:, i], b)
        (alone.sin().sum() + sum(v.sin().sum() for v in (last if isinstance(last, tuple) else (last,)))).backward()
        torch.testing.assert_close(grads[i], s.grad)
    for a, p in zip(weights, net.parameters(), strict=True):
        torch.testing.assert_close(a, p.grad)


def test_projections_batch_first_and_states_without_batch() -> None:
    torch.manual_seed(0)
    net = nn.LSTM(3, 6, 2, proj_size=2, bidirectional=True, batch_first=True).double()
    x = sample(4, 5, 3, grad=True)
    out, (h, c) = net(x)
    assert out.shape == (4, 5, 4) and h.shape == (4, 4, 2) and c.shape == (4, 4, 6)
    assert gradcheck(lambda x: net(x)[0], (x,))
    one, _ = net(x[1])
    torch.testing.assert_close(one, out[1])
    packed, _ = net(pack_padded_sequence(x, [5, 5, 5, 5], batch_first=True))
    torch.testing.assert_close(pad_packed_sequence(packed, batch_first=True)[0], out)


def test_dropout_is_between_layers_while_training() -> None:
    torch.manual_seed(0)
    net = nn.GRU(3, 64, 2, dropout=0.5)
    x = torch.randn(7, 2, 3)
    assert not torch.equal(net(x)[0], net(x)[0])
    net.eval()
    assert torch.equal(net(x)[0], net(x)[0])
    single = nn.GRU(3, 64, 1)
    assert torch.equal(single(x)[0], single(x)[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.complex128])
def test_dtypes(dtype: torch.dtype) -> None:
    x, hx, params = arguments("rnn_tanh", 3, 2, 4, 5, 1, False, True, dtype=dtype)
    out, h = torch.rnn_tanh(x, hx[0], params, True, 1, 0.0, True, False, False)
    assert out.dtype == h.dtype == dtype
    wide = torch.complex128 if dtype.is_complex else torch.float64
    args = [t.detach().to(wide) for t in (x, hx[0], *params)]
    want, _ = unrolled("rnn_tanh", args[0], (args[1],), args[2:], True, 1, False)
    torch.testing.assert_close(out.to(wide), want, atol=3e-2 if dtype.itemsize == 2 else 1e-5, rtol=1e-5)
    out.abs().sum().backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("kind", GATES)
def test_cells(kind: str) -> None:
    x, hx, params = arguments(kind, 1, 3, 4, 5, 1, False, True)
    x, hx = x[0], tuple(h[0] for h in hx)
    function = getattr(torch, f"{kind}_cell")
    for options in (params, params[:2]):
        got = function(x, hx if kind == "lstm" else hx[0], *options)
        got = got if isinstance(got, tuple) else (got,)
        for a, b in zip(got, cell(kind, x, hx, *options), strict=True):
            torch.testing.assert_close(a, b)

    def run(x: Any, *rest: Any) -> Any:
        return function(x, rest[: len(hx)] if kind == "lstm" else rest[0], *rest[len(hx) :])

    args = tuple(t.detach().requires_grad_() for t in (x, *hx, *params))
    assert gradcheck(run, args)
    assert gradgradcheck(run, args)


def test_pack_and_pad() -> None:
    x = sample(4, 3, 2, grad=True)
    data, sizes = torch._pack_padded_sequence(x, torch.tensor([4, 2, 1]), False)
    assert sizes.tolist() == [3, 2, 1, 1]
    want = torch.cat([x[0], x[1, :2], x[2, :1], x[3, :1]])
    torch.testing.assert_close(data, want)
    padded, lengths = torch._pad_packed_sequence(data, sizes, True, -1.0, 6)
    assert padded.shape == (3, 6, 2) and lengths.tolist() == [4, 2, 1]
    torch.testing.assert_close(padded[0, :4], x[:, 0])
    assert (padded[1, 2:] == -1).all() and (padded[2, 1:] == -1).all()
    assert gradcheck(lambda x: torch._pack_padded_sequence(x, torch.tensor([4, 2, 1]), False)[0], (x,))
    flat = data.detach().requires_grad_()
    assert gradcheck(lambda d: torch._pad_packed_sequence(d, sizes, False, 0.0, 4)[0], (flat,))


def test_pad_sequence() -> None:
    pad = torch._C._nn.pad_sequence
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0])
    assert pad([a, b]).tolist() == [[1, 3], [2, 4], [0, 5]]
    assert pad([a, b], True, 7.0, "left").tolist() == [[7, 1, 2], [3, 4, 5]]
    assert pad([a.long(), b], True).dtype == torch.int64
    x = [sample(2, 3, grad=True), sample(4, 3, grad=True)]
    assert gradcheck(lambda *x: pad(list(x)), tuple(x))


def lstm(x: Any = (5, 2, 3), h: tuple = ((1, 2, 4), (1, 2, 4)), params: Any = None, layers: int = 1) -> Any:
    weights = params or [torch.ones(s) for s in ((16, 3), (16, 4), (16,), (16,))]
    return lambda: torch.lstm(
        torch.ones(x), [torch.ones(s) for s in h], weights, True, layers, 0.0, False, False, False
    )


def gru_cell(x: tuple, h: tuple, w_ih: tuple, w_hh: tuple) -> Any:
    return lambda: torch.gru_cell(*(torch.ones(s) for s in (x, h, w_ih, w_hh)))


def pack(*lengths: Any, shape: tuple = (4, 3, 2), dtype: torch.dtype = torch.int64) -> Any:
    return lambda: torch._pack_padded_sequence(torch.ones(shape), torch.tensor(lengths, dtype=dtype), False)


ERRORS = [
    (lstm(h=((1, 2, 4),)), "two hidden states"),
    (lstm(x=(5, 2, 7)), "weight_ih of shape"),
    (lstm(x=(0, 2, 3)), "larger than 0"),
    (lstm(x=(5, 2)), "3 dimensions"),
    (lstm(h=((1, 3, 4), (1, 3, 4))), "Expected hidden size"),
    (lstm(layers=2), "number of RNN parameters"),
    (lstm(params=[torch.ones(16, 3)]), "number of RNN parameters"),
    (lstm(params=[torch.ones(16, 3).double(), torch.ones(16, 4), torch.ones(16), torch.ones(16)]), "dtype"),
    (gru_cell((2, 5), (2, 4), (12, 3), (12, 4)), "inconsistent input_size: got 5 expected 3"),
    (gru_cell((2, 3), (3, 4), (12, 3), (12, 4)), "batch size 2 doesn't match hidden0 batch size 3"),
    (gru_cell((2, 3), (2, 5), (12, 3), (12, 4)), "inconsistent hidden_size: got 5, expected 4"),
    (gru_cell((2, 3), (2, 4), (16, 3), (16, 4)), "weight_ih first dim must be 3"),
    (lambda: torch.lstm_cell(torch.ones(2, 3), [torch.ones(2, 4)], torch.ones(16, 3), torch.ones(16, 4)), "two hidden"),
    (pack(4, 1, 2), "sorted in decreasing order"),
    (pack(4, 1, 0), "greater than 0"),
    (pack(5, 1, 1), "at most 4"),
    (pack(4, 1), "equal to batch_size"),
    (pack(4, 1, 1, dtype=torch.int32), "int64"),
    (pack(4, 1, 1, shape=(0, 3, 2)), "Cannot pack empty"),
    (lambda: torch._C._nn.pad_sequence([]), "empty list"),
    (lambda: torch._C._nn.pad_sequence([torch.ones(2, 3), torch.ones(4, 2)]), "expected sequences"),
    (lambda: torch._C._nn.pad_sequence([torch.ones(2)], True, 0.0, "up"), "left or right"),
    (lambda: torch._C._nn.pad_sequence([torch.tensor(1.0)]), "at least one dimension"),
    (lambda: torch._pad_packed_sequence(torch.ones(3, 2), torch.tensor([2, 2]), False, 0.0, 2), "add up"),
    (lambda: torch._pad_packed_sequence(torch.ones(3, 2), torch.tensor([2, 1]), False, 0.0, 1), "at least the length"),
]


@pytest.mark.parametrize(("run", "message"), ERRORS)
def test_what_is_refused(run: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        run()


def test_threads_do_not_change_a_bit() -> None:
    torch.manual_seed(0)
    net, x = nn.LSTM(32, 100, 2), torch.randn(6, 90, 32)
    before = torch.get_num_threads()

    def run() -> list[torch.Tensor]:
        net.zero_grad()
        out = net(x)[0]
        out.sin().sum().backward()
        return [out, *(p.grad for p in net.parameters())]

    try:
        torch.set_num_threads(1)
        one = run()
        torch.set_num_threads(3)
        many = run()
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(one, many, strict=True))
