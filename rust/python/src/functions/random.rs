//! Random numbers: PyTorch's CPU streams, from the default generator unless one is given.

use super::create::{like, made};
use crate::args::Options;
use crate::call::table;
use crate::core::Dims;
use pyo3::prelude::*;
use rushlight::ops::random::{self as r, Distribution::*};
use rushlight::random::Generator;
use rushlight::{DType, Tensor};

type Gen = Option<Generator>;

const UNIT: r::Distribution = Uniform { from: 0.0, to: 1.0 };
const NORMAL: r::Distribution = Normal { mean: 0.0, std: 1.0 };

fn drawn(d: r::Distribution, size: &[i64], generator: Gen, options: Options) -> PyResult<Tensor> {
    made(size, options, |shape, dtype| r::random(d, shape, dtype, generator))
}

fn like_drawn(x: &Tensor, d: r::Distribution, options: Options) -> PyResult<Tensor> {
    let options = like(x, options);
    let size: Dims = x.shape().iter().map(|&n| n as i64).collect();
    drawn(d, &size, None, options)
}

fn whole(low: i64, high: i64, size: &[i64], generator: Gen, options: Options) -> PyResult<Tensor> {
    let options = Options { dtype: options.dtype.or(Some(DType::I64)), ..options };
    made(size, options, |shape, dtype| r::randint(low, high, shape, dtype, generator))
}

table! {
    /// Uniform on [0, 1).
    fn:
        "rand(int[] size, *, Generator? generator=None, $options) -> Tensor"
            => |size: Dims, g: Gen, o: Options| drawn(UNIT, &size, g, o);
    fn: "rand_like(Tensor self, *, $options) -> Tensor" => |x: &Tensor, o: Options| like_drawn(x, UNIT, o);

    /// Normal with mean 0 and standard deviation 1.
    fn:
        "randn(int[] size, *, Generator? generator=None, $options) -> Tensor"
            => |size: Dims, g: Gen, o: Options| drawn(NORMAL, &size, g, o);
    fn: "randn_like(Tensor self, *, $options) -> Tensor" => |x: &Tensor, o: Options| like_drawn(x, NORMAL, o);

    /// Whole numbers in [low, high).
    fn:
        "randint(int high, int[] size, *, Generator? generator=None, $options) -> Tensor"
            => |high: i64, size: Dims, g: Gen, o: Options| whole(0, high, &size, g, o),
        "randint(int low, int high, int[] size, *, Generator? generator=None, $options) -> Tensor"
            => |low: i64, high: i64, size: Dims, g: Gen, o: Options| whole(low, high, &size, g, o);

    /// A permutation of 0 … n − 1.
    fn:
        "randperm(int n, *, Generator? generator=None, $options) -> Tensor"
            => |n: i64, g: Gen, o: Options| o.finish(r::randperm(n, o.dtype.unwrap_or(DType::I64), g));

    /// Uniform numbers on [from, to) in place.
    method:
        "uniform_(Tensor self, float from=0, float to=1, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, from: f64, to: f64, g: Gen| r::fill(x, Uniform { from, to }, g);

    /// Normal numbers in place.
    method:
        "normal_(Tensor self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, mean: f64, std: f64, g: Gen| r::fill(x, Normal { mean, std }, g);

    /// Whole numbers in place: in [from, to), in [0, to), or in all that the dtype can hold.
    method:
        "random_(Tensor self, *, Generator? generator=None) -> Tensor" => |x: &Tensor, g: Gen| r::fill_integers(x, 0, None, g),
        "random_(Tensor self, int to, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, to: i64, g: Gen| r::fill_integers(x, 0, Some(to), g),
        "random_(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, from: i64, to: Option<i64>, g: Gen| r::fill_integers(x, from, to, g);

    /// 1 with probability p, else 0, in place.
    method:
        "bernoulli_(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, p: f64, g: Gen| r::fill(x, Bernoulli { p }, g);
    fn method:
        "bernoulli(Tensor self, *, Generator? generator=None) -> Tensor" => r::bernoulli;

    method:
        "exponential_(Tensor self, float lambd=1, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, lambda: f64, g: Gen| r::fill(x, Exponential { lambda }, g);
    method:
        "geometric_(Tensor self, float p, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, p: f64, g: Gen| r::fill(x, Geometric { p }, g);
    method:
        "cauchy_(Tensor self, float median=0, float sigma=1, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, median: f64, sigma: f64, g: Gen| r::fill(x, Cauchy { median, sigma }, g);
    method:
        "log_normal_(Tensor self, float mean=1, float std=2, *, Generator? generator=None) -> Tensor"
            => |x: &Tensor, mean: f64, std: f64, g: Gen| r::fill(x, LogNormal { mean, std }, g);

    /// Zeros elements with probability p and scales the others by 1 / (1 − p), while training.
    fn: "dropout(Tensor input, float p, bool train) -> Tensor" => r::dropout;
}
