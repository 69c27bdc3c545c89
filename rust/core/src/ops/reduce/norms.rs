//! Norms of matrices, and `linalg.norm`, which is a vector's or a matrix's by what it is asked for.

use super::{amax, amin, sum, vector_norm};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::layout::wrap_dims;
use crate::op::Out;
use crate::ops::binary::mul;
use crate::ops::ternary::where_op;
use crate::tensor::Tensor;

/// Which norm: a number, or a name.
#[derive(Clone, Copy, Debug)]
pub enum Order<'a> {
    Number(f64),
    Name(&'a str),
}

const MATRIX: &str = "linalg.matrix_norm";
const NORM: &str = "linalg.norm";

/// Two dims, as positions that differ.
fn two_dims(op: &'static str, x: &Tensor, dims: &[i64]) -> Result<(i64, i64)> {
    let &[a, b] = dims else {
        return Err(Error::custom(op, format!("{op}: dim must be a 2-tuple, got {dims:?}")));
    };
    if x.ndim() < 2 {
        let message = format!(
            "{op}: The input tensor A must have at least 2 dimensions, got {} (shape {:?})",
            x.ndim(),
            x.shape()
        );
        return Err(Error::custom(op, message));
    }
    let wrapped = wrap_dims(op, &[a, b], x.ndim())?;
    Ok((wrapped[0] as i64, wrapped[1] as i64))
}

/// The norm of the matrices that lie in two dimensions.
///
/// `fro` is the root of the sum of squares, `nuc` the sum of the singular values, ±2 the greatest and the least of them,
/// ±1 the greatest and the least sum of a column, ±∞ of a row.
pub fn matrix_norm(
    x: &Tensor,
    order: Order,
    dims: &[i64],
    keepdim: bool,
    dtype: Option<DType>,
    out: Out,
) -> Result<Tensor> {
    let (rows, columns) = two_dims(MATRIX, x, dims)?;
    if !x.dtype().is_differentiable() {
        let message =
            format!("{MATRIX}: Expected a floating point or complex tensor as input. Got {}", x.dtype().scalar_name());
        return Err(Error::custom(MATRIX, message));
    }
    let p = match order {
        Order::Name("fro") => return vector_norm(x, 2.0, &[rows, columns], keepdim, dtype, out),
        Order::Name("nuc") => return of_singular_values(x, [rows, columns], keepdim, dtype, |s| s.sum(&[-1], false)),
        Order::Name(other) => {
            return Err(Error::custom(MATRIX, format!("{MATRIX}: Order {other} not supported.")));
        }
        Order::Number(p) => p,
    };
    let least = p < 0.0;
    if p.abs() == 2.0 {
        return of_singular_values(x, [rows, columns], keepdim, dtype, |s| match least {
            true => amin(s, &[-1], false, Out::New),
            false if s.shape().last() == Some(&0) => s.sum(&[-1], false),
            false => amax(s, &[-1], false, Out::New),
        });
    }
    let (along, mut over) = match p.abs() {
        1.0 => (rows, columns),
        f64::INFINITY => (columns, rows),
        _ => return Err(Error::custom(MATRIX, format!("{MATRIX}: Order {p} not supported."))),
    };
    let sums = vector_norm(x, 1.0, &[along], keepdim, dtype, Out::New)?;
    if !keepdim && along < over {
        over -= 1;
    }
    // The greatest of none is 0, which no norm is below.
    match least {
        true => amin(&sums, &[over], keepdim, out),
        false if sums.shape().get(over as usize) == Some(&0) => sum(&sums, &[over], keepdim, None, out),
        false => amax(&sums, &[over], keepdim, out),
    }
}

/// A norm that is a function of the singular values.
fn of_singular_values(
    x: &Tensor,
    dims: [i64; 2],
    keepdim: bool,
    dtype: Option<DType>,
    fold: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let x = match dtype {
        Some(dtype) => x.to(dtype)?,
        None => x.clone(),
    };
    let moved = crate::ops::shape::movedim(&x, &dims, &[-2, -1])?;
    let norm = fold(&crate::ops::linalg::svdvals(&moved)?)?;
    if !keepdim {
        return Ok(norm);
    }
    let (first, second) = (dims[0].min(dims[1]), dims[0].max(dims[1]));
    norm.unsqueeze(first)?.unsqueeze(second)
}

