"""`nn.init` and the first values of layers: from the same seed the same numbers as PyTorch (recorded from it)."""

from __future__ import annotations

import math

import pytest

import rushlight as torch
from rushlight import nn

# the first four elements after torch.manual_seed(7)
LAYERS = [
    ("Linear(3, 2)", "weight", [0.040325, -0.347792, 0.183842, 0.181161]),
    ("Linear(3, 2)", "bias", [-0.338228, 0.149807]),
    ("Conv2d(2, 3, 3)", "weight", [0.016463, -0.141986, 0.075053, 0.073959]),
    ("ConvTranspose1d(2, 3, 3)", "bias", [0.31328, -0.261476, 0.255252]),
    ("Embedding(5, 3)", "weight", [-0.146795, 0.786141, 0.946822, -1.114344]),
    ("LSTM(3, 4)", "weight_hh_l0", [0.236862, -0.46689, -0.408622, 0.399404]),
    ("GRU(3, 4, 2, bidirectional=True)", "bias_hh_l1_reverse", [-0.263316, -0.44112, -0.25964, 0.464925]),
    ("MultiheadAttention(4, 2)", "in_proj_weight", [0.468927, -0.106341, 0.314998, 0.238639]),
    ("MultiheadAttention(4, 2)", "out_proj.weight", [0.034923, -0.301197, 0.159212, 0.15689]),
    ("Bilinear(2, 3, 2)", "weight", [0.049388, -0.425957, 0.225159, 0.221876]),
    (
        "Transformer(4, 2, 1, 1, 8)",
        "decoder.layers.0.multihead_attn.in_proj_weight",
        [0.304367, -0.054568, 0.573873, -0.138543],
    ),
    ("RNNCell(2, 3)", "weight_ih", [0.040325, -0.347792, 0.183842, 0.181161]),
]
# of torch.empty(5, 4) after torch.manual_seed(7)
FUNCTIONS = [
    ("uniform_", (-1.0, 1.0), [0.069845, -0.602394, 0.318423, 0.313781]),
    ("normal_", (0.5, 2.0), [-1.140269, 1.291262, 2.297817, -2.276808]),
    ("trunc_normal_", (0.0, 1.0, -1.0, 1.0), [-0.820135, 0.395631, 0.898908, -0.60568]),
    ("trunc_normal_", (0.0, 1.0, 3.0, 4.0), [3.36413, 3.198803, 3.362461, 3.221802]),
    ("xavier_uniform_", (2.0,), [0.114057, -0.983705, 0.519983, 0.512402]),
    ("xavier_normal_", (), [-0.386615, 0.186502, 0.42375, -0.6545]),
    ("kaiming_uniform_", (), [0.085542, -0.737779, 0.389987, 0.384301]),
    ("kaiming_normal_", (0.1, "fan_out"), [-0.516124, 0.248977, 0.565698, -0.873746]),
    ("orthogonal_", (), [-0.323341, 0.224892, 0.570474, -0.688928]),
    ("sparse_", (0.3,), [-0.008201, 0.003956, 0.0, -0.013884]),
]


def head(t) -> list[float]:
    return [float(x) for x in t.detach().flatten()[:4]]


@pytest.mark.parametrize(("layer", "name", "expected"), LAYERS)
def test_layers_begin_as_in_pytorch(layer, name, expected):
    torch.manual_seed(7)
    module = eval(f"nn.{layer}", {"nn": nn})
    assert head(module.state_dict()[name]) == pytest.approx(expected, abs=2e-6)


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize(("name", "args", "expected"), FUNCTIONS)
def test_functions_draw_as_in_pytorch(name, args, expected):
    torch.manual_seed(7)
    tensor = torch.empty(5, 4, requires_grad=True)
    assert getattr(nn.init, name)(tensor, *args) is tensor and tensor.grad_fn is None
    assert head(tensor) == pytest.approx(expected, abs=4e-6)


def test_generators_are_used():
    g = torch.Generator().manual_seed(3)
    a = nn.init.kaiming_uniform_(torch.empty(4, 4), generator=g)
    g.manual_seed(3)
    assert torch.equal(a, nn.init.kaiming_uniform_(torch.empty(4, 4), generator=g))


def test_constants():
    assert nn.init.ones_(torch.empty(3)).tolist() == [1, 1, 1] and nn.init.zeros_(torch.empty(2)).tolist() == [0, 0]
    assert nn.init.constant_(torch.empty(2), 2.5).tolist() == [2.5, 2.5]
    assert nn.init.eye_(torch.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    w = nn.init.dirac_(torch.empty(4, 2, 3), groups=2)
    x = torch.randn(1, 4, 5)
    assert torch.allclose(nn.functional.conv1d(x, w, padding=1, groups=2), x)


def test_orthogonal_and_sparse():
    for shape in ((5, 3), (3, 5), (4, 2, 3)):
        q = nn.init.orthogonal_(torch.empty(shape), gain=2.0).reshape(shape[0], -1)
        q = q if shape[0] <= q.shape[1] else q.T
        assert torch.allclose(q @ q.T, 4 * torch.eye(q.shape[0]), atol=1e-5)
    assert (nn.init.sparse_(torch.empty(10, 4), 0.35) == 0).sum(0).tolist() == [4, 4, 4, 4]


def test_trunc_normal_stays_inside_and_has_the_right_spread():
    torch.manual_seed(0)
    t = nn.init.trunc_normal_(torch.empty(20000), mean=0.0, std=0.02, a=-2.0, b=2.0)
    assert abs(t.mean().item()) < 1e-3 and abs(t.std().item() - 0.02) < 1e-3 and t.abs().max() < 0.2
    t = nn.init.trunc_normal_(torch.empty(1000), std=5.0, a=-1.0, b=0.5)
    assert t.min() >= -1 and t.max() <= 0.5


def test_gains():
    gains = {"linear": 1, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75, "leaky_relu": math.sqrt(2 / 1.0001)}
    for name, gain in gains.items():
        assert nn.init.calculate_gain(name) == pytest.approx(gain)
    assert nn.init.calculate_gain("leaky_relu", 1) == 1
    with pytest.raises(ValueError, match="Unsupported nonlinearity gelu"):
        nn.init.calculate_gain("gelu")
    with pytest.raises(ValueError, match="not a valid number"):
        nn.init.calculate_gain("leaky_relu", True)


def test_errors_and_old_names():
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        nn.init.xavier_normal_(torch.empty(3))
    with pytest.raises(ValueError, match="Mode both not supported"):
        nn.init.kaiming_normal_(torch.empty(3, 3), mode="both")
    with pytest.raises(ValueError, match="Only tensors with 2 dimensions"):
        nn.init.eye_(torch.empty(3))
    with pytest.raises(ValueError, match="divisible by groups"):
        nn.init.dirac_(torch.empty(3, 2, 3), groups=2)
    with pytest.warns(FutureWarning, match="nn.init.xavier_uniform_"):
        nn.init.xavier_uniform(torch.empty(2, 2))
    with pytest.warns(UserWarning, match="zero-element"):
        nn.init.kaiming_uniform_(torch.empty(0, 3))
