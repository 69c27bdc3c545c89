"""Random numbers: the streams are PyTorch's. Expected numbers were recorded from PyTorch 2.15 on the CPU, seed 2024."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

import rushlight as torch

RECORDED: list[tuple[Callable[[], torch.Tensor], list[float]]] = [
    (lambda: torch.rand(3), [0.53171587, 0.831267953, 0.971837997]),
    (lambda: torch.rand(700), [0.53171587, 0.831267953, 0.174217165, 0.889489055, 0.923286378]),
    (
        lambda: torch.rand(20, dtype=torch.float64),
        [0.25372732026738665, 0.7747043317543358, 0.13103443739740228, 0.5169622864413601, 0.8499905477513147],
    ),
    (
        lambda: torch.rand(20, dtype=torch.float16),
        [0.53173828125, 0.8310546875, 0.152099609375, 0.763671875, 0.6103515625],
    ),
    (lambda: torch.rand(20, dtype=torch.bfloat16), [0.53125, 0.83203125, 0.15234375, 0.765625, 0.609375]),
    (lambda: torch.rand(5, dtype=torch.complex64), [0.53171587, 0.831267953, 0.349458933, 0.484850466, 0.749214113]),
    (lambda: torch.randn(5), [-0.0404291674, 1.72599208, -0.814038754, 1.37216663, 0.505964816]),
    (lambda: torch.randn(15), [-0.0404291674, 1.72599208, 0.668079793, -1.46682966, -0.679755867]),
    (lambda: torch.randn(16), [-1.22623551, -0.00931481924, 0.117075898, -0.30989635, 0.77411288]),
    (lambda: torch.randn(700), [-1.22623551, -0.00931481924, 1.39633203, -0.43156594, -1.65153599]),
    (
        lambda: torch.randn(20, dtype=torch.float64),
        [-0.7040247420378066, 1.3312587303505539, -0.5623545560726311, 0.04507601383200726, 0.20810610781446798],
    ),
    (
        lambda: torch.randn(21, dtype=torch.float16),
        [-1.2265625, -0.00931549072265625, 1.9775390625, 1.4150390625, 0.63427734375],
    ),
    (lambda: torch.randn(21, dtype=torch.bfloat16), [-1.2265625, -0.00933837890625, 1.9765625, 1.4140625, 0.6328125]),
    (
        lambda: torch.randn(20, dtype=torch.complex128),
        [-0.49782066921804285, 0.9413420757446701, 0.1505010829488001, -1.4675931814984764, 0.7398290539086348],
    ),
    (lambda: torch.randint(10, (20,)), [2, 0, 7, 1, 0]),
    (
        lambda: torch.randint(-5, 1 << 40, (20,)),
        [587318175071, 415431110281, 477308664829, 1050032941939, 134702317661],
    ),
    (lambda: torch.randint(0, 100, (20,), dtype=torch.uint8), [12, 50, 77, 21, 90]),
    (lambda: torch.randint(0, 100, (20,), dtype=torch.float32), [12.0, 50.0, 77.0, 21.0, 90.0]),
    (lambda: torch.randperm(20), [12, 4, 17, 16, 11]),
    (lambda: torch.randperm(1000), [112, 255, 899, 625, 458]),
    (lambda: torch.randperm(20, dtype=torch.int32), [12, 4, 17, 16, 11]),
    (lambda: torch.normal(0.5, 1.3, (20,)), [-1.09410608, 0.48789075, 0.170479432, -0.342536569, 1.34891868]),
    (lambda: torch.normal(torch.arange(20.0), 1.3), [-1.59410608, 0.98789072, 9.67047977, 17.1574631, 19.8489189]),
    (lambda: torch.normal(0.3, torch.arange(20.0)), [0.300000012, 0.290685207, -2.23477364, -11.3658915, 12.7072744]),
    (
        lambda: torch.normal(torch.arange(20.0), torch.arange(20.0)),
        [0.0, 0.990685165, 7.46522617, 6.33410835, 31.4072742],
    ),
    (lambda: torch.empty(20).uniform_(-0.3, 1.7), [0.763431728, 1.36253595, 0.00419169664, 1.22746396, 0.920233667]),
    (
        lambda: torch.empty(20, dtype=torch.float16).uniform_(-0.3, 1.7),
        [0.763671875, 1.3623046875, 0.004192352294921875, 1.2275390625, 0.92041015625],
    ),
    (lambda: torch.empty(20).normal_(0.3, 1.7), [-1.78460038, 0.284164816, -0.130911514, -0.801778674, 1.41012454]),
    (lambda: torch.empty(4, 5).t().uniform_(), [0.53171587, 0.349458933, 0.173475444, 0.926532865, 0.610116839]),
    (lambda: torch.empty(4, 5).t().normal_(), [-0.0404291674, -0.482337385, 0.630606234, -0.679755867, -0.207203448]),
    (lambda: torch.empty(4, 10)[:, ::2].normal_(), [-0.0404291674, 1.72599208, 0.598607421, -1.93679655, -0.207203448]),
    (
        lambda: torch.empty(2, 3, 4).permute(1, 2, 0).exponential_(),
        [0.29266423, 1.68535054, 0.490702689, 0.387702525, 0.966042995],
    ),
    (lambda: torch.empty(20).exponential_(1.7), [0.172155425, 0.876671553, 0.0826186985, 0.428035617, 1.11591589]),
    (
        lambda: torch.empty(20, dtype=torch.float64).exponential_(1.7),
        [0.172155425373911, 0.8766715637263469, 0.08261869603982097, 0.42803561557403025, 1.1159158658117687],
    ),
    (lambda: torch.empty(20).geometric_(0.2), [7.0, 2.0, 10.0, 3.0, 1.0]),
    (lambda: torch.empty(20, dtype=torch.int64).geometric_(0.2), [7, 2, 10, 3, 1]),
    (lambda: torch.empty(20).cauchy_(0.2, 1.5), [-1.26527584, 1.95297456, -3.23561978, 0.280008644, 3.14369965]),
    (lambda: torch.empty(20).log_normal_(0.2, 0.5), [1.19696045, 2.89503169, 1.64757371, 0.46375528, 1.1011976]),
    (lambda: torch.empty(20).random_(), [8920562.0, 13946169.0, 2551718.0, 12813183.0, 10236054.0]),
    (
        lambda: torch.empty(20, dtype=torch.int64).random_(),
        [1623581238383398394, 3672908012959206016, 352461024221769975, 3139161722971029034, 4349126075013400673],
    ),
    (lambda: torch.empty(20, dtype=torch.int8).random_(), [8, 122, 65, 113, 30]),
    (
        lambda: torch.empty(20, dtype=torch.int64).random_(-(2**63), None),
        [-7599790798471377414, -5550464023895569792, 352461024221769975, -6084210313883746774, -4874245961841375135],
    ),
    (lambda: torch.empty(20, dtype=torch.int32).random_(100), [12, 50, 77, 21, 90]),
    (lambda: torch.empty(20, dtype=torch.float16).random_(-7, 2000), [676.0, 922.0, 1759.0, 464.0, 1965.0]),
    (lambda: torch.empty(20).bernoulli_(0.3), [1.0, 0.0, 1.0, 0.0, 0.0]),
    (lambda: torch.empty(20).bernoulli_(torch.arange(20.0) / 20), [0.0, 0.0, 1.0, 1.0, 1.0]),
    (
        lambda: torch.empty(4, 5).t().bernoulli_(torch.arange(20.0, dtype=torch.float64).reshape(5, 4) / 20),
        [0.0, 0.0, 0.0, 1.0, 1.0],
    ),
    (lambda: torch.bernoulli(torch.arange(20.0) / 20), [0.0, 0.0, 1.0, 1.0, 1.0]),
    (lambda: torch.bernoulli(torch.ones(20), 0.4), [1.0, 0.0, 1.0, 0.0, 0.0]),
    (lambda: torch.multinomial(torch.arange(20.0), 6), [9, 10, 11, 18, 17]),
    (lambda: torch.multinomial(torch.arange(20.0), 1), [9]),
    (lambda: torch.multinomial(torch.arange(20.0), 40, replacement=True), [10, 17, 12, 15, 12]),
    (lambda: torch.multinomial(torch.arange(20.0).reshape(4, 5), 3), [2, 3, 0, 3, 2]),
    (lambda: torch.poisson(torch.arange(20.0) * 3), [0.0, 3.0, 32.0, 58.0, 57.0]),
    (lambda: torch.binomial(torch.arange(20.0) * 5, torch.arange(20.0) / 20), [0.0, 0.0, 26.0, 82.0, 88.0]),
    (
        lambda: torch._standard_gamma(torch.arange(1.0, 21.0) / 3),
        [0.476425707, 0.0230071023, 6.3210001, 4.46930599, 4.76597881],
    ),
    (
        lambda: torch._standard_gamma(torch.arange(1.0, 21.0, dtype=torch.float64) / 3),
        [0.4764257094389097, 0.023007100701610838, 6.320999742264323, 4.469305798136857, 4.765979115671964],
    ),
    (
        lambda: torch._sample_dirichlet(torch.arange(1.0, 21.0).reshape(4, 5) / 3),
        [0.101642042, 0.00490840198, 0.268136829, 0.186733082, 0.199128449],
    ),
    (lambda: torch.dropout(torch.arange(20.0), 0.3, True), [0.0, 0.0, 14.2857151, 25.7142868, 0.0]),
    (lambda: torch.dropout(torch.arange(20.0).reshape(4, 5).t(), 0.3, True), [0.0, 7.14285755, 0.0, 20.0, 0.0]),
    (lambda: torch.dropout(torch.arange(20.0).half(), 0.77, True), [0.0, 0.0, 43.46875, 0.0, 0.0]),
    (lambda: torch.native_dropout(torch.arange(20.0), 0.3, True)[1], [True, False, True, True, False]),
    (
        lambda: torch.alpha_dropout(torch.arange(20.0), 0.3, True),
        [0.454092056, -1.05954826, 9.06361771, 15.9512386, -1.05954826],
    ),
    (
        lambda: torch.feature_dropout(torch.arange(24.0).reshape(3, 4, 2), 0.3, True),
        [0.0, 1.42857146, 17.1428566, 31.4285717, 32.8571434],
    ),
    (
        lambda: torch.feature_alpha_dropout(torch.arange(24.0).reshape(3, 4, 2), 0.3, True),
        [0.454092056, 1.31504464, 10.7855234, 19.39505, 20.2560024],
    ),
    (lambda: torch.rand_like(torch.empty(4, 5).t()), [0.53171587, 0.349458933, 0.173475444, 0.926532865, 0.610116839]),
    (
        lambda: torch.randn_like(torch.empty(4, 5).t()),
        [-0.0404291674, -0.482337385, 0.630606234, -0.679755867, -0.207203448],
    ),
    (lambda: torch.randint_like(torch.empty(20), 3, 10), [9.0, 3.0, 9.0, 5.0, 8.0]),
]


def picks(x: torch.Tensor) -> torch.Tensor:
    """The first two elements, the middle one and the last two; all of a few."""
    x = (torch.view_as_real(x) if x.is_complex() else x).reshape(-1)
    n = x.numel()
    return x if n <= 3 else x[torch.tensor([0, 1, n // 2, n - 2, n - 1])]


@pytest.mark.parametrize(("draw", "expected"), RECORDED, ids=range(len(RECORDED)))
def test_draws_as_pytorch(draw: Callable[[], torch.Tensor], expected: list[float]) -> None:
    torch.manual_seed(2024)
    got = picks(draw())
    assert got.tolist() == torch.tensor(expected, dtype=got.dtype).tolist()


def test_seeds_and_states() -> None:
    g = torch.Generator()
    assert g.initial_seed() == 67280421310721 and g.device == torch.device("cpu")
    assert g.manual_seed(-5) is g and g.initial_seed() == 2**64 - 5
    # The twister is seeded by 32 bits.
    assert torch.rand(1, generator=g.manual_seed(7)).equal(
        torch.rand(1, generator=torch.Generator().manual_seed(2**40 + 7))
    )
    torch.randn(3, generator=g)
    state = g.get_state()
    assert state.dtype == torch.uint8 and state.shape == (5056,)
    after = torch.randn(40, generator=g)
    g.set_state(state)
    assert torch.randn(40, generator=g).equal(after)
    other = g.clone_state()
    assert torch.rand(5, generator=other).equal(torch.rand(5, generator=g))
    for twin in (copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        assert twin.get_state().equal(g.get_state()) and twin.initial_seed() == g.initial_seed()
    first, second = g.seed(), g.seed()
    assert first != second and g.initial_seed() == second


def test_bad_states_and_seeds() -> None:
    g = torch.Generator()
    with pytest.raises(RuntimeError, match="5056 bytes"):
        g.set_state(torch.zeros(10, dtype=torch.uint8))
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        g.set_state(torch.zeros(5056, dtype=torch.uint8))
    with pytest.raises(TypeError, match="ByteTensor"):
        g.set_state(torch.zeros(5056))
    with pytest.raises(RuntimeError, match="expected a long"):
        g.manual_seed(1.5)
    with pytest.raises(ValueError, match="Overflow"):
        g.manual_seed(2**64)
    with pytest.raises(TypeError, match="generator"):
        torch.rand(3, generator=3)


def test_the_default_generator() -> None:
    assert torch.manual_seed(3) is torch.default_generator and torch.initial_seed() == 3
    state = torch.get_rng_state()
    a = torch.rand(3)
    with torch.random.fork_rng():
        torch.rand(10)
    b = torch.rand(3)
    torch.set_rng_state(state)
    assert torch.rand(6).equal(torch.cat([a, b]))


REFUSED = [
    (lambda: torch.empty(3).uniform_(2, 1), RuntimeError, "from=2 > to=1"),
    (lambda: torch.empty(3).uniform_(0, 1e39), RuntimeError, "out of bounds"),
    (lambda: torch.empty(3).normal_(0, -1), RuntimeError, "std >= 0.0"),
    (lambda: torch.normal(torch.ones(3), -torch.ones(3)), RuntimeError, "all elements of std >= 0.0"),
    (lambda: torch.empty(3).exponential_(-1), RuntimeError, "lambda > 0.0"),
    (lambda: torch.empty(3).geometric_(0), RuntimeError, r"\(0, 1\)"),
    (lambda: torch.empty(3).cauchy_(0, 0), RuntimeError, "sigma > 0.0"),
    (lambda: torch.empty(3).log_normal_(0, 0), RuntimeError, "std > 0.0"),
    (lambda: torch.empty(3).bernoulli_(2), RuntimeError, "p to be in"),
    (lambda: torch.bernoulli(torch.tensor([2.0])), RuntimeError, "p_in >= 0"),
    (lambda: torch.randint(5, 5, (2,)), RuntimeError, "less than"),
    (lambda: torch.randint(0, 300, (2,), dtype=torch.uint8), RuntimeError, "out of bounds"),
    (lambda: torch.empty(3, dtype=torch.bool).random_(0, 3), RuntimeError, "out of bounds"),
    (lambda: torch.rand(3, dtype=torch.int64), NotImplementedError, "integer dtype"),
    (lambda: torch.rand_like(torch.ones(3, dtype=torch.int64)), NotImplementedError, "integer dtype"),
    (lambda: torch.randperm(-1), RuntimeError, "negative dimension"),
    (lambda: torch.randperm(5000, dtype=torch.float16), RuntimeError, "greater than"),
    (lambda: torch.multinomial(torch.tensor([-1.0, 2.0]), 1), RuntimeError, "element < 0"),
    (lambda: torch.multinomial(torch.zeros(2), 1), RuntimeError, "sum of probabilities <= 0"),
    (lambda: torch.multinomial(torch.ones(2), 3), RuntimeError, "without replacement"),
    (lambda: torch.multinomial(torch.ones(2), 0), RuntimeError, "n_sample <= 0"),
    (lambda: torch.multinomial(torch.ones(2, 2, 2), 1), RuntimeError, "1 or 2 dim"),
    (lambda: torch.poisson(torch.tensor([-1.0])), RuntimeError, "non-negative"),
    (lambda: torch.dropout(torch.ones(3), 1.5, True), RuntimeError, "between 0 and 1"),
    (lambda: torch.feature_dropout(torch.ones(3), 0.5, True), RuntimeError, "at least 2 dimensions"),
    (lambda: torch.ones(3, requires_grad=True).uniform_(), RuntimeError, "leaf Variable"),
    (lambda: torch.ones(1).expand(3).uniform_(), RuntimeError, "single memory location"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED, ids=range(len(REFUSED)))
def test_wrong_requests(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_options_and_out() -> None:
    x = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    assert x.requires_grad and x.dtype == torch.float64
    out = torch.empty(0)
    assert torch.manual_seed(1) and torch.rand(2, 3, out=out) is out and out.shape == (2, 3)
    torch.manual_seed(1)
    assert torch.rand(2, 3).equal(out)
    assert torch.randint(5, (3,)).dtype == torch.int64
    assert torch.randint(5, (3,), out=torch.empty(0, dtype=torch.int32)).dtype == torch.int32
    assert torch.rand(()).shape == () and torch.randn(2, 0).shape == (2, 0) and torch.randperm(0).shape == (0,)
    x = torch.empty(3)
    assert x.uniform_() is x


def test_gradients_are_zero_where_pytorch_has_zeros() -> None:
    p = (torch.arange(1.0, 31.0) / 32).requires_grad_()
    for draw in (torch.bernoulli, torch.poisson, lambda x: (2 * x).uniform_(), lambda x: torch.normal(x, 1.0)):
        p.grad = None
        draw(p).sum().backward()
        assert p.grad.equal(torch.zeros(30))


def test_dropout_and_its_gradient() -> None:
    x = torch.arange(1.0, 1001.0).requires_grad_()
    y, mask = torch.native_dropout(x, 0.25, True)
    assert mask.dtype == torch.bool and 650 < mask.sum().item() < 850
    scale = 1 / torch.tensor(0.75)
    assert y.equal(x * (mask * scale))
    y.sum().backward()
    assert x.grad.equal(mask * scale)
    assert torch.dropout(x, 0.5, False) is x and torch.dropout(x, 0.0, True) is x
    assert torch.dropout(x, 1.0, True).equal(torch.zeros(1000))
    z = x.detach().clone()
    torch.manual_seed(4)
    assert torch.dropout_(z, 0.25, True) is z
    torch.manual_seed(4)
    assert torch.dropout(x, 0.25, True).equal(z)


def test_gamma_moves_with_its_shape() -> None:
    """The mean of a gamma number is its shape, so the slope is one on average."""
    torch.manual_seed(1)
    alpha = torch.tensor([0.4, 1.2, 2.5, 7.0, 40.0], dtype=torch.float64).repeat(4000).requires_grad_()
    torch._standard_gamma(alpha).sum().backward()
    slope = alpha.grad.reshape(4000, 5)
    assert min(slope.reshape(-1).tolist()) > 0
    assert max(abs(mean - 1) for mean in (slope.sum(0) / 4000).tolist()) < 0.02


def test_streams_do_not_depend_on_threads() -> None:
    threads = torch.get_num_threads()
    try:
        draws = []
        for n in (1, 4):
            torch.set_num_threads(n)
            torch.manual_seed(5)
            draws.append(torch.randn(200_001))
        assert draws[0].equal(draws[1])
    finally:
        torch.set_num_threads(threads)
