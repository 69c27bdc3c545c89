//! Reading and writing at indices. Two shaders do all of it: one that reads along a dimension at the places of an index, one
//! in which each element of the result collects what the index sends to it.

use super::sort::{Lines, sorted};
use super::{NOT_A_NUMBER, SIDE, head, sides, tag, wgsl};
use crate::device::{Access, Gpu};
use crate::dtype::DType;
use crate::error::Result;
use crate::layout::{Layout, Shape};
use crate::tensor::Tensor;
use smallvec::SmallVec;

/// A dimension of a result of [`read`]: its size, and the strides of input and index along it.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub size: usize,
    pub x: isize,
    pub index: isize,
}

/// `out = x` at the places of an index along one dimension, of this stride and size.
pub(super) fn read(
    gpu: &Gpu,
    dims: &[Step],
    [stride, size]: [isize; 2],
    x: &Tensor,
    index: &Tensor,
    out: &Tensor,
) -> Result<bool> {
    let shader = gpu.shader("gather").variant(dims.len()).raw("x", x, x.layout(), Access::Read);
    let shader = shader.raw("index", index, index.layout(), Access::Read).write("out", out);
    let mut shader = shader.word(out.numel()).word(dims.len()).words(&[stride, size]).num(NOT_A_NUMBER);
    for dim in dims.iter().rev() {
        shader = shader.word(dim.size).words(&[dim.x, dim.index]);
    }
    shader.groups(sides(out.numel()), SIDE, || format!("{}{}", head(x.dtype(), &[]), wgsl!("gather")))
}

/// `out[i][j] = x[index[i][j]][j]` for dim 0, and so on for the others.
pub fn gather(gpu: &Gpu, dim: usize, x: &Tensor, index: &Tensor, out: &Tensor) -> Result<bool> {
    let size = x.shape().get(dim).copied().unwrap_or(1);
    let stride = x.strides().get(dim).copied().unwrap_or(0);
    let dims: SmallVec<[Step; 5]> = (0..index.ndim())
        .map(|d| Step {
            size: index.shape()[d],
            x: if d == dim { 0 } else { x.strides().get(d).copied().unwrap_or(0) },
            index: index.strides()[d],
        })
        .collect();
    read(gpu, &dims, [stride, size as isize], x, index, out)
}

/// Indices of neighbouring dimensions as indices of one that stands for all of them, none of them below zero.
fn keys(gpu: &Gpu, sizes: &[usize], indices: &[&Tensor], common: &[usize]) -> Result<Tensor> {
    let keys = gpu.scratch(common, DType::I64)?;
    for (k, (index, &size)) in indices.iter().zip(sizes).enumerate() {
        let layout = index.layout().expand(gpu.op, common)?;
        let wide = gpu.dense(&Tensor::build(index.storage().clone(), layout, index.dtype(), None))?;
        let flags = [("FIRST", k == 0)];
        let shader = gpu.shader("index_keys").variant(tag(&flags)).read("index", &wide).write("out", &keys);
        shader
            .word(keys.numel())
            .word(size)
            .groups(sides(keys.numel()), SIDE, || format!("{}{}", head(DType::I64, &flags), wgsl!("index_keys")))?;
    }
    Ok(keys)
}

/// `x[…, i, j, …]` for indices of dimensions from `start` on, whose common shape is given.
pub fn get(gpu: &Gpu, start: usize, x: &Tensor, indices: &[&Tensor], common: &[usize], out: &Tensor) -> Result<bool> {
    if out.numel() == 0 {
        return Ok(true);
    }
    let end = start + indices.len();
    let x = if indices.len() == 1 { x.detach() } else { gpu.dense(x)? };
    let keys = keys(gpu, &x.shape()[start..end], indices, common)?;
    let own = |d: usize| Step { size: x.shape()[d], x: x.strides()[d], index: 0 };
    let mut dims: SmallVec<[Step; 5]> = (0..start).map(own).collect();
    dims.push(Step { size: keys.numel(), x: 0, index: 1 });
    dims.extend((end..x.ndim()).map(own));
    let size: usize = x.shape()[start..end].iter().product();
    read(gpu, &dims, [x.strides()[end - 1], size as isize], &x, &keys, out)
}

/// What happens where several values meet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Meet {
    Last = 0,
    Sum = 1,
    Product = 2,
    Greatest = 3,
    Least = 4,
}

/// A dimension of the result of [`write`]: its size, how many of it the index covers, strides of index and source.
#[derive(Clone, Copy)]
struct Target {
    size: usize,
    covered: usize,
    index: isize,
    source: isize,
}

