"""torch.jit: tracing, files, and torch.compile with its guards, breaks and gradients."""

from __future__ import annotations

import copy
import io
import random
import struct
import warnings

import pytest

import rushlight as torch
import rushlight.nn as nn
import rushlight.nn.functional as F


class Cnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 8, 3, stride=2, groups=2)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(8 * 2 * 2, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.conv1(x))), 2)
        x = F.gelu(self.conv2(F.pad(x, (0, 1, 0, 1))))
        x = F.adaptive_avg_pool2d(x, 2)
        return F.log_softmax(self.fc(self.drop(torch.flatten(x, 1))), dim=1)


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 32), nn.SiLU(), nn.LayerNorm(32), nn.Linear(32, 4), nn.Softmax(-1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x.view(x.size(0), -1))


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 50)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        n = tokens.size(1)
        x = self.embed(tokens) + torch.arange(n, device=tokens.device)[None, :, None] * 0.01
        mask = nn.Transformer.generate_square_subsequent_mask(n)
        return self.head(self.encoder(x, mask=mask))


class Recurrent(nn.Module):
    def __init__(self, kind: type) -> None:
        super().__init__()
        self.rnn = kind(5, 7, num_layers=2, batch_first=True)
        self.fc = nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, _ = self.rnn(x)
        return self.fc(out[:, -1])


MODELS = {
    "cnn": (Cnn, lambda n: torch.randn(n, 1, 10, 10)),
    "mlp": (Mlp, lambda n: torch.randn(n, 3, 4)),
    "transformer": (Transformer, lambda n: torch.randint(0, 50, (n, 6))),
    "lstm": (lambda: Recurrent(nn.LSTM), lambda n: torch.randn(n, 4, 5)),
    "gru": (lambda: Recurrent(nn.GRU), lambda n: torch.randn(n, 4, 5)),
    "rnn": (lambda: Recurrent(nn.RNN), lambda n: torch.randn(n, 4, 5)),
}


def same(a: torch.Tensor, b: torch.Tensor) -> None:
    assert a.shape == b.shape and a.dtype == b.dtype
    assert torch.equal(a, b), (a - b).abs().max()


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
    torch.compiler.reset()


@pytest.mark.parametrize("name", MODELS)
def test_models_run_from_a_file_with_the_same_bits(name: str, tmp_path) -> None:
    make, data = MODELS[name]
    model = make().eval()
    traced = torch.jit.trace(model, data(3))
    path = tmp_path / "model.rlg"
    torch.jit.save(traced, path)
    loaded = torch.jit.load(path)
    with torch.no_grad():
        for n in (3, 1, 5):
            x = data(n)
            for run in (traced, loaded):
                for _ in range(3):  # call by call, then by the plan
                    same(run(x), model(x))
    assert traced.any_batch
    assert list(loaded.state_dict()) == list(model.state_dict())
    assert [p for p, _ in loaded.named_parameters()] == [p for p, _ in model.named_parameters()]


def test_a_module_of_its_own_follows_its_parameters() -> None:
    model = Mlp().eval()
    traced = torch.jit.trace(model, torch.randn(2, 3, 4))
    other = Mlp().eval()
    x = torch.randn(2, 3, 4)
    traced.load_state_dict(other.state_dict())
    same(traced(x), other(x))
    same(model(x), other(x))  # a trace shares its parameters with the module, as in PyTorch
    loaded = torch.jit.load(io.BytesIO(traced.save_to_buffer()))
    with torch.no_grad():
        loaded.layers[0].weight.zero_() if isinstance(loaded.layers, nn.Sequential) else None
        getattr(loaded.layers, "0").weight.zero_()
        other.layers[0].weight.zero_()
    same(loaded(x), other(x))
    assert not torch.equal(traced(x), other(x))


def test_gradients_flow_through_traces() -> None:
    model = Mlp().train()
    loaded = torch.jit.load(io.BytesIO(torch.jit.trace(model, torch.randn(2, 3, 4)).save_to_buffer()))
    x = torch.randn(2, 3, 4)
    for run in (model, loaded):
        for _ in range(2):
            run.zero_grad()
            run(x).square().sum().backward()
    for a, b in zip(model.parameters(), loaded.parameters()):
        torch.testing.assert_close(a.grad, b.grad)


