//! The same elements under another shape: reshape, permute, expand, squeeze. Nothing here copies but `reshape`, where the
//! memory leaves it no choice.

use super::looks;
use crate::autograd::Ctx;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::{Layout, Shape, Strides, wrap_dim, wrap_dims};
use crate::op::{Grads, Inputs, Meta, Metas, Op, apply};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: Reshape, ViewDType, Alias, Transpose, Permute, Expand, Unsqueeze, Squeeze);

#[derive(Debug)]
pub struct Reshape {
    pub shape: Shape,
}
impl Op for Reshape {
    fn name(&self) -> &'static str {
        "view"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        match inputs[0].layout().reshape(&self.shape) {
            Some(layout) => looks(&inputs[0], layout),
            None => Err(no_view(&inputs[0], &self.shape)),
        }
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(ctx.grad(0)?.reshape(ctx.shape(0))?)])
    }
    crate::attributes!(shape);
}

#[cold]
fn no_view(x: &Tensor, shape: &[usize]) -> Error {
    if shape.iter().product::<usize>() != x.numel() {
        return Error::custom("view", format!("shape '{shape:?}' is invalid for input of size {}", x.numel()));
    }
    let (old, strides) = (x.shape(), x.strides());
    let message = format!(
        "view size is not compatible with input tensor's size and stride: shape {old:?} with strides {strides:?} does not lie \
         so that it can be seen as {shape:?}. Use .reshape(...) instead."
    );
    Error::custom("view", message)
}

/// The same bytes as elements of another dtype. Not differentiable.
#[derive(Debug)]
pub struct ViewDType {
    pub dtype: DType,
}
impl Op for ViewDType {
    fn name(&self) -> &'static str {
        "view_dtype"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (layout, from, to) = (inputs[0].layout(), inputs[0].dtype().size(), self.dtype.size());
        if from == to {
            return Ok(smallvec![Meta::View(self.dtype, layout.clone())]);
        }
        let fail = |what: String| {
            let what = format!("self{what} to view {} as {} (different element sizes)", inputs[0].dtype(), self.dtype);
            Error::custom("view", what)
        };
        let (mut shape, mut strides) = (Shape::from_slice(layout.shape()), Strides::from_slice(layout.strides()));
        let last = shape.len().checked_sub(1).ok_or_else(|| fail(".dim() cannot be 0".into()))?;
        if strides[last] != 1 && shape[last] != 1 {
            return Err(fail(".stride(-1) must be 1".into()));
        }
        strides[last] = 1;
        if from > to {
            let ratio = from / to;
            shape[last] *= ratio;
            strides[..last].iter_mut().for_each(|s| *s *= ratio as isize);
            return Ok(smallvec![Meta::View(self.dtype, Layout::strided(shape, strides, layout.offset() * ratio))]);
        }
        let ratio = to / from;
        if shape[last] % ratio != 0 {
            return Err(fail(format!(".size(-1) must be divisible by {ratio}")));
        }
        if layout.offset() % ratio != 0 {
            return Err(fail(format!(".storage_offset() must be divisible by {ratio}")));
        }
        if let Some(d) = (0..last).find(|&d| strides[d] % ratio as isize != 0) {
            return Err(fail(format!(".stride({d}) must be divisible by {ratio}")));
        }
        shape[last] /= ratio;
        strides[..last].iter_mut().for_each(|s| *s /= ratio as isize);
        Ok(smallvec![Meta::View(self.dtype, Layout::strided(shape, strides, layout.offset() / ratio))])
    }
    crate::attributes!(dtype);
}

/// The same view of the same memory.
#[derive(Debug)]
pub struct Alias {}
impl Op for Alias {
    fn name(&self) -> &'static str {
        "alias"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        looks(&inputs[0], inputs[0].layout().clone())
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(ctx.grad(0)?)])
    }
    crate::attributes!();
}

