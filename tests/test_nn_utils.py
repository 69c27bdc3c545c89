"""`nn.utils`, `nn.attention`, and the functions that Python puts together."""

from __future__ import annotations

import copy

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import functional as F
from rushlight.nn.utils import parametrizations, parametrize, prune, rnn
from rushlight.nn.utils.stateless import _functional_call


def layer_with_grads() -> nn.Linear:
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.grad = torch.tensor([[3.0, 0.0], [0.0, -4.0]])
    return layer


def test_clip_grad_norm():
    layer = layer_with_grads()
    assert nn.utils.get_total_norm([layer.weight.grad]).item() == 5
    assert nn.utils.clip_grad_norm_(layer.parameters(), 10.0).item() == 5
    assert layer.weight.grad[0, 0].item() == 3  # small enough already
    assert nn.utils.clip_grad_norm_(layer.weight, 1.0, norm_type=float("inf")).item() == 4
    assert torch.allclose(layer.weight.grad, torch.tensor([[0.75, 0.0], [0.0, -1.0]]), atol=1e-5)
    layer.weight.grad[0, 0] = float("nan")
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(layer.parameters(), 1.0, error_if_nonfinite=True)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0


def test_clip_grad_value():
    layer = layer_with_grads()
    nn.utils.clip_grad_value_(layer.parameters(), 2.0)
    assert layer.weight.grad.tolist() == [[2, 0], [0, -2]]


def test_parameters_as_a_vector():
    layer = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (9,) and torch.equal(vector[:6].view(3, 2), layer.weight)
    nn.utils.vector_to_parameters(torch.arange(9.0), layer.parameters())
    assert layer.bias.tolist() == [6, 7, 8]


def test_packed_sequences():
    sequences = [torch.arange(1.0, 3.0), torch.arange(3.0, 7.0), torch.tensor([9.0])]
    padded = rnn.pad_sequence(sequences, batch_first=True, padding_value=-1.0)
    assert padded.tolist() == [[1, 2, -1, -1], [3, 4, 5, 6], [9, -1, -1, -1]]
    assert rnn.pad_sequence(sequences, batch_first=True, padding_side="left")[2].tolist() == [0, 0, 0, 9]
    packed = rnn.pack_sequence(sequences, enforce_sorted=False)
    assert packed.data.tolist() == [3, 1, 9, 4, 2, 5, 6] and packed.batch_sizes.tolist() == [3, 2, 1, 1]
    assert packed.sorted_indices.tolist() == [1, 0, 2] and packed.unsorted_indices.tolist() == [1, 0, 2]
    back, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1.0)
    assert torch.equal(back, padded) and lengths.tolist() == [2, 4, 1]
    assert all(torch.equal(a, b) for a, b in zip(rnn.unpack_sequence(packed), sequences))
    assert packed.to(torch.float64).data.dtype == torch.float64 and isinstance(packed.double(), rnn.PackedSequence)
    with pytest.raises(RuntimeError):
        rnn.pack_sequence(sequences)
    with pytest.raises(ValueError, match="total_length"):
        rnn.pad_packed_sequence(packed, total_length=2)


def test_recurrent_layers_on_packed_input_agree_with_each_sequence():
    for make in (nn.LSTM, nn.GRU, nn.RNN):
        net = make(3, 4, 2, bidirectional=True)
        sequences = [torch.randn(n, 3) for n in (2, 4, 1)]
        out, _ = net(rnn.pack_sequence(sequences, enforce_sorted=False))
        for sequence, result in zip(sequences, rnn.unpack_sequence(out)):
            assert torch.allclose(net(sequence)[0], result, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")
def test_weight_norm_both_forms():
    plain = nn.Linear(3, 4)
    old = nn.utils.weight_norm(copy.deepcopy(plain))
    new = parametrizations.weight_norm(copy.deepcopy(plain))
    x = torch.randn(2, 3)
    assert torch.allclose(old(x), plain(x), atol=1e-6) and torch.allclose(new(x), plain(x), atol=1e-6)
    assert list(old.state_dict()) == ["bias", "weight_g", "weight_v"]
    assert list(new.state_dict()) == ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"]
    new.load_state_dict(old.state_dict())  # reads the old form
    new(x).sum().backward()
    assert new.parametrizations.weight.original0.grad.shape == (4, 1)
    nn.utils.remove_weight_norm(old)
    assert list(old.state_dict()) == ["bias", "weight"] and isinstance(old.weight, nn.Parameter)
    with pytest.raises(ValueError, match="not found"):
        nn.utils.remove_weight_norm(old)


def test_spectral_norm_both_forms():
    for make in (nn.utils.spectral_norm, parametrizations.spectral_norm):
        m = make(nn.Linear(5, 4), n_power_iterations=30)
        m(torch.ones(1, 5)).sum().backward()
        weight = m.weight.detach()
        assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, abs=1e-3)
        m.eval()
        assert torch.equal(m(torch.ones(1, 5)), m(torch.ones(1, 5)))


class Symmetric(nn.Module):
    calls = 0

    def forward(self, x):
        Symmetric.calls += 1
        return x.triu() + x.triu(1).mT

    def right_inverse(self, x):
        return x.triu()


