//! Reading and writing at indices.
//!
//! Here: places named by tensors, dimension by dimension (`x[i, :, j]`), and everything that is a case of it (`index_select`,
//! `index_add`, `take`, …). `gather` has places element by element along one dimension, and `scatter` their way back; `mask` what
//! a bool tensor lets through; `embedding` tables of vectors; `sets` membership.

pub(crate) mod embedding;
pub(crate) mod gather;
pub(crate) mod mask;
pub(crate) mod sets;

pub use embedding::*;
pub use gather::*;
pub use mask::*;
pub use sets::*;

use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::index::{self, Blocks, Dims};
use crate::layout::{Shape, broadcast};
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, apply, apply_all, deliver, new};
use crate::ops::gpu::{index as on_gpu, on_device};
use crate::ops::shape::convert;
use crate::tensor::Tensor;
use smallvec::SmallVec;

crate::entries!(OPS: Index, IndexPut);

/// `x[…, i, j, …]`: inputs 1.. name places in as many neighbouring dimensions from `start` on; their common shape stands in
/// the result where those dimensions were. Indices are i64 and may be negative.
#[derive(Debug)]
pub struct Index {
    pub start: usize,
}

/// `x` with input 1 written (or added) at the places that inputs 2.. name.
#[derive(Debug)]
pub struct IndexPut {
    pub start: usize,
    pub accumulate: bool,
}

/// What the two have in common: the common shape of the indices, and that of the blocks they name.
struct Places {
    indices: Shape,
    shape: Shape,
}

fn places(op: &'static str, start: usize, x: &Tensor, indices: &[Option<&Tensor>]) -> Result<Places> {
    let mut common = Shape::new();
    for index in indices.iter().flatten() {
        if index.dtype() != DType::I64 {
            return Err(Error::DType { op, expected: "indices of dtype int64", given: index.dtype() });
        }
        common = broadcast(op, &common, index.shape()).map_err(|_| {
            let shapes: Vec<&[usize]> = indices.iter().flatten().map(|t| t.shape()).collect();
            let message =
                format!("shape mismatch: indexing tensors could not be broadcast together with shapes {shapes:?}");
            Error::bad_index(op, message)
        })?;
    }
    let end = start + indices.len();
    if end > x.ndim() {
        return Err(Error::bad_index(op, format!("too many indices for tensor of dimension {}", x.ndim())));
    }
    let mut shape = Shape::from_slice(&x.shape()[..start]);
    shape.extend_from_slice(&common);
    shape.extend_from_slice(&x.shape()[end..]);
    Ok(Places { indices: common, shape })
}

/// Where the places lie in memory, from the start of `x`, in bytes.
fn offsets(
    op: &'static str,
    start: usize,
    x: &Tensor,
    indices: &[Option<&Tensor>],
    common: &[usize],
) -> Result<Vec<isize>> {
    let mut offsets = vec![0; common.iter().product()];
    for (k, index) in indices.iter().flatten().enumerate() {
        let (size, step) = (x.shape()[start + k] as i64, x.strides()[start + k] * x.dtype().size() as isize);
        let wide = index.detach().expand(common)?.contiguous()?;
        // SAFETY: contiguous, of i64, alive through the loop.
        let wide = unsafe { std::slice::from_raw_parts(wide.ptr().cast::<i64>(), wide.numel()) };
        for (offset, &i) in offsets.iter_mut().zip(wide) {
            if i < -size || i >= size {
                let message = format!("index {i} is out of bounds for dimension {} with size {size}", start + k);
                return Err(Error::bad_index(op, message));
            }
            *offset += (if i < 0 { i + size } else { i }) as isize * step;
        }
    }
    Ok(offsets)
}

/// The named places of a tensor as the kernels take them.
fn blocks<'a>(x: &Tensor, start: usize, count: usize, offsets: &'a [isize]) -> Blocks<'a> {
    let size = x.dtype().size();
    let dims = |from: usize, to: usize| -> Dims {
        (from..to).map(|d| (x.shape()[d], x.strides()[d] * size as isize)).collect()
    };
    Blocks { base: x.ptr(), before: dims(0, start), offsets, after: dims(start + count, x.ndim()), size }
}

