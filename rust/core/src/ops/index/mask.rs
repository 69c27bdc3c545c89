//! What a bool tensor lets through: filling, selecting, scattering, and where it is true.

use crate::autograd::Ctx;
use crate::device::wgsl::{Expression, map as pointwise, wide_of};
use crate::device::{Gpu, Wide, upload};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::{index, iter};
use crate::layout::{Layout, Shape, broadcast};
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, apply, deliver, new};
use crate::ops::gpu::{index as on_gpu, on_device};
use crate::ops::shape::{constant_pad_nd, convert, unbind};
use crate::ops::ternary::{choose, where_op};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: MaskedFill, MaskedSelect, MaskedScatter, Nonzero);

fn bool_mask(op: &'static str, mask: &Tensor) -> Result<()> {
    if mask.dtype() == DType::Bool {
        return Ok(());
    }
    Err(Error::custom(op, format!("{op} only supports boolean masks, but got mask with dtype {}", mask.dtype())))
}

/// A mask, dense and on the CPU: how many elements it lets through decides on shapes.
fn seen(mask: &Tensor) -> Result<Tensor> {
    mask.to_cpu()?.detach().contiguous()
}

/// Where in the row of all elements of a shape a mask lets through.
fn places(mask: &Tensor, shape: &[usize]) -> Result<Tensor> {
    let mask = mask.to_cpu()?.detach().expand(shape)?.contiguous()?;
    let through = bytes(&mask).iter().enumerate().filter(|(_, b)| **b != 0).map(|(i, _)| i as i64);
    let through: Vec<i64> = through.collect();
    Tensor::from_slice(&through, &[through.len()])
}

/// All elements of a dense tensor in a row.
fn row(x: &Tensor) -> Tensor {
    let layout = Layout::strided([x.numel()][..].into(), [1][..].into(), x.layout().offset());
    Tensor::build(x.storage().clone(), layout, x.dtype(), None)
}

/// The bytes of a dense bool tensor.
fn bytes(mask: &Tensor) -> &[u8] {
    // SAFETY: the callers hand in contiguous bool tensors, which outlive the slice.
    unsafe { std::slice::from_raw_parts(mask.ptr(), mask.numel()) }
}

/// `x` (input 0), with the 0-dim value of input 2 where the mask (input 1) is true.
#[derive(Debug)]
pub struct MaskedFill {}

impl Op for MaskedFill {
    fn name(&self) -> &'static str {
        "masked_fill"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        bool_mask("masked_fill", &inputs[1])?;
        if inputs[2].ndim() != 0 {
            let message = format!(
                "masked_fill only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
                inputs[2].ndim()
            );
            return Err(Error::custom("masked_fill", message));
        }
        if inputs[2].dtype() != inputs[0].dtype() {
            let given = inputs[2].dtype();
            return Err(Error::DType { op: "masked_fill", expected: "a value of the tensor's dtype", given });
        }
        new(inputs[0].dtype(), broadcast("masked_fill", inputs[0].shape(), inputs[1].shape())?)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let size = outputs[0].dtype().size();
        let operands = [outputs[0].operand(), inputs[1].operand(), inputs[2].operand(), inputs[0].operand()];
        // SAFETY: operands of live tensors, a bool and two of the output's dtype; the output is ours.
        iter::for_each(outputs[0].shape(), &operands, &|run| unsafe { choose(size, run) });
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let Some(wide) = wide_of(outputs[0].dtype().compute()) else { return Ok(false) };
        let expression = Expression {
            name: "masked_fill",
            text: "select(a, c, b != 0)",
            operands: &[wide, Wide::I32, wide],
            result: wide.into(),
            fields: &Vec::new(),
            compute: wide,
        };
        pointwise(gpu, &expression, &[&inputs[0], &inputs[1], &inputs[2]], &outputs[0])
    }
    fn updates(&self) -> bool {
        true
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (grad, mask) = (ctx.grad(0)?, ctx.input(1)?);
        let zero = Tensor::zeros(&[], grad.dtype())?;
        let value = match ctx.needs(2) {
            true => Some(where_op((&mask).into(), (&grad).into(), (&zero).into(), Out::New)?),
            false => None,
        };
        Ok(smallvec![Some(apply(MaskedFill {}, [&grad, &mask, &zero])?), None, value])
    }
    crate::attributes!();
}

/// `x` with a value where the mask is true.
pub fn masked_fill(x: &Tensor, mask: &Tensor, value: &Tensor, out: Out) -> Result<Tensor> {
    let mixed = value.dtype().is_complex() && !x.dtype().is_complex();
    if mixed {
        return Err(Error::custom("masked_fill", "value cannot be converted to a real type without overflow"));
    }
    deliver(MaskedFill {}, Inputs(&[Some(x), Some(mask), Some(&value.to(x.dtype())?)]), out)
}

