//! What is made of other functions: condition numbers, powers, systems of tensors.

use super::*;
use crate::ops::reduce::{Order, amax, amin, matrix_norm};
use crate::ops::shape::movedim;

/// The condition number: |A|·|A⁻¹| in a norm, or the ratio of singular values.
pub fn cond(a: &Tensor, order: Option<Order>) -> Result<Tensor> {
    let op = "linalg.cond";
    check_matrices(op, "A", a)?;
    let order = order.unwrap_or(Order::Number(2.0));
    let real = a.dtype().to_real();
    if let Order::Number(p) = order
        && p.abs() == 2.0
    {
        if a.numel() == 0 {
            return Tensor::zeros(batch(a), real);
        }
        let s = svdvals(a)?;
        let (most, least) = (amax(&s, &[-1], false, Out::New)?, amin(&s, &[-1], false, Out::New)?);
        return if p > 0.0 { most.div(&least) } else { least.div(&most) };
    }
    check_square(op, "A", a)?;
    if a.numel() == 0 {
        return Tensor::zeros(batch(a), real);
    }
    let norm = |x: &Tensor| matrix_norm(x, order, &[-2, -1], false, None, Out::New);
    let (inverse, info) = inv_ex(a, false)?;
    let product = norm(a)?.mul(&norm(&inverse)?)?;
    let singular = info.ne(0i64)?;
    where_op((&singular).into(), f64::INFINITY.into(), (&product).into(), Out::New)
}

/// The inverse of A as a map from tensors to tensors: its first `ind` dimensions belong to the result.
pub fn tensorinv(a: &Tensor, ind: i64) -> Result<Tensor> {
    let op = "linalg.tensorinv";
    let Some(ind) = usize::try_from(ind).ok().filter(|&i| i > 0) else {
        return fail(op, format!("Expected a strictly positive integer for 'ind', got {ind}"));
    };
    let (rows, cols) = a.shape().split_at(ind.min(a.ndim()));
    let (m, n) = (rows.iter().product::<usize>(), cols.iter().product::<usize>());
    if m != n {
        return fail(
            op,
            format!(
                "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got \
                     {n} != {m}"
            ),
        );
    }
    let inverse = inv_ex(&a.reshape(&[m, n])?, false)?;
    if first_failure(&inverse.1)?.is_some() {
        return Err(Error::LinAlg { op, message: "Failed to invert the input tensor, because it is singular.".into() });
    }
    inverse.0.reshape(&[cols, rows].concat())
}

/// X of tensordot(A, X) = B.
pub fn tensorsolve(a: &Tensor, b: &Tensor, dims: Option<&[i64]>) -> Result<Tensor> {
    let op = "linalg.tensorsolve";
    let mut a = a.clone();
    if let Some(dims) = dims {
        let to: Vec<i64> = (0..dims.len()).map(|i| i as i64 - dims.len() as i64).collect();
        a = movedim(&a, dims, &to)?;
    }
    let split = b.ndim().min(a.ndim());
    let cols = a.shape()[split..].to_vec();
    let (m, n) = (b.numel(), cols.iter().product::<usize>());
    if m.checked_mul(n) != Some(a.numel()) || m != n {
        return fail(
            op,
            format!(
                "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == \
                     prod(self.shape[:other.ndim]), but got {n} != {m}"
            ),
        );
    }
    solve(&a.reshape(&[m, n])?, &b.reshape(&[m])?, true)?.reshape(&cols)
}
