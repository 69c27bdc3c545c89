//! Sorting, searching, and running totals.

use crate::call::table;
use crate::core::{Operand, default_dtype};
use crate::output::Output;
use crate::schema::Signature;
use pyo3::prelude::*;
use rushlight::ops::sort::{self as s, Between};
use rushlight::ops::scan;
use rushlight::{DType, Error, Result, Tensor};

/// One result alone, or several as a tuple: as many as were asked for.
struct Wanted(Vec<Tensor>);
impl Output for Wanted {
    fn give<'py>(mut self, py: Python<'py>, signature: &Signature) -> PyResult<Bound<'py, PyAny>> {
        match self.0.len() {
            1 => self.0.swap_remove(0).give(py, signature),
            _ => self.0.give(py, signature),
        }
    }
}

fn wanted((values, inverse, counts): Three, want_inverse: bool, want_counts: bool) -> Wanted {
    let parts = [Some(values), want_inverse.then_some(inverse), want_counts.then_some(counts)];
    Wanted(parts.into_iter().flatten().collect())
}

type Three = (Tensor, Tensor, Tensor);

/// Parts that were not asked for come back empty.
fn asked((values, inverse, counts): Three, want_inverse: bool, want_counts: bool) -> Result<Three> {
    let none = || Tensor::empty(&[0], DType::I64);
    Ok((values, if want_inverse { inverse } else { none()? }, if want_counts { counts } else { none()? }))
}

fn quantile(
    x: &Tensor,
    q: Operand,
    dim: Option<i64>,
    keepdim: bool,
    interpolation: &str,
    skip_nan: bool,
) -> Result<Tensor> {
    let q = match q {
        Operand::Tensor(q) => q.clone(),
        Operand::Scalar(q) => Tensor::scalar(q, x.dtype())?,
    };
    s::quantile(x, &q, dim, keepdim, Between::named(interpolation)?, skip_nan)
}

/// A number beside a tensor, in a dtype that holds both.
fn tensor(x: Operand) -> Result<Tensor> {
    match x {
        Operand::Tensor(x) => Ok(x.clone()),
        Operand::Scalar(x) => Tensor::scalar(x, if x.dtype().is_differentiable() { default_dtype() } else { x.dtype() }),
    }
}

fn edges(x: &Tensor, bins: i64, range: Option<Vec<f64>>) -> Result<Tensor> {
    if bins <= 0 {
        return Err(Error::argument("histogram", "a number of bins above 0", bins));
    }
    let flat = x.detach().reshape(&[x.numel()])?;
    let (mut low, mut high) = match range.as_deref() {
        Some(&[low, high]) => (low, high),
        _ if x.numel() == 0 => (0.0, 1.0),
        _ => (flat.amin(&[], false)?.item()?.to_f64(), flat.amax(&[], false)?.item()?.to_f64()),
    };
    if low == high {
        (low, high) = (low - 0.5, high + 0.5);
    }
    let step = (high - low) / bins as f64;
    // From both ends, so that the last edge is what was asked for.
    let at = |i: i64| if 2 * i < bins { low + step * i as f64 } else { high - step * (bins - i) as f64 };
    let edges: Vec<f64> = (0..=bins).map(at).collect();
    Tensor::from_slice(&edges, &[edges.len()])?.to(x.dtype())
}