/// `torch.linalg.norm`: of all numbers as one vector if no order is named, else of a vector or a matrix, by the number of
/// dimensions that it is taken over.
pub fn norm(
    x: &Tensor,
    order: Option<Order>,
    dims: Option<&[i64]>,
    keepdim: bool,
    dtype: Option<DType>,
    out: Out,
) -> Result<Tensor> {
    let Some(order) = order else {
        return vector_norm(x, 2.0, dims.unwrap_or(&[]), keepdim, dtype, out);
    };
    if let Some(dims) = dims.filter(|d| d.len() != 1 && d.len() != 2) {
        return Err(Error::custom(
            NORM,
            format!("{NORM}: If dim is specified, it must be of length 1 or 2. Got {dims:?}"),
        ));
    }
    if dims.is_none() && x.ndim() != 1 && x.ndim() != 2 {
        let message = format!(
            "{NORM}: If dim is not specified but ord is, the input must be 1D or 2D. Got {}D, of shape {:?}",
            x.ndim(),
            x.shape()
        );
        return Err(Error::custom(NORM, message));
    }
    match (order, dims) {
        (Order::Number(p), Some([_])) => vector_norm(x, p, dims.unwrap_or(&[]), keepdim, dtype, out),
        (Order::Number(p), None) if x.ndim() == 1 => vector_norm(x, p, &[], keepdim, dtype, out),
        (order, dims) => matrix_norm(x, order, dims.unwrap_or(&[-2, -1]), keepdim, dtype, out),
    }
}

/// An order that PyTorch takes as a number.
pub fn order_of(op: &'static str, p: Scalar) -> Result<f64> {
    match p {
        Scalar::Complex(..) => {
            Err(Error::custom(op, format!("{op}: Expected a non-complex scalar as the order of norm.")))
        }
        p => Ok(p.to_f64()),
    }
}

/// The slices along `dim`, each brought down to a norm of `most` at most.
pub fn renorm(x: &Tensor, p: Scalar, dim: i64, most: Scalar, out: Out) -> Result<Tensor> {
    const OP: &str = "renorm";
    let (p, most) = (order_of(OP, p)?, order_of(OP, most)?);
    if p.is_nan() || p <= 0.0 {
        return Err(Error::custom(OP, "renorm: non-positive-norm not supported"));
    } else if most.is_nan() || most < 0.0 {
        return Err(Error::custom(OP, format!("renorm: expected maxnorm to be >= 0 but got {most}")));
    } else if x.ndim() < 2 {
        let message = format!("renorm: input needs at least 2 dimensions, got {} dimensions", x.ndim());
        return Err(Error::custom(OP, message));
    }
    let dim = crate::layout::wrap_dim(OP, dim, x.ndim())?;
    let others: Vec<i64> = (0..x.ndim()).filter(|d| *d != dim).map(|d| d as i64).collect();
    let wide = matches!(x.dtype(), DType::F16 | DType::BF16).then_some(DType::F32);
    let norm = vector_norm(x, p, &others, true, wide, Out::New)?;
    let shrink = Tensor::number(Scalar::Float(most), norm.dtype())?.div(&norm.add(1e-7)?)?;
    let one = Tensor::scalar(Scalar::Float(1.0), norm.dtype())?;
    let factor = where_op((&norm.gt(most)?).into(), (&shrink).into(), (&one).into(), Out::New)?;
    mul(x.into(), (&factor.to(x.dtype().to_real())?).into(), out)
}

/// The norms of the slices along `dim`, each in its place; of all numbers, if `dim` is −1.
pub fn norm_except_dim(x: &Tensor, p: f64, dim: i64) -> Result<Tensor> {
    if dim == -1 {
        return vector_norm(x, p, &[], false, None, Out::New);
    }
    let dim = crate::layout::wrap_dim("norm_except_dim", dim, x.ndim())?;
    let others: Vec<i64> = (0..x.ndim()).filter(|d| *d != dim).map(|d| d as i64).collect();
    if others.is_empty() {
        // No dimension is not all of them: each number is a slice.
        return if p == 0.0 { x.ne(0.0)?.to(x.dtype()) } else { x.abs() };
    }
    vector_norm(x, p, &others, true, None, Out::New)
}

/// x with slices along `dim` of the norms `g`.
pub fn weight_norm(x: &Tensor, g: &Tensor, dim: i64) -> Result<Tensor> {
    x.mul(&g.div(&norm_except_dim(x, 2.0, dim)?)?)
}
