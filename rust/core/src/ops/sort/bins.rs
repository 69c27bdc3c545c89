//! Places in sorted sequences, and counts in bins.

use crate::autograd::Modes;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::sort::search::Search;
use crate::ops::binary::common_dtype;
use crate::ops::gpu::by_cpu;
use crate::storage::filled;
use crate::tensor::Tensor;

fn quiet<R>(work: impl FnOnce() -> R) -> R {
    Modes { grad: false, capture: false, ..Modes::current() }.during(work)
}

/// Where each of `values` would be put into the sorted sequence: before its equals, or after them if `right`. Sequences of
/// several dimensions each have values of their own.
pub fn searchsorted(
    sequence: &Tensor,
    values: &Tensor,
    int32: bool,
    right: bool,
    side: Option<&str>,
    sorter: Option<&Tensor>,
) -> Result<Tensor> {
    const OP: &str = "searchsorted";
    let fail = |message: String| Err(Error::custom(OP, message));
    let right = match side {
        Some("left") if right => {
            return fail(
                "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
                    .into(),
            );
        }
        Some("left") => false,
        Some("right") => true,
        None => right,
        Some(side) => {
            return fail(format!("torch.searchsorted(): side can only be 'left' or 'right' but got {side}"));
        }
    };
    if sequence.ndim() == 0 {
        return fail("torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor dim(0)".into());
    }
    let (dims, length) = (sequence.ndim(), sequence.shape()[sequence.ndim() - 1]);
    if dims != 1 && (values.ndim() != dims || values.shape()[..dims - 1] != sequence.shape()[..dims - 1]) {
        return fail(format!(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor {:?} and input value tensor {:?}",
            sequence.shape(),
            values.shape()
        ));
    }
    if sequence.dtype() != values.dtype() && !values.dtype().is_complex() && values.ndim() != 0 {
        return fail(format!(
            "torch.searchsorted(): boundary tensor should have same dtype as the input value tensor, but we got boundary tensor dtype {} and input value tensor dtype {}",
            sequence.dtype().name(),
            values.dtype().name()
        ));
    }
    if let Some(sorter) = sorter {
        if sorter.shape() != sequence.shape() {
            return fail(format!(
                "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {:?}and got sorter tensor {:?}",
                sequence.shape(),
                sorter.shape()
            ));
        }
        if sorter.dtype() != DType::I64 {
            return fail(format!(
                "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {}",
                sorter.dtype().scalar_name()
            ));
        }
    }
    let all: Vec<&Tensor> = [sequence, values].into_iter().chain(sorter).collect();
    if let Some([found]) =
        by_cpu(OP, &all, |t| searchsorted(&t[0], &t[1], int32, right, None, t.get(2)).map(|found| [found]))?
    {
        return Ok(found);
    }
    let common = common_dtype(sequence, values);
    if common.is_complex() {
        return Err(Error::DType { op: OP, expected: "a real dtype", given: common });
    }
    let dtype = common.compute();
    let brought = |t: &Tensor| quiet(|| t.detach().to(dtype)?.contiguous());
    let (s, v) = (brought(sequence)?, brought(values)?);
    let places = sorter.map(|t| quiet(|| t.to_vec::<i64>())).transpose()?;
    if places.iter().flatten().any(|&p| p < 0 || p >= length as i64) {
        return fail("torch.searchsorted(): sorter index out of range".into());
    }
    let rows = if dims == 1 { 1 } else { s.numel() / length.max(1) };
    let found = match rows {
        0 => vec![0; v.numel()],
        _ => {
            let search = Search { length, right, sorter: places.as_deref() };
            let rows = if length == 0 { 1 } else { rows };
            // SAFETY: dense tensors of this dtype; as many rows of each.
            unsafe { search.run(dtype, s.ptr(), v.ptr(), rows, v.numel() / rows) }
        }
    };
    let found = Tensor::from_slice(&found, values.shape())?;
    if int32 { found.to(DType::I32) } else { Ok(found) }
}

/// The number of the bucket, between sorted `boundaries`, of each element.
pub fn bucketize(x: &Tensor, boundaries: &Tensor, int32: bool, right: bool) -> Result<Tensor> {
    if boundaries.ndim() != 1 {
        let message = format!("boundaries tensor must be 1 dimension, but got dim({})", boundaries.ndim());
        return Err(Error::custom("bucketize", message));
    }
    searchsorted(boundaries, x, int32, right, None, None)
}