/// The same with a bare number.
pub fn masked_fill_scalar(x: &Tensor, mask: &Tensor, value: Scalar, out: Out) -> Result<Tensor> {
    if let (Scalar::Complex(_, im), false) = (value, x.dtype().is_complex())
        && im != 0.0
    {
        return Err(Error::custom("masked_fill", "value cannot be converted to a real type without overflow"));
    }
    deliver(MaskedFill {}, Inputs(&[Some(x), Some(mask), Some(&Tensor::scalar(value, x.dtype())?)]), out)
}

/// The elements that a mask lets through, in a row.
#[derive(Debug)]
pub struct MaskedSelect {}

/// Tensor and mask as dense tensors of one shape.
fn together(op: &'static str, x: &Tensor, mask: &Tensor) -> Result<[Tensor; 2]> {
    let shape = broadcast(op, x.shape(), mask.shape())?;
    Ok([x.detach().expand(&shape)?.contiguous()?, mask.detach().expand(&shape)?.contiguous()?])
}

impl Op for MaskedSelect {
    fn name(&self) -> &'static str {
        "masked_select"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let mask = &inputs[1];
        if mask.dtype() != DType::Bool {
            return Err(Error::custom("masked_select", "masked_select: expected BoolTensor for mask"));
        }
        let shape = broadcast("masked_select", inputs[0].shape(), mask.shape())?;
        let times = shape.iter().product::<usize>().checked_div(mask.numel()).unwrap_or(0);
        let count = index::count(bytes(&seen(mask)?)) * times;
        new(inputs[0].dtype(), &[count][..])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let [x, mask] = together("masked_select", &inputs[0], &inputs[1])?;
        // SAFETY: dense tensors of one shape; `meta` has counted what the mask lets through.
        unsafe { index::compress(bytes(&mask), x.dtype().size(), x.ptr(), outputs[0].ptr()) };
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let x = &inputs[0];
        let shape = broadcast("masked_select", x.shape(), inputs[1].shape())?;
        let places = upload(&places(&inputs[1], &shape)?, gpu.driver)?;
        let wide = Tensor::build(x.storage().clone(), x.layout().expand(gpu.op, &shape)?, x.dtype(), None);
        let row = row(&gpu.dense(&wide)?);
        on_gpu::get(gpu, 0, &row, &[&places], places.shape(), &outputs[0])
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (grad, mask) = (ctx.grad(0)?, ctx.input(1)?);
        let shape = broadcast("masked_select", ctx.shape(0), mask.shape())?;
        Ok(smallvec![Some(apply(MaskedScatter {}, [&Tensor::zeros(&shape, grad.dtype())?, &mask, &grad])?), None])
    }
    crate::attributes!();
}

/// `masked_select` for a result that may go into a given tensor.
pub fn masked_select_to(x: &Tensor, mask: &Tensor, out: Out) -> Result<Tensor> {
    super::apart("masked_select", out, &[x, mask])?;
    masked_select(x, mask)
}

pub fn masked_select(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    apply(MaskedSelect {}, [x, mask])
}

/// `x` with the elements of a source, in order, where the mask is true.
#[derive(Debug)]
pub struct MaskedScatter {}

impl Op for MaskedScatter {
    fn name(&self) -> &'static str {
        "masked_scatter"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, mask, source) = (&inputs[0], &inputs[1], &inputs[2]);
        if mask.dtype() != DType::Bool {
            let message =
                format!("masked_scatter_ only supports boolean masks, but got mask with dtype {}", mask.dtype());
            return Err(Error::custom("masked_scatter", message));
        }
        if x.dtype() != source.dtype() {
            let message = format!(
                "masked_scatter: expected self and source to have same dtypes but got {} and {}",
                x.dtype(),
                source.dtype()
            );
            return Err(Error::custom("masked_scatter", message));
        }
        let shape = broadcast("masked_scatter", x.shape(), mask.shape())?;
        let times = shape.iter().product::<usize>().checked_div(mask.numel()).unwrap_or(0);
        let wanted = index::count(bytes(&seen(mask)?)) * times;
        if wanted > source.numel() {
            let message = format!(
                "masked_scatter: expected a source of at least as many elements as the mask lets through, got {} for {wanted}",
                source.numel()
            );
            return Err(Error::custom("masked_scatter", message));
        }
        new(x.dtype(), shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        convert(&outputs[0], &inputs[0]);
        let [_, mask] = together("masked_scatter", &outputs[0], &inputs[1])?;
        let source = inputs[2].detach().contiguous()?;
        // SAFETY: a new output, a dense mask of its shape, and as many elements as `meta` has counted.
        unsafe { index::expand(bytes(&mask), source.dtype().size(), source.ptr(), outputs[0].ptr()) };
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let to = &outputs[0];
        gpu.copy(&inputs[0], to)?;
        let places = upload(&places(&inputs[1], to.shape())?, gpu.driver)?;
        let source = row(&gpu.dense(&inputs[2])?);
        let used = source.layout().slice(0, 0, places.numel(), 1);
        let used = Tensor::build(source.storage().clone(), used, source.dtype(), None);
        on_gpu::put(gpu, 0, false, &used, &[&places], [places.shape(), places.shape()], &row(to))
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (grad, mask) = (ctx.grad(0)?, ctx.input(1)?);
        let mut grads = ctx.grads();
        if ctx.needs(0) {
            grads[0] = Some(apply(MaskedFill {}, [&grad, &mask, &Tensor::zeros(&[], grad.dtype())?])?);
        }
        if ctx.needs(2) {
            let used = masked_select(&grad, &mask)?;
            let rest = ctx.shape(2).iter().product::<usize>() - used.numel();
            grads[2] = Some(constant_pad_nd(&used, &[0, rest as i64], Scalar::Int(0))?.reshape(ctx.shape(2))?);
        }
        Ok(grads)
    }
    crate::attributes!();
}