#[derive(Debug)]
pub struct Transpose {
    pub a: usize,
    pub b: usize,
}
impl Op for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        looks(&inputs[0], inputs[0].layout().transpose(self.a, self.b))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(apply(Transpose { ..*self }, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(a, b);
}

/// Dimension `d` of the result is dimension `dims[d]` of the input.
#[derive(Debug)]
pub struct Permute {
    pub dims: Shape,
}
impl Op for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        looks(&inputs[0], inputs[0].layout().permute(&self.dims))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let mut dims = self.dims.clone();
        self.dims.iter().enumerate().for_each(|(to, &from)| dims[from] = to);
        Ok(smallvec![Some(apply(Permute { dims }, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(dims);
}

/// Repeats dimensions of size 1 without copying. Gradient: the engine sums what was broadcast.
#[derive(Debug)]
pub struct Expand {
    pub shape: Shape,
}
impl Op for Expand {
    fn name(&self) -> &'static str {
        "expand"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        looks(&inputs[0], inputs[0].layout().expand("expand", &self.shape)?)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(ctx.grad(0)?)])
    }
    crate::attributes!(shape);
}

/// A new dimension of size 1 at `dim`.
#[derive(Debug)]
pub struct Unsqueeze {
    pub dim: usize,
}
impl Op for Unsqueeze {
    fn name(&self) -> &'static str {
        "unsqueeze"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        looks(&inputs[0], inputs[0].layout().insert(self.dim))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(ctx.grad(0)?.reshape(ctx.shape(0))?)])
    }
    crate::attributes!(dim);
}

/// Without those of `dims` whose size is 1.
#[derive(Debug)]
pub struct Squeeze {
    pub dims: Shape,
}
impl Op for Squeeze {
    fn name(&self) -> &'static str {
        "squeeze"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let layout = inputs[0].layout();
        let stays = |d: &usize| !(self.dims.contains(d) && layout.shape()[*d] == 1);
        let kept: Shape = (0..layout.ndim()).filter(stays).collect();
        looks(&inputs[0], layout.permute(&kept))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(ctx.grad(0)?.reshape(ctx.shape(0))?)])
    }
    crate::attributes!(dims);
}

/// A shape in which one size may be −1, for what is left of `numel` elements.
pub fn infer_shape(op: &'static str, sizes: &[i64], numel: usize) -> Result<Shape> {
    let invalid = || Error::custom(op, format!("shape '{sizes:?}' is invalid for input of size {numel}"));
    let mut shape: Shape = smallvec![0; sizes.len()];
    let (mut open, mut product) = (None, 1usize);
    for (d, &size) in sizes.iter().enumerate() {
        match size {
            -1 if open.is_none() => open = Some(d),
            -1 => return Err(Error::custom(op, "only one dimension can be inferred")),
            ..-1 => return Err(Error::custom(op, format!("invalid shape dimension {size}"))),
            _ => {
                shape[d] = size as usize;
                product = product.checked_mul(shape[d]).ok_or_else(invalid)?;
            }
        }
    }
    match open {
        None if product == numel => Ok(shape),
        Some(_) if product == 0 && numel == 0 => {
            let why = "because the unspecified dimension size -1 can be any value and is ambiguous";
            Err(Error::custom(op, format!("cannot reshape tensor of 0 elements into shape {sizes:?} {why}")))
        }
        Some(d) if product > 0 && numel.is_multiple_of(product) => {
            shape[d] = numel / product;
            Ok(shape)
        }
        _ => Err(invalid()),
    }
}

/// Sizes as a program gives them, none of which may be negative.
pub fn sizes(op: &'static str, sizes: &[i64]) -> Result<Shape> {
    let size = |&n: &i64| {
        let message = || format!("Trying to create tensor with negative dimension {n}: {sizes:?}");
        usize::try_from(n).map_err(|_| Error::custom(op, message()))
    };
    sizes.iter().map(size).collect()
}

/// `x.view(2, -1)`: never copies.
pub fn view(x: &Tensor, size: &[i64]) -> Result<Tensor> {
    apply(Reshape { shape: infer_shape("view", size, x.numel())? }, [x])
}

/// `x.view(torch.int32)`
pub fn view_dtype(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if dtype == x.dtype() {
        return alias(x);
    }
    if (x.dtype().is_complex() || dtype.is_complex()) && x.requires_grad() {
        return Err(Error::autograd("view", "a view of another dtype has no gradient; call detach() first"));
    }
    crate::autograd::no_grad(|| apply(ViewDType { dtype }, [x]))
}

pub fn alias(x: &Tensor) -> Result<Tensor> {
    apply(Alias {}, [x])
}

/// `x.reshape(2, -1)`: a view if the memory allows it, else a copy.
pub fn reshape(x: &Tensor, size: &[i64]) -> Result<Tensor> {
    let shape = infer_shape("reshape", size, x.numel())?;
    match x.is_contiguous() || x.layout().reshape(&shape).is_some() {
        true => apply(Reshape { shape }, [x]),
        false => apply(Reshape { shape }, [&x.contiguous()?]),
    }
}