impl Op for Index {
    fn name(&self) -> &'static str {
        "index"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        new(inputs[0].dtype(), places("index", self.start, &inputs[0], &inputs.0[1..])?.shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, indices) = (&inputs[0], &inputs.0[1..]);
        let common = places("index", self.start, x, indices)?.indices;
        let offsets = offsets("index", self.start, x, indices, &common)?;
        // SAFETY: every offset has been checked, and the output holds all blocks densely.
        unsafe { index::load(&blocks(x, self.start, indices.len(), &offsets), outputs[0].ptr()) };
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let common = places("index", self.start, &inputs[0], &inputs.0[1..])?.indices;
        let indices: SmallVec<[&Tensor; 4]> = inputs.0[1..].iter().copied().flatten().collect();
        on_gpu::get(gpu, self.start, &inputs[0], &indices, &common, &outputs[0])
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        (1..needs.len()).fold(Keep::NOTHING, Keep::input)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (grad, mut grads) = (ctx.grad(0)?, ctx.grads());
        let zeros = Tensor::zeros(ctx.shape(0), grad.dtype())?;
        let indices = (1..grads.len()).map(|i| ctx.input(i)).collect::<Result<Vec<_>>>()?;
        grads[0] = Some(put(&zeros, self.start, &indices, &grad, true, Out::New)?);
        Ok(grads)
    }
    crate::attributes!(start);
}

impl Op for IndexPut {
    fn name(&self) -> &'static str {
        "index_put"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, value) = (&inputs[0], &inputs[1]);
        if value.dtype() != x.dtype() {
            let message = format!(
                "Index put requires the source and destination dtypes match, got {} for the destination and {} for the source.",
                x.dtype().scalar_name(),
                value.dtype().scalar_name()
            );
            return Err(Error::custom("index_put", message));
        }
        let shape = places("index_put", self.start, x, &inputs.0[2..])?.shape;
        if broadcast("index_put", value.shape(), &shape).is_ok_and(|s| s == shape) {
            return new(x.dtype(), x.shape());
        }
        let message = format!(
            "shape mismatch: value tensor of shape {:?} cannot be broadcast to indexing result of shape {shape:?}",
            value.shape()
        );
        Err(Error::custom("index_put", message))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (to, value, indices) = (&outputs[0], inputs[1].detach(), &inputs.0[2..]);
        if !to.same(&inputs[0]) {
            convert(to, &inputs[0]);
        }
        let Places { indices: common, shape } = places("index_put", self.start, to, indices)?;
        let offsets = offsets("index_put", self.start, to, indices, &common)?;
        let single = value.numel() == 1;
        let value = if single { value } else { value.expand(&shape)?.contiguous()? };
        let blocks = blocks(to, self.start, indices.len(), &offsets);
        // SAFETY: every offset has been checked; the value holds all blocks densely, or one element.
        unsafe {
            match self.accumulate {
                true => index::add(to.dtype(), &blocks, value.ptr(), single),
                false => index::store(&blocks, value.ptr(), single),
            }
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let to = &outputs[0];
        let Places { indices: common, shape } = places("index_put", self.start, to, &inputs.0[2..])?;
        let indices: SmallVec<[&Tensor; 4]> = inputs.0[2..].iter().copied().flatten().collect();
        if !to.same(&inputs[0]) {
            gpu.copy(&inputs[0], to)?;
        }
        on_gpu::put(gpu, self.start, self.accumulate, &inputs[1], &indices, [&common, &shape], to)
    }
    fn updates(&self) -> bool {
        true
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        let all = (2..needs.len()).fold(Keep::NOTHING, Keep::input);
        all.only_if(needs[1] || !self.accumulate)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (grad, mut grads) = (ctx.grad(0)?, ctx.grads());
        if self.accumulate && !ctx.needs(1) {
            grads[0] = Some(grad);
            return Ok(grads);
        }
        let indices = (2..grads.len()).map(|i| ctx.input(i)).collect::<Result<Vec<_>>>()?;
        if ctx.needs(1) {
            grads[1] = Some(get(&grad, self.start, &indices)?);
        }
        grads[0] = Some(match self.accumulate {
            true => grad,
            false => put(&grad, self.start, &indices, &Tensor::zeros(&[], grad.dtype())?, false, Out::New)?,
        });
        Ok(grads)
    }
    crate::attributes!(start, accumulate);
}

