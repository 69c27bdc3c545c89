"""torch.distributions: densities against their integrals and sums, moments and divergences against draws, transforms
against differentiation, and the random streams against values of PyTorch 2.13."""

from __future__ import annotations

import math
import pickle

import pytest

import rushlight as torch
from rushlight import distributions as D
from rushlight.distributions import constraints, transforms
from rushlight.distributions.kl import _table

f64 = torch.float64


def t(*values):
    return torch.tensor(values, dtype=f64)


CONTINUOUS = {
    "Normal": lambda: D.Normal(t(-1.0, 0.5), t(0.7, 2.0)),
    "Uniform": lambda: D.Uniform(t(-1.0, 0.5), t(0.7, 2.0)),
    "Exponential": lambda: D.Exponential(t(0.7, 2.0)),
    "Gamma": lambda: D.Gamma(t(1.5, 3.0), t(0.7, 2.0)),
    "Chi2": lambda: D.Chi2(t(3.0, 5.0)),
    "InverseGamma": lambda: D.InverseGamma(t(5.0, 6.0), t(0.7, 2.0)),
    "Beta": lambda: D.Beta(t(1.5, 3.0), t(2.5, 2.0)),
    "ContinuousBernoulli": lambda: D.ContinuousBernoulli(t(0.2, 0.7)),
    "Laplace": lambda: D.Laplace(t(-1.0, 0.5), t(0.7, 2.0)),
    "StudentT": lambda: D.StudentT(t(6.0, 9.0), t(-1.0, 0.5), t(0.7, 2.0)),
    "FisherSnedecor": lambda: D.FisherSnedecor(t(4.0, 6.0), t(12.0, 14.0)),
    "LogNormal": lambda: D.LogNormal(t(-1.0, 0.5), t(0.3, 0.4)),
    "HalfNormal": lambda: D.HalfNormal(t(0.7, 2.0)),
    "Gumbel": lambda: D.Gumbel(t(-1.0, 0.5), t(0.7, 2.0)),
    "Pareto": lambda: D.Pareto(t(0.7, 2.0), t(6.0, 7.0)),
    "GeneralizedPareto": lambda: D.GeneralizedPareto(t(-1.0, 0.5), t(0.7, 2.0), t(-0.3, 0.1)),
    "Weibull": lambda: D.Weibull(t(0.7, 2.0), t(1.5, 2.5)),
    "Kumaraswamy": lambda: D.Kumaraswamy(t(1.5, 3.0), t(2.5, 2.0)),
    "Logistic": lambda: D.TransformedDistribution(
        D.Uniform(t(0.0, 0.0), t(1.0, 1.0)), [D.SigmoidTransform().inv, D.AffineTransform(t(-1.0, 0.5), t(0.7, 2.0))]
    ),
    "Mixture": lambda: D.MixtureSameFamily(
        D.Categorical(t(0.2, 0.8)), D.Normal(torch.tensor([[-2.0, 1.0], [0.0, 3.0]], dtype=f64), t(0.5, 1.0))
    ),
}
HEAVY = {  # without moments
    "Cauchy": lambda: D.Cauchy(t(-1.0, 0.5), t(0.7, 2.0)),
    "HalfCauchy": lambda: D.HalfCauchy(t(0.7, 2.0)),
    "VonMises": lambda: D.VonMises(t(-1.0, 0.5), t(0.7, 2.0)),
    "RelaxedBernoulli": lambda: D.RelaxedBernoulli(t(0.7)[0], t(0.2, 0.7)),
}
DISCRETE = {
    "Bernoulli": lambda: D.Bernoulli(t(0.2, 0.7)),
    "BernoulliLogits": lambda: D.Bernoulli(logits=t(-1.0, 2.0)),
    "Geometric": lambda: D.Geometric(t(0.2, 0.7)),
    "Binomial": lambda: D.Binomial(9, t(0.2, 0.7)),
    "NegativeBinomial": lambda: D.NegativeBinomial(t(3.0, 5.0), t(0.3, 0.4)),
    "Poisson": lambda: D.Poisson(t(0.7, 4.0)),
    "Categorical": lambda: D.Categorical(torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]], dtype=f64)),
}


