//! The greatest and the least: where they are, and with their places along a dimension.

use super::{kept, kept_layout, kept_operand, not_empty, reduced};
use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::iter::Operand;
use crate::kernels::reduce::arg;
use crate::layout::wrap_dim;
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, Out, apply, apply_all, new};
use crate::ops::gpu::reduce::extreme as extreme_on_gpu;
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: Arg, Extreme);

fn real(op: &'static str, x: &Tensor) -> Result<()> {
    match x.dtype().is_complex() {
        true => Err(Error::DType { op, expected: "a real dtype", given: x.dtype() }),
        false => Ok(()),
    }
}

/// Runs the kernel for either output.
fn run(least: bool, dim: usize, x: &Tensor, values: Option<&Tensor>, places: Option<&Tensor>) -> Result<()> {
    // A 0-dim tensor is a row of one.
    let one = Operand { shape: &[1], strides: &[1], ..x.operand() };
    let from = if x.ndim() == 0 { one } else { x.operand() };
    let dims: &[usize] = if x.ndim() == 0 { &[] } else { &[dim] };
    let layouts = [values, places].map(|t| t.map(|t| (t, kept_layout(t, x.shape(), dims))));
    let [values, places] = layouts.each_ref().map(|t| {
        t.as_ref().map(|(t, layout)| {
            let to = kept_operand(t, layout);
            (t.dtype(), if x.ndim() == 0 { Operand { shape: &[1], strides: &[1], ..to } } else { to })
        })
    });
    let typed = |t: &'_ Option<(DType, Operand<'_>)>| t.is_some();
    debug_assert!(typed(&values) || typed(&places));
    let (values, places) = (values.as_ref().map(|(d, o)| (*d, o)), places.as_ref().map(|(d, o)| (*d, o)));
    // SAFETY: operands of live tensors, of the dtypes and shapes that `meta` promised.
    match unsafe { arg::run(least, (x.dtype(), &from), dim, values, places) } {
        true => Ok(()),
        false => Err(Error::DType { op: "max", expected: "a real dtype", given: x.dtype() }),
    }
}

/// The place of the greatest (or least) element along `dim`: the first of equals.
#[derive(Clone, Debug)]
pub struct Arg {
    pub least: bool,
    pub dim: usize,
    pub keepdim: bool,
}

impl Op for Arg {
    fn name(&self) -> &'static str {
        if self.least { "argmin" } else { "argmax" }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        real(self.name(), &inputs[0])?;
        not_empty(self.name(), inputs[0].shape(), &[self.dim][..inputs[0].ndim().min(1)])?;
        new(DType::I64, reduced(inputs[0].shape(), &[self.dim], self.keepdim))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        run(self.least, self.dim, &inputs[0], None, Some(&outputs[0]))
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let dims = &[self.dim][..inputs[0].ndim().min(1)];
        extreme_on_gpu(gpu, self.least, &inputs[0], dims, None, &outputs[0])
    }
    crate::attributes!(least, dim, keepdim);
}

/// The greatest (or least) elements along `dim`, and their places. Gradient: to those places.
#[derive(Clone, Debug)]
pub struct Extreme {
    pub least: bool,
    pub dim: usize,
    pub keepdim: bool,
}

impl Op for Extreme {
    fn name(&self) -> &'static str {
        if self.least { "min" } else { "max" }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        real(self.name(), &inputs[0])?;
        not_empty(self.name(), inputs[0].shape(), &[self.dim][..inputs[0].ndim().min(1)])?;
        let shape = reduced(inputs[0].shape(), &[self.dim], self.keepdim);
        Ok(smallvec![Meta::New(inputs[0].dtype(), shape.clone()), Meta::New(DType::I64, shape)])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        run(self.least, self.dim, &inputs[0], Some(&outputs[0]), Some(&outputs[1]))
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let dims = &[self.dim][..inputs[0].ndim().min(1)];
        extreme_on_gpu(gpu, self.least, &inputs[0], dims, Some(&outputs[0]), &outputs[1])
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(to_places(&ctx.grad(0)?, &ctx.output(1)?, ctx.shape(0), self.dim)?)])
    }
    crate::attributes!(least, dim, keepdim);
}