/// Elements at the places that i64 tensors name in neighbouring dimensions.
pub(crate) fn get(x: &Tensor, start: usize, indices: &[Tensor]) -> Result<Tensor> {
    let inputs: SmallVec<[Option<&Tensor>; 4]> = std::iter::once(x).chain(indices).map(Some).collect();
    Ok(apply_all(Index { start }, Inputs(&inputs))?.swap_remove(0))
}

/// The same for writing.
pub(crate) fn put(
    x: &Tensor,
    start: usize,
    indices: &[Tensor],
    value: &Tensor,
    accumulate: bool,
    out: Out,
) -> Result<Tensor> {
    let inputs: SmallVec<[Option<&Tensor>; 4]> = [x, value].into_iter().chain(indices).map(Some).collect();
    deliver(IndexPut { start, accumulate }, Inputs(&inputs), out)
}

/// A list of indices and holes, with the indexed dimensions brought together: their places in the tensor's new order.
struct Plan {
    order: Option<Shape>,
    start: usize,
    indices: Vec<Tensor>,
}

/// Masks become the indices of what they let through; what is no i64 becomes it.
fn plan(op: &'static str, x: &Tensor, indices: &[Option<Tensor>]) -> Result<Plan> {
    let (mut dims, mut list, mut dim) = (Shape::new(), Vec::new(), 0);
    for index in indices {
        let Some(index) = index else {
            dim += 1;
            continue;
        };
        match index.dtype() {
            DType::Bool | DType::U8 => {
                for (d, &size) in index.shape().iter().enumerate() {
                    if x.shape().get(dim + d) != Some(&size) {
                        let message = match x.ndim() < dim + index.ndim() {
                            true => format!("too many indices for tensor of dimension {}", x.ndim()),
                            false => format!(
                                "The shape of the mask {:?} at index {d} does not match the shape of the indexed tensor {:?} at index {}",
                                index.shape(),
                                x.shape(),
                                dim + d
                            ),
                        };
                        return Err(Error::bad_index(op, message));
                    }
                }
                for column in nonzero_columns(index)? {
                    dims.push(dim);
                    list.push(column);
                    dim += 1;
                }
                if index.ndim() == 0 {
                    return Err(Error::bad_index(op, "a mask without dimensions: index with True or False instead"));
                }
            }
            dtype if dtype.is_int() => {
                dims.push(dim);
                list.push(index.detach().to(DType::I64)?);
                dim += 1;
            }
            _ => {
                let message = "tensors used as indices must be long, int, byte or bool tensors";
                return Err(Error::bad_index(op, message));
            }
        }
    }
    if dim > x.ndim() {
        let message = format!("too many indices for tensor of dimension {} (got {dim})", x.ndim());
        return Err(Error::bad_index(op, message));
    }
    let start = dims.first().copied().unwrap_or(0);
    if dims.iter().enumerate().all(|(k, &d)| d == start + k) {
        return Ok(Plan { order: None, start, indices: list });
    }
    // Indexed dimensions that are not neighbours come first.
    let rest = (0..x.ndim()).filter(|d| !dims.contains(d)).collect::<Shape>();
    dims.extend_from_slice(&rest);
    Ok(Plan { order: Some(dims), start: 0, indices: list })
}

/// What is left when all indices are holes: a view, as of nothing taken.
fn ordered(x: &Tensor, order: Option<Shape>) -> Result<Tensor> {
    match order {
        Some(dims) => apply(crate::ops::shape::Permute { dims }, [x]),
        None => Ok(x.clone()),
    }
}

/// `x[i, :, mask]`: a tensor or nothing for each dimension; a mask stands for as many dimensions as it has.
pub fn index(x: &Tensor, indices: &[Option<Tensor>]) -> Result<Tensor> {
    if let [Some(mask)] = indices
        && mask.dtype() == DType::Bool
        && mask.shape() == x.shape()
        && x.ndim() > 0
    {
        return masked_select(x, mask);
    }
    let Plan { order, start, indices } = plan("index", x, indices)?;
    if indices.is_empty() {
        return Err(Error::custom("index", "at least one index must be provided"));
    }
    get(&ordered(x, order)?, start, &indices)
}