def _grid(d, name):
    """Points over the support, and the width that each stands for, by a map that reaches far into the tails."""
    u = (torch.arange(200_000, dtype=f64) + 0.5) / 200_000
    low = getattr(d.support, "lower_bound", None)
    high = getattr(d.support, "upper_bound", None)
    u = u.unsqueeze(-1).expand(-1, 2)
    if name == "VonMises":
        return -math.pi + 2 * math.pi * u, 2 * math.pi / 200_000 + 0 * u
    inf = high is None or bool(torch.as_tensor(high == math.inf).any())
    if low is None:  # the whole line
        return torch.tan(math.pi * (u - 0.5)), math.pi * (1 + torch.tan(math.pi * (u - 0.5)) ** 2) / 200_000
    if inf:
        return low + u / (1 - u), 1 / (1 - u) ** 2 / 200_000
    return low + u * (high - low), (high - low) / 200_000 + 0 * u


@pytest.mark.parametrize("name", [*CONTINUOUS, *HEAVY])
def test_density_integrates_to_one(name):
    d = {**CONTINUOUS, **HEAVY}[name]()
    if name == "GeneralizedPareto":
        d = D.GeneralizedPareto(t(-1.0, 0.5), t(0.7, 2.0), t(0.3, 0.1))
    if name == "Mixture":
        x = torch.linspace(-60, 60, 400_001, dtype=f64).unsqueeze(-1).expand(-1, 2)
        width = torch.full_like(x, 120 / 400_000)
    else:
        x, width = _grid(d, name)
    total = (d.log_prob(x).exp() * width).sum(0)
    torch.testing.assert_close(total, torch.ones(2, dtype=f64), rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_sum_to_one(name):
    d = DISCRETE[name]()
    if d.has_enumerate_support:
        x = d.enumerate_support()
    else:
        x = torch.arange(200, dtype=f64).unsqueeze(-1).expand(-1, 2)
    torch.testing.assert_close(d.log_prob(x).exp().sum(0), torch.ones(2, dtype=f64), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in [*CONTINUOUS, *DISCRETE] if n != "Logistic"])
def test_draws_have_the_stated_moments(name):
    torch.manual_seed(0)
    d = {**CONTINUOUS, **DISCRETE}[name]()
    x = d.sample((60_000,))
    assert x.shape == (60_000, 2)
    assert bool(d.support.check(x).all())
    if name == "Categorical":
        for k in range(3):
            torch.testing.assert_close((x == k).double().mean(0), d.probs[:, k], rtol=0, atol=0.01)
        return
    spread = d.stddev
    torch.testing.assert_close((x.mean(0) - d.mean) / spread, torch.zeros(2, dtype=f64), rtol=0, atol=0.025)
    torch.testing.assert_close(x.std(0) / spread, torch.ones(2, dtype=f64), rtol=0, atol=0.08)
    try:
        entropy = d.entropy()
    except NotImplementedError:
        return
    torch.testing.assert_close(-d.log_prob(x).mean(0), entropy, rtol=0, atol=0.03)


@pytest.mark.parametrize("name", [*CONTINUOUS, *HEAVY])
def test_cdf_is_the_integral_and_icdf_its_inverse(name):
    torch.manual_seed(0)
    d = {**CONTINUOUS, **HEAVY}[name]()
    x = d.sample((7,)).requires_grad_()
    try:
        y = d.cdf(x)
    except NotImplementedError:
        return
    if name in ("Gamma", "Chi2", "InverseGamma"):  # igamma is differentiable in its second argument
        assert bool(((y > 0) & (y < 1)).all())
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope, d.log_prob(x).exp(), rtol=1e-5, atol=1e-6)
    try:
        back = d.icdf(y)
    except NotImplementedError:
        return
    torch.testing.assert_close(back, x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [n for n, f in CONTINUOUS.items() if f().has_rsample])
