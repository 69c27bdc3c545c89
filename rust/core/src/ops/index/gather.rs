//! Reading element by element along a dimension, and the ways back: writing, adding, multiplying, keeping the greatest.

use super::at_dim;
use crate::autograd::{self, Ctx};
use crate::device::Gpu;
use crate::dispatch;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::index::{self, Combine};
use crate::kernels::iter::Operand;
use crate::layout::{Shape, wrap_dim};
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, apply, deliver, new};
use crate::ops::binary;
use crate::ops::gpu::index::{self as on_gpu, Meet};
use crate::ops::shape::convert;
use crate::ops::ternary::where_op;
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: Gather, Scatter);

/// A 0-dim tensor counts as one with a single element.
fn size(x: &Tensor, d: usize) -> usize {
    x.shape().get(d).copied().unwrap_or(1)
}

/// The index must be i64, and no greater than the others but along `dim`.
fn check(op: &'static str, dim: usize, whole: &Tensor, index: &Tensor, source: Option<&Tensor>) -> Result<()> {
    if index.dtype() != DType::I64 {
        let message = format!("{op}(): Expected dtype int64 for index, but got {}", index.dtype());
        return Err(Error::custom(op, message));
    }
    if index.numel() == 0 {
        return Ok(());
    }
    let n = |x: &Tensor| x.ndim().max(1);
    let fits = n(index) == n(whole) && (0..n(index)).all(|d| d == dim || size(index, d) <= size(whole, d));
    let covered =
        source.is_none_or(|s| s.ndim() == 0 || n(s) == n(index) && (0..n(index)).all(|d| size(index, d) <= size(s, d)));
    if fits && covered {
        return Ok(());
    }
    let of = source.filter(|_| !covered).unwrap_or(whole).shape();
    let (whose, given) = (if covered { "self" } else { "src" }, index.shape());
    let message = if n(index) != of.len().max(1) {
        format!("Index tensor must have the same number of dimensions as {whose} tensor: got {given:?} and {of:?}")
    } else {
        let too_large = |&d: &usize| (d != dim || !covered) && size(index, d) > of.get(d).copied().unwrap_or(1);
        let at = (0..n(index)).find(too_large).unwrap_or(0);
        format!(
            "Size does not match at dimension {at} expected index {given:?} to be no larger than {whose} {of:?} apart from \
             dimension {dim}"
        )
    };
    Err(Error::custom(op, message))
}

/// Indices inside of `0..size`, contiguous or not.
fn in_range(op: &'static str, index: &Tensor, dim: usize, size: usize) -> Result<()> {
    let dense;
    // What is repeated need not be looked at twice.
    let once: Vec<usize> =
        (0..index.ndim()).map(|d| if index.strides()[d] == 0 { 1 } else { index.shape()[d] }).collect();
    let index = match index.is_contiguous() {
        true => index,
        false => {
            let layout = crate::layout::Layout::strided(once.into(), index.strides().into(), index.layout().offset());
            dense = Tensor::build(index.storage().clone(), layout, DType::I64, None).contiguous()?;
            &dense
        }
    };
    // SAFETY: contiguous, of i64, alive through the loop.
    let values = unsafe { std::slice::from_raw_parts(index.ptr().cast::<i64>(), index.numel()) };
    match values.iter().find(|&&i| i < 0 || i >= size as i64) {
        Some(i) => Err(Error::custom(op, format!("index {i} is out of bounds for dimension {dim} with size {size}"))),
        None => Ok(()),
    }
}

/// An operand with at least one dimension.
fn operand(x: &Tensor) -> Operand<'_> {
    match x.ndim() {
        0 => Operand { shape: &[1], strides: &[1], ..x.operand() },
        _ => x.operand(),
    }
}

/// `y[i][j] = x[index[i][j]][j]` for dim 0, and so on for the others.
#[derive(Debug)]
pub struct Gather {
    pub dim: usize,
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        check("gather", self.dim, &inputs[0], &inputs[1], None)?;
        new(inputs[0].dtype(), inputs[1].shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        if outputs[0].numel() == 0 {
            return Ok(());
        }
        in_range("gather", &inputs[1], self.dim, size(&inputs[0], self.dim))?;
        let operands = [operand(&outputs[0]), operand(&inputs[1]), operand(&inputs[0])];
        // SAFETY: operands of live tensors, shapes and indices checked.
        unsafe { index::gather(self.dim, inputs[0].dtype().size(), &operands) };
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        on_gpu::gather(gpu, self.dim, &inputs[0], &inputs[1], &outputs[0])
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let grad = ctx.grad(0)?;
        let zeros = Tensor::zeros(ctx.shape(0), grad.dtype())?;
        let op = Scatter { dim: self.dim, reduce: Reduce::Sum, include_self: true };
        Ok(smallvec![Some(apply(op, [&zeros, &ctx.input(1)?, &grad])?), None])
    }
    crate::attributes!(dim);
}