/// `x[i, :, mask] = values`, or `+=` if `accumulate`.
pub fn index_put(
    x: &Tensor,
    indices: &[Option<Tensor>],
    values: &Tensor,
    accumulate: bool,
    out: Out,
) -> Result<Tensor> {
    if let [Some(mask)] = indices
        && mask.dtype() == DType::Bool
        && mask.shape() == x.shape()
        && values.ndim() == 0
        && !accumulate
        && values.dtype() == x.dtype()
    {
        return masked_fill(x, mask, values, out);
    }
    let Plan { order, start, indices } = plan("index_put", x, indices)?;
    if indices.is_empty() {
        return Err(Error::custom("index_put", "at least one index must be provided"));
    }
    if order.is_none() {
        return put(x, start, &indices, values, accumulate, out);
    }
    match out {
        Out::InPlace(target) if target.same(x) => {
            let view = ordered(x, order)?;
            put(&view, start, &indices, values, accumulate, Out::InPlace(&view))?;
            Ok(x.clone())
        }
        _ => {
            let back = order.as_ref().map(|order| {
                let mut back = order.clone();
                order.iter().enumerate().for_each(|(to, &from)| back[from] = to);
                back
            });
            let value = put(&ordered(x, order)?, start, &indices, values, accumulate, Out::New)?;
            match back {
                Some(dims) => apply(crate::ops::shape::Permute { dims }, [&value])?.contiguous(),
                None => Ok(value),
            }
        }
    }
}

/// `out=` must not be what is read.
fn apart(op: &'static str, out: Out, inputs: &[&Tensor]) -> Result<()> {
    if let Out::Into(target) = out
        && (target.layout().overlaps_itself()
            || inputs.iter().any(|x| x.numel() > 0 && x.storage().same(target.storage())))
    {
        let why = "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory \
                   location; clone() the tensor before performing the operation";
        return Err(Error::custom(op, why));
    }
    Ok(())
}

/// A list of indices along one dimension: a vector, or a single one.
fn list(op: &'static str, index: &Tensor) -> Result<Tensor> {
    if index.ndim() > 1 {
        return Err(Error::bad_index(op, format!("{op}(): Index is supposed to be a vector")));
    }
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        return Err(Error::custom(
            op,
            format!("{op}(): Expected dtype int32 or int64 for index, but got {}", index.dtype()),
        ));
    }
    index.detach().to(DType::I64)?.reshape(&[index.numel()])
}

/// Indices of a list count from the start only.
fn none_negative(op: &'static str, index: &Tensor, size: usize) -> Result<()> {
    if on_device(index) {
        return Ok(()); // nobody waits for it; a shader finds nothing outside of the dimension
    }
    // SAFETY: contiguous, of i64, alive through the loop.
    let values = unsafe { std::slice::from_raw_parts(index.ptr().cast::<i64>(), index.numel()) };
    match values.iter().find(|&&i| i < 0 || i >= size as i64) {
        Some(i) => Err(Error::bad_index(op, format!("index out of range in self: {i} for size {size}"))),
        None => Ok(()),
    }
}

/// A tensor of at least one dimension, and the dimension asked for.
fn at_dim(op: &'static str, x: &Tensor, dim: i64) -> Result<(Tensor, usize)> {
    let dim = crate::layout::wrap_dim(op, dim, x.ndim())?;
    Ok((if x.ndim() == 0 { x.reshape(&[1])? } else { x.clone() }, dim))
}

/// `index_select` for a result that may go into a given tensor.
pub fn index_select_to(x: &Tensor, dim: i64, index: &Tensor, out: Out) -> Result<Tensor> {
    apart("index_select", out, &[x, index])?;
    index_select(x, dim, index)
}