/// Zeros of `shape` with the gradient at the places along `dim` that were selected, one (or some) of each row.
pub(crate) fn to_places(grad: &Tensor, places: &Tensor, shape: &[usize], dim: usize) -> Result<Tensor> {
    let zeros = Tensor::zeros(shape, grad.dtype())?;
    let (grad, places) = match grad.ndim() == shape.len() {
        true => (grad.clone(), places.clone()),
        false => (grad.unsqueeze(dim as i64)?, places.unsqueeze(dim as i64)?),
    };
    zeros.scatter_add(dim as i64, &places, &grad)
}

fn arg(x: &Tensor, least: bool, dim: Option<i64>, keepdim: bool) -> Result<Tensor> {
    let op = if least { "argmin" } else { "argmax" };
    if let Some(dim) = dim {
        return apply(Arg { least, dim: wrap_dim(op, dim, x.ndim())?, keepdim }, [x]);
    }
    if x.numel() == 0 {
        let message = format!(
            "{op}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
        );
        return Err(Error::bad_index(op, message));
    }
    let flat = x.detach().reshape(&[x.numel()])?;
    let place = apply(Arg { least, dim: 0, keepdim: false }, [&flat])?;
    if keepdim { place.reshape(&vec![1; x.ndim()]) } else { Ok(place) }
}

/// The place of the greatest element: along `dim`, or among all, counted in order.
pub fn argmax(x: &Tensor, dim: Option<i64>, keepdim: bool) -> Result<Tensor> {
    arg(x, false, dim, keepdim)
}

/// The place of the least element.
pub fn argmin(x: &Tensor, dim: Option<i64>, keepdim: bool) -> Result<Tensor> {
    arg(x, true, dim, keepdim)
}

fn extreme(x: &Tensor, least: bool, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    let dim = wrap_dim(if least { "min" } else { "max" }, dim, x.ndim())?;
    let mut both = apply_all(Extreme { least, dim, keepdim }, Inputs(&[Some(x)]))?;
    Ok((both.swap_remove(0), both.remove(0)))
}

/// The greatest elements along `dim`, and their places.
pub fn max_dim(x: &Tensor, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    extreme(x, false, dim, keepdim)
}

/// The least elements along `dim`, and their places.
pub fn min_dim(x: &Tensor, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    extreme(x, true, dim, keepdim)
}

fn of_all(x: &Tensor, op: &'static str) -> Result<()> {
    match x.numel() {
        0 => {
            let message = format!(
                "{op}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            );
            Err(Error::custom(op, message))
        }
        _ => Ok(()),
    }
}

/// The greatest of all elements.
pub fn max_all(x: &Tensor) -> Result<Tensor> {
    of_all(x, "max")?;
    super::amax(x, &[], false, Out::New)
}

/// The least of all elements.
pub fn min_all(x: &Tensor) -> Result<Tensor> {
    of_all(x, "min")?;
    super::amin(x, &[], false, Out::New)
}

/// The least and the greatest, of all or along `dim`.
pub fn aminmax(x: &Tensor, dim: Option<i64>, keepdim: bool) -> Result<(Tensor, Tensor)> {
    if dim.is_none() && x.numel() == 0 {
        return Err(Error::custom(
            "aminmax",
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.",
        ));
    }
    let dims: &[i64] = dim.as_slice();
    let both = (super::amin(x, dims, keepdim, Out::New)?, super::amax(x, dims, keepdim, Out::New)?);
    debug_assert!(!keepdim || both.0.ndim() == kept(x.shape(), &[]).len());
    Ok(both)
}
