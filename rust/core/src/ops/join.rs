//! Several tensors as one.

use super::shape::{at_least, convert, unsqueeze};
use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::{DType, result_type};
use crate::error::{Error, Result};
use crate::layout::{Layout, Shape, wrap_dim};
use crate::op::{Grads, Inputs, Metas, Op, Out, deliver, new};
use crate::storage::room;
use crate::tensor::Tensor;
use smallvec::SmallVec;

crate::entries!(OPS: Cat, Stack);

/// Inputs one after another along `dim`, all of the promoted dtype. Vectors without elements take no part.
#[derive(Debug)]
pub struct Cat {
    pub dim: usize,
}

fn takes_part(shape: &[usize]) -> bool {
    shape != [0]
}

fn common(inputs: Inputs) -> DType {
    result_type(inputs.iter().map(|t| (t.dtype(), t.standing())).collect::<SmallVec<[_; 8]>>().into_iter())
}

/// The part of the output that lies along a window.
fn part(to: &Tensor, layout: Layout) -> Tensor {
    Tensor::build(to.storage().clone(), layout, to.dtype(), None)
}

impl Op for Cat {
    fn name(&self) -> &'static str {
        "cat"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let mut whole: Option<Shape> = None;
        for (i, x) in inputs.iter().enumerate().filter(|(_, x)| takes_part(x.shape())) {
            let Some(shape) = &mut whole else {
                whole = Some(Shape::from_slice(x.shape()));
                continue;
            };
            if shape.len() != x.ndim() {
                let message =
                    format!("Tensors must have same number of dimensions: got {} and {}", shape.len(), x.ndim());
                return Err(Error::custom("cat", message));
            }
            for d in (0..shape.len()).filter(|&d| d != self.dim) {
                if shape[d] != x.shape()[d] {
                    let message = format!(
                        "Sizes of tensors must match except in dimension {}. Expected size {} but got size {} for tensor number {i} \
                         in the list.",
                        self.dim,
                        shape[d],
                        x.shape()[d]
                    );
                    return Err(Error::custom("cat", message));
                }
            }
            shape[self.dim] += x.shape()[self.dim];
        }
        new(common(inputs), whole.unwrap_or_else(|| Shape::from_slice(&[0])))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let mut start = 0;
        for x in inputs.iter().filter(|x| takes_part(x.shape())) {
            let len = x.shape()[self.dim];
            convert(&part(&outputs[0], outputs[0].layout().slice(self.dim, start, len, 1)), x);
            start += len;
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let mut start = 0;
        for x in inputs.iter().filter(|x| takes_part(x.shape())) {
            let len = x.shape()[self.dim];
            gpu.copy(x, &part(&outputs[0], outputs[0].layout().slice(self.dim, start, len, 1)))?;
            start += len;
        }
        Ok(true)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (grad, mut grads, mut start) = (ctx.grad(0)?, ctx.grads(), 0);
        for (i, slot) in grads.iter_mut().enumerate().filter(|(i, _)| takes_part(ctx.shape(*i))) {
            let len = ctx.shape(i)[self.dim];
            if ctx.needs(i) {
                *slot = Some(grad.narrow(self.dim as i64, start, len)?);
            }
            start += len;
        }
        Ok(grads)
    }
    crate::attributes!(dim);
}

/// Inputs of one shape along a new dimension.
#[derive(Debug)]
pub struct Stack {
    pub dim: usize,
}