/// Dimensions `start..=end` as one.
pub fn flatten(x: &Tensor, start: i64, end: i64) -> Result<Tensor> {
    let (start, end) = (wrap_dim("flatten", start, x.ndim())?, wrap_dim("flatten", end, x.ndim())?);
    if start > end {
        return Err(Error::custom("flatten", "flatten() has invalid args: start_dim cannot come after end_dim"));
    }
    if x.ndim() == 0 {
        return x.reshape(&[1]);
    }
    if start == end {
        return Ok(x.clone());
    }
    let mut shape = Shape::from_slice(&x.shape()[..start]);
    shape.push(x.shape()[start..=end].iter().product());
    shape.extend_from_slice(&x.shape()[end + 1..]);
    x.reshape(&shape)
}

/// One dimension as several; one of the sizes may be −1.
pub fn unflatten(x: &Tensor, dim: i64, sizes: &[i64]) -> Result<Tensor> {
    let dim = wrap_dim("unflatten", dim, x.ndim())?;
    if sizes.is_empty() {
        return Err(Error::custom("unflatten", "unflatten: sizes must be non-empty"));
    }
    if x.ndim() == 0 {
        return Err(Error::Index { op: "unflatten", what: "Dimension", given: dim as i64, low: 0, high: -1 });
    }
    let size = x.shape()[dim];
    let cut = infer_shape("unflatten", sizes, size).map_err(|_| {
        let message =
            format!("unflatten: Provided sizes {sizes:?} don't multiply up to the size of dim {dim} ({size})");
        Error::custom("unflatten", message)
    })?;
    let mut shape = Shape::from_slice(&x.shape()[..dim]);
    shape.extend_from_slice(&cut);
    shape.extend_from_slice(&x.shape()[dim + 1..]);
    apply(Reshape { shape }, [x])
}

/// All elements in one dimension; a copy only if they do not lie in a row.
pub fn ravel(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.reshape(&[x.numel()])
}

/// Without all dimensions of size 1, or without those of `dims` that have it.
pub fn squeeze(x: &Tensor, dims: Option<&[i64]>) -> Result<Tensor> {
    let dims = match dims {
        None => (0..x.ndim()).collect(),
        Some(dims) => wrap_dims("squeeze", dims, x.ndim())?,
    };
    apply(Squeeze { dims }, [x])
}

pub fn unsqueeze(x: &Tensor, dim: i64) -> Result<Tensor> {
    apply(Unsqueeze { dim: wrap_dim("unsqueeze", dim, x.ndim() + 1)? }, [x])
}

pub fn permute(x: &Tensor, dims: &[i64]) -> Result<Tensor> {
    if dims.len() != x.ndim() {
        let message = format!(
            "number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. \
             input.dim() = {} is not equal to len(dims) = {}",
            x.ndim(),
            dims.len()
        );
        return Err(Error::custom("permute", message));
    }
    apply(Permute { dims: wrap_dims("permute", dims, x.ndim())? }, [x])
}

/// Dimensions `from` at the places `to`, the others in their old order.
pub fn movedim(x: &Tensor, from: &[i64], to: &[i64]) -> Result<Tensor> {
    if from.len() != to.len() {
        let message = format!(
            "movedim: Invalid source or destination dims: source ({from:?} dims) should contain the same number of dims as \
             destination ({to:?} dims)"
        );
        return Err(Error::custom("movedim", message));
    }
    let distinct = |what: &str, dims: &[i64]| {
        let wrapped = dims.iter().map(|&d| wrap_dim("movedim", d, x.ndim())).collect::<Result<Shape>>()?;
        match (1..wrapped.len()).any(|i| wrapped[..i].contains(&wrapped[i])) {
            true => Err(Error::custom("movedim", format!("movedim: repeated dim in `{what}` ({dims:?})"))),
            false => Ok(wrapped),
        }
    };
    let (from, to) = (distinct("source", from)?, distinct("destination", to)?);
    if x.ndim() == 0 {
        return alias(x);
    }
    let mut rest = (0..x.ndim()).filter(|d| !from.contains(d));
    let dims = (0..x.ndim()).map(|d| match to.iter().position(|&t| t == d) {
        Some(k) => from[k],
        None => rest.next().unwrap_or(0),
    });
    apply(Permute { dims: dims.collect() }, [x])
}