/// How `scatter` joins a new value with the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    Set,
    Sum,
    Prod,
    Mean,
    Amax,
    Amin,
}

crate::saved_names! {
    Reduce { Set, Sum, Prod, Mean, Amax, Amin }
}

impl Reduce {
    /// As `scatter_reduce` names them.
    pub fn named(op: &'static str, name: &str) -> Result<Reduce> {
        Ok(match name {
            "sum" => Reduce::Sum,
            "prod" => Reduce::Prod,
            "mean" => Reduce::Mean,
            "amax" => Reduce::Amax,
            "amin" => Reduce::Amin,
            _ => {
                let message = format!("reduce argument must be either sum, prod, mean, amax or amin, got {name}");
                return Err(Error::custom(op, message));
            }
        })
    }
    /// As `scatter` names them.
    pub fn joined(name: &str) -> Result<Reduce> {
        match name {
            "add" => Ok(Reduce::Sum),
            "multiply" => Ok(Reduce::Prod),
            _ => Err(Error::custom("scatter", format!("reduce argument must be either add or multiply, got {name}"))),
        }
    }
    fn combine(self) -> Combine {
        match self {
            Reduce::Set => Combine::Set,
            Reduce::Sum | Reduce::Mean => Combine::Add,
            Reduce::Prod => Combine::Mul,
            Reduce::Amax => Combine::Max,
            Reduce::Amin => Combine::Min,
        }
    }
}

/// `x` (input 0) with the values of input 2 at the places of the index (input 1) along `dim`. A 0-dim source stands for all
/// values. Without `include_self` the old values that are met count for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Scatter {
    pub dim: usize,
    pub reduce: Reduce,
    pub include_self: bool,
}

impl Op for Scatter {
    fn name(&self) -> &'static str {
        match self.reduce {
            Reduce::Set => "scatter",
            Reduce::Sum if self.include_self => "scatter_add",
            _ => "scatter_reduce",
        }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, source) = (&inputs[0], &inputs[2]);
        check(self.name(), self.dim, x, &inputs[1], Some(source))?;
        if source.dtype() != x.dtype() {
            let message = format!(
                "{}(): Expected self.dtype to be equal to src.dtype, got {} and {}",
                self.name(),
                x.dtype(),
                source.dtype()
            );
            return Err(Error::custom(self.name(), message));
        }
        if matches!(self.reduce, Reduce::Amax | Reduce::Amin) {
            dispatch!(self.name(), x.dtype(), _T in real => ())?;
        }
        new(x.dtype(), x.shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (to, at, source) = (&outputs[0], &inputs[1], &inputs[2]);
        if !to.same(&inputs[0]) {
            convert(to, &inputs[0]);
        }
        if at.numel() == 0 {
            return Ok(());
        }
        in_range(self.name(), at, self.dim, size(to, self.dim))?;
        let source = if source.ndim() == 0 { source.detach().expand(at.shape())? } else { source.clone() };
        if let Some(list) = self.one_list(at)? {
            return self.whole_blocks(to, &list, at.shape(), &source);
        }
        let operands = [operand(to), operand(at), operand(&source)];
        // SAFETY: operands of live tensors, shapes, dtypes and indices checked; the output is ours.
        unsafe { index::scatter(self.dim, to.dtype(), self.reduce.combine(), self.include_self, &operands) };
        if self.reduce == Reduce::Mean {
            autograd::no_grad(|| divide(to, &counts(self, to.shape(), &at.detach(), DType::I64)?))?;
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let (to, at, source) = (&outputs[0], &inputs[1], &inputs[2]);
        if self.reduce == Reduce::Mean && !to.dtype().is_float() {
            return Ok(false);
        }
        if !to.same(&inputs[0]) {
            gpu.copy(&inputs[0], to)?;
        }
        let how = match self.reduce {
            Reduce::Set => Meet::Last,
            Reduce::Sum | Reduce::Mean => Meet::Sum,
            Reduce::Prod => Meet::Product,
            Reduce::Amax => Meet::Greatest,
            Reduce::Amin => Meet::Least,
        };
        let ran = on_gpu::scatter(gpu, (how, self.include_self), self.dim, at, source, to)?;
        if ran && self.reduce == Reduce::Mean && at.numel() > 0 {
            autograd::no_grad(|| divide(to, &counts(self, to.shape(), &at.detach(), to.dtype())?))?;
        }
        Ok(ran)
    }
    fn updates(&self) -> bool {
        true
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        let index = Keep::NOTHING.input(1);
        match self.reduce {
            Reduce::Set => index,
            Reduce::Sum | Reduce::Mean => index.only_if(needs[2] || !self.include_self || self.reduce == Reduce::Mean),
            _ => index.input(0).input(2).output(0),
        }
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (grad, mut grads) = (ctx.grad(0)?, ctx.grads());
        if self.reduce == Reduce::Sum && self.include_self && !ctx.needs(2) {
            grads[0] = Some(grad);
            return Ok(grads);
        }
        let at = ctx.input(1)?;
        let from = |whole: &Tensor| apply(Gather { dim: self.dim }, [whole, &at]);
        let (own, source) = match self.reduce {
            Reduce::Set | Reduce::Sum => (grad.clone(), from(&grad)?),
            Reduce::Mean => {
                let shared = grad.div(&counts(self, ctx.shape(0), &at, grad.dtype())?)?;
                (shared.clone(), from(&shared)?)
            }
            Reduce::Amax | Reduce::Amin => {
                let (x, source, y) = (ctx.input(0)?, ctx.input(2)?, ctx.output(0)?);
                let source = narrowed(&source, at.shape())?;
                let own = x.eq(&y)?.to(grad.dtype())?;
                let theirs = source.eq(&from(&y)?)?.to(grad.dtype())?;
                let sum = Scatter { dim: self.dim, reduce: Reduce::Sum, include_self: self.include_self };
                let shared = grad.div(&apply(sum, [&own, &at, &theirs])?)?;
                (own.mul(&shared)?, theirs.mul(&from(&shared)?)?)
            }
            Reduce::Prod => self.product_rule(&grad, ctx, &at)?,
        };
        let kept = self.include_self && self.reduce != Reduce::Set;
        let own = match kept {
            true => own,
            // What was overwritten has no part in the result.
            false => {
                let zero = Tensor::zeros(&[], own.dtype())?;
                let op = Scatter { dim: self.dim, reduce: Reduce::Set, include_self: true };
                apply(op, [&own, &at, &zero])?
            }
        };
        grads[0] = Some(own);
        if ctx.needs(2) {
            grads[2] = Some(spread(source, ctx.shape(2))?);
        }
        Ok(grads)
    }
    crate::attributes!(dim, reduce, include_self);
}