impl Op for Stack {
    fn name(&self) -> &'static str {
        "stack"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let mut shape = Shape::from_slice(inputs[0].shape());
        for (i, x) in inputs.iter().enumerate() {
            if x.shape() != &shape[..] {
                let message = format!(
                    "stack expects each tensor to be equal size, but got {shape:?} at entry 0 and {:?} at entry {i}",
                    x.shape()
                );
                return Err(Error::custom("stack", message));
            }
        }
        shape.insert(self.dim, inputs.0.len());
        new(common(inputs), shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        for (i, x) in inputs.iter().enumerate() {
            convert(&part(&outputs[0], outputs[0].layout().select(self.dim, i)), x);
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        for (i, x) in inputs.iter().enumerate() {
            gpu.copy(x, &part(&outputs[0], outputs[0].layout().select(self.dim, i)))?;
        }
        Ok(true)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (grad, mut grads) = (ctx.grad(0)?, ctx.grads());
        for (i, slot) in grads.iter_mut().enumerate().filter(|(i, _)| ctx.needs(*i)) {
            *slot = Some(grad.select(self.dim as i64, i)?);
        }
        Ok(grads)
    }
    crate::attributes!(dim);
}

fn all(tensors: &[Tensor]) -> SmallVec<[Option<&Tensor>; 8]> {
    tensors.iter().map(Some).collect()
}

fn some(op: &'static str, tensors: &[Tensor]) -> Result<()> {
    if tensors.is_empty() {
        return Err(Error::custom(op, format!("{op} expects a non-empty TensorList")));
    }
    Ok(())
}

/// Tensors one after another along a dimension that they have.
pub fn cat_to(tensors: &[Tensor], dim: i64, out: Out) -> Result<Tensor> {
    if tensors.is_empty() {
        return Err(Error::Value {
            op: "cat",
            expected: "a non-empty list of Tensors".into(),
            given: "an empty one".into(),
        });
    }
    if let Some(i) = tensors.iter().position(|t| t.ndim() == 0) {
        return Err(Error::custom("cat", format!("zero-dimensional tensor (at position {i}) cannot be concatenated")));
    }
    let ndim = tensors.iter().find(|t| takes_part(t.shape())).map_or(1, Tensor::ndim);
    deliver(Cat { dim: wrap_dim("cat", dim, ndim)? }, Inputs(&all(tensors)), out)
}

pub fn cat(tensors: &[Tensor], dim: i64) -> Result<Tensor> {
    cat_to(tensors, dim, Out::New)
}

/// Tensors of one shape along a new dimension.
pub fn stack_to(tensors: &[Tensor], dim: i64, out: Out) -> Result<Tensor> {
    some("stack", tensors)?;
    deliver(Stack { dim: wrap_dim("stack", dim, tensors[0].ndim() + 1)? }, Inputs(&all(tensors)), out)
}

pub fn stack(tensors: &[Tensor], dim: i64) -> Result<Tensor> {
    stack_to(tensors, dim, Out::New)
}

fn each_at_least(tensors: &[Tensor], n: usize) -> Result<Vec<Tensor>> {
    tensors.iter().map(|t| at_least(t, n)).collect()
}

/// Side by side: along the second dimension, or the only one.
pub fn hstack(tensors: &[Tensor]) -> Result<Tensor> {
    some("hstack", tensors)?;
    let tensors = each_at_least(tensors, 1)?;
    cat(&tensors, (tensors[0].ndim() != 1) as i64)
}

/// Below each other.
pub fn vstack(tensors: &[Tensor]) -> Result<Tensor> {
    some("vstack", tensors)?;
    cat(&each_at_least(tensors, 2)?, 0)
}

/// Behind each other.
pub fn dstack(tensors: &[Tensor]) -> Result<Tensor> {
    some("dstack", tensors)?;
    cat(&each_at_least(tensors, 3)?, 2)
}

/// Vectors as columns, beside matrices.
pub fn column_stack(tensors: &[Tensor]) -> Result<Tensor> {
    some("column_stack", tensors)?;
    let column = |t: &Tensor| if t.ndim() <= 1 { t.reshape(&[t.numel(), 1]) } else { Ok(t.clone()) };
    hstack(&tensors.iter().map(column).collect::<Result<Vec<_>>>()?)
}

/// Coordinates of a grid from those along its axes: rows first (`ij`), or columns first for the first two (`xy`).
pub fn meshgrid(tensors: &[Tensor], indexing: &str) -> Result<Vec<Tensor>> {
    if tensors.is_empty() {
        return Err(Error::custom("meshgrid", "meshgrid expects a non-empty TensorList"));
    }
    if let Some(t) = tensors.iter().find(|t| t.ndim() > 1) {
        let message = format!("torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {:?}", t.shape());
        return Err(Error::custom("meshgrid", message));
    }
    if tensors.iter().any(|t| t.dtype() != tensors[0].dtype()) {
        return Err(Error::custom("meshgrid", "torch.meshgrid expects all tensors to have the same dtype"));
    }
    let swap = match indexing {
        "ij" => false,
        "xy" => tensors.len() >= 2,
        other => {
            let message = format!("torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {other}");
            return Err(Error::custom("meshgrid", message));
        }
    };
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    if swap {
        order.swap(0, 1);
    }
    let shape: Shape = order.iter().map(|&i| tensors[i].numel()).collect();
    let mut grids = Vec::new();
    for (i, t) in tensors.iter().enumerate() {
        let at = order.iter().position(|&o| o == i).unwrap_or(i);
        let mut along: Shape = SmallVec::from_elem(1, tensors.len());
        along[at] = t.numel();
        grids.push(t.reshape(&along)?.expand(&shape)?);
    }
    Ok(grids)
}

/// All combinations of one element of each, as rows.
pub fn cartesian_prod(tensors: &[Tensor]) -> Result<Tensor> {
    some("cartesian_prod", tensors)?;
    if let Some(t) = tensors.iter().find(|t| t.ndim() != 1) {
        let message = format!("Expect a 1D vector, but got shape {:?}", t.shape());
        return Err(Error::custom("cartesian_prod", message));
    }
    if tensors.len() == 1 {
        return Ok(tensors[0].clone());
    }
    let columns = meshgrid(tensors, "ij")?.iter().map(|t| t.reshape(&[t.numel()])).collect::<Result<Vec<_>>>()?;
    stack(&columns, 1)
}

/// All choices of `r` elements of a vector, in order, as rows.
pub fn combinations(x: &Tensor, r: i64, with_replacement: bool) -> Result<Tensor> {
    if x.ndim() != 1 {
        let message = format!("Expect a 1D vector, but got shape {:?}", x.shape());
        return Err(Error::custom("combinations", message));
    }
    if r < 0 {
        return Err(Error::custom("combinations", format!("Expect a non-negative number, but got {r}")));
    }
    if r == 0 {
        return Tensor::empty(&[0], x.dtype());
    }
    let (n, r) = (x.numel(), r as usize);
    let rows = choices(n, r, with_replacement)?;
    let index = Tensor::from_slice(&rows, &[rows.len()])?;
    x.index_select(0, &index)?.reshape(&[rows.len() / r, r])
}

/// The places of each choice, one choice after the other.
fn choices(n: usize, r: usize, again: bool) -> Result<Vec<i64>> {
    const OP: &str = "combinations";
    let step = !again as usize;
    if n == 0 || step * r > n {
        return Ok(Vec::new());
    }
    // C(n, r), or C(n + r − 1, r) if a place may come again; far too many count as too many.
    let from = if again { n + r - 1 } else { n };
    let several = (1..=r.min(from - r)).try_fold(1u128, |c, k| {
        c.checked_mul((from - r.min(from - r) + k) as u128).map(|c| c / k as u128).filter(|c| *c < 1 << 62)
    });
    let all = several.map_or(usize::MAX, |c| usize::try_from(c.saturating_mul(r as u128)).unwrap_or(usize::MAX));
    let mut rows = room(OP, all)?;
    let mut choice: Vec<i64> = room(OP, r)?;
    choice.extend((0..r).map(|k| (k * step) as i64));
    let most = |k: usize| (n - 1 - step * (r - 1 - k)) as i64;
    loop {
        rows.extend_from_slice(&choice);
        // The last place that can still move on does, and those behind it start anew.
        let Some(k) = (0..r).rev().find(|&k| choice[k] < most(k)) else { return Ok(rows) };
        let next = choice[k] + 1;
        (k..r).for_each(|j| choice[j] = next + ((j - k) * step) as i64);
    }
}

/// Matrices along the diagonal of a greater one.
pub fn block_diag(tensors: &[Tensor]) -> Result<Tensor> {
    if let Some(i) = tensors.iter().position(|t| t.ndim() > 2) {
        let message = format!(
            "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {} dimensions",
            tensors[i].ndim()
        );
        return Err(Error::custom("block_diag", message));
    }
    if tensors.is_empty() {
        return Tensor::empty(&[1, 0], crate::dtype::default_dtype());
    }
    let blocks = each_at_least(tensors, 2)?;
    let width: usize = blocks.iter().map(|t| t.shape()[1]).sum();
    let (mut left, mut rows) = (0, Vec::new());
    let dtype = common(Inputs(&all(tensors)));
    for block in &blocks {
        let own = block.shape()[1];
        let pad = [left as i64, (width - left - own) as i64];
        rows.push(super::shape::constant_pad_nd(&block.to(dtype)?, &pad, crate::Scalar::Int(0))?);
        left += own;
    }
    cat(&rows, 0)
}

impl Tensor {
    /// This one and others along a dimension.
    pub fn cat(tensors: &[Tensor], dim: i64) -> Result<Tensor> {
        cat(tensors, dim)
    }
    /// Tensors of one shape along a new dimension.
    pub fn stack(tensors: &[Tensor], dim: i64) -> Result<Tensor> {
        stack(tensors, dim)
    }
    /// A new dimension of size 1.
    pub fn unsqueeze(&self, dim: i64) -> Result<Tensor> {
        unsqueeze(self, dim)
    }
}