def test_reparameterised_draws_have_gradients(name):
    """The gradient of the mean of draws along a parameter is that of the mean."""
    torch.manual_seed(0)
    made = {
        "Normal": lambda p: D.Normal(p, 1.5 * p),
        "Uniform": lambda p: D.Uniform(p, 2.5 * p),
        "Exponential": lambda p: D.Exponential(p),
        "Gamma": lambda p: D.Gamma(2 * p, p + 1),
        "Chi2": lambda p: D.Chi2(3 * p),
        "InverseGamma": lambda p: D.InverseGamma(p + 5, p),
        "Beta": lambda p: D.Beta(p, p + 1),
        "ContinuousBernoulli": lambda p: D.ContinuousBernoulli(p / 3),
        "Laplace": lambda p: D.Laplace(p, p),
        "StudentT": lambda p: D.StudentT(p + 6, p, p),
        "FisherSnedecor": lambda p: D.FisherSnedecor(p + 4, p + 12),
        "LogNormal": lambda p: D.LogNormal(p, 0.2 * p),
        "HalfNormal": lambda p: D.HalfNormal(p),
        "Gumbel": lambda p: D.Gumbel(p, p),
        "Pareto": lambda p: D.Pareto(p, p + 6),
        "GeneralizedPareto": lambda p: D.GeneralizedPareto(p, p, 0.1 * p),
        "Weibull": lambda p: D.Weibull(p, p + 1),
        "Kumaraswamy": lambda p: D.Kumaraswamy(p, p + 1),
    }
    if name not in made:
        pytest.skip("a composition, tested by its parts")
    p = torch.tensor(1.3, dtype=f64, requires_grad=True)
    (of_draws,) = torch.autograd.grad(made[name](p).rsample((80_000,)).mean(), p)
    (of_mean,) = torch.autograd.grad(made[name](p).mean, p)
    torch.testing.assert_close(of_draws, of_mean, rtol=0.08, atol=0.02)


def test_streams_are_those_of_pytorch():
    torch.manual_seed(0)
    got = {
        "normal": D.Normal(0.0, 1.0).sample((3,)),
        "categorical": D.Categorical(torch.tensor([0.1, 0.2, 0.7])).sample((6,)),
        "uniform": D.Uniform(-1.0, 2.0).sample((3,)),
        "gamma": D.Gamma(torch.tensor(2.0), torch.tensor(3.0)).sample((3,)),
        "dirichlet": D.Dirichlet(torch.tensor([0.5, 1.0, 2.0])).sample(),
        "poisson": D.Poisson(torch.tensor([3.0, 20.0])).sample(),
        "student": D.StudentT(torch.tensor(4.0)).sample((2,)),
        "binomial": D.Binomial(10, torch.tensor([0.3, 0.6])).sample(),
    }
    for name, values in STREAMS.items():
        torch.testing.assert_close(got[name].double(), torch.tensor(values, dtype=f64), rtol=1e-5, atol=1e-6)


STREAMS = {
    "normal": [1.5409961, -0.2934289, -2.1787894],
    "categorical": [2.0, 2.0, 1.0, 2.0, 2.0, 1.0],
    "uniform": [1.0448256, 1.7455819, 0.1912997],
    "gamma": [0.8378274, 0.2962697, 0.737341],
    "dirichlet": [0.1928099, 0.4742922, 0.3328979],
    "poisson": [7.0, 20.0],
    "student": [4.1097517, 1.2705879],
    "binomial": [1.0, 7.0],
}