impl Scatter {
    /// The index, if it says the same for whole blocks (as one that was expanded does).
    fn one_list(&self, at: &Tensor) -> Result<Option<Vec<i64>>> {
        let joins = self.reduce == Reduce::Set || self.reduce == Reduce::Sum && self.include_self;
        let alike = |d: usize| d == self.dim || at.strides()[d] == 0 || at.shape()[d] == 1;
        let block: usize = at.shape().iter().skip(self.dim + 1).product();
        if !joins || block < 8 || !(0..at.ndim()).all(alike) {
            return Ok(None);
        }
        let mut list = at.detach();
        for d in (0..at.ndim()).filter(|d| *d != self.dim) {
            list = list.narrow(d as i64, 0, 1)?;
        }
        list.to_vec().map(Some)
    }

    /// Blocks of the source to where the list says.
    fn whole_blocks(&self, to: &Tensor, list: &[i64], shape: &[usize], source: &Tensor) -> Result<()> {
        let from = narrowed(&source.detach(), shape)?.contiguous()?;
        let bytes = to.dtype().size();
        let dims = |range: std::ops::Range<usize>| -> index::Dims {
            range.map(|d| (shape[d], to.strides()[d] * bytes as isize)).collect()
        };
        let step = to.strides()[self.dim] * bytes as isize;
        let offsets: Vec<isize> = list.iter().map(|i| *i as isize * step).collect();
        let (before, after) = (dims(0..self.dim), dims(self.dim + 1..shape.len()));
        let blocks = index::Blocks { base: to.ptr(), before, offsets: &offsets, after, size: bytes };
        // SAFETY: the indices have been checked, the shape is inside of both; the source is dense and the output ours.
        unsafe {
            match self.reduce {
                Reduce::Set => index::store(&blocks, from.ptr(), false),
                _ => index::add(to.dtype(), &blocks, from.ptr(), false),
            }
        }
        Ok(())
    }

