//! Random numbers, and dropout.

use super::create::{like, made, wanted};
use crate::args::Options;
use crate::call::table;
use crate::core::{Dims, Out};
use crate::types::MemoryFormat;
use pyo3::prelude::*;
use rushlight::ops::random::{self as r, Dist};
use rushlight::{DType, Generator, Scalar, Tensor};

type Gen = Option<Generator>;
type Format = Option<MemoryFormat>;

const UNIT: Dist = Dist::Uniform { from: 0.0, to: 1.0 };
const NORMAL: Dist = Dist::Normal { mean: 0.0, std: 1.0 };

fn filled(dist: Dist, size: &[i64], options: Options, generator: Gen, out: Out) -> PyResult<Tensor> {
    let options = Options { dtype: wanted(options, out), ..options };
    made(size, options, |shape, dtype| r::draw(dist, shape, dtype, generator))
}

fn filled_like(dist: Dist, x: &Tensor, options: Options, generator: Gen) -> PyResult<Tensor> {
    let options = like(x, options);
    options.finish(r::draw_like(dist, x, options.dtype_or_default(), generator))
}

fn integers(low: i64, high: i64, size: &[i64], options: Options, generator: Gen, out: Out) -> PyResult<Tensor> {
    let options = Options { dtype: wanted(options, out).or(Some(DType::I64)), ..options };
    made(size, options, |shape, dtype| r::randint(low, high, shape, dtype, generator))
}

fn integers_like(low: i64, high: i64, x: &Tensor, options: Options, generator: Gen) -> PyResult<Tensor> {
    let options = like(x, options);
    options.finish(r::randint_like(low, high, x, options.dtype_or_default(), generator))
}