@pytest.mark.parametrize("pair", sorted(_table, key=str), ids=lambda pair: "-".join(c.__name__ for c in pair))
def test_divergences_are_means_over_draws(pair):
    torch.manual_seed(0)
    make = {
        D.Bernoulli: lambda s: D.Bernoulli(t(0.2 + s)),
        D.Beta: lambda s: D.Beta(t(1.5 + s), t(2.5 - s)),
        D.Binomial: lambda s: D.Binomial(7, t(0.2 + s)),
        D.Categorical: lambda s: D.Categorical(torch.tensor([[0.1 + s, 0.2, 0.7]], dtype=f64)),
        D.Cauchy: lambda s: D.Cauchy(t(s), t(1.0 + s)),
        D.ContinuousBernoulli: lambda s: D.ContinuousBernoulli(t(0.2 + s)),
        D.Dirichlet: lambda s: D.Dirichlet(torch.tensor([[1.0 + s, 2.0, 3.0]], dtype=f64)),
        D.Exponential: lambda s: D.Exponential(t(1.0 + s)),
        D.Gamma: lambda s: D.Gamma(t(2.0 + s), t(1.0 + s)),
        D.Geometric: lambda s: D.Geometric(t(0.3 + s)),
        D.Gumbel: lambda s: D.Gumbel(t(s), t(1.0 + s)),
        D.HalfNormal: lambda s: D.HalfNormal(t(1.0 + s)),
        D.Laplace: lambda s: D.Laplace(t(s), t(1.0 + s)),
        D.Normal: lambda s: D.Normal(t(s), t(1.0 + s)),
        D.OneHotCategorical: lambda s: D.OneHotCategorical(torch.tensor([[0.1 + s, 0.2, 0.7]], dtype=f64)),
        D.Pareto: lambda s: D.Pareto(t(1.0 - s), t(4.0 + s)),
        D.Poisson: lambda s: D.Poisson(t(2.0 + s)),
        D.TransformedDistribution: lambda s: D.LogNormal(t(s), t(1.0 + s)),
        D.Uniform: lambda s: D.Uniform(t(0.25 - s), t(0.5 + s)),
        D.Independent: lambda s: D.Independent(D.Normal(t(s, 0.0), t(1.0, 2.0 + s)).expand((1, 2)), 1),
        D.ExponentialFamily: lambda s: _Bregman(t(1.0 + s)),
    }
    if D.MultivariateNormal in pair or D.LowRankMultivariateNormal in pair:
        pytest.skip("tested with the multivariate ones")
    p, q = make[pair[0]](0.0), make[pair[1]](0.1)
    got = D.kl_divergence(p, q)
    assert got.shape == (1,)
    if pair == (D.Uniform, D.Pareto):
        p = D.Uniform(t(1.0), t(2.0))
        got = D.kl_divergence(p, q)
    x = p.sample((100_000,))
    D.Distribution.set_default_validate_args(False)
    try:
        p, q = make[pair[0]](0.0) if pair != (D.Uniform, D.Pareto) else D.Uniform(t(1.0), t(2.0)), make[pair[1]](0.1)
        if isinstance(q, D.Bernoulli) and isinstance(p, D.Poisson) or isinstance(q, D.Binomial) and isinstance(p, D.Poisson):
            assert got.isinf().all()  # q gives nothing to numbers that p draws
            return
        terms = p.log_prob(x) - q.log_prob(x)
        if not (q.support.check(x)).all():
            assert got.isinf().all()
            return
    finally:
        D.Distribution.set_default_validate_args(True)
    torch.testing.assert_close(got, terms.mean(0), rtol=0.03, atol=0.02)


class _Bregman(D.Exponential):
    """An exponential distribution whose divergence comes from its log normalizer."""


def test_bregman_divergence_equals_the_formula():
    p, q = D.Gamma(t(2.0, 3.0), t(1.0, 0.5)), D.Gamma(t(2.5, 1.0), t(0.7, 2.0))
    torch.testing.assert_close(_table[D.ExponentialFamily, D.ExponentialFamily](p, q), D.kl_divergence(p, q))
    torch.testing.assert_close(D.ExponentialFamily.entropy(p), p.entropy())