/// Values and where they go along one dimension.
struct Values<'a> {
    /// Which dimension, and how many places there are along it.
    dim: usize,
    count: usize,
    index: (&'a Tensor, isize),
    source: (&'a Tensor, isize),
}

fn write(gpu: &Gpu, how: Meet, include: bool, dims: &[Target], values: &Values, out: &Tensor) -> Result<bool> {
    if out.numel() == 0 || values.count == 0 {
        return Ok(true);
    }
    // Nothing may be read that is written.
    let apart = |t: &Tensor| match t.storage().same(out.storage()) {
        true => gpu.convert(t, t.dtype()).map(Some),
        false => Ok(None),
    };
    if apart(values.index.0)?.is_some() {
        return Ok(false);
    }
    let mut dims: SmallVec<[Target; 5]> = SmallVec::from_slice(dims);
    // Each element looks at every place of its line; where that is too much, lines are sorted first.
    let long = values.count > 64 && (out.numel() as u64 * values.count as u64 > 1 << 22 || values.count > 60_000);
    let lines = match long {
        false => None,
        true => {
            let with_index = |d: &usize| *d != values.dim && dims[*d].index != 0;
            let own: SmallVec<[usize; 5]> = (0..dims.len()).filter(with_index).collect();
            let steps: SmallVec<[(usize, isize); 5]> = own.iter().map(|&d| (dims[d].covered, dims[d].index)).collect();
            let lines = sorted(gpu, values.index.0, &steps, [values.count as isize, values.index.1], false)?;
            let mut stride = lines.length as isize;
            for &d in own.iter().rev() {
                dims[d].index = stride;
                stride *= dims[d].covered as isize;
            }
            Some(lines)
        }
    };
    let (index, order, length) = match &lines {
        Some(Lines { keys, order, length }) => (keys, order, *length),
        None => (values.index.0, values.index.0, 0),
    };
    let flags = [("SORTED", long), ("INCLUDE", include)];
    let shader = gpu.shader("scatter").variant(how as i32).variant(tag(&flags)).variant(dims.len());
    let shader = shader.raw("index", index, index.layout(), Access::Read);
    let shader = shader.raw("order", order, order.layout(), Access::Read);
    let shader = shader.raw("source", values.source.0, values.source.0.layout(), Access::Read).write("out", out);
    let shader = shader.words(&[out.numel(), dims.len(), values.count]);
    let shader = shader.words(&[if long { 1 } else { values.index.1 }, values.source.1]);
    let mut shader = shader.word(dims.len() - 1 - values.dim).word(length);
    for dim in dims.iter().rev() {
        shader = shader.words(&[dim.size, dim.covered]).words(&[dim.index, dim.source]);
    }
    shader.groups(sides(out.numel()), SIDE, || {
        format!("{}const HOW = {};\n{}", head(out.dtype(), &flags), how as i32, wgsl!("scatter"))
    })
}

/// The source itself, or a copy if it lies in the memory that is written.
fn apart(gpu: &Gpu, source: &Tensor, out: &Tensor) -> Result<Tensor> {
    if source.storage().same(out.storage()) { gpu.convert(source, source.dtype()) } else { Ok(source.detach()) }
}

/// `out` with the values of a source at the places of an index along `dim`.
pub fn scatter(
    gpu: &Gpu,
    (how, include): (Meet, bool),
    dim: usize,
    index: &Tensor,
    source: &Tensor,
    out: &Tensor,
) -> Result<bool> {
    let (source, index) = (apart(gpu, source, out)?, apart(gpu, index, out)?);
    let size = |t: &Tensor, d: usize| t.shape().get(d).copied().unwrap_or(1);
    let stride = |t: &Tensor, d: usize| if t.ndim() == 0 { 0 } else { t.strides().get(d).copied().unwrap_or(0) };
    let dims: SmallVec<[Target; 5]> = (0..out.ndim().max(1))
        .map(|d| match d == dim {
            true => Target { size: size(out, d), covered: size(out, d), index: 0, source: 0 },
            false => Target {
                size: size(out, d),
                covered: size(&index, d),
                index: stride(&index, d),
                source: stride(&source, d),
            },
        })
        .collect();
    let values = Values {
        dim,
        count: if index.numel() == 0 { 0 } else { size(&index, dim) },
        index: (&index, stride(&index, dim)),
        source: (&source, stride(&source, dim)),
    };
    write(gpu, how, include, &dims, &values, out)
}

/// `out[…, i, j, …] = value`, or `+=`, for indices of dimensions from `start` on; `shape` is that of what they name.
pub fn put(
    gpu: &Gpu,
    start: usize,
    accumulate: bool,
    value: &Tensor,
    indices: &[&Tensor],
    [common, shape]: [&[usize]; 2],
    out: &Tensor,
) -> Result<bool> {
    let end = start + indices.len();
    let keys = keys(gpu, &out.shape()[start..end], indices, common)?;
    // The value as the dimensions before, all places, the dimensions after.
    let value = apart(gpu, value, out)?;
    let wide = Tensor::build(value.storage().clone(), value.layout().expand(gpu.op, shape)?, value.dtype(), None);
    let (before, after) = (&shape[..start], &shape[start + common.len()..]);
    let flat: Shape = before.iter().chain(&[keys.numel()]).chain(after).copied().collect();
    let source = match wide.layout().reshape(&flat) {
        Some(layout) => Tensor::build(wide.storage().clone(), layout, wide.dtype(), None),
        None => {
            let dense = gpu.dense(&wide)?;
            Tensor::build(dense.storage().clone(), Layout::contiguous(&flat), dense.dtype(), None)
        }
    };
    let own = |(d, &size): (usize, &usize)| Target { size, covered: size, index: 0, source: source.strides()[d] };
    let mut dims: SmallVec<[Target; 5]> = flat.iter().enumerate().map(own).collect();
    let size: usize = out.shape()[start..end].iter().product();
    dims[start] = Target { size, covered: size, index: 0, source: 0 };
    let values =
        Values { dim: start, count: keys.numel(), index: (&keys, 1), source: (&source, source.strides()[start]) };
    write(gpu, if accumulate { Meet::Sum } else { Meet::Last }, true, &dims, &values, out)
}