    /// Each factor's gradient is the product of the others: the result divided by it, but with care where it is zero.
    fn product_rule(&self, grad: &Tensor, ctx: &Ctx, at: &Tensor) -> Result<(Tensor, Tensor)> {
        let (x, source, y) = (ctx.input(0)?, narrowed(&ctx.input(2)?, at.shape())?, ctx.output(0)?);
        let (grad, from) = (grad.clone(), |whole: &Tensor| apply(Gather { dim: self.dim }, [whole, at]));
        let (one, zero) = (Scalar::Int(1), Scalar::Int(0));
        let is_zero = |t: &Tensor| t.eq(zero);
        let pick = |mask: &Tensor, a: binary::Operand, b: binary::Operand| where_op(mask.into(), a, b, Out::New);
        let ones = pick(&is_zero(&x)?, one.into(), (&x).into())?;
        let others = apply(*self, [&ones, at, &source])?;
        let own = grad.mul(&others.div(&ones)?.conj()?)?;
        // How many zeros meet at each place.
        let zeros = is_zero(&source)?;
        let sum = Scatter { dim: self.dim, reduce: Reduce::Sum, include_self: true };
        let mut met = apply(sum, [&Tensor::zeros(x.shape(), DType::I64)?, at, &zeros.to(DType::I64)?])?;
        if self.include_self {
            met = met.add(&is_zero(&x)?.to(DType::I64)?)?;
        }
        let alone = crate::ops::logic::logical_and((&zeros).into(), (&from(&met)?.eq(one)?).into(), Out::New)?;
        let without = pick(&alone, one.into(), (&source).into())?;
        let product = apply(*self, [&x, at, &without])?;
        let safe = pick(&zeros, one.into(), (&source).into())?;
        let usual = from(&grad.mul(&y.conj()?)?)?.div(&safe.conj()?)?;
        let theirs = pick(&alone, (&from(&grad.mul(&product.conj()?)?)?).into(), (&usual).into())?;
        Ok((own, theirs))
    }
}

/// The part of a source that the index speaks of.
fn narrowed(source: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if source.ndim() == 0 {
        return source.expand(shape);
    }
    let mut part = source.clone();
    for (d, &size) in shape.iter().enumerate().filter(|(d, size)| source.shape()[*d] != **size) {
        part = part.narrow(d as i64, 0, size)?;
    }
    Ok(part)
}

/// The gradient of that part, with zeros for the rest of the source.
fn spread(grad: Tensor, shape: &[usize]) -> Result<Tensor> {
    if shape.is_empty() && grad.ndim() > 0 {
        return grad.sum_all();
    }
    if grad.shape() == shape {
        return Ok(grad);
    }
    let pad: Vec<i64> = (0..shape.len()).rev().flat_map(|d| [0, shape[d] as i64 - grad.shape()[d] as i64]).collect();
    crate::ops::shape::constant_pad_nd(&grad, &pad, Scalar::Int(0))
}

/// How many values share in a mean.
fn counts(op: &Scatter, shape: &[usize], at: &Tensor, dtype: DType) -> Result<Tensor> {
    let start = Tensor::full(shape, op.include_self as i64, dtype)?;
    let sum = Scatter { dim: op.dim, reduce: Reduce::Sum, include_self: true };
    let counts = apply(sum, [&start, at, &Tensor::ones(&[], dtype)?])?;
    counts.maximum(1i64)
}

/// `to /= counts`; integers towards minus infinity.
fn divide(to: &Tensor, counts: &Tensor) -> Result<()> {
    if to.dtype().is_differentiable() {
        return to.div_(counts);
    }
    let sums = to.to(DType::I64)?.to_vec::<i64>()?;
    let counts = counts.to_vec::<i64>()?;
    let means: Vec<i64> = sums.iter().zip(&counts).map(|(s, n)| s.div_euclid(*n)).collect();
    to.copy_(&Tensor::from_slice(&means, to.shape())?)
}

fn run(op: Scatter, x: &Tensor, index: &Tensor, source: &Tensor, out: Out) -> Result<Tensor> {
    deliver(op, Inputs(&[Some(x), Some(index), Some(source)]), out)
}

/// An index as i64; one without elements may be of any dtype.
fn as_index(index: &Tensor) -> Result<Tensor> {
    if index.dtype() == DType::I32 || index.numel() == 0 { index.detach().to(DType::I64) } else { Ok(index.clone()) }
}

/// Elements along `dim` at the places of an index.
pub fn gather(x: &Tensor, dim: i64, index: &Tensor, out: Out) -> Result<Tensor> {
    super::apart("gather", out, &[x, index])?;
    let index = &as_index(index)?;
    deliver(Gather { dim: wrap_dim("gather", dim, x.ndim())? }, Inputs(&[Some(x), Some(index)]), out)
}