/// Whole slices at a list of places along `dim`.
pub fn index_select(x: &Tensor, dim: i64, index: &Tensor) -> Result<Tensor> {
    let (wide, dim) = at_dim("index_select", x, dim)?;
    let index = list("index_select", index)?.contiguous()?;
    none_negative("index_select", &index, wide.shape()[dim])?;
    let picked = get(&wide, dim, std::slice::from_ref(&index))?;
    if x.ndim() == 0 { picked.reshape(&[]) } else { Ok(picked) }
}

/// What the `index_*` writers check: a list of as many places as the source has slices.
fn slices(op: &'static str, x: &Tensor, dim: i64, index: &Tensor, source: &Tensor) -> Result<(usize, Tensor)> {
    let dim = crate::layout::wrap_dim(op, dim, x.ndim())?;
    if index.ndim() > 1 {
        return Err(Error::bad_index(op, format!("{op}(): Index is supposed to be a vector")));
    }
    let index = list(op, index)?.contiguous()?;
    if source.dtype() != x.dtype() {
        let message = format!(
            "{op}(): self and source expected to have the same dtype, but got (self) {} and (source) {}",
            x.dtype(),
            source.dtype()
        );
        return Err(Error::custom(op, message));
    }
    let along = source.shape().get(dim).copied().unwrap_or(1);
    if index.numel() != along {
        let message = format!(
            "{op}(): Number of indices ({}) should be equal to source.size(dim): ({along}), for dim: {dim}",
            index.numel()
        );
        return Err(Error::custom(op, message));
    }
    let fits = source.ndim() == x.ndim() && (0..x.ndim()).all(|d| d == dim || source.shape()[d] == x.shape()[d]);
    if !fits && source.ndim() > 0 && x.ndim() > 0 || !fits && source.numel() != 1 {
        let message = format!(
            "{op}(): source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {:?} \
             source.shape = {:?}",
            x.shape(),
            source.shape()
        );
        return Err(Error::custom(op, message));
    }
    none_negative(op, &index, x.shape().get(dim).copied().unwrap_or(1))?;
    Ok((dim, index))
}

fn put_slices(x: &Tensor, dim: usize, index: &Tensor, source: &Tensor, accumulate: bool, out: Out) -> Result<Tensor> {
    if x.ndim() > 0 {
        return put(x, dim, std::slice::from_ref(index), source, accumulate, out);
    }
    // A 0-dim tensor is written through a view with one dimension.
    let wide = x.reshape(&[1])?;
    let source = source.reshape(&[source.numel()])?;
    match out {
        Out::InPlace(_) => {
            put(&wide, 0, std::slice::from_ref(index), &source, accumulate, Out::InPlace(&wide))?;
            Ok(x.clone())
        }
        _ => put(&wide, 0, std::slice::from_ref(index), &source, accumulate, Out::New)?.reshape(&[]),
    }
}

/// `x` with `alpha · source` added, slice by slice, at places along `dim`.
pub fn index_add(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor, alpha: Scalar, out: Out) -> Result<Tensor> {
    let (dim, index) = slices("index_add", x, dim, index, source)?;
    let source = if alpha.is_one() { source.clone() } else { source.mul(alpha)?.to(x.dtype())? };
    put_slices(x, dim, &index, &source, true, out)
}

/// `x` with slices replaced by those of `source`.
pub fn index_copy(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor, out: Out) -> Result<Tensor> {
    if index.dtype() != DType::I64 {
        let message =
            format!("index_copy_(): Expected a long tensor for index, but got {}", index.dtype().scalar_name());
        return Err(Error::custom("index_copy", message));
    }
    let (dim, index) = slices("index_copy", x, dim, index, source)?;
    put_slices(x, dim, &index, source, false, out)
}