/// `x.t()`, for at most two dimensions.
pub fn t(x: &Tensor) -> Result<Tensor> {
    match x.ndim() {
        0 | 1 => alias(x),
        2 => apply(Transpose { a: 0, b: 1 }, [x]),
        n => Err(Error::custom("t", format!("t() expects a tensor with <= 2 dimensions, but self is {n}D"))),
    }
}

pub fn transpose(x: &Tensor, a: i64, b: i64) -> Result<Tensor> {
    let (a, b) = (wrap_dim("transpose", a, x.ndim())?, wrap_dim("transpose", b, x.ndim())?);
    if x.ndim() == 0 { alias(x) } else { apply(Transpose { a, b }, [x]) }
}

/// `x.T`: the dimensions the other way round.
pub fn numpy_t(x: &Tensor) -> Result<Tensor> {
    if x.ndim() == 2 {
        return apply(Transpose { a: 0, b: 1 }, [x]);
    }
    apply(Permute { dims: (0..x.ndim()).rev().collect() }, [x])
}

/// `x.mT`: the last two dimensions exchanged.
pub fn matrix_t(x: &Tensor) -> Result<Tensor> {
    if x.ndim() < 2 {
        let message =
            format!("tensor.mT is only supported on matrices or batches of matrices. Got {}-D tensor.", x.ndim());
        return Err(Error::custom("mT", message));
    }
    apply(Transpose { a: x.ndim() - 2, b: x.ndim() - 1 }, [x])
}

/// `x.mH`, `x.adjoint()`: transposed and conjugated.
pub fn adjoint(x: &Tensor) -> Result<Tensor> {
    if x.ndim() < 2 {
        let message = format!(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got {}-D tensor.",
            x.ndim()
        );
        return Err(Error::custom("adjoint", message));
    }
    matrix_t(x)?.conj()
}

/// `x.H`: the adjoint of a matrix.
pub fn matrix_h(x: &Tensor) -> Result<Tensor> {
    match x.ndim() {
        0 => alias(x)?.conj(),
        2 => matrix_t(x)?.conj(),
        n => {
            let message = format!("tensor.H is only supported on matrices (2-D tensors). Got {n}-D tensor.");
            Err(Error::custom("H", message))
        }
    }
}

/// `x.expand(3, -1)`: dimensions of size 1 repeated without a copy; −1 keeps a size.
pub fn expand(x: &Tensor, sizes: &[i64]) -> Result<Tensor> {
    let Some(new) = sizes.len().checked_sub(x.ndim()) else {
        let message = format!(
            "expand(Tensor{:?}, size={sizes:?}): the number of sizes provided ({}) must be greater or equal to the number of \
             dimensions in the tensor ({})",
            x.shape(),
            sizes.len(),
            x.ndim()
        );
        return Err(Error::custom("expand", message));
    };
    let mut shape: Shape = smallvec![0; sizes.len()];
    for (d, &size) in sizes.iter().enumerate() {
        shape[d] = match size {
            -1 if d >= new => x.shape()[d - new],
            0.. if d < new || x.shape()[d - new] == 1 || x.shape()[d - new] == size as usize => size as usize,
            0.. => {
                let message = format!(
                    "The expanded size of the tensor ({size}) must match the existing size ({}) at non-singleton dimension {d}. \
                     Target sizes: {sizes:?}. Tensor sizes: {:?}",
                    x.shape()[d - new],
                    x.shape()
                );
                return Err(Error::custom("expand", message));
            }
            _ => {
                let message =
                    format!("The expanded size of the tensor ({size}) isn't allowed at dimension {d}: {sizes:?}");
                return Err(Error::custom("expand", message));
            }
        };
    }
    apply(Expand { shape }, [x])
}

/// All of them expanded to the shape that they broadcast to.
pub fn broadcast_tensors(tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    let shape = tensors
        .iter()
        .try_fold(Shape::new(), |shape, t| crate::layout::broadcast("broadcast_tensors", &shape, t.shape()))?;
    tensors.iter().map(|t| t.expand(&shape)).collect()
}

/// At least `n` dimensions: new ones on the left, but the third on the right.
pub fn at_least(x: &Tensor, n: usize) -> Result<Tensor> {
    match (n, x.shape()) {
        (1, []) => x.reshape(&[1]),
        (2, []) => x.reshape(&[1, 1]),
        (3, []) => x.reshape(&[1, 1, 1]),
        (2, [_]) => unsqueeze(x, 0),
        (3, [_]) => unsqueeze(&unsqueeze(x, 0)?, -1),
        (3, [_, _]) => unsqueeze(x, -1),
        _ => Ok(x.clone()),
    }
}
