//! Functions of vectors and matrices made of views and arithmetic: cross products, differences, covariance, powers.

use super::{at_least, broadcast_tensors, diagonal, flip, matrix_t, narrow, squeeze, unsqueeze};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::layout::wrap_dim;
use crate::ops::join::{cat, stack};
use crate::tensor::Tensor;

/// The cross product of vectors along `dim`, which must be of size 3; batches broadcast.
pub fn linalg_cross(a: &Tensor, b: &Tensor, dim: i64) -> Result<Tensor> {
    if a.ndim() != b.ndim() {
        return Err(Error::custom("linalg.cross", "inputs must have the same number of dimensions."));
    }
    let d = super::own_dim("linalg.cross", dim, a)?;
    if a.shape()[d] != 3 || b.shape()[d] != 3 {
        let message = format!("inputs dimension {dim} must have length 3. Got {} and {}", a.shape()[d], b.shape()[d]);
        return Err(Error::custom("linalg.cross", message));
    }
    let [a, b] = &broadcast_tensors(&[a.clone(), b.clone()])?[..] else {
        return Err(Error::custom("cross", "two tensors"));
    };
    let part = |t: &Tensor, i: usize| t.select(d as i64, i);
    let component = |i: usize, j: usize| part(a, i)?.mul(&part(b, j)?)?.sub(&part(a, j)?.mul(&part(b, i)?)?);
    stack(&[component(1, 2)?, component(2, 0)?, component(0, 1)?], d as i64)
}

/// The same along the first dimension of size 3, if none is named.
pub fn cross(a: &Tensor, b: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    let dim = match dim.or_else(|| a.shape().iter().position(|&n| n == 3).map(|d| d as i64)) {
        Some(dim) => dim,
        None => return Err(Error::custom("cross", "no dimension of size 3 in input")),
    };
    linalg_cross(a, b, dim)
}

/// Differences of neighbours along `dim`, taken `n` times.
pub fn diff(x: &Tensor, n: i64, dim: i64, prepend: Option<&Tensor>, append: Option<&Tensor>) -> Result<Tensor> {
    if n < 0 {
        return Err(Error::custom("diff", format!("order must be non-negative but got {n}")));
    }
    if x.ndim() == 0 {
        return Err(Error::custom("diff", "diff expects input to be at least one-dimensional"));
    }
    let dim = wrap_dim("diff", dim, x.ndim())?;
    for extra in [prepend, append].into_iter().flatten() {
        let fits = extra.ndim() == x.ndim() && (0..x.ndim()).all(|d| d == dim || extra.shape()[d] == x.shape()[d]);
        if !fits {
            let message = format!(
                "diff expects the shape of tensor to prepend or append to match that of input except along the differencing \
                 dimension; input.size() = {:?}, but got {:?}",
                x.shape(),
                extra.shape()
            );
            return Err(Error::custom("diff", message));
        }
    }
    if n == 0 {
        return x.copy();
    }
    let list: Vec<Tensor> = [prepend, Some(x), append].into_iter().flatten().cloned().collect();
    let mut value = if list.len() == 1 { x.clone() } else { cat(&list, dim as i64)? };
    for _ in 0..n.min(value.shape()[dim] as i64) {
        let len = value.shape()[dim] as i64 - 1;
        let (low, high) = (narrow(&value, dim as i64, 0, len)?, narrow(&value, dim as i64, 1, len)?);
        value = if value.dtype() == DType::Bool { high.ne(&low)? } else { high.sub(&low)? };
    }
    if value.same(x) { x.copy() } else { Ok(value) }
}

/// Checks weights of observations.
fn weights(w: Option<&Tensor>, what: &str, count: usize, ints: bool) -> Result<()> {
    let Some(w) = w else { return Ok(()) };
    let fail = |message: String| Err(Error::custom("cov", message));
    if w.ndim() > 1 {
        return fail(format!(
            "cov(): expected {what} to have one or fewer dimensions but got {what} with {} dimensions",
            w.ndim()
        ));
    }
    if ints != w.dtype().is_int() || !ints && !w.dtype().is_float() {
        let kind = if ints { "integral" } else { "floating point" };
        return fail(format!("cov(): expected {what} to have {kind} dtype but got {what} with {} dtype", w.dtype()));
    }
    if w.numel() != count {
        return fail(format!(
            "cov(): expected {what} to have the same numel as there are observations in the input but got {} != {count}",
            w.numel()
        ));
    }
    if count > 0 && w.detach().lt(0i64)?.any_all()?.item()?.to_i64() != 0 {
        return fail(format!("cov(): {what} cannot be negative"));
    }
    Ok(())
}