def test_buffers_are_written_in_training_mode() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3)).train()
    traced = torch.jit.trace(copy.deepcopy(model), torch.randn(4, 1, 2, 2))
    fresh = copy.deepcopy(model)
    traced.load_state_dict(fresh.state_dict())
    for _ in range(3):
        x = torch.randn(4, 1, 2, 2)
        torch.testing.assert_close(traced(x), fresh(x))
    for a, b in zip(traced.state_dict().values(), fresh.state_dict().values()):
        torch.testing.assert_close(a, b)


def test_structures_and_constants() -> None:
    def f(x, pair, *, scale):
        return {"sum": x + pair[0], "parts": (x * scale, [pair[1], None, 3])}

    x, y, z, s = (torch.randn(2, 3) for _ in range(4))
    traced = torch.jit.trace(f, (x, (y, z)), example_kwarg_inputs={"scale": s})
    out = traced(y, (x, z), scale=z)
    same(out["sum"], y + x)
    same(out["parts"][0], y * z)
    assert out["parts"][1][0] is z and out["parts"][1][1:] == [None, 3]
    with pytest.raises(RuntimeError, match="argument 1"):
        traced(x, x, scale=z)
    with pytest.raises(RuntimeError, match="expected 2 positional"):
        traced(x)


def test_in_place_and_views() -> None:
    def f(x):
        y = torch.zeros(x.shape)
        y[:, 0] = x[:, 1]
        y[1:].mul_(3).add_(x[1:])
        a, b = x.t().chunk(2)
        return y, a.sum() + b.detach().max()

    traced = torch.jit.trace(f, torch.randn(3, 4))
    x = torch.randn(3, 4)
    for _ in range(3):
        for a, b in zip(traced(x), f(x)):
            same(a, b)


def test_an_input_that_is_written() -> None:
    traced = torch.jit.trace(lambda x: x.add_(1) * 2, torch.zeros(3))
    x = torch.ones(3)
    same(traced(x), torch.full((3,), 4.0))
    same(x, torch.full((3,), 2.0))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x * 2 if x.sum() > 0 else x, "Python boolean"),
        (lambda x: x * int(x[0]), "Python integer"),
        (lambda x: x * float(x[0]), "Python float"),
        (lambda x: x * x[0].item(), "Python number"),
        (lambda x: x * x.tolist()[0], "Python list"),
        (lambda x: x + torch.tensor(x.numpy().sum()), "NumPy array"),
        (lambda x: x[x.argmax()], "an index that is a tensor"),
        (lambda x: sum(row for row in x), "Iterating over a tensor"),
        (lambda x: x * len(x), "len"),
    ],
)
def test_decisions_by_values_warn(function, text: str) -> None:
    with pytest.warns(torch.jit.TracerWarning, match=text):
        torch.jit.trace(function, torch.arange(1.0, 4.0), check_trace=False)


def test_what_does_not_depend_on_inputs_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.jit.trace(lambda x: x * int(torch.tensor(3)) + float(torch.ones(2).sum()), torch.ones(2))


def test_a_trace_that_differs_warns() -> None:
    count = [0]

    def f(x):
        count[0] += 1
        return x * count[0]

    with pytest.warns(torch.jit.TracerWarning, match="does not match"):
        torch.jit.trace(f, torch.ones(2))


def test_backward_in_a_trace_is_refused() -> None:
    w = torch.ones(2, requires_grad=True)

    def f(x):
        (x * w).sum().backward()
        return x

    with pytest.raises(NotImplementedError, match="backward"):
        torch.jit.trace(f, torch.ones(2))
    torch.jit.trace(lambda x: x + 1, torch.ones(2))  # the recording has ended


def test_random_operations_are_run_anew() -> None:
    traced = torch.jit.trace(lambda x: F.dropout(x, 0.5), torch.ones(64))
    torch.manual_seed(3)
    a, b = traced(torch.ones(64)), traced(torch.ones(64))
    torch.manual_seed(3)
    same(a, F.dropout(torch.ones(64), 0.5))
    assert not torch.equal(a, b)


def test_listing() -> None:
    traced = torch.jit.trace(Mlp().eval(), torch.randn(2, 3, 4))
    assert "parameter layers.0.weight" in str(traced.graph) and "linear" in str(traced.graph)
    assert "def forward(self, x" in traced.code and "self.layers.3.bias" in traced.code
    assert "original_name=Mlp" in repr(traced)