TRANSFORMS = [
    D.ExpTransform(),
    D.SigmoidTransform(),
    D.TanhTransform(),
    D.SoftplusTransform(),
    D.AffineTransform(0.5, -2.0),
    D.AffineTransform(t(0.5, 0.1, 0.2), t(-2.0, 3.0, 1.0), event_dim=1),
    D.StickBreakingTransform(),
    D.ComposeTransform([D.AffineTransform(0.5, 2.0), D.SigmoidTransform(), D.PowerTransform(t(2.0)[0])]),
    D.IndependentTransform(D.ExpTransform(), 1),
    D.CatTransform([D.ExpTransform(), D.TanhTransform()], dim=-1, lengths=[1, 2]),
    D.StackTransform([D.ExpTransform(), D.TanhTransform(), D.identity_transform], dim=-1),
    D.CumulativeDistributionTransform(D.Normal(t(0.5)[0], t(2.0)[0])),
    D.ReshapeTransform((3,), (3, 1)),
    D.CorrCholeskyTransform(),
]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda x: type(x).__name__)
def test_transforms_invert_and_know_their_jacobian(transform):
    x = t(-0.7, 0.3, 1.1)
    y = transform(x)
    assert y.shape == transform.forward_shape(x.shape)
    assert transform.inverse_shape(y.shape) == x.shape
    torch.testing.assert_close(transform.inv(y), x)
    assert transform.inv.inv is transform or transform.inv.inv == transform
    assert bool(transform.codomain.check(y).all())

    def flat(v):
        image = transform(v)
        if isinstance(transform, D.StickBreakingTransform):
            return image[..., :-1]
        if isinstance(transform, D.CorrCholeskyTransform):
            return D.utils.tril_matrix_to_vec(image, -1)
        return image.reshape(-1)

    jacobian = torch.autograd.functional.jacobian(flat, x)
    got = transform.log_abs_det_jacobian(x, y).sum()
    if isinstance(transform, (D.StickBreakingTransform, D.CorrCholeskyTransform)):
        expected = jacobian.diagonal().abs().log().sum()  # lower triangular
    else:
        expected = jacobian.diagonal().abs().log().sum()
        assert float((jacobian - torch.diag(jacobian.diagonal())).abs().max()) == 0.0
    torch.testing.assert_close(got, expected)


def test_transforms_without_inverse_or_with_parameters_say_so():
    assert D.AbsTransform()(t(-1.0)).item() == 1.0
    softmax = D.SoftmaxTransform()
    assert not softmax.bijective
    torch.testing.assert_close(softmax(t(0.0, 0.0)), t(0.5, 0.5))
    with pytest.raises(NotImplementedError):
        softmax.log_abs_det_jacobian(t(0.0), t(0.0))
    with pytest.raises(ValueError, match="cache_size"):
        D.ExpTransform(cache_size=2)
    with pytest.raises(ValueError, match="different numbers of elements"):
        D.ReshapeTransform((2,), (3,))
    assert D.AffineTransform(1.0, 2.0) == D.AffineTransform(1.0, 2.0) != D.AffineTransform(1.0, 3.0)
    cached = D.TanhTransform(cache_size=1)
    x = t(30.0)
    assert cached.inv(cached(x)) is x  # without a cache, atanh(1) is infinite


@pytest.mark.parametrize("name", "real positive nonnegative unit_interval simplex".split())
def test_registries_lead_into_the_constraint(name):
    constraint = getattr(constraints, name)
    x = t(-2.0, 0.1, 3.0)
    for registry in (D.biject_to, D.transform_to):
        assert bool(constraint.check(registry(constraint)(x)).all())
    for bounded in (constraints.interval(-1.0, 4.0), constraints.greater_than(2.0), constraints.less_than(-1.0)):
        assert bool(bounded.check(D.transform_to(bounded)(x)).all())
    with pytest.raises(NotImplementedError, match="Cannot transform"):
        D.biject_to(constraints.boolean)