/// The covariance of variables (rows) over observations (columns).
pub fn cov(x: &Tensor, correction: i64, fweights: Option<&Tensor>, aweights: Option<&Tensor>) -> Result<Tensor> {
    if x.ndim() > 2 {
        let message = format!(
            "cov(): expected input to have two or fewer dimensions but got an input with {} dimensions",
            x.ndim()
        );
        return Err(Error::custom("cov", message));
    }
    if x.dtype() == DType::Bool {
        return Err(Error::custom("cov", "cov(): bool dtype is not supported for input"));
    }
    let x = if x.ndim() < 2 { x.reshape(&[1, x.numel()])? } else { x.clone() };
    let count = x.shape()[1];
    weights(fweights, "fweights", count, true)?;
    weights(aweights, "aweights", count, false)?;
    let w = match (fweights, aweights) {
        (Some(f), Some(a)) => Some(f.mul(a)?),
        (f, a) => f.or(a).cloned(),
    };
    let weigh = |t: &Tensor| w.as_ref().map_or_else(|| Ok(t.clone()), |w| t.mul(w));
    let total = match &w {
        Some(w) => w.sum_all()?,
        None => Tensor::number(Scalar::Int(count as i64), DType::I64)?,
    };
    if w.is_some() && count > 0 && total.item()?.is_zero() {
        return Err(Error::custom("cov", "cov(): weights sum to zero, can't be normalized"));
    }
    let mean = weigh(&x)?.sum(&[1], true)?.div(&total)?;
    let norm = match (&w, aweights) {
        (Some(w), Some(a)) if correction != 0 => total.sub(&w.mul(a)?.sum_all()?.mul(correction)?.div(&total)?)?,
        _ => total.sub(correction)?,
    };
    let norm = if norm.item()?.to_f64() <= 0.0 { norm.mul(0i64)? } else { norm };
    let centered = x.sub(&mean)?;
    let product = centered.matmul(&matrix_t(&weigh(&centered)?)?.conj()?)?;
    squeeze(&product.div(&norm)?, None)
}

/// The correlation coefficients of variables (rows) over observations (columns).
pub fn corrcoef(x: &Tensor) -> Result<Tensor> {
    if x.ndim() > 2 {
        let message = format!(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with {} dimensions",
            x.ndim()
        );
        return Err(Error::custom("corrcoef", message));
    }
    let c = cov(x, 1, None, None)?;
    if c.ndim() == 0 {
        return c.div(&c);
    }
    let deviation = diagonal(&c, 0, 0, 1)?.real()?.sqrt()?;
    let c = c.div(&unsqueeze(&deviation, 1)?)?.div(&unsqueeze(&deviation, 0)?)?;
    let clip = |t: &Tensor| t.maximum(-1.0)?.minimum(1.0);
    if c.dtype().is_complex() {
        super::super::complex::complex(&clip(&c.real()?)?, &clip(&c.imag()?)?)
    } else {
        clip(&c)
    }
}

/// The powers of the elements of vectors, `n` of them, in a new last dimension: falling, unless `increasing`.
pub fn vander(x: &Tensor, n: Option<i64>, increasing: bool) -> Result<Tensor> {
    let x = &at_least(x, 1)?;
    let size = x.shape()[x.ndim() - 1];
    let n = n.unwrap_or(size as i64);
    if n < 0 {
        return Err(Error::custom("vander", format!("N must be non-negative, got {n}")));
    }
    let x = if x.dtype().is_differentiable() { x.clone() } else { x.to(DType::I64)? };
    let mut powers: Vec<Tensor> = Vec::new();
    for k in 0..n {
        powers.push(match (k, powers.last()) {
            (1, _) => x.clone(),
            (_, Some(last)) => last.mul(&x)?,
            (_, None) => Tensor::ones(x.shape(), x.dtype())?,
        });
    }
    if powers.is_empty() {
        let shape: Vec<usize> = x.shape().iter().copied().chain([0]).collect();
        return Tensor::zeros(&shape, x.dtype());
    }
    let rising = stack(&powers, -1)?;
    if increasing { Ok(rising) } else { flip(&rising, &[-1]) }
}