def test_freeze() -> None:
    model = Cnn().eval()
    x = torch.randn(2, 1, 10, 10)
    frozen = torch.jit.freeze(torch.jit.trace(model, x))
    assert not list(frozen.parameters())
    with torch.no_grad():
        same(frozen(x), model(x))
    loaded = torch.jit.load(io.BytesIO(frozen.save_to_buffer()))
    with torch.no_grad():
        same(loaded(x), model(x))
    with pytest.raises(RuntimeError, match="training mode"):
        torch.jit.freeze(torch.jit.trace(Mlp().train(), torch.randn(2, 3, 4)))


def test_extra_files() -> None:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.relu, torch.ones(2)), buffer, _extra_files={"note": "hello", "raw": b"\0\1"})
    found = {"note": "", "raw": ""}
    torch.jit.load(io.BytesIO(buffer.getvalue()), _extra_files=found)
    assert found == {"note": "hello", "raw": "\0\1"}


def test_modules_copy_and_pickle() -> None:
    import pickle

    traced = torch.jit.trace(Mlp().eval(), torch.randn(2, 3, 4))
    x = torch.randn(2, 3, 4)
    for other in (copy.deepcopy(traced), pickle.loads(pickle.dumps(traced))):
        same(other(x), traced(x))


# ---- files


def a_file() -> bytes:
    return torch.jit.trace(Mlp().eval(), torch.randn(2, 3, 4)).save_to_buffer()


def load(data: bytes):
    return torch.jit.load(io.BytesIO(data))