@pytest.mark.parametrize(
    "constraint, good, bad",
    [
        (constraints.boolean, 1.0, 0.5),
        (constraints.positive, 0.5, 0.0),
        (constraints.nonnegative, 0.0, -0.1),
        (constraints.unit_interval, 1.0, 1.1),
        (constraints.half_open_interval(0.0, 1.0), 0.0, 1.0),
        (constraints.integer_interval(0, 3), 3.0, 2.5),
        (constraints.nonnegative_integer, 0.0, -1.0),
        (constraints.positive_integer, 1.0, 0.0),
        (constraints.greater_than(1.0), 1.5, 1.0),
        (constraints.greater_than_eq(1.0), 1.0, 0.9),
        (constraints.less_than(1.0), 0.9, 1.0),
        (constraints.real, 5.0, math.nan),
        (constraints.simplex, [0.5, 0.5], [0.5, 0.6]),
        (constraints.one_hot, [0.0, 1.0], [1.0, 1.0]),
        (constraints.multinomial(3), [1.0, 2.0], [2.0, 2.0]),
        (constraints.lower_triangular, [[1.0, 0.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]),
        (constraints.lower_cholesky, [[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]),
        (constraints.square, [[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0]]),
        (constraints.symmetric, [[1.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [1.0, 0.0]]),
        (constraints.real_vector, [1.0, 2.0], [1.0, math.nan]),
    ],
    ids=repr,
)
def test_constraints(constraint, good, bad):
    assert bool(constraint.check(torch.tensor(good)).all())
    assert not bool(constraint.check(torch.tensor(bad)).all())


def test_bad_parameters_and_values_are_refused():
    with pytest.raises(ValueError, match="parameter scale .* Normal.*GreaterThan.*invalid values"):
        D.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match="parameter probs"):
        D.Bernoulli(torch.tensor([1.5]))
    with pytest.raises(ValueError, match="must all be instances of Number or torch.Tensor"):
        D.Normal("a", 1.0)
    with pytest.raises(ValueError, match="but not both"):
        D.Categorical()
    with pytest.raises(ValueError, match="at least one-dimensional"):
        D.Categorical(torch.tensor(1.0))
    with pytest.raises(ValueError, match="parameter low .*LessThan"):
        D.Uniform(1.0, 1.0)
    with pytest.raises(ValueError, match="within the support"):
        D.Exponential(1.0).log_prob(torch.tensor(-1.0))
    with pytest.raises(ValueError, match="must be a Tensor"):
        D.Normal(0.0, 1.0).log_prob(1.0)
    with pytest.raises(ValueError, match="not broadcastable"):
        D.Normal(torch.zeros(3), 1.0).log_prob(torch.zeros(2))
    with pytest.raises(ValueError, match="must match event_shape"):
        D.Dirichlet(torch.ones(3)).log_prob(torch.ones(2))
    with pytest.raises(NotImplementedError, match="No KL"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Categorical(torch.ones(2)))
    with pytest.raises(TypeError, match="Distribution subclasses"):
        D.register_kl(int, D.Normal)
    D.Normal(0.0, -1.0, validate_args=False)


def test_shapes_expand_and_repr():
    d = D.Normal(torch.zeros(3), torch.ones(2, 1))
    assert d.batch_shape == (2, 3) and d.event_shape == ()
    assert d.sample((5,)).shape == (5, 2, 3)
    assert d.expand((4, 2, 3)).sample().shape == (4, 2, 3)
    assert repr(d) == "Normal(loc: torch.Size([2, 3]), scale: torch.Size([2, 3]))"
    assert repr(D.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    d = D.Independent(d, 1)
    assert d.batch_shape == (2,) and d.event_shape == (3,) and d.log_prob(torch.zeros(3)).shape == (2,)
    m = D.Multinomial(4, torch.ones(2, 5))
    x = m.sample((3,))
    assert x.shape == (3, 2, 5) and bool((x.sum(-1) == 4).all()) and m.log_prob(x).shape == (3, 2)
    o = D.OneHotCategorical(torch.ones(2, 5))
    assert bool(o.support.check(o.sample((3,))).all())
    st = D.OneHotCategoricalStraightThrough(logits=torch.zeros(5, requires_grad=True))
    assert st.rsample().requires_grad
    r = D.RelaxedOneHotCategorical(torch.tensor(0.5), torch.ones(5)).rsample((3,))
    torch.testing.assert_close(r.sum(-1), torch.ones(3))
    for name, make in {**CONTINUOUS, **HEAVY, **DISCRETE}.items():
        d = make()
        wide = d.expand((3, 2))
        x = d.sample((3,))
        torch.testing.assert_close(wide.log_prob(x), d.log_prob(x), msg=name)
        if name != "Mixture":
            again = pickle.loads(pickle.dumps(d))
            torch.testing.assert_close(again.log_prob(x), d.log_prob(x), msg=name)


def test_policy_gradient_flows_to_logits():
    logits = torch.zeros(4, requires_grad=True)
    d = D.Categorical(logits=logits)
    (-d.log_prob(torch.tensor(2))).backward()
    torch.testing.assert_close(logits.grad, torch.tensor([0.25, 0.25, -0.75, 0.25]))
    torch.testing.assert_close(d.entropy(), torch.tensor(math.log(4.0)))


def test_multivariate_normals():
    torch.manual_seed(0)
    loc = t(1.0, -1.0)
    cov = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=f64)
    tril = torch.linalg.cholesky(cov)
    all_three = [
        D.MultivariateNormal(loc, covariance_matrix=cov),
        D.MultivariateNormal(loc, precision_matrix=torch.linalg.inv(cov)),
        D.MultivariateNormal(loc, scale_tril=tril),
    ]
    x = torch.randn(5, 2, dtype=f64)
    away = x - loc
    expected = -0.5 * ((away @ torch.linalg.inv(cov)) * away).sum(-1) - 0.5 * math.log((2 * math.pi) ** 2 * 1.75)
    for d in all_three:
        torch.testing.assert_close(d.log_prob(x), expected)
        torch.testing.assert_close(d.covariance_matrix, cov)
        torch.testing.assert_close(d.precision_matrix, torch.linalg.inv(cov))
        torch.testing.assert_close(d.variance, t(2.0, 1.0))
        draws = d.sample((40_000,))
        torch.testing.assert_close(draws.mean(0), loc, rtol=0, atol=0.03)
        torch.testing.assert_close(torch.cov(draws.T), cov, rtol=0, atol=0.05)
        torch.testing.assert_close(d.entropy(), -d.log_prob(draws).mean(), rtol=0, atol=0.03)
    low = D.LowRankMultivariateNormal(t(0.5, 0.0), torch.tensor([[1.0], [0.5]], dtype=f64), t(0.5, 0.25))
    full = D.MultivariateNormal(low.loc, covariance_matrix=low.covariance_matrix)
    torch.testing.assert_close(low.log_prob(x), full.log_prob(x))
    torch.testing.assert_close(low.entropy(), full.entropy())
    other = all_three[0]
    expected = D.kl_divergence(other, full)
    torch.testing.assert_close(D.kl_divergence(other, low), expected)
    draws = other.sample((100_000,))
    torch.testing.assert_close((other.log_prob(draws) - full.log_prob(draws)).mean(), expected, rtol=0.02, atol=0.02)
    torch.testing.assert_close(D.kl_divergence(low, other), D.kl_divergence(full, other))
    torch.testing.assert_close(D.kl_divergence(low, low), t(0.0)[0], rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="covariance_matrix"):
        D.MultivariateNormal(loc, covariance_matrix=-cov)
    w = D.Wishart(t(5.0)[0], cov)
    draws = w.sample((4000,))
    torch.testing.assert_close(draws.mean(0), w.mean, rtol=0.06, atol=0.1)
    assert w.log_prob(draws).shape == (4000,)
    torch.testing.assert_close(-w.log_prob(draws).mean(), w.entropy(), rtol=0, atol=0.1)


def test_lkj_is_uniform_over_correlations_in_two_dimensions():
    torch.manual_seed(0)
    d = D.LKJCholesky(2, 1.0)
    factors = d.sample((4000,))
    assert bool(constraints.corr_cholesky.check(factors).all())
    r = (factors @ factors.mT)[:, 0, 1]  # uniform on [-1, 1]: a density of 1/2
    torch.testing.assert_close(r.mean(), torch.tensor(0.0), rtol=0, atol=0.05)
    torch.testing.assert_close(r.var(), torch.tensor(1 / 3), rtol=0, atol=0.02)


def test_transform_names_are_all_there():
    assert set(transforms.__all__) <= set(D.__all__)
