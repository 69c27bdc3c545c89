//! Views that see only some of the elements, and the two copies that belong to any such window: a tensor of zeros that has a
//! value in the window (its gradient), and a tensor in which the window is replaced.

use super::looks;
use crate::attribute::MOST;
use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::index;
use crate::layout::{Layout, Shape, Strides, wrap_dim};
use crate::op::{Grads, Inputs, Meta, Metas, Op, apply, apply_arc, new};
use crate::tensor::Tensor;
use smallvec::smallvec;
use std::sync::Arc;

crate::entries!(OPS: Slice, Select, Diagonal, Unfold, AsStrided, Relay, PutBack, Replace);

/// Every `step`th of the elements `start..` along `dim`, `len` of them.
#[derive(Clone, Debug)]
pub struct Slice {
    pub dim: usize,
    pub start: usize,
    pub len: usize,
    pub step: usize,
}
impl Op for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let size = inputs[0].shape()[self.dim];
        let last = self.start + self.len.saturating_sub(1) * self.step;
        if self.start > size || (self.len > 0 && last >= size) {
            let (given, high) = (last as i64, size as i64 - 1);
            return Err(Error::Index { op: "slice", what: "last index", given, low: 0, high });
        }
        looks(&inputs[0], inputs[0].layout().slice(self.dim, self.start, self.len, self.step))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        put_back(ctx, self.clone())
    }
    crate::attributes!(dim, start, len, step; op if op.len.checked_mul(op.step).is_some_and(|n| n <= MOST as usize));
}

/// Element `index` of dimension `dim`, which goes away.
#[derive(Clone, Debug)]
pub struct Select {
    pub dim: usize,
    pub index: usize,
}
impl Op for Select {
    fn name(&self) -> &'static str {
        "select"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (given, high) = (self.index as i64, inputs[0].shape()[self.dim] as i64 - 1);
        if given > high {
            return Err(Error::Index { op: "select", what: "index", given, low: 0, high });
        }
        looks(&inputs[0], inputs[0].layout().select(self.dim, self.index))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        put_back(ctx, self.clone())
    }
    crate::attributes!(dim, index);
}

/// The diagonal of the matrices in dimensions `a` and `b`, as a new last dimension.
#[derive(Clone, Debug)]
pub struct Diagonal {
    pub offset: i64,
    pub a: usize,
    pub b: usize,
}
impl Op for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let layout = inputs[0].layout();
        let (rows, cols) = (layout.shape()[self.a] as i64, layout.shape()[self.b] as i64);
        let (down, right) = ((-self.offset).max(0), self.offset.max(0));
        let len = (rows - down).min(cols - right).max(0);
        let (mut shape, mut strides) = (Shape::new(), Strides::new());
        for d in (0..layout.ndim()).filter(|d| ![self.a, self.b].contains(d)) {
            shape.push(layout.shape()[d]);
            strides.push(layout.strides()[d]);
        }
        let (down_by, right_by) = (layout.strides()[self.a], layout.strides()[self.b]);
        shape.push(len as usize);
        strides.push(down_by + right_by);
        let start = if len > 0 { down as isize * down_by + right as isize * right_by } else { 0 };
        looks(&inputs[0], Layout::strided(shape, strides, (layout.offset() as isize + start) as usize))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        put_back(ctx, self.clone())
    }
    crate::attributes!(offset, a, b; op if op.a != op.b && op.offset.unsigned_abs() <= MOST as u64);
}

/// All windows of `size` elements along `dim`, `step` apart; what is in a window is a new last dimension.
#[derive(Clone, Debug)]
pub struct Unfold {
    pub dim: usize,
    pub size: usize,
    pub step: usize,
}
impl Op for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let layout = inputs[0].layout();
        let (mut shape, mut strides) = (Shape::from_slice(layout.shape()), Strides::from_slice(layout.strides()));
        if shape.is_empty() {
            (shape, strides) = (smallvec![1], smallvec![1]);
        }
        if self.size > shape[self.dim] {
            let message = format!(
                "maximum size for tensor at dimension {} is {} but size is {}",
                self.dim, shape[self.dim], self.size
            );
            return Err(Error::custom("unfold", message));
        }
        let by = strides[self.dim];
        shape[self.dim] = (shape[self.dim] - self.size) / self.step + 1;
        strides[self.dim] = by * self.step as isize;
        if layout.ndim() == 0 {
            (shape, strides) = (Shape::new(), Strides::new());
        }
        shape.push(self.size);
        strides.push(by);
        looks(&inputs[0], Layout::strided(shape, strides, layout.offset()))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        put_back(ctx, self.clone())
    }
    crate::attributes!(dim, size, step; op if op.step > 0 && op.step < 1 << 20);
}