def test_parametrize():
    m = nn.Linear(3, 3)
    parametrize.register_parametrization(m, "weight", Symmetric())
    assert type(m).__name__ == "ParametrizedLinear" and parametrize.is_parametrized(m, "weight")
    assert parametrize.type_before_parametrizations(m) is nn.Linear
    assert torch.equal(m.weight, m.weight.mT) and "weight" not in m._parameters
    m(torch.ones(1, 3)).sum().backward()
    assert m.parametrizations.weight.original.grad is not None
    value = torch.tensor([[1.0, 2, 3], [2, 4, 5], [3, 5, 6]])
    m.weight = value
    assert torch.equal(m.weight, value) and m.parametrizations.weight.original[1, 0] == 0
    before = Symmetric.calls
    with parametrize.cached():
        m.weight, m.weight
    assert Symmetric.calls == before + 1
    other = copy.deepcopy(m)
    other.weight = torch.eye(3)
    assert torch.equal(m.weight, value) and torch.equal(other.weight, torch.eye(3))
    parametrize.remove_parametrizations(m, "weight")
    assert type(m) is nn.Linear and torch.equal(m.weight, value) and "weight" in m._parameters
    with pytest.raises(ValueError, match="does not have a parameter"):
        parametrize.register_parametrization(m, "nothing", Symmetric())
    with pytest.raises(RuntimeError, match="state_dict"):
        copy.copy(other).__reduce_ex__(2)


@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
def test_orthogonal(kind):
    for size in ((4, 4), (3, 5), (5, 3)):
        m = parametrizations.orthogonal(nn.Linear(*size), orthogonal_map=kind)
        w = m.weight if m.weight.shape[0] <= m.weight.shape[1] else m.weight.mT
        assert torch.allclose(w @ w.mT, torch.eye(w.shape[0]), atol=1e-5)


def test_prune():
    m = nn.Linear(4, 4)
    original = m.weight.detach().clone()
    prune.l1_unstructured(m, "weight", amount=0.5)
    assert int((m.weight == 0).sum()) == 8 and sorted(m.state_dict()) == ["bias", "weight_mask", "weight_orig"]
    assert original.abs()[m.weight_mask == 0].max() <= original.abs()[m.weight_mask == 1].min()
    prune.ln_structured(m, "weight", amount=1, n=2, dim=0)
    assert int((m.weight == 0).all(dim=1).sum()) >= 1 and prune.is_pruned(m)
    m(torch.ones(1, 4)).sum().backward()
    assert (m.weight_orig.grad[m.weight_mask == 0] == 0).all()
    prune.remove(m, "weight")
    assert sorted(m.state_dict()) == ["bias", "weight"] and not prune.is_pruned(m)
    with pytest.raises(ValueError, match="amount=1.5"):
        prune.random_unstructured(m, "weight", 1.5)
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    prune.global_unstructured([(net[0], "weight"), (net[1], "weight")], prune.L1Unstructured, amount=10)
    assert int((net[0].weight == 0).sum() + (net[1].weight == 0).sum()) == 10


def test_fusion():
    conv, bn = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
    bn(torch.randn(4, 3, 2, 2))
    with pytest.raises(AssertionError, match="only for eval"):
        nn.utils.fuse_conv_bn_eval(conv, bn)
    conv.eval(), bn.eval()
    x = torch.randn(1, 2, 5, 5)
    assert torch.allclose(nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-5)


def test_functional_call():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = copy.deepcopy(net.state_dict())
    given = {"0.weight": torch.zeros(2, 2), "0.bias": torch.ones(2)}
    assert torch.equal(
        _functional_call(net[0], {"weight": given["0.weight"], "bias": given["0.bias"]}, torch.ones(1, 2)),
        torch.ones(1, 2),
    )
    _functional_call(net.eval(), given, (torch.ones(3, 2),))
    assert all(torch.equal(a, b) for a, b in zip(before.values(), net.state_dict().values()))
    with pytest.raises(RuntimeError, match="Missing key"):
        _functional_call(net, given, (torch.ones(3, 2),), strict=True)
    _functional_call(net, {"nope": torch.ones(1)}, (torch.ones(3, 2),))
    assert not hasattr(net, "nope")


def test_skip_init():
    layer = nn.utils.skip_init(nn.Linear, 5, 1)
    assert layer.weight.shape == (1, 5) and layer.weight.device.type == "cpu" and layer.weight.requires_grad
    with pytest.raises(RuntimeError, match="must support a 'device'"):
        nn.utils.skip_init(nn.ReLU)


def test_causal_biases():
    from rushlight.nn.attention import SDPBackend, sdpa_kernel
    from rushlight.nn.attention.bias import causal_lower_right, causal_upper_left

    assert causal_lower_right(2, 3).tolist() == [[True, True, False], [True, True, True]]
    q, k = torch.randn(1, 2, 3, 4), torch.randn(1, 2, 3, 4)
    with sdpa_kernel([SDPBackend.MATH]):
        a = F.scaled_dot_product_attention(q, k, k, attn_mask=causal_upper_left(3, 3))
    assert torch.allclose(a, F.scaled_dot_product_attention(q, k, k, is_causal=True), atol=1e-6)
    with pytest.raises(AssertionError, match="SDPBackend"):
        with sdpa_kernel([3.5]):
            pass


