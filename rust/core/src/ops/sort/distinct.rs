//! Distinct values, and distinct slices along a dimension.

use crate::autograd::Modes;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::sort::{self, Distinct};
use crate::layout::wrap_dim;
use crate::ops::gpu::by_cpu;
use crate::ops::shape::movedim;
use crate::tensor::Tensor;

fn quiet<R>(work: impl FnOnce() -> R) -> R {
    Modes { grad: false, capture: false, ..Modes::current() }.during(work)
}

fn real(op: &'static str, x: &Tensor) -> Result<()> {
    match x.dtype().is_complex() {
        true => Err(Error::DType { op, expected: "a real dtype", given: x.dtype() }),
        false => Ok(()),
    }
}

fn indices(list: &[usize]) -> Result<Tensor> {
    let list: Vec<i64> = list.iter().map(|&i| i as i64).collect();
    Tensor::from_slice(&list, &[list.len()])
}

/// The distinct values of `x` in order, the place of each element among them (of the shape of `x`), and their counts.
pub fn unique(x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
    real("unique", x)?;
    if let Some([values, inverse, counts]) = by_cpu("unique", &[x], |t| unique(&t[0]).map(<[_; 3]>::from))? {
        return Ok((values, inverse, counts));
    }
    let flat = quiet(|| x.detach().contiguous()?.reshape(&[x.numel()]))?;
    let here = flat.to_cpu()?;
    // SAFETY: dense elements of this dtype, alive through the call.
    let Distinct { first, inverse, counts } = unsafe { sort::distinct(here.dtype(), here.ptr(), here.numel()) };
    let values = quiet(|| flat.index_select(0, &indices(&first)?))?;
    Ok((values, Tensor::from_slice(&inverse, x.shape())?, Tensor::from_slice(&counts, &[counts.len()])?))
}

/// Slices along `dim` as rows.
fn slices(op: &'static str, x: &Tensor, dim: i64) -> Result<(Tensor, usize, usize, usize)> {
    real(op, x)?;
    let dim = wrap_dim(op, dim, x.ndim())?;
    let n = x.shape().get(dim).copied().unwrap_or(1);
    if n > 0 && x.numel() == 0 {
        let message = format!(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied: {:?}",
            x.shape()
        );
        return Err(Error::custom(op, message));
    }
    let rows = quiet(|| {
        let moved = if x.ndim() == 0 { x.detach().reshape(&[1])? } else { movedim(&x.detach(), &[dim as i64], &[0])? };
        moved.contiguous()?.to_cpu()
    })?;
    let width = rows.numel() / n.max(1);
    Ok((rows, dim, n, width))
}

/// The slices that are kept, in order; for each slice the number of its like; counts.
fn gathered(
    x: &Tensor,
    dim: usize,
    first: &[usize],
    inverse: &[i64],
    counts: &[i64],
) -> Result<(Tensor, Tensor, Tensor)> {
    let values = quiet(|| x.detach().index_select(dim as i64, &indices(first)?))?;
    Ok((values, Tensor::from_slice(inverse, &[inverse.len()])?, Tensor::from_slice(counts, &[counts.len()])?))
}

/// The distinct slices along `dim` in order, the number of each slice among them, and their counts.
pub fn unique_dim(x: &Tensor, dim: i64) -> Result<(Tensor, Tensor, Tensor)> {
    if let Some([values, inverse, counts]) = by_cpu("unique_dim", &[x], |t| unique_dim(&t[0], dim).map(<[_; 3]>::from))?
    {
        return Ok((values, inverse, counts));
    }
    let (rows, dim, n, width) = slices("unique_dim", x, dim)?;
    // SAFETY: n · width dense elements of this dtype, alive through the call.
    let (order, keys) = unsafe { sort::row_order(rows.dtype(), rows.ptr(), n, width) };
    let row = |r: usize| &keys[r * width..][..width];
    let (mut first, mut inverse, mut counts) = (Vec::new(), crate::storage::filled("unique_dim", 0i64, n)?, Vec::new());
    for (i, &r) in order.iter().enumerate() {
        if i == 0 || row(r) != row(order[i - 1]) {
            first.push(r);
            counts.push(0);
        }
        inverse[r] = first.len() as i64 - 1;
        if let Some(count) = counts.last_mut() {
            *count += 1;
        }
    }
    gathered(x, dim, &first, &inverse, &counts)
}

/// The same, but only neighbours are compared and nothing is sorted; without `dim`, elements.
pub fn unique_consecutive(x: &Tensor, dim: Option<i64>) -> Result<(Tensor, Tensor, Tensor)> {
    const OP: &str = "unique_consecutive";
    if let Some([values, inverse, counts]) =
        by_cpu("unique_consecutive", &[x], |t| unique_consecutive(&t[0], dim).map(<[_; 3]>::from))?
    {
        return Ok((values, inverse, counts));
    }
    let flat = match dim {
        None => x.detach().reshape(&[x.numel()])?,
        Some(_) => x.detach(),
    };
    let (rows, at, n, width) = slices(OP, &flat, dim.unwrap_or(0))?;
    let bytes = width * rows.dtype().size();
    // SAFETY: n rows of this many bytes, alive through the loop.
    let all = unsafe { std::slice::from_raw_parts(rows.ptr().cast_const(), n * bytes) };
    // Equal as numbers: −0 is 0, NaN is nothing.
    let same = |a: usize, b: usize| -> bool {
        if !rows.dtype().is_float() {
            return all[a * bytes..][..bytes] == all[b * bytes..][..bytes];
        }
        let dtype: DType = rows.dtype();
        (0..width).all(|k| {
            let value = |r: usize| {
                // SAFETY: an element of a live tensor.
                unsafe { crate::tensor::load(rows.ptr().add(r * bytes + k * dtype.size()), dtype) }.to_f64()
            };
            value(a) == value(b)
        })
    };
    let (mut first, mut inverse, mut counts) = (Vec::new(), crate::storage::room(OP, n)?, Vec::new());
    for r in 0..n {
        if r == 0 || !same(r - 1, r) {
            first.push(r);
            counts.push(0);
        }
        inverse.push(first.len() as i64 - 1);
        if let Some(count) = counts.last_mut() {
            *count += 1;
        }
    }
    let (values, inverse, counts) = gathered(&flat, at, &first, &inverse, &counts)?;
    let inverse = if dim.is_none() { inverse.reshape(x.shape())? } else { inverse };
    Ok((values, inverse, counts))
}