/// `x` with values of `source` at the places of an index along `dim`.
pub fn scatter(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor, reduce: Reduce, out: Out) -> Result<Tensor> {
    let dim = wrap_dim("scatter", dim, x.ndim())?;
    let index = &as_index(index)?;
    let source = if source.ndim() == 0 && index.ndim() > 0 { source.reshape(&[1])? } else { source.clone() };
    run(Scatter { dim, reduce, include_self: true }, x, index, &source, out)
}

/// The same with one value for all places.
pub fn scatter_value(x: &Tensor, dim: i64, index: &Tensor, value: Scalar, reduce: Reduce, out: Out) -> Result<Tensor> {
    if matches!(value, Scalar::Complex(..)) && !x.dtype().is_complex() {
        return Err(Error::custom("scatter", "value cannot be converted to type without overflow"));
    }
    let dim = wrap_dim("scatter", dim, x.ndim())?;
    let index = &as_index(index)?;
    run(Scatter { dim, reduce, include_self: true }, x, index, &Tensor::scalar(value, x.dtype())?, out)
}

/// `x` with values of `source` reduced into it.
pub fn scatter_reduce(
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    source: &Tensor,
    reduce: &str,
    include_self: bool,
    out: Out,
) -> Result<Tensor> {
    let reduce = Reduce::named("scatter_reduce", reduce)?;
    let dim = wrap_dim("scatter_reduce", dim, x.ndim())?;
    run(Scatter { dim, reduce, include_self }, x, &as_index(index)?, source, out)
}

/// `x` with slices of `source` reduced into it at a list of places along `dim`.
pub fn index_reduce(
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    source: &Tensor,
    reduce: &str,
    include_self: bool,
    out: Out,
) -> Result<Tensor> {
    let kind = match reduce {
        "prod" | "mean" | "amax" | "amin" => Reduce::named("index_reduce", reduce)?,
        _ => {
            let message =
                format!("index_reduce_(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.");
            return Err(Error::custom("index_reduce", message));
        }
    };
    let (dim, index) = super::slices("index_reduce", x, dim, index, source)?;
    let mut shape: Shape = smallvec![1; source.ndim()];
    if let Some(along) = shape.get_mut(dim) {
        *along = index.numel();
    }
    let index = index.reshape(&shape)?.expand(source.shape())?;
    run(Scatter { dim, reduce: kind, include_self }, x, &index, source, out)
}

/// `gather` with index and input broadcast against each other; of all elements in a row if there is no `dim`.
pub fn take_along_dim(x: &Tensor, index: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    if index.dtype() != DType::I64 {
        let message =
            format!("torch.take_along_dim(): dtype of indices should be Long but got {}", index.dtype().scalar_name());
        return Err(Error::custom("take_along_dim", message));
    }
    // Places may be counted from the end.
    let size = dim.map_or(Ok(x.numel()), |dim| wrap_dim("take_along_dim", dim, x.ndim()).map(|d| size(x, d)))? as i64;
    let wrapped = where_op((&index.lt(0i64)?).into(), (&index.add(size)?).into(), index.into(), Out::New)?;
    let index = &wrapped;
    let Some(dim) = dim else {
        return gather(&x.reshape(&[x.numel()])?, 0, &index.reshape(&[index.numel()])?, Out::New);
    };
    if x.ndim() != index.ndim() {
        let message = format!(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got {} dimensions for input, \
             and {} dimensions for indices",
            x.ndim(),
            index.ndim()
        );
        return Err(Error::custom("take_along_dim", message));
    }
    let (wide, dim) = at_dim("take_along_dim", x, dim)?;
    let index = if index.ndim() == 0 { index.reshape(&[1])? } else { index.clone() };
    let mut shapes = [Shape::from_slice(wide.shape()), Shape::from_slice(index.shape())];
    let (along_x, along_i) = (shapes[0][dim], shapes[1][dim]);
    shapes.iter_mut().for_each(|s| s[dim] = 1);
    let mut common = crate::layout::broadcast("take_along_dim", &shapes[0], &shapes[1])?;
    common[dim] = along_i;
    let index = index.expand(&common)?;
    common[dim] = along_x;
    let result = gather(&wide.expand(&common)?, dim as i64, &index, Out::New)?;
    if x.ndim() == 0 { result.reshape(&[]) } else { Ok(result) }
}

impl Tensor {
    pub fn gather(&self, dim: i64, index: &Tensor) -> Result<Tensor> {
        gather(self, dim, index, Out::New)
    }
    pub fn scatter_add(&self, dim: i64, index: &Tensor, source: &Tensor) -> Result<Tensor> {
        scatter(self, dim, index, source, Reduce::Sum, Out::New)
    }
}