table! {
    /// Numbers drawn evenly from [0, 1).
    fn: "rand(int[] size, *, Generator? generator=None, Tensor? out=None, $options) -> Tensor"
        => |size: Dims, generator: Gen, options: Options, out: Out| filled(UNIT, &size, options, generator, out);
    /// Numbers drawn evenly from [0, 1), in the shape and dtype of x.
    fn: "rand_like(Tensor self, *, Generator? generator=None, $options, MemoryFormat? memory_format=None) -> Tensor"
        => |x: &Tensor, generator: Gen, options: Options, _: Format| filled_like(UNIT, x, options, generator);
    /// Numbers from the standard normal distribution.
    fn: "randn(int[] size, *, Generator? generator=None, Tensor? out=None, $options) -> Tensor"
        => |size: Dims, generator: Gen, options: Options, out: Out| filled(NORMAL, &size, options, generator, out);
    /// Numbers from the standard normal distribution, in the shape and dtype of x.
    fn: "randn_like(Tensor self, *, Generator? generator=None, $options, MemoryFormat? memory_format=None) -> Tensor"
        => |x: &Tensor, generator: Gen, options: Options, _: Format| filled_like(NORMAL, x, options, generator);
    /// Whole numbers drawn evenly from [low, high); low is 0 if it is not given.
    fn:
        "randint(int high, int[] size, *, Generator? generator=None, Tensor? out=None, $options) -> Tensor"
            => |high: i64, size: Dims, generator: Gen, options: Options, out: Out|
                integers(0, high, &size, options, generator, out),
        "randint(int low, int high, int[] size, *, Generator? generator=None, Tensor? out=None, $options) -> Tensor"
            => |low: i64, high: i64, size: Dims, generator: Gen, options: Options, out: Out|
                integers(low, high, &size, options, generator, out);
    /// Whole numbers drawn evenly from [low, high), in the shape and dtype of x.
    fn:
        "randint_like(Tensor self, int high, *, Generator? generator=None, $options, MemoryFormat? memory_format=None) -> Tensor"
            => |x: &Tensor, high: i64, generator: Gen, options: Options, _: Format| integers_like(0, high, x, options, generator),
        "randint_like(Tensor self, int low, int high, *, Generator? generator=None, $options, MemoryFormat? memory_format=None) -> Tensor"
            => |x: &Tensor, low: i64, high: i64, generator: Gen, options: Options, _: Format|
                integers_like(low, high, x, options, generator);
    /// The numbers from 0 to n − 1 in random order.
    fn: "randperm(int n, *, Generator? generator=None, Tensor? out=None, $options) -> Tensor"
        => |n: i64, generator: Gen, options: Options, out: Out|
            options.finish(r::randperm(n, wanted(options, out).unwrap_or(DType::I64), generator));

    /// Normal numbers with these means and standard deviations.
    fn:
        "normal(Tensor mean, Tensor std, *, Generator? generator=None, Tensor? out=None) -> Tensor" => r::normal_both,
        "normal(Tensor mean, float std=1, *, Generator? generator=None, Tensor? out=None) -> Tensor" => r::normal_mean,
        "normal(float mean, Tensor std, *, Generator? generator=None, Tensor? out=None) -> Tensor" => r::normal_std,
        "normal(float mean, float std, int[] size, *, Generator? generator=None, Tensor? out=None, $options) -> Tensor"
            => |mean: f64, std: f64, size: Dims, generator: Gen, options: Options, out: Out|
                filled(Dist::Normal { mean, std }, &size, options, generator, out);

    /// Overwrites x with numbers drawn evenly from [from, to).
    method: "uniform_(Tensor self, float from=0, float to=1, *, Generator? generator=None) -> Tensor"
        => |x: &Tensor, from: f64, to: f64, generator: Gen| r::draw_(x, Dist::Uniform { from, to }, generator);
    /// x where it is positive; elsewhere times a number drawn evenly from [lower, upper), or times their mean unless `training`.
    fn inplace:
        "rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, Generator? generator=None) -> Tensor"
            => |x: &Tensor, lower: Scalar, upper: Scalar, train: bool, generator: Gen|
                r::rrelu(x, lower.to_f64(), upper.to_f64(), train, generator);
    /// Overwrites x with normal numbers.
    method: "normal_(Tensor self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor"
        => |x: &Tensor, mean: f64, std: f64, generator: Gen| r::draw_(x, Dist::Normal { mean, std }, generator);
    /// Overwrites x with whole numbers from [from, to), or with any that its dtype holds.
    method:
        "random_(Tensor self, *, Generator? generator=None) -> Tensor" => r::random_,
        "random_(Tensor self, int to, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, to: i64, generator: Gen| r::random_between_(x, 0, Some(to), generator),
        "random_(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor" => r::random_between_;
    /// Overwrites x with waiting times at rate `lambd`.
    method: "exponential_(Tensor self, float lambd=1, *, Generator? generator=None) -> Tensor"
        => |x: &Tensor, lambda: f64, generator: Gen| r::draw_(x, Dist::Exponential { lambda }, generator);
    /// Overwrites x with the number of trials until the first success.
    method: "geometric_(Tensor self, float p, *, Generator? generator=None) -> Tensor"
        => |x: &Tensor, p: f64, generator: Gen| r::draw_(x, Dist::Geometric { p }, generator);
    /// Overwrites x with Cauchy numbers.
    method: "cauchy_(Tensor self, float median=0, float sigma=1, *, Generator? generator=None) -> Tensor"
        => |x: &Tensor, median: f64, sigma: f64, generator: Gen| r::draw_(x, Dist::Cauchy { median, sigma }, generator);
    /// Overwrites x with numbers whose logarithms are normal.
    method: "log_normal_(Tensor self, float mean=1, float std=2, *, Generator? generator=None) -> Tensor"
        => |x: &Tensor, mean: f64, std: f64, generator: Gen| r::draw_(x, Dist::LogNormal { mean, std }, generator);

    /// Ones with the probabilities that x gives, else zeros.
    fn method:
        "bernoulli(Tensor self, *, Generator? generator=None, Tensor? out=None) -> Tensor" => r::bernoulli,
        "bernoulli(Tensor self, float p, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, p: f64, generator: Gen| r::draw(Dist::Bernoulli { p }, x.shape(), x.dtype(), generator);
    /// Overwrites x with ones of probability p, else zeros.
    method:
        "bernoulli_(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor" => r::bernoulli_,
        "bernoulli_(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, p: f64, generator: Gen| r::draw_(x, Dist::Bernoulli { p }, generator);
    /// Indices of categories, drawn by the weights in the last dimension.
    fn method: "multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None, Tensor? out=None) -> Tensor"
        => |weights: &Tensor, samples: i64, replacement: bool, generator: Option<Generator>, out: Out| {
            if let Out::Into(out) = out
                && out.dtype() != DType::I64
            {
                let message = format!("multinomial expects Long tensor out, got: {}", out.dtype().scalar_name());
                return Err(rushlight::Error::custom("multinomial", message));
            }
            r::multinomial(weights, samples, replacement, generator)
        };
    /// Counts of events with these means.
    fn: "poisson(Tensor self, Generator? generator=None) -> Tensor" => r::poisson;
    /// How many of `count` trials of probability `prob` succeed.
    fn: "binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor" => r::binomial;
    /// A draw of the gamma distribution for each shape parameter in `input`.
    fn: "_standard_gamma(Tensor self, Generator? generator=None) -> Tensor" => r::standard_gamma;
    /// The slope of a gamma draw `output` by its shape parameter.
    fn: "_standard_gamma_grad(Tensor self, Tensor output) -> Tensor" => r::standard_gamma_grad;
    /// A draw of the Dirichlet distribution for each row of concentrations.
    fn: "_sample_dirichlet(Tensor self, Generator? generator=None) -> Tensor" => r::sample_dirichlet;
    /// The slope of a Dirichlet draw `x` by its concentrations.
    fn: "_dirichlet_grad(Tensor x, Tensor alpha, Tensor total) -> Tensor" => r::dirichlet_grad;

    /// x with elements set to zero at random, the others divided by 1 − p.
    fn: "dropout(Tensor input, float p, bool train) -> Tensor" => r::dropout;
    /// `dropout` in place.
    fn: "dropout_(Tensor self, float p, bool train) -> Tensor" => r::dropout_;
    /// Dropout, and the mask of what was kept.
    fn: "native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)" => r::native_dropout;
    /// Dropout of whole features.
    fn: "feature_dropout(Tensor input, float p, bool train) -> Tensor" => r::feature_dropout;
    /// `feature_dropout` in place.
    fn: "feature_dropout_(Tensor self, float p, bool train) -> Tensor" => r::feature_dropout_;
    /// Dropout that keeps mean and variance of a network of SELUs.
    fn: "alpha_dropout(Tensor input, float p, bool train) -> Tensor" => r::alpha_dropout;
    /// `alpha_dropout` in place.
    fn: "alpha_dropout_(Tensor self, float p, bool train) -> Tensor" => r::alpha_dropout_;
    /// The same for whole features.
    fn: "feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor" => r::feature_alpha_dropout;
    /// `feature_alpha_dropout` in place.
    fn: "feature_alpha_dropout_(Tensor self, float p, bool train) -> Tensor" => r::feature_alpha_dropout_;
}