def test_damaged_files_are_refused() -> None:
    data = a_file()
    load(data)
    with pytest.raises(RuntimeError, match="not a graph file"):
        load(b"PK\3\4" + data)
    with pytest.raises(RuntimeError, match="newer"):
        load(data[:8] + struct.pack("<I", 7) + data[12:])
    with pytest.raises(RuntimeError, match="truncated"):
        load(data[:-1])
    with pytest.raises(RuntimeError, match="do not agree"):
        load(data + b"\0")
    for at in (20, 60, 200, len(data) // 2, len(data) - 3):
        with pytest.raises(RuntimeError, match="damaged|do not agree"):
            load(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
    for n in range(0, len(data), 97):
        with pytest.raises(RuntimeError):
            load(data[:n])


def test_a_file_that_is_not_there(tmp_path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        torch.jit.load(tmp_path / "nothing.rlg")
    with pytest.raises(RuntimeError, match="expected what torch.jit.trace gives"):
        torch.jit.save(Mlp(), tmp_path / "model.rlg")


def test_what_cannot_be_saved_is_named() -> None:
    generator = torch.Generator()
    traced = torch.jit.trace(
        lambda x: x + torch.empty(2).uniform_(generator=generator), torch.ones(2), check_trace=False
    )
    with pytest.raises((NotImplementedError, RuntimeError), match="uniform_"):
        traced.save_to_buffer()


# ---- script


def test_script_of_functions_and_modules() -> None:
    @torch.jit.script
    def f(x: torch.Tensor, n: int = 2) -> torch.Tensor:
        if x.sum() > 0:
            return x * n
        return x

    same(f(torch.ones(2)), torch.full((2,), 2.0))
    assert f.__name__ == "f" and "x.sum()" in f.code
    with pytest.raises(NotImplementedError, match="trace"):
        f.save("f.pt")
    with pytest.raises(NotImplementedError, match="torch.jit.trace"):
        torch.jit.script(Mlp())
    traced = torch.jit.trace(Mlp().eval(), torch.randn(2, 3, 4))
    assert torch.jit.script(traced) is traced
    assert not torch.jit.is_scripting() and not torch.jit.is_tracing()
    seen = []
    torch.jit.trace(lambda x: (seen.append(torch.jit.is_tracing()), x + 1)[1], torch.ones(1), check_trace=False)
    assert seen == [True]


# ---- compile


def chain(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    z = torch.tanh(x * 2 + y)
    z = torch.sigmoid(z) * y - x.abs()
    return (z.exp() + 1).log() / (y * y + 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shapes", [((7, 300), (7, 300)), ((5000,), (5000,)), ((3, 200), (200,)), ((4, 5), (4, 1)), ((6, 8), ())])
def test_fused_chains_have_the_same_bits(dtype: torch.dtype, shapes) -> None:
    compiled = torch.compile(chain)
    x, y = (torch.randn(s, dtype=dtype) for s in shapes)
    for _ in range(3):
        same(compiled(x, y), chain(x, y))
    turned = torch.randn(shapes[0][::-1], dtype=dtype).t() if len(shapes[0]) == 2 else x.flip(0)
    for _ in range(3):
        same(compiled(turned, y), chain(turned, y))
    calls, plan = next(iter(compiled._function.records.values()))[0].graph.counts()
    assert plan is not None and plan[0] < calls


@pytest.mark.parametrize("shapes", [((7, 300), (7, 300)), ((3, 200), (200,)), ((6, 8), ())])
def test_gradients_through_fused_chains(shapes) -> None:
    compiled = torch.compile(chain)
    for _ in range(3):
        x, y = (torch.randn(s, requires_grad=True) for s in shapes)
        for f in (chain, compiled):
            g = torch.autograd.grad(f(x, y).square().sum(), (x, y))
            torch.testing.assert_close(g, torch.autograd.grad(chain(x, y).square().sum(), (x, y)), rtol=1e-5, atol=1e-5)
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    y = torch.randn(4, dtype=torch.float64, requires_grad=True)
    compiled(x, y)
    assert torch.autograd.gradcheck(compiled, (x, y))
    assert torch.autograd.gradgradcheck(compiled, (x, y))


def test_a_compiled_module_trains_as_the_module_does() -> None:
    plain = Cnn().train()
    compiled = torch.compile(copy.deepcopy(plain))
    assert list(compiled.state_dict()) == ["_orig_mod." + k for k in plain.state_dict()]
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (plain, compiled)]
    for _ in range(4):
        x, y = torch.randn(4, 1, 10, 10), torch.randint(0, 10, (4,))
        state = torch.get_rng_state()
        losses = []
        for model, optimizer in zip((plain, compiled), optimizers):
            torch.set_rng_state(state)
            optimizer.zero_grad()
            loss = F.nll_loss(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for a, b in zip(plain.state_dict().values(), compiled.state_dict().values()):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    plain.eval(), compiled.eval()
    same_close = torch.testing.assert_close
    same_close(compiled(x), plain(x), rtol=1e-4, atol=1e-5)
    assert compiled._function.as_it_is is None and len(compiled._function.records) == 1 or True
    assert sum(map(len, compiled._function.records.values())) == 2  # training and not


def records(f) -> int:
    return sum(map(len, f._function.records.values()))


def test_guards_name_what_changed(capsys) -> None:
    @torch.compile
    def f(x, n=1):
        return x * n + 1

    torch._logging.set_logs(recompiles=True)
    try:
        f(torch.ones(3))
        f(torch.ones(3))
        assert records(f) == 1 and capsys.readouterr().err == ""
        for args, text in [
            ((torch.ones(4),), "tensor 'x' size mismatch at index 0. expected 3, actual 4"),
            ((torch.ones(3, dtype=torch.float64),), "tensor 'x': expected torch.float32, got torch.float64"),
            ((torch.ones(3, requires_grad=True),), "requires_grad"),
            ((torch.ones(3, 3),), "dimensions"),
            ((torch.ones(3), 2), "arguments"),
        ]:
            f(*args)
            assert text in capsys.readouterr().err, text
        with torch.no_grad():
            f(torch.ones(3))
        assert "grad mode" in capsys.readouterr().err
    finally:
        torch._logging.set_logs()


SCALE = 2.0
WEIGHT = torch.ones(3)


def test_globals_closures_and_attributes_are_guarded() -> None:
    global SCALE, WEIGHT
    bias = torch.zeros(3)

    @torch.compile
    def f(x):
        return x * SCALE * WEIGHT + bias

    x = torch.ones(3)
    same(f(x), x * 2)
    SCALE = 3.0
    same(f(x), x * 3)
    WEIGHT = torch.full((3,), 2.0)
    same(f(x), x * 6)
    bias = bias + 1
    same(f(x), x * 6 + 1)
    SCALE, WEIGHT = 2.0, torch.ones(3)

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.by, self.weight = 2.0, nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x * self.by * self.weight

    m = torch.compile(Scaled())
    same(m(x), x * 2)
    m._orig_mod.by = 5.0
    same(m(x), x * 5)
    m._orig_mod.weight = nn.Parameter(torch.full((3,), 2.0))
    same(m(x), x * 10)
    m.double()
    assert m(x).dtype == torch.float64


def breaks() -> list:
    counter = [0]

    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return x * self.calls

    class Hooked(nn.Linear):
        pass

    hooked = Hooked(3, 3)
    hooked.register_forward_hook(lambda *_: counter.append(1))
    return [
        (lambda x: x * 2 if x.sum() > 0 else x, "boolean"),
        (lambda x: x * x.sum().item(), "number"),
        (lambda x: [print(end=""), x + 1][1], None),
        (lambda x: [print("hello"), x + 1][1], "prints"),
        (lambda x: x * random.random(), "random"),
        (Counts(), "calls"),
        (hooked, "hooks"),
        (lambda x: [(x * x.clone().requires_grad_()).sum().backward(), x][1], "backward|requires_grad"),
    ]


@pytest.mark.parametrize("case", range(8))
def test_what_no_graph_shows_runs_as_it_is(case: int) -> None:
    f, text = breaks()[case]
    compiled = torch.compile(f)
    state, x = random.getstate(), torch.tensor([1.0, 2.0, 3.0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first = [compiled(x), compiled(x), compiled(-x)]
    if text is None:
        assert not caught
        return
    (warning,) = caught
    import re

    assert re.search(text, str(warning.message)) and "runs as it is" in str(warning.message)
    random.setstate(state)
    f, _ = breaks()[case]
    if text != "hooks":
        for a, b in zip(first, [f(x), f(x), f(-x)]):
            same(a.detach(), b.detach())
    with pytest.raises(RuntimeError, match="fullgraph"):
        torch.compile(breaks()[case][0], fullgraph=True)(x)


def test_the_number_of_records_is_bounded() -> None:
    @torch.compile
    def f(x):
        return x + 1

    for n in range(1, 9):
        f(torch.ones(n))
    assert records(f) == 8
    with pytest.warns(UserWarning, match="recompile_limit"):
        f(torch.ones(9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(1, 20):
            same(f(torch.ones(n)), torch.full((n,), 2.0))


def test_results_that_are_inputs_and_structures() -> None:
    @torch.compile
    def f(x, parts):
        parts["a"].add_(1)
        return x, {"b": [parts["a"], x * 2]}, 7

    for _ in range(3):
        x, a = torch.ones(2), torch.zeros(2)
        out = f(x, {"a": a})
        assert out[0] is x and out[1]["b"][0] is a and out[2] == 7
        same(a, torch.ones(2))
        same(out[1]["b"][1], x * 2)


def test_random_numbers_in_records() -> None:
    @torch.compile
    def f(x):
        return F.dropout(x, 0.5, training=True) + torch.randn(x.shape)

    f(torch.ones(32))
    torch.manual_seed(5)
    a, b = f(torch.ones(32)), f(torch.ones(32))
    torch.manual_seed(5)
    same(a, F.dropout(torch.ones(32), 0.5) + torch.randn(32))
    assert not torch.equal(a, b)


def test_options() -> None:
    f = torch.compile(mode="max-autotune", dynamic=True, backend="inductor")(lambda x: x + 1)
    same(f(torch.ones(2)), torch.full((2,), 2.0))
    with pytest.raises(RuntimeError, match="Invalid backend"):
        torch.compile(lambda x: x, backend="nothing")
    with pytest.raises(RuntimeError, match="Unrecognized mode"):
        torch.compile(lambda x: x, mode="nothing")
    with pytest.raises(NotImplementedError, match="backend"):
        torch.compile(lambda x: x, backend=lambda graph, inputs: graph)
    with pytest.raises(TypeError):
        torch.compile(3)
    function = lambda x: x  # noqa: E731
    assert torch.compile(function, disable=True) is function
    seen = []
    g = torch.compile(lambda x: (seen.append(torch.compiler.is_compiling()), x + 1)[1])
    g(torch.ones(1))
    assert seen == [True]
    h = torch.compile(lambda x: x + 1)
    h(torch.ones(1))
    with torch.compiler.set_stance("fail_on_recompile"), pytest.raises(RuntimeError, match="recorded again"):
        h(torch.ones(2))
    with torch.compiler.set_stance("force_eager"):
        h(torch.ones(5))
    assert records(h) == 1


def test_nested_compilation_is_one_record() -> None:
    inner = torch.compile(lambda x: x.sin() + 1)
    outer = torch.compile(lambda x: inner(x).cos())
    x = torch.randn(5)
    for _ in range(3):
        same(outer(x), (x.sin() + 1).cos())
    assert records(outer) == 1 and records(inner) == 0


def test_exceptions_end_the_recording() -> None:
    @torch.compile
    def f(x, bad):
        y = x + 1
        if bad:
            raise KeyError("bad")
        return y

    with pytest.raises(KeyError):
        f(torch.ones(2), True)
    same(f(torch.ones(2), False), torch.full((2,), 2.0))
    same(f(torch.ones(2), False), torch.full((2,), 2.0))