/// How often each number occurs, or what the weights of its occurrences add up to.
pub fn bincount(x: &Tensor, weights: Option<&Tensor>, least: i64) -> Result<Tensor> {
    const OP: &str = "bincount";
    let fail = |message: String| Err(Error::custom(OP, message));
    if least < 0 {
        return fail("minlength should be >= 0".into());
    }
    if x.ndim() != 1 || !(x.dtype().is_int() || x.numel() == 0) {
        return fail("bincount only supports 1-d non-negative integral inputs.".into());
    }
    let all: Vec<&Tensor> = [x].into_iter().chain(weights).collect();
    if let Some([counts]) = by_cpu(OP, &all, |t| bincount(&t[0], t.get(1), least).map(|counts| [counts]))? {
        return Ok(counts);
    }
    let numbers = quiet(|| x.to(DType::I64)?.to_vec::<i64>())?;
    if numbers.iter().any(|&n| n < 0) {
        return fail("bincount only supports 1-d non-negative integral inputs.".into());
    }
    if let Some(w) = weights.filter(|w| w.ndim() != 1 || w.numel() != x.numel()) {
        return fail(format!("weights should be 1-d and have the same length as input, got {:?}", w.shape()));
    }
    let size = numbers.iter().copied().max().map_or(0, |most| most + 1).max(least) as usize;
    let Some(weights) = weights else {
        let mut counts = filled(OP, 0i64, size)?;
        numbers.iter().for_each(|&n| counts[n as usize] += 1);
        return Tensor::from_slice(&counts, &[size]);
    };
    let w = quiet(|| weights.to(DType::F64)?.to_vec::<f64>())?;
    let mut sums = filled(OP, 0.0, size)?;
    numbers.iter().zip(w).for_each(|(&n, w)| sums[n as usize] += w);
    Tensor::from_slice(&sums, &[size])?.to(if weights.dtype() == DType::F32 { DType::F32 } else { DType::F64 })
}

/// The range of the elements, for bins without bounds.
fn range(op: &'static str, x: &[f64], low: f64, high: f64) -> Result<(f64, f64)> {
    let (mut low, mut high) = (low, high);
    if low == high && !x.is_empty() {
        low = x.iter().copied().fold(f64::INFINITY, |a, b| if b.is_nan() { b } else { a.min(b) });
        high = x.iter().copied().fold(f64::NEG_INFINITY, |a, b| if b.is_nan() { b } else { a.max(b) });
    }
    if low == high {
        (low, high) = (low - 1.0, high + 1.0);
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(Error::custom(op, format!("{op}: range of [{low}, {high}] is not finite")));
    }
    if low > high {
        return Err(Error::custom(op, format!("{op}: max must be larger than min, got [{low}, {high}]")));
    }
    Ok((low, high))
}

/// How many elements fall into each of `bins` equal bins between `low` and `high` (between the extremes if both are equal).
pub fn histc(x: &Tensor, bins: i64, low: Scalar, high: Scalar) -> Result<Tensor> {
    const OP: &str = "torch.histc";
    if bins <= 0 {
        return Err(Error::custom("histc", "bins must be > 0"));
    }
    if !x.dtype().is_float() {
        return Err(Error::NotImplemented { op: "histc", what: "\"histogram_cpu\" for integers" });
    }
    if let Some([counts]) = by_cpu("histc", &[x], |t| histc(&t[0], bins, low, high).map(|counts| [counts]))? {
        return Ok(counts);
    }
    let values = quiet(|| x.to(DType::F64)?.to_vec::<f64>())?;
    let (low, high) = range(OP, &values, low.to_f64(), high.to_f64())?;
    let mut counts = filled("histc", 0.0, bins as usize)?;
    for v in values.into_iter().filter(|v| *v >= low && *v <= high) {
        let place = ((v - low) / (high - low) * bins as f64) as usize;
        counts[place.min(bins as usize - 1)] += 1.0;
    }
    Tensor::from_slice(&counts, &[bins as usize])?.to(x.dtype())
}

/// Counts (or sums of weights, or densities) in bins with given edges.
pub fn histogram(x: &Tensor, edges: &Tensor, weight: Option<&Tensor>, density: bool) -> Result<Tensor> {
    const OP: &str = "histogram";
    if !x.dtype().is_float() || edges.ndim() != 1 || edges.numel() < 2 {
        let message = format!(
            "histogram: expected a floating point input and at least two edges in 1-D, got {} and {:?}",
            x.dtype(),
            edges.shape()
        );
        return Err(Error::custom(OP, message));
    }
    if let Some(w) = weight.filter(|w| w.shape() != x.shape()) {
        return Err(Error::shape(OP, format!("weights of the input's shape {:?}", x.shape()), w.shape()));
    }
    let all: Vec<&Tensor> = [x, edges].into_iter().chain(weight).collect();
    if let Some([sums]) = by_cpu(OP, &all, |t| histogram(&t[0], &t[1], t.get(2), density).map(|sums| [sums]))? {
        return Ok(sums);
    }
    let numbers = |t: &Tensor| quiet(|| t.to(DType::F64)?.to_vec::<f64>());
    let (values, edges) = (numbers(x)?, numbers(edges)?);
    let weights = weight.map(numbers).transpose()?;
    let bins = edges.len() - 1;
    let mut sums = filled(OP, 0.0, bins)?;
    for (i, v) in values.iter().enumerate().filter(|(_, v)| **v >= edges[0] && **v <= edges[bins]) {
        let place = edges.partition_point(|e| e <= v).saturating_sub(1).min(bins - 1);
        sums[place] += weights.as_ref().map_or(1.0, |w| w[i]);
    }
    if density {
        let total: f64 = sums.iter().sum();
        sums.iter_mut().enumerate().for_each(|(i, s)| *s /= total * (edges[i + 1] - edges[i]));
    }
    Tensor::from_slice(&sums, &[bins])?.to(x.dtype())
}