/// Any window on the storage. `base` is how the input lies in it, which the gradient has to know.
#[derive(Clone, Debug)]
pub struct AsStrided {
    pub base: Layout,
    pub window: Layout,
}
impl Op for AsStrided {
    fn name(&self) -> &'static str {
        "as_strided"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (bytes, size) = (inputs[0].storage().bytes(), inputs[0].dtype().size());
        let reach = self.window.reach("as_strided")?;
        if reach.checked_mul(size).is_none_or(|needed| needed > bytes) {
            let (shape, strides, offset) = (self.window.shape(), self.window.strides(), self.window.offset());
            let message = format!(
                "setStorage: sizes {shape:?}, strides {strides:?}, storage offset {offset}, and itemsize {size} requiring a \
                 storage size of {} are out of bounds for storage of size {bytes}",
                reach.saturating_mul(size)
            );
            return Err(Error::custom("as_strided", message));
        }
        looks(&inputs[0], self.window.clone())
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let relay = Relay { from: self.window.clone(), to: self.base.clone(), share: self.base.overlaps_itself() };
        let grad = apply(relay, [&ctx.grad(0)?])?;
        Ok(smallvec![Some(grad)])
    }
    crate::attributes!(base, window);
}

/// Adds the input into memory through one layout and reads it through another; if that sees an element several times, each may
/// get only its share.
#[derive(Debug)]
struct Relay {
    from: Layout,
    to: Layout,
    share: bool,
}
impl Op for Relay {
    fn name(&self) -> &'static str {
        "as_strided_backward"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        new(inputs[0].dtype(), self.to.shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (dtype, reach) = (inputs[0].dtype(), self.from.reach(self.name())?.max(self.to.reach(self.name())?));
        let memory = Tensor::zeros(&[reach], dtype)?;
        let through =
            |memory: &Tensor, layout: &Layout| Tensor::build(memory.storage().clone(), layout.clone(), dtype, None);
        add_into(&through(&memory, &self.from), &inputs[0])?;
        super::convert(&outputs[0], &through(&memory, &self.to));
        if self.share {
            let count = Tensor::zeros(&[reach], dtype)?;
            add_into(&through(&count, &self.to), &Tensor::ones(self.to.shape(), dtype)?)?;
            crate::autograd::no_grad(|| outputs[0].div_(&through(&count, &self.to)))?;
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let reach = self.from.reach(self.name())?.max(self.to.reach(self.name())?);
        let memory = gpu.scratch(&[reach], inputs[0].dtype())?;
        gpu.fill(&memory, Scalar::Int(0))?;
        let ran = add_on(gpu, &self.from, &memory, &inputs[0])?;
        let seen = |t: &Tensor| Tensor::build(t.storage().clone(), self.to.clone(), t.dtype(), None);
        gpu.copy(&seen(&memory), &outputs[0])?;
        if self.share {
            let (count, ones) = (gpu.scratch(&[reach], memory.dtype())?, gpu.scratch(self.to.shape(), memory.dtype())?);
            gpu.fill(&count, Scalar::Int(0))?;
            gpu.fill(&ones, Scalar::Int(1))?;
            add_on(gpu, &self.to, &count, &ones)?;
            crate::autograd::no_grad(|| outputs[0].div_(&seen(&count)))?;
        }
        Ok(ran)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let op = Relay { from: self.to.clone(), to: self.from.clone(), share: false };
        Ok(smallvec![Some(apply(op, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(from, to, share);
}

/// Zeros, with the input in a window.
#[derive(Debug)]
pub struct PutBack {
    pub window: Arc<dyn Op>,
    pub shape: Shape,
}
impl Op for PutBack {
    fn name(&self) -> &'static str {
        "put_back"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        new(inputs[0].dtype(), &self.shape[..])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        // SAFETY: the output is dense and ours; all-zero bytes are zero in every dtype.
        unsafe { outputs[0].ptr().write_bytes(0, outputs[0].numel() * outputs[0].dtype().size()) };
        let window = seen(&*self.window, &outputs[0])?;
        if window.layout().overlaps_itself() {
            return add_into(&window, &inputs[0]);
        }
        super::convert(&window, &inputs[0]);
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let window = seen(&*self.window, &outputs[0])?;
        gpu.fill(&outputs[0], Scalar::Int(0))?;
        if window.layout().overlaps_itself() {
            return add_on(gpu, window.layout(), &outputs[0], &inputs[0]);
        }
        gpu.copy(&inputs[0], &window).map(|()| true)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(apply_arc(self.window.clone(), Inputs(&[Some(&ctx.grad(0)?)]))?.into_iter().map(Some).collect())
    }
    crate::attributes!(window, shape);
}

/// Input 0, with input 1 in a window.
#[derive(Debug)]
pub struct Replace {
    pub window: Arc<dyn Op>,
}
impl Op for Replace {
    fn name(&self) -> &'static str {
        "replace"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let seen = seen(&*self.window, &inputs[0])?;
        if seen.shape() != inputs[1].shape() {
            let message = format!(
                "expected src to have a size equal to the slice of self. src size = {:?}, slice size = {:?}",
                inputs[1].shape(),
                seen.shape()
            );
            return Err(Error::custom(self.window.name(), message));
        }
        new(inputs[0].dtype(), inputs[0].shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        super::convert(&outputs[0], &inputs[0]);
        super::convert(&seen(&*self.window, &outputs[0])?, &inputs[1]);
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        gpu.copy(&inputs[0], &outputs[0])?;
        gpu.copy(&inputs[1], &seen(&*self.window, &outputs[0])?).map(|()| true)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        // A window on storage wants its own storage, from its beginning.
        let grad = if self.window.name() == "as_strided" { ctx.grad(0)?.copy()? } else { ctx.grad(0)? };
        let rest = match ctx.needs(0) {
            true => {
                let zero = Tensor::zeros(&[], grad.dtype())?.expand(ctx.shape(1))?;
                Some(apply(Replace { window: self.window.clone() }, [&grad, &zero])?)
            }
            false => None,
        };
        Ok(smallvec![rest, Some(apply_arc(self.window.clone(), Inputs(&[Some(&grad)]))?.swap_remove(0))])
    }
    crate::attributes!(window);
}

/// What a view op sees of a tensor, outside of the graph.
fn seen(window: &dyn Op, whole: &Tensor) -> Result<Tensor> {
    match window.meta(Inputs(&[Some(whole)]))?.swap_remove(0) {
        Meta::View(dtype, layout) => Tensor::on(whole.storage().clone(), layout, dtype),
        Meta::New(..) => Err(Error::custom(window.name(), "expected an op that makes a view")),
    }
}

/// The gradient of a window: zeros with the cotangent in that window.
fn put_back(ctx: &Ctx, window: impl Op) -> Result<Grads> {
    let op = PutBack { window: Arc::new(window), shape: Shape::from_slice(ctx.shape(0)) };
    Ok(smallvec![Some(apply(op, [&ctx.grad(0)?])?)])
}

/// `memory += from` through a layout that may see elements several times; the memory is dense, from its beginning.
fn add_on(gpu: &Gpu, through: &Layout, memory: &Tensor, from: &Tensor) -> Result<bool> {
    let row = |x: &Tensor| {
        Tensor::build(
            x.storage().clone(),
            Layout::strided([x.numel()][..].into(), [1][..].into(), x.layout().offset()),
            x.dtype(),
            None,
        )
    };
    // Where each element lies, in order.
    let mut places = vec![through.offset() as i64];
    for (&size, &stride) in through.shape().iter().zip(through.strides()) {
        places = places.iter().flat_map(|&at| (0..size as i64).map(move |i| at + i * stride as i64)).collect();
    }
    let places = crate::device::upload(&Tensor::from_slice(&places, &[places.len()])?, gpu.driver)?;
    let shape = places.shape().to_vec();
    crate::ops::gpu::index::put(gpu, 0, true, &row(&gpu.dense(from)?), &[&places], [&shape, &shape], &row(memory))
}

/// `to += from` where `to` may see elements several times.
fn add_into(to: &Tensor, from: &Tensor) -> Result<()> {
    let from = from.to(to.dtype())?;
    // SAFETY: operands of live tensors of one dtype and shape; `to` is ours to write.
    unsafe { index::add_strided(to.dtype(), to.shape(), to.ptr(), to.strides(), from.ptr(), from.strides()) }
    Ok(())
}

/// Turns an index counted from the end into one counted from the start.
pub(crate) fn wrap_index(op: &'static str, index: i64, size: usize) -> Result<usize> {
    let n = size as i64;
    if (-n..n).contains(&index) {
        return Ok(if index < 0 { index + n } else { index } as usize);
    }
    Err(Error::Index { op, what: "index", given: index, low: -n, high: n - 1 })
}

/// A dimension of a tensor that must have one.
pub(crate) fn own_dim(op: &'static str, dim: i64, x: &Tensor) -> Result<usize> {
    if x.ndim() == 0 {
        return Err(Error::bad_index(op, format!("Dimension specified as {dim} but tensor has no dimensions")));
    }
    wrap_dim(op, dim, x.ndim())
}

/// `x.select(dim, index)`; both may be counted from the end.
pub fn select(x: &Tensor, dim: i64, index: i64) -> Result<Tensor> {
    let dim = own_dim("select", dim, x)?;
    apply(Select { dim, index: wrap_index("select", index, x.shape()[dim])? }, [x])
}

/// The window of `x[start:end:step]` along a dimension, with Python's rules for what lies outside.
pub(crate) fn slice_of(x: &Tensor, dim: i64, start: Option<i64>, end: Option<i64>, step: i64) -> Result<Slice> {
    let dim = own_dim("slice", dim, x)?;
    if step <= 0 {
        return Err(Error::Value {
            op: "slice",
            expected: "slice step must be positive".into(),
            given: step.to_string(),
        });
    }
    let size = x.shape()[dim] as i64;
    let clip = |at: i64| if at < 0 { (at.saturating_add(size)).max(0) } else { at.min(size) };
    let start = clip(start.unwrap_or(0));
    let end = clip(end.unwrap_or(i64::MAX)).max(start);
    let len = (end - start + (step - 1)) / step;
    Ok(Slice { dim, start: start as usize, len: len as usize, step: step.min(size.max(1)) as usize })
}

pub fn slice(x: &Tensor, dim: i64, start: Option<i64>, end: Option<i64>, step: i64) -> Result<Tensor> {
    apply(slice_of(x, dim, start, end, step)?, [x])
}

/// `length` elements from `start` on.
pub fn narrow(x: &Tensor, dim: i64, start: i64, length: i64) -> Result<Tensor> {
    if x.ndim() == 0 {
        return Err(Error::custom("narrow", "narrow() cannot be applied to a 0-dim tensor."));
    }
    let dim = wrap_dim("narrow", dim, x.ndim())?;
    let size = x.shape()[dim] as i64;
    if length < 0 {
        return Err(Error::custom("narrow", format!("narrow(): length must be non-negative, got {length}")));
    }
    if !(-size..=size).contains(&start) {
        return Err(Error::Index { op: "narrow", what: "start", given: start, low: -size, high: size });
    }
    let start = if start < 0 { start + size } else { start };
    if length > size - start {
        let message = format!("start ({start}) + length ({length}) exceeds dimension size ({size}).");
        return Err(Error::custom("narrow", message));
    }
    apply(Slice { dim, start: start as usize, len: length as usize, step: 1 }, [x])
}

/// Two different dimensions.
fn two_dims(op: &'static str, a: i64, b: i64, ndim: usize) -> Result<(usize, usize)> {
    let (wa, wb) = (wrap_dim(op, a, ndim)?, wrap_dim(op, b, ndim)?);
    if wa == wb {
        return Err(Error::custom(op, format!("{op} dimensions cannot be identical {a}, {b}")));
    }
    Ok((wa, wb))
}

pub fn diagonal(x: &Tensor, offset: i64, a: i64, b: i64) -> Result<Tensor> {
    let (a, b) = two_dims("diagonal", a, b, x.ndim())?;
    apply(Diagonal { offset, a, b }, [x])
}

/// Matrices with the last dimension of `x` on a diagonal and zeros elsewhere.
pub fn diag_embed(x: &Tensor, offset: i64, a: i64, b: i64) -> Result<Tensor> {
    let (a, b) = two_dims("diag_embed", a, b, x.ndim() + 1)?;
    let (&last, rest) = x.shape().split_last().ok_or_else(|| Error::Index {
        op: "diag_embed",
        what: "dimension of a 0-dim tensor",
        given: -1,
        low: 0,
        high: -1,
    })?;
    let mut rest = rest.iter();
    let size = last + offset.unsigned_abs() as usize;
    let shape = (0..x.ndim() + 1).map(|d| if d == a || d == b { size } else { *rest.next().unwrap_or(&1) }).collect();
    apply(PutBack { window: Arc::new(Diagonal { offset, a, b }), shape }, [x])
}

/// A vector as a diagonal matrix, or the diagonal of a matrix; a copy.
pub fn diag(x: &Tensor, diagonal: i64) -> Result<Tensor> {
    match x.ndim() {
        1 => diag_embed(x, diagonal, 0, 1),
        2 => apply(Diagonal { offset: diagonal, a: 0, b: 1 }, [x])?.copy(),
        n => {
            let message = format!("diag(): Supports 1D or 2D tensors. Got {n}D");
            Err(Error::custom("diag", message))
        }
    }
}

pub fn unfold(x: &Tensor, dim: i64, size: i64, step: i64) -> Result<Tensor> {
    let dim = wrap_dim("unfold", dim, x.ndim())?;
    if step <= 0 {
        return Err(Error::custom("unfold", format!("step is {step} but must be > 0")));
    }
    if size < 0 {
        return Err(Error::custom("unfold", format!("size is {size} but must be >= 0")));
    }
    apply(Unfold { dim, size: size as usize, step: step as usize }, [x])
}

fn as_strided_of(op: &'static str, x: &Tensor, size: &[i64], stride: &[i64], offset: Option<i64>) -> Result<AsStrided> {
    if size.len() != stride.len() {
        let message = format!("mismatch in length of strides and shape: {stride:?} and {size:?}");
        return Err(Error::custom(op, message));
    }
    if stride.iter().any(|&s| s < 0) {
        let message = format!("as_strided: Negative strides are not supported at the moment, got strides: {stride:?}");
        return Err(Error::custom(op, message));
    }
    let offset = offset.unwrap_or(x.layout().offset() as i64);
    if offset < 0 {
        return Err(Error::custom(op, format!("Tensor: invalid storage offset {offset}")));
    }
    let strides = stride.iter().map(|&s| s as isize).collect();
    let window = Layout::strided(super::sizes(op, size)?, strides, offset as usize);
    Ok(AsStrided { base: x.layout().clone(), window })
}

pub fn as_strided(x: &Tensor, size: &[i64], stride: &[i64], offset: Option<i64>) -> Result<Tensor> {
    apply(as_strided_of("as_strided", x, size, stride, offset)?, [x])
}

/// `x` with `src` in a window.
fn replaced(x: &Tensor, src: &Tensor, window: impl Op) -> Result<Tensor> {
    let src = if src.dtype() == x.dtype() { src.clone() } else { src.to(x.dtype())? };
    apply(Replace { window: Arc::new(window) }, [x, &src])
}

pub fn diagonal_scatter(x: &Tensor, src: &Tensor, offset: i64, a: i64, b: i64) -> Result<Tensor> {
    let (a, b) = two_dims("diagonal_scatter", a, b, x.ndim())?;
    replaced(x, src, Diagonal { offset, a, b })
}

pub fn select_scatter(x: &Tensor, src: &Tensor, dim: i64, index: i64) -> Result<Tensor> {
    let dim = own_dim("select_scatter", dim, x)?;
    replaced(x, src, Select { dim, index: wrap_index("select_scatter", index, x.shape()[dim])? })
}

pub fn slice_scatter(
    x: &Tensor,
    src: &Tensor,
    dim: i64,
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
) -> Result<Tensor> {
    let window = slice_of(x, dim, start, end, step)?;
    let mut shape = Shape::from_slice(x.shape());
    shape[window.dim] = window.len;
    replaced(x, &src.expand(&shape)?, window)
}

pub fn as_strided_scatter(
    x: &Tensor,
    src: &Tensor,
    size: &[i64],
    stride: &[i64],
    offset: Option<i64>,
) -> Result<Tensor> {
    let dense = x.copy()?;
    let window = as_strided_of("as_strided_scatter", &dense, size, stride, offset)?;
    if window.window.overlaps_itself() {
        let message = "as_strided_scatter: the window must not see an element twice";
        return Err(Error::custom("as_strided_scatter", message));
    }
    replaced(&dense, src, window)
}

/// The dtype of the sum of a matrix's diagonal.
pub fn trace(x: &Tensor) -> Result<Tensor> {
    if x.ndim() != 2 {
        return Err(Error::custom("trace", format!("trace: expected a matrix, but got tensor with dim {}", x.ndim())));
    }
    let diagonal = diagonal(x, 0, 0, 1)?;
    let diagonal = if x.dtype() == DType::Bool { diagonal.to(DType::I64)? } else { diagonal };
    diagonal.sum_all()
}
