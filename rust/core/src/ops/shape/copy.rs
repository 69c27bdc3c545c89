//! Copies and conversions: `to`, `copy_`, `contiguous`, `clone`.

use crate::autograd::Ctx;
use crate::device::Wide;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::convert;
use crate::kernels::iter::{self, Plane, Run};
use crate::kernels::map::{Dense, Pointwise};
use crate::layout::broadcast;
use crate::op::{Grads, Inputs, Metas, Op, new};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: To, Copy);

/// A dense copy in another dtype, or in the same.
#[derive(Debug)]
pub struct To {
    pub dtype: DType,
}
impl Op for To {
    fn name(&self) -> &'static str {
        "to"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        new(self.dtype, inputs[0].shape())
    }
    fn pointwise(&self) -> Option<&dyn Pointwise> {
        Some(self)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        convert(&outputs[0], &inputs[0]);
        Ok(())
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(ctx.grad(0)?)])
    }
    crate::attributes!(dtype);
}
impl Pointwise for To {
    fn types(&self, dtypes: &[DType]) -> (DType, DType) {
        let through = if dtypes[0].is_complex() || dtypes[0] == DType::Bool { dtypes[1] } else { dtypes[0] };
        (through.compute(), through.compute())
    }
    unsafe fn dense(&self, compute: DType, dense: Dense) {
        // SAFETY: the caller's promise; a copy of elements of one type.
        unsafe { copy_dense(compute, dense, 0) }
    }
    fn wgsl(&self, _: Wide) -> &'static str {
        "a"
    }
}

/// The second input, broadcast and converted to be as the first: `copy_` is this op in place.
#[derive(Debug)]
pub struct Copy {}
impl Op for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let shape = broadcast("copy_", inputs[0].shape(), inputs[1].shape())?;
        new(inputs[0].dtype(), shape)
    }
    fn pointwise(&self) -> Option<&dyn Pointwise> {
        Some(self)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        convert(&outputs[0], &inputs[1]);
        Ok(())
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let grad = ctx.grad(0)?;
        Ok(smallvec![Some(Tensor::zeros(ctx.shape(0), ctx.dtype(0))?), Some(grad)])
    }
    crate::attributes!();
}
impl Pointwise for Copy {
    fn types(&self, dtypes: &[DType]) -> (DType, DType) {
        To { dtype: dtypes[0] }.types(&[dtypes[0], dtypes[2]])
    }
    unsafe fn dense(&self, compute: DType, dense: Dense) {
        // SAFETY: the caller's promise; a copy of elements of one type.
        unsafe { copy_dense(compute, dense, 1) }
    }
    fn wgsl(&self, _: Wide) -> &'static str {
        "b"
    }
}

/// Writes `from`, which broadcasts to it, into `to`. Panics if one of them looks outside of its memory: which views an op makes may
/// have been said by a file.
pub(crate) fn convert(to: &Tensor, from: &Tensor) {
    let (dtype, source) = (to.dtype(), from.dtype());
    let lies =
        |t: &Tensor| t.layout().reach("copy").is_ok_and(|n| n.saturating_mul(t.dtype().size()) <= t.storage().bytes());
    assert!(lies(to) && lies(from), "a view looks outside of its memory");
    // SAFETY: operands of live tensors of these dtypes; the output is ours to write.
    iter::for_each(to.shape(), &[to.operand(), from.operand()], &|run| unsafe { convert::run(dtype, source, run) });
}

/// Copies input `k`, whose dtype the output has.
///
/// # Safety
/// As for [`Pointwise::dense`].
unsafe fn copy_dense(dtype: DType, dense: Dense, k: usize) {
    let size = dtype.size() as isize;
    let strides = &[size, if dense.advance[k] { size } else { 0 }];
    let run = Run { len: dense.len, ptrs: &[dense.to, dense.from[k].cast_mut()], strides };
    // SAFETY: the caller's promise.
    let copy = |run: Run| unsafe { convert::run(dtype, dtype, run) };
    Plane { run, rows: dense.rows, down: &[dense.down[0], dense.down[k + 1]] }.each(copy);
}
