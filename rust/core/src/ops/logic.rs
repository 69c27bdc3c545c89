//! Comparisons and logic of two tensors, element by element: the rows of the binary table that give bools, and what is made
//! of them.

use super::binary::{Operand, binary, common_dtype};
use crate::dispatch;
use crate::dtype::{DType, Num, Ordered, Scalar};
use crate::error::Result;
use crate::kernels::isa::Isa;
use crate::kernels::map::{self, Dense, Function, Pointwise};
use crate::layout::broadcast;
use crate::op::{Inputs, Metas, Op, Out, new};
use crate::tensor::Tensor;

binary! {
    [LOGIC]

    /// a == b
    test Eq = eq: |_, a, b| a == b; "a == b";
    /// a != b
    test Ne = ne: |_, a, b| a != b; "!(a == b)";
    /// a < b
    test_order Lt = lt: |_, a, b| a < b; "a < b";
    /// a <= b
    test_order Le = le: |_, a, b| a <= b; "a <= b";
    /// a > b
    test_order Gt = gt: |_, a, b| a > b; "a > b";
    /// a >= b
    test_order Ge = ge: |_, a, b| a >= b; "a >= b";
    /// Whether both are not zero.
    test LogicalAnd = logical_and: |_, a, b| a != T::ZERO && b != T::ZERO; "!(a == 0) && !(b == 0)";
    /// Whether one or both are not zero.
    test LogicalOr = logical_or: |_, a, b| a != T::ZERO || b != T::ZERO; "!(a == 0 && b == 0)";
    /// Whether just one is not zero.
    test LogicalXor = logical_xor: |_, a, b| (a != T::ZERO) != (b != T::ZERO); "(a == 0) != (b == 0)";
}

/// Whether `|a − b| <= atol + rtol · |b|`, element by element; infinities are close to themselves.
pub fn isclose(a: &Tensor, b: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result<Tensor> {
    if a.dtype() != b.dtype() {
        let message = format!("{} did not match {}", a.dtype().scalar_name(), b.dtype().scalar_name());
        return Err(crate::error::Error::custom("isclose", message));
    }
    if rtol < 0.0 || atol < 0.0 {
        return Err(crate::error::Error::custom("isclose", "rtol and atol must be greater than or equal to zero"));
    }
    let mut close = a.eq(b)?;
    let or = |x: &Tensor, y: &Tensor| logical_or(x.into(), y.into(), Out::New);
    let and = |x: &Tensor, y: &Tensor| logical_and(x.into(), y.into(), Out::New);
    if equal_nan && a.dtype().is_differentiable() {
        close = or(&close, &and(&a.ne(a)?, &b.ne(b)?)?)?;
    }
    if rtol == 0.0 && atol == 0.0 {
        return Ok(close);
    }
    let (a, b) =
        if a.dtype().is_differentiable() { (a.clone(), b.clone()) } else { (a.to(DType::F64)?, b.to(DType::F64)?) };
    let error = a.sub(&b)?.abs()?;
    let allowed = b.abs()?.mul(rtol)?.add(atol)?;
    or(&close, &and(&super::unary::isfinite(&error)?, &error.le(&allowed)?)?)
}

/// Whether all elements are close: see [`isclose`].
pub fn allclose(a: &Tensor, b: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result<bool> {
    let far = super::unary::logical_not(&isclose(a, b, rtol, atol, equal_nan)?, Out::New)?;
    Ok(far.any_all()?.item()? == Scalar::Bool(false))
}

/// Whether both have the same shape and the same elements.
pub fn equal(a: &Tensor, b: &Tensor) -> Result<bool> {
    if a.shape() != b.shape() {
        return Ok(false);
    }
    Ok(a.ne(b)?.any_all()?.item()? == Scalar::Bool(false))
}