# ---- functions


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: F.dropout(x, 1.5), ValueError, "between 0 and 1, but got 1.5"),
        (lambda x: F.mse_loss(x, x, reduction="avg"), ValueError, "avg is not a valid value for reduction"),
        (lambda x: F.binary_cross_entropy(x, x[:1]), ValueError, "different to the input size"),
        (lambda x: F.binary_cross_entropy_with_logits(x, x[:1]), ValueError, "must be the same as input size"),
        (lambda x: F.interpolate(x[None], size=3, scale_factor=2), ValueError, "only one of size or scale_factor"),
        (lambda x: F.interpolate(x[None], mode="bilinear", size=3), NotImplementedError, "Got 3D input, but bilinear"),
        (lambda x: F.interpolate(x[None], size=3, align_corners=True), ValueError, "align_corners option"),
        (lambda x: F.batch_norm(x[:1], None, None, training=True), ValueError, "more than 1 value per channel"),
        (lambda x: F.embedding_bag(x.long(), x, torch.zeros(1)), ValueError, "if input is 2D, then offsets"),
        (lambda x: F.grid_sample(x, x, mode="cubic"), ValueError, "expected mode to be"),
        (lambda x: F.multi_margin_loss(x, x[:, 0].long(), p=3), ValueError, "only p == 1 and p == 2"),
        (lambda x: F.triplet_margin_loss(x, x, x, margin=-1.0), ValueError, "margin must be greater than 0"),
        (lambda x: F.local_response_norm(x, 2), ValueError, "3D or higher"),
        (lambda x: F.hardtanh(x, 1.0, -1.0), ValueError, "min_val cannot be greater than max_val"),
        (lambda x: F.gaussian_nll_loss(x, x, -x.abs() - 1), ValueError, "var has negative"),
        (lambda x: F.dropout1d(x[0]), RuntimeError, "Expected 2D or 3D input"),
    ],
)
def test_functions_refuse_bad_arguments(call, kind, message):
    with pytest.raises(kind, match=message):
        call(torch.ones(2, 3))


def test_functions_of_old_arguments_warn():
    x = torch.ones(2, 3)
    with pytest.warns(UserWarning, match="reduction='sum'"):
        assert F.mse_loss(x, x * 3, size_average=False).item() == 24
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        assert torch.allclose(F.softmax(x), torch.full((2, 3), 1 / 3))
    with pytest.warns(UserWarning, match="target size"):
        F.l1_loss(x, x[:1])
    with pytest.warns(UserWarning, match="batchmean"):
        F.kl_div(x.log(), x)


def test_composed_functions():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert torch.allclose(F.normalize(x), torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    assert F.tanhshrink(x)[1].tolist() == [0, 0] and torch.allclose(F.softsign(x)[0], torch.tensor([0.75, 0.8]))
    torch.manual_seed(0)
    hard = F.gumbel_softmax(torch.zeros(5, 4), hard=True)
    assert hard.sum(-1).tolist() == [1] * 5 and set(hard.flatten().tolist()) == {0.0, 1.0}
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    loss = F.triplet_margin_with_distance_loss(a, b, -a, distance_function=lambda p, q: (p - q).abs().sum(-1))
    expected = ((a - b).abs().sum(-1) - (2 * a).abs().sum(-1) + 1).clamp(min=0).mean()
    assert torch.allclose(loss, expected)


def test_attention_forms_agree():
    torch.manual_seed(0)
    m = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    x = torch.randn(2, 5, 8)
    out, weights = m(x, x, x)
    fast, none = m(x, x, x, need_weights=False)
    assert none is None and torch.allclose(out, fast, atol=1e-5) and weights.shape == (2, 5, 5)
    assert torch.allclose(weights.sum(-1), torch.ones(2, 5), atol=1e-5)
    alone, w = m(x[0], x[0], x[0])
    assert torch.allclose(alone, out[0], atol=1e-5) and w.shape == (5, 5)
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[:, 3:] = True
    _, w = m(x, x, x, key_padding_mask=mask)
    assert w[:, :, 3:].abs().max() == 0
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    assert torch.allclose(
        m(x, x, x, attn_mask=causal)[0], m(x, x, x, attn_mask=causal, is_causal=True, need_weights=False)[0], atol=1e-5
    )
    with pytest.raises(AssertionError, match="For batched"):
        m(x, x[0], x[0])
    with pytest.raises(RuntimeError, match="2D attn_mask"):
        m(x, x, x, attn_mask=torch.zeros(3, 3))


def test_names_are_all_there():
    for name in nn.__all__:
        assert getattr(nn, name) is not None
    for name in nn.init.__all__:
        assert callable(getattr(nn.init, name))
    with pytest.raises(AttributeError, match="has no attribute 'Linaer'"):
        nn.Linaer
    with pytest.raises(NotImplementedError, match="quantization"):
        nn.quantized
