//! Sorting by a bitonic network of pairs (key, place), which are all different, so that the order is total and equal elements
//! keep theirs.

use super::index::{Step, read};
use super::{SIDE, head, sides, tag, wgsl};
use crate::device::{Access, Gpu, Wide};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::sort::Sought;
use crate::layout::{Layout, Shape, Strides};
use crate::tensor::Tensor;
use smallvec::SmallVec;

/// Sorted lines, each filled up to a power of two.
pub(super) struct Lines {
    pub keys: Tensor,
    /// Where in its line each stood.
    pub order: Tensor,
    pub length: usize,
}

/// How many elements a workgroup sorts by itself.
const BLOCK: usize = 512;

/// Sorts lines of `n` elements, `stride` apart, of which there is one for each place in these dimensions (size, stride).
pub(super) fn sorted(
    gpu: &Gpu,
    x: &Tensor,
    dims: &[(usize, isize)],
    [n, stride]: [isize; 2],
    down: bool,
) -> Result<Lines> {
    let lines: usize = dims.iter().map(|(size, _)| size).product();
    let length = (n as usize).next_power_of_two().max(2);
    let shape = [lines, length];
    let (keys, order) = (gpu.scratch(&shape, DType::I32)?, gpu.scratch(&shape, DType::I64)?);
    let float = wide(x) == Wide::F32;
    let flags = [("FLOAT", float), ("DOWN", down)];
    let shader = gpu.shader("sort_keys").variant(tag(&flags)).variant(dims.len()).raw("x", x, x.layout(), Access::Read);
    let shader = shader.write("keys", &keys).write("order", &order).words(&[keys.numel(), length]);
    let mut shader = shader.words(&[n, stride]).word(dims.len());
    for (size, stride) in dims.iter().rev() {
        shader = shader.word(*size).words(&[*stride]);
    }
    shader.groups(sides(keys.numel()), SIDE, || format!("{}{}", head(x.dtype(), &flags), wgsl!("sort_keys")))?;
    let step = |local: bool, words: [usize; 2]| -> Result<bool> {
        let flags = [("LOCAL", local)];
        let pairs = keys.numel() / 2;
        let shader = gpu.shader("sort").variant(tag(&flags)).write("keys", &keys).write("order", &order);
        shader
            .word(pairs)
            .words(&words)
            .word(length)
            .groups(pairs.div_ceil(256), 256, || format!("{}{}", head(DType::I32, &flags), wgsl!("sort")))
    };
    step(true, [2, length.min(BLOCK)])?;
    let mut run = 2 * BLOCK;
    while run <= length {
        let mut distance = run / 2;
        while distance >= BLOCK {
            step(false, [run, distance])?;
            distance /= 2;
        }
        step(true, [run, run])?;
        run *= 2;
    }
    Ok(Lines { keys, order, length })
}

fn wide(x: &Tensor) -> Wide {
    crate::device::Form::any(x.dtype()).map_or(Wide::F32, |form| form.wide)
}

/// What is sought along `dim`, its values and places, for what an order of the line tells.
pub fn find(gpu: &Gpu, sought: Sought, dim: usize, x: &Tensor, outputs: &[Tensor]) -> Result<bool> {
    let (down, from, count) = match sought {
        Sought::Sorted { descending } => (descending, 0, None),
        Sought::Top { k, largest } => (largest, 0, Some(k)),
        Sought::Nth(k) => (false, k, Some(1)),
        _ => return Ok(false),
    };
    let (values, places) = (&outputs[0], &outputs[1]);
    if values.numel() == 0 {
        return Ok(true);
    }
    // A 0-dim tensor is a line of one.
    let shape: Shape = if x.ndim() == 0 { [1][..].into() } else { x.shape().into() };
    let strides: Strides = if x.ndim() == 0 { [1][..].into() } else { x.strides().into() };
    let n = shape[dim];
    let others: SmallVec<[usize; 5]> = (0..shape.len()).filter(|&d| d != dim).collect();
    let dims: SmallVec<[(usize, isize); 5]> = others.iter().map(|&d| (shape[d], strides[d])).collect();
    let lines = sorted(gpu, x, &dims, [n as isize, strides[dim]], down)?;
    // The order, seen in the shape of the result.
    let (mut full, mut steps) = (shape.clone(), Strides::from_elem(0, shape.len()));
    full[dim] = count.unwrap_or(n);
    steps[dim] = 1;
    let mut stride = lines.length as isize;
    for &d in others.iter().rev() {
        steps[d] = stride;
        stride *= shape[d] as isize;
    }
    let seen = Layout::strided(full.clone(), steps, from);
    let order = Tensor::build(lines.order.storage().clone(), seen, DType::I64, None);
    let whole = Tensor::build(places.storage().clone(), Layout::contiguous(&full), DType::I64, None);
    gpu.copy(&order, &whole)?;
    let steps: SmallVec<[Step; 5]> = (0..full.len())
        .map(|d| Step { size: full[d], x: if d == dim { 0 } else { strides[d] }, index: order.strides()[d] })
        .collect();
    read(gpu, &steps, [strides[dim], n as isize], x, &order, values)
}