table! {
    /// All elements along `dim` in order, and where they were.
    fn method:
        "sort(Tensor self, int dim=-1, bool descending=False, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, dim: i64, descending: bool| s::sort(x, dim, descending),
        "sort(Tensor self, *, bool? stable, int dim=-1, bool descending=False, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, _: Option<bool>, dim: i64, descending: bool| s::sort(x, dim, descending);
    /// The places that bring the elements along `dim` into order.
    fn method:
        "argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor"
            => |x: &Tensor, dim: i64, descending: bool| s::argsort(x, dim, descending),
        "argsort(Tensor self, *, bool stable, int dim=-1, bool descending=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, _: bool, dim: i64, descending: bool| s::argsort(x, dim, descending);
    /// All elements along the first dimension in order.
    fn method:
        "msort(Tensor self, *, Tensor? out=None) -> Tensor" => |x: &Tensor| s::sort(x, 0, false).map(|both| both.0);
    /// The `k` greatest (or least) elements along `dim`, and where they were.
    fn method:
        "topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, k: i64, dim: i64, largest: bool, _: bool| s::topk(x, k, dim, largest);
    /// The k-th smallest element along `dim`, and where it is.
    fn method:
        "kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)" => s::kthvalue;
    /// The median of all elements, or along `dim` with its place; the lower of two.
    fn method:
        "median(Tensor self) -> Tensor" => |x: &Tensor| s::median_all(x, false),
        "median(Tensor self, int dim, bool keepdim=False, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, dim: i64, keepdim: bool| s::median(x, false, dim, keepdim);
    /// The median of all that is not NaN.
    fn method:
        "nanmedian(Tensor self) -> Tensor" => |x: &Tensor| s::median_all(x, true),
        "nanmedian(Tensor self, int dim, bool keepdim=False, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, dim: i64, keepdim: bool| s::median(x, true, dim, keepdim);
    /// The most frequent element along `dim`, and where it is.
    fn method:
        "mode(Tensor self, int dim=-1, bool keepdim=False, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)" => s::mode;
    /// The quantiles of all elements, or along `dim`.
    fn method:
        "quantile(Tensor self, Scalar|Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear', Tensor? out=None) -> Tensor"
            => |x: &Tensor, q: Operand, dim: Option<i64>, keepdim: bool, between: &str| quantile(x, q, dim, keepdim, between, false);
    /// The quantiles of all that is not NaN.
    fn method:
        "nanquantile(Tensor self, Scalar|Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear', Tensor? out=None) -> Tensor"
            => |x: &Tensor, q: Operand, dim: Option<i64>, keepdim: bool, between: &str| quantile(x, q, dim, keepdim, between, true);
    /// The distinct values (or slices along `dim`) in order; with them, if asked for, which one each element is and how often
    /// each occurs.
    fn method:
        "unique(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor"
            => |x: &Tensor, _: bool, inverse: bool, counts: bool, dim: Option<i64>| {
                let all = match dim {
                    Some(dim) => s::unique_dim(x, dim)?,
                    None => s::unique(x)?,
                };
                Ok::<_, Error>(wanted(all, inverse, counts))
            };
    /// Runs of equal elements (or slices along `dim`) as one; with them, if asked for, which run each is in and its length.
    fn method:
        "unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor"
            => |x: &Tensor, inverse: bool, counts: bool, dim: Option<i64>|
                Ok::<_, Error>(wanted(s::unique_consecutive(x, dim)?, inverse, counts));
    /// The distinct values in order; which one each element is; how often each occurs.
    fn:
        "_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)"
            => |x: &Tensor, _: bool, inverse: bool, counts: bool| asked(s::unique(x)?, inverse, counts);
    /// The distinct values, and for each element where its value stands among them.
    fn:
        "_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)"
            => |x: &Tensor, _: bool, inverse: bool| asked(s::unique(x)?, inverse, false).map(|all| (all.0, all.1));
    /// The distinct slices along `dim` in order; which one each slice is; how often each occurs.
    fn:
        "unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)"
            => |x: &Tensor, dim: i64, _: bool, inverse: bool, counts: bool| asked(s::unique_dim(x, dim)?, inverse, counts);
    /// Runs of equal elements (or slices along `dim`) as one; which run each is in; how long each is.
    VF:
        "unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)"
            => |x: &Tensor, inverse: bool, counts: bool, dim: Option<i64>| asked(s::unique_consecutive(x, dim)?, inverse, counts);
    /// Where values would be put into a sorted sequence.
    fn:
        "searchsorted(Tensor sorted_sequence, Scalar|Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None, Tensor? out=None) -> Tensor"
            => |sequence: &Tensor, x: Operand, int32: bool, right: bool, side: Option<&str>, sorter: Option<&Tensor>|
                s::searchsorted(sequence, &tensor(x)?, int32, right, side, sorter);
    /// The number of the bucket between sorted boundaries.
    fn:
        "bucketize(Scalar|Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False, Tensor? out=None) -> Tensor"
            => |x: Operand, boundaries: &Tensor, int32: bool, right: bool| s::bucketize(&tensor(x)?, boundaries, int32, right);
    /// How often each non-negative integer occurs, or what the weights of its occurrences add up to.
    fn method:
        "bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor" => s::bincount;
    /// How many elements fall into each of `bins` equal bins.
    fn method:
        "histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0, *, Tensor? out=None) -> Tensor" => s::histc;
    /// Counts in bins, and the edges of the bins.
    fn method:
        "histogram(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False, Tensor[]? out=None) -> (Tensor hist, Tensor bin_edges)"
            => |x: &Tensor, bins: &Tensor, weight: Option<&Tensor>, density: bool|
                Ok::<_, Error>((s::histogram(x, bins, weight, density)?, bins.clone())),
        "histogram(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False, Tensor[]? out=None) -> (Tensor hist, Tensor bin_edges)"
            => |x: &Tensor, bins: i64, range: Option<Vec<f64>>, weight: Option<&Tensor>, density: bool| {
                let edges = edges(x, bins, range)?;
                Ok::<_, Error>((s::histogram(x, &edges, weight, density)?, edges))
            };
    /// The running sum along `dim`.
    fn method inplace:
        "cumsum(Tensor self, int dim, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor" => scan::cumsum;
    /// The running product along `dim`.
    fn method inplace:
        "cumprod(Tensor self, int dim, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor" => scan::cumprod;
    /// The running maximum along `dim`, and its places.
    fn method:
        "cummax(Tensor self, int dim, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, dim: i64| scan::cum_extreme(x, false, dim);
    /// The running minimum along `dim`, and its places.
    fn method:
        "cummin(Tensor self, int dim, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, dim: i64| scan::cum_extreme(x, true, dim);
    /// The logarithm of the running sum of exponentials along `dim`.
    fn method:
        "logcumsumexp(Tensor self, int dim, *, Tensor? out=None) -> Tensor" => scan::logcumsumexp;
}