/// `x` with one value in the slices at places along `dim`, which may be counted from the end.
pub fn index_fill(x: &Tensor, dim: i64, index: &Tensor, value: &Tensor, out: Out) -> Result<Tensor> {
    if value.ndim() != 0 {
        let message = format!(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
            value.ndim()
        );
        return Err(Error::custom("index_fill", message));
    }
    if index.dtype() != DType::I64 {
        return Err(Error::bad_index("index_fill", "index_fill_(): Expected dtype int64 for index."));
    }
    if value.dtype().is_complex() && !x.dtype().is_complex() {
        let message = "index_fill_(): Converting complex Scalar to non-complex type is not supported";
        return Err(Error::custom("index_fill", message));
    }
    let dim = crate::layout::wrap_dim("index_fill", dim, x.ndim())?;
    let mut index = list("index_fill", index)?;
    if value.requires_grad() {
        // What is filled twice counts once in the gradient of the value.
        let size = x.shape().get(dim).copied().unwrap_or(1) as i64;
        let mut once: Vec<i64> = index.to_vec::<i64>()?.iter().map(|&i| if i < 0 { i + size } else { i }).collect();
        once.sort_unstable();
        once.dedup();
        index = Tensor::from_slice(&once, &[once.len()])?;
    }
    put_slices(x, dim, &index, &value.to(x.dtype())?, false, out)
}

/// Elements of `x`, seen as one row, in the shape of `index`.
pub fn take(x: &Tensor, index: &Tensor, out: Out) -> Result<Tensor> {
    apart("take", out, &[x, index])?;
    if index.dtype() != DType::I64 {
        let message = format!("take(): Expected a long tensor for index, but got {}", index.dtype().scalar_name());
        return Err(Error::custom("take", message));
    }
    if x.numel() == 0 && index.numel() > 0 {
        return Err(Error::bad_index("take", "take(): tried to take from an empty tensor"));
    }
    let row = x.reshape(&[x.numel()])?;
    get(&row, 0, std::slice::from_ref(&index.detach()))
}

/// `x` with elements of `source` at places of the row of its elements.
pub fn put_at(x: &Tensor, index: &Tensor, source: &Tensor, accumulate: bool) -> Result<Tensor> {
    let fail = |message: String| Err(Error::custom("put_", message));
    if index.dtype() != DType::I64 {
        return fail(format!("put_(): Expected a long tensor for index, but got {}", index.dtype().scalar_name()));
    }
    if source.dtype() != x.dtype() {
        return fail(format!(
            "put_(): self and source expected to have the same dtype, but got self.dtype = {} and source.dtype = {}",
            x.dtype(),
            source.dtype()
        ));
    }
    if source.numel() != index.numel() {
        return fail(format!(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = {}, index.numel() = {}",
            source.numel(),
            index.numel()
        ));
    }
    if x.numel() == 0 && index.numel() > 0 {
        return Err(Error::bad_index("put_", "put_(): Tried to put elements into an empty tensor"));
    }
    let row = x.reshape(&[x.numel()])?;
    put(&row, 0, &[index.detach()], &source.reshape(index.shape())?, accumulate, Out::New)?.reshape(x.shape())
}

/// Coordinates, one tensor for each dimension, of places in the row of elements of a tensor of this shape.
pub fn unravel_index(places: &Tensor, shape: &[i64]) -> Result<Vec<Tensor>> {
    let shape = crate::ops::shape::sizes("unravel_index", shape)?;
    let (total, mut left) = (shape.iter().product::<usize>() as i64, places.detach().to(DType::I64)?.to_vec::<i64>()?);
    if let Some(&bad) = left.iter().find(|&&i| i < -total || i >= total) {
        return Err(Error::value("unravel_index", format!("places within {shape:?}"), bad));
    }
    left.iter_mut().for_each(|i| *i = i.rem_euclid(total.max(1)));
    let mut columns = vec![Vec::new(); shape.len()];
    for (d, &size) in shape.iter().enumerate().rev() {
        columns[d] = left.iter().map(|i| i % size as i64).collect();
        left.iter_mut().for_each(|i| *i /= size as i64);
    }
    columns.iter().map(|c| Tensor::from_slice(c, places.shape())).collect()
}

impl Tensor {
    /// Whole slices at a list of places along `dim`.
    pub fn index_select(&self, dim: i64, index: &Tensor) -> Result<Tensor> {
        index_select(self, dim, index)
    }
    /// `x[i, :, mask]`
    pub fn index(&self, indices: &[Option<Tensor>]) -> Result<Tensor> {
        index(self, indices)
    }
    /// `x[i, :, mask] = values`
    pub fn index_put_(&self, indices: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result<()> {
        index_put(self, indices, values, accumulate, Out::InPlace(self)).map(|_| ())
    }
}
