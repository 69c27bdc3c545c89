//! Other looks at the same memory, and the copies that go with them.

use crate::call::table;
use crate::core::Dims;
use rushlight::layout::Shape;
use rushlight::ops::shape::Reshape;
use rushlight::{Error, Result, Tensor};

/// A size with at most one `-1`, which stands for what is left.
pub fn infer(op: &'static str, x: &Tensor, size: &[i64]) -> Result<Shape> {
    let fail = || Error::custom(op, format!("shape '{size:?}' is invalid for input of size {}", x.numel()));
    let mut free = None;
    let mut shape = Shape::new();
    for (d, &n) in size.iter().enumerate() {
        match n {
            -1 if free.is_some() => return Err(Error::custom(op, "only one dimension can be inferred")),
            -1 => free = Some(d),
            n if n < 0 => return Err(Error::custom(op, format!("invalid shape dimension {n}"))),
            _ => {}
        }
        shape.push(if n == -1 { 1 } else { n as usize });
    }
    let known = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).ok_or_else(fail)?;
    if let Some(d) = free {
        if known == 0 {
            let text = format!("cannot reshape tensor of 0 elements into shape {size:?} because the unspecified dimension size -1 can be any value and is ambiguous");
            return Err(if x.numel() == 0 { Error::custom(op, text) } else { fail() });
        }
        if x.numel() % known != 0 {
            return Err(fail());
        }
        shape[d] = x.numel() / known;
        return Ok(shape);
    }
    if known == x.numel() { Ok(shape) } else { Err(fail()) }
}

table! {
    /// The same memory in another shape.
    method:
        "view(Tensor(a) self, int[] size) -> Tensor(a)" => |x: &Tensor, size: Dims| {
            let shape = infer("view", x, &size)?;
            if x.layout().reshape(&shape).is_none() {
                return Err(Error::custom("view", "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead."));
            }
            rushlight::op::apply(Reshape { shape }, [x])
        };

    /// The same elements in another shape; a view if the memory allows it.
    fn method:
        "reshape(Tensor(a) self, int[] shape) -> Tensor(a)"
            => |x: &Tensor, size: Dims| x.reshape(&infer("reshape", x, &size)?);

    /// Swaps two dimensions.
    fn method exchange:
        "transpose(Tensor(a) self, int dim0, int dim1) -> Tensor(a)" => Tensor::transpose;
}