pub fn masked_scatter(x: &Tensor, mask: &Tensor, source: &Tensor, out: Out) -> Result<Tensor> {
    deliver(MaskedScatter {}, Inputs(&[Some(x), Some(mask), Some(source)]), out)
}

/// Where a dense bool tensor is true: a row of indices for each place.
#[derive(Debug)]
struct Nonzero {}

impl Op for Nonzero {
    fn name(&self) -> &'static str {
        "nonzero"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let count = index::count(bytes(&seen(&inputs[0])?));
        new(DType::I64, &[count, inputs[0].ndim()][..])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        // SAFETY: the output has room for what `meta` has counted.
        unsafe { index::nonzero(bytes(&inputs[0]), inputs[0].shape(), outputs[0].ptr().cast()) };
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let rows = Tensor::empty(outputs[0].shape(), DType::I64)?;
        self.cpu(Inputs(&[Some(&seen(&inputs[0])?)]), std::slice::from_ref(&rows))?;
        gpu.copy(&upload(&rows, gpu.driver)?, &outputs[0]).map(|()| true)
    }
    crate::attributes!();
}

/// The indices of what is not zero, one place in each row.
pub fn nonzero(x: &Tensor) -> Result<Tensor> {
    let x = x.detach();
    let mask = if x.dtype() == DType::Bool { x.contiguous()? } else { x.ne(0i64)?.contiguous()? };
    apply(Nonzero {}, [&mask])
}

/// The same in columns: one tensor for each dimension. A 0-dim tensor counts as one with a single element.
pub fn nonzero_columns(x: &Tensor) -> Result<Vec<Tensor>> {
    if x.ndim() == 0 {
        return nonzero_columns(&x.reshape(&[1])?);
    }
    unbind(&nonzero(x)?, 1)
}

/// `nonzero` cut or filled up to a given number of rows.
pub fn nonzero_static(x: &Tensor, size: i64, fill: i64) -> Result<Tensor> {
    if size < 0 {
        return Err(Error::custom(
            "nonzero_static",
            format!("nonzero_static: 'size' must be an non-negative integer, got {size}"),
        ));
    }
    let rows = nonzero(x)?;
    let rest = size - rows.shape()[0] as i64;
    constant_pad_nd(&rows, &[0, 0, 0, rest], Scalar::Int(fill))
}

/// One value at each of the places that a shape names; for `one_hot`.
pub fn one_hot(x: &Tensor, classes: i64) -> Result<Tensor> {
    let fail = |message: &str| Err(Error::custom("one_hot", message));
    if x.dtype() != DType::I64 {
        return fail("one_hot is only applicable to index tensor of type LongTensor.");
    }
    // On a device nobody waits to look at the classes, if their number is given.
    let values = if on_device(x) && classes > 0 { vec![0; x.numel().min(1)] } else { x.to_vec::<i64>()? };
    if values.is_empty() {
        if classes <= 0 {
            return fail("Can not infer total number of classes from empty tensor.");
        }
    } else if values.iter().any(|&v| v < 0) {
        return fail("Class values must be non-negative.");
    }
    let classes = match classes {
        -1 => values.iter().max().copied().unwrap_or(0) + 1,
        ..1 => return fail("num_classes should be positive"),
        n if values.iter().any(|&v| v >= n) => return fail("Class values must be smaller than num_classes."),
        n => n,
    };
    let mut shape = Shape::from_slice(x.shape());
    shape.push(classes as usize);
    let zeros = Tensor::zeros(&shape, DType::I64)?;
    let index = crate::ops::shape::unsqueeze(&x.detach(), -1)?;
    super::scatter_value(&zeros, -1, &index, Scalar::Int(1), super::Reduce::Set, Out::New)
}
