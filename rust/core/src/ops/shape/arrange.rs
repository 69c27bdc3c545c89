//! Copies in another order: flip, roll, repeat, triangles; and reorderings made of views.

use super::{convert, sizes, two_sides, unsqueeze};
use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::threads::{GRAIN, split};
use crate::layout::{Layout, Shape, Strides, wrap_dim, wrap_dims};
use crate::op::{Grads, Inputs, Metas, Op, Out, apply, deliver, new};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: Flip, Roll, Triangle);

/// The elements the other way round along `dims`.
#[derive(Debug)]
pub struct Flip {
    pub dims: Shape,
}
impl Flip {
    /// The input as it is to be read.
    fn view(&self, x: &Tensor) -> Tensor {
        let mut strides = Strides::from_slice(x.strides());
        let mut offset = x.layout().offset() as isize;
        for &d in &self.dims {
            offset += strides[d] * (x.shape()[d] as isize - 1).max(0);
            strides[d] = -strides[d];
        }
        let layout = Layout::strided(x.shape().into(), strides, offset as usize);
        Tensor::build(x.storage().clone(), layout, x.dtype(), None)
    }
}
impl Op for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let ndim = inputs[0].ndim();
        if self.dims.iter().enumerate().any(|(i, d)| *d >= ndim || self.dims[..i].contains(d)) {
            return Err(Error::shape("flip", format!("dimensions {:?}", self.dims), inputs[0].shape()));
        }
        new(inputs[0].dtype(), inputs[0].shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        convert(&outputs[0], &self.view(&inputs[0]));
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        gpu.copy(&self.view(&inputs[0]), &outputs[0]).map(|()| true)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(apply(Flip { dims: self.dims.clone() }, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(dims);
}

/// Element i of `dim` goes to i + `shift`, around the end.
#[derive(Debug)]
pub struct Roll {
    pub dim: usize,
    pub shift: usize,
}
impl Roll {
    /// The two parts of the output, and of the input what goes there.
    fn parts(&self, to: &Tensor, from: &Tensor) -> [(Tensor, Tensor); 2] {
        let rest = from.shape()[self.dim] - self.shift;
        let part = |t: &Tensor, start: usize, len: usize| {
            Tensor::build(t.storage().clone(), t.layout().slice(self.dim, start, len, 1), t.dtype(), None)
        };
        [(part(to, self.shift, rest), part(from, 0, rest)), (part(to, 0, self.shift), part(from, rest, self.shift))]
    }
}
impl Op for Roll {
    fn name(&self) -> &'static str {
        "roll"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        if inputs[0].shape().get(self.dim).is_none_or(|size| *size < self.shift) {
            let expected = format!("at least {} elements in dimension {}", self.shift, self.dim);
            return Err(Error::shape("roll", expected, inputs[0].shape()));
        }
        new(inputs[0].dtype(), inputs[0].shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        for (to, from) in self.parts(&outputs[0], &inputs[0]) {
            convert(&to, &from);
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        for (to, from) in self.parts(&outputs[0], &inputs[0]) {
            gpu.copy(&from, &to)?;
        }
        Ok(true)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let size = ctx.shape(0)[self.dim].max(1);
        let back = Roll { dim: self.dim, shift: (size - self.shift) % size };
        Ok(smallvec![Some(apply(back, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(dim, shift);
}

/// Matrices with zeros above (or, if `upper`, below) a diagonal.
#[derive(Debug)]
pub struct Triangle {
    pub diagonal: i64,
    pub upper: bool,
}
impl Op for Triangle {
    fn name(&self) -> &'static str {
        if self.upper { "triu" } else { "tril" }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        if inputs[0].ndim() < 2 {
            return Err(Error::custom(self.name(), "input tensor must have at least 2 dimensions"));
        }
        new(inputs[0].dtype(), inputs[0].shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (to, from) = (&outputs[0], &inputs[0]);
        if !to.is_contiguous() {
            let value = apply(Triangle { ..*self }, [&from.detach()])?;
            convert(to, &value);
            return Ok(());
        }
        if !to.same(from) {
            convert(to, from);
        }
        let [.., rows, cols] = *to.shape() else { return Ok(()) };
        let (start, size) = (to.ptr() as usize, to.dtype().size());
        if to.numel() == 0 {
            return Ok(());
        }
        split(to.numel() / cols, (GRAIN / cols).max(1), &|first, last| {
            for row in first..last {
                let edge = (row % rows) as i64 + self.diagonal + !self.upper as i64;
                let edge = edge.clamp(0, cols as i64) as usize;
                let (from, to) = if self.upper { (0, edge) } else { (edge, cols) };
                let at = (start + (row * cols + from) * size) as *mut u8;
                // SAFETY: elements from..to of a row of the dense output; all-zero bytes are zero in every dtype.
                unsafe { at.write_bytes(0, (to - from) * size) };
            }
        });
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        crate::ops::gpu::scan::triangle(gpu, self.upper, self.diagonal, &inputs[0], &outputs[0])
    }
    fn updates(&self) -> bool {
        true
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(apply(Triangle { ..*self }, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(diagonal, upper);
}

/// The lower triangle of matrices, up to a diagonal.
pub fn tril(x: &Tensor, diagonal: i64, out: Out) -> Result<Tensor> {
    deliver(Triangle { diagonal, upper: false }, Inputs(&[Some(x)]), out)
}

/// The upper triangle of matrices, from a diagonal on.
pub fn triu(x: &Tensor, diagonal: i64, out: Out) -> Result<Tensor> {
    deliver(Triangle { diagonal, upper: true }, Inputs(&[Some(x)]), out)
}

pub fn flip(x: &Tensor, dims: &[i64]) -> Result<Tensor> {
    let dims = wrap_dims("flip", dims, x.ndim())?;
    let dims = if x.ndim() == 0 { Shape::new() } else { dims };
    apply(Flip { dims }, [x])
}

/// Left and right exchanged.
pub fn fliplr(x: &Tensor) -> Result<Tensor> {
    if x.ndim() < 2 {
        return Err(Error::custom("fliplr", "Input must be >= 2-d."));
    }
    flip(x, &[1])
}

/// Up and down exchanged.
pub fn flipud(x: &Tensor) -> Result<Tensor> {
    if x.ndim() < 1 {
        return Err(Error::custom("flipud", "Input must be >= 1-d."));
    }
    flip(x, &[0])
}

/// Rolls along each of `dims`; without dims all elements, as if they lay in a row.
pub fn roll(x: &Tensor, shifts: &[i64], dims: &[i64]) -> Result<Tensor> {
    if shifts.is_empty() {
        return Err(Error::custom("roll", "`shifts` required"));
    }
    if dims.is_empty() && shifts.len() == 1 {
        return roll(&x.contiguous()?.reshape(&[x.numel()])?, shifts, &[0])?.reshape(x.shape());
    }
    if shifts.len() != dims.len() {
        let message = format!("shifts and dimensions must align. shifts: {}, dims:{}", shifts.len(), dims.len());
        return Err(Error::custom("roll", message));
    }
    let mut rolled: Option<Tensor> = None;
    for (&shift, &dim) in shifts.iter().zip(dims) {
        let dim = super::own_dim("roll", dim, x)?;
        let shift = shift.rem_euclid(x.shape()[dim].max(1) as i64) as usize;
        rolled = Some(apply(Roll { dim, shift }, [rolled.as_ref().unwrap_or(x)])?);
    }
    rolled.map_or_else(|| x.copy(), Ok)
}

/// Turned by `k` quarters in the plane of two dimensions.
pub fn rot90(x: &Tensor, k: i64, dims: &[i64]) -> Result<Tensor> {
    let fail = |message: String| Err(Error::custom("rot90", message));
    let &[a, b] = dims else {
        return fail(format!("expected total rotation dims == 2, but got dims = {}", dims.len()));
    };
    if x.ndim() < 2 {
        return fail(format!("expected total dims >= 2, but got total dims = {}", x.ndim()));
    }
    let n = x.ndim() as i64;
    for (i, d) in [a, b].into_iter().enumerate() {
        if !(-n..n).contains(&d) {
            return fail(format!("Rotation dim{i} out of range, dim{i} = {d}"));
        }
    }
    if a.rem_euclid(n) == b.rem_euclid(n) {
        return fail(format!("expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}"));
    }
    match k.rem_euclid(4) {
        1 => flip(x, &[b])?.transpose(a, b),
        2 => flip(x, &[a, b]),
        3 => flip(x, &[a])?.transpose(a, b),
        _ => x.copy(),
    }
}

/// The whole tensor `repeats[d]` times along each dimension.
pub fn repeat(x: &Tensor, repeats: &[i64]) -> Result<Tensor> {
    let Some(extra) = repeats.len().checked_sub(x.ndim()) else {
        let message = "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor";
        return Err(Error::custom("repeat", message));
    };
    let repeats = sizes("repeat", repeats)?;
    let (mut split, mut wide, mut whole) = (Shape::new(), Shape::new(), Shape::new());
    for (d, &times) in repeats.iter().enumerate() {
        let size = if d < extra { 1 } else { x.shape()[d - extra] };
        if times != 1 {
            split.push(1);
            wide.push(times);
        }
        split.push(size);
        wide.push(size);
        whole.push(times * size);
    }
    x.reshape(&split)?.expand(&wide)?.copy()?.reshape(&whole)
}

/// `repeat` with missing dimensions filled up by 1.
pub fn tile(x: &Tensor, dims: &[i64]) -> Result<Tensor> {
    let mut repeats = vec![1; x.ndim().saturating_sub(dims.len())];
    repeats.extend_from_slice(dims);
    repeat(x, &repeats)
}

/// Each element `repeats` times in a row along `dim` (of all elements, if there is none).
pub fn repeat_interleave_int(x: &Tensor, repeats: i64, dim: Option<i64>, output_size: Option<i64>) -> Result<Tensor> {
    let (x, dim) = (&along(x, dim)?, dim.unwrap_or(0));
    let dim = wrap_dim("repeat_interleave", dim, x.ndim())?;
    if repeats < 0 {
        return Err(Error::custom("repeat_interleave", "Repeats must be non-negative"));
    }
    let mut shape = Shape::from_slice(x.shape());
    shape[dim] *= repeats as usize;
    check_size(shape[dim], output_size)?;
    let mut wide = Shape::from_slice(x.shape());
    wide.insert(dim + 1, repeats as usize);
    unsqueeze(x, dim as i64 + 1)?.expand(&wide)?.copy()?.reshape(&shape)
}

/// The same with a number of repeats for each element.
pub fn repeat_interleave(x: &Tensor, repeats: &Tensor, dim: Option<i64>, output_size: Option<i64>) -> Result<Tensor> {
    let (x, dim) = (&along(x, dim)?, dim.unwrap_or(0));
    let dim = wrap_dim("repeat_interleave", dim, x.ndim())?;
    let size = x.shape()[dim];
    if repeats.ndim() > 1 {
        return Err(Error::custom("repeat_interleave", "repeats must be 0-dim or 1-dim tensor"));
    }
    let repeats = if repeats.numel() == 1 { repeats.reshape(&[1])?.expand(&[size])? } else { repeats.clone() };
    if repeats.shape() != [size] {
        let message = format!(
            "repeats must have the same size as input along dim, but got repeats.size(0) = {} and input.size({dim}) = {size}",
            repeats.numel()
        );
        return Err(Error::custom("repeat_interleave", message));
    }
    x.index_select(dim as i64, &repeat_indices(&repeats, output_size)?)
}

fn along(x: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    match dim {
        None => x.contiguous()?.reshape(&[x.numel()]),
        Some(_) if x.ndim() == 0 => x.reshape(&[1]),
        Some(_) => Ok(x.clone()),
    }
}

fn check_size(size: usize, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(given) if given != size as i64 => Err(Error::custom(
            "repeat_interleave",
            format!("allocated size ({given}) does not match required size ({size})"),
        )),
        _ => Ok(()),
    }
}

/// i, `repeats[i]` times, for each i.
pub fn repeat_indices(repeats: &Tensor, output_size: Option<i64>) -> Result<Tensor> {
    if repeats.ndim() != 1 {
        return Err(Error::custom("repeat_interleave", "repeat_interleave only accept 1D vector as repeat"));
    }
    if !matches!(repeats.dtype(), DType::I64 | DType::I32) {
        return Err(Error::custom("repeat_interleave", "repeats has to be Long or Int tensor"));
    }
    let counts = repeats.detach().to(DType::I64)?.to_vec::<i64>()?;
    if counts.iter().any(|&n| n < 0) {
        return Err(Error::custom("repeat_interleave", "repeats can not be negative"));
    }
    let total = counts.iter().try_fold(0i64, |sum, &n| sum.checked_add(n)).unwrap_or(i64::MAX);
    check_size(total as usize, output_size)?;
    let mut indices = crate::storage::room("repeat_interleave", total as usize)?;
    counts.iter().enumerate().for_each(|(i, &n)| indices.extend(std::iter::repeat_n(i as i64, n as usize)));
    Tensor::from_slice(&indices, &[indices.len()])
}

/// All elements on the diagonal of a matrix.
pub fn diagflat(x: &Tensor, offset: i64) -> Result<Tensor> {
    super::diag_embed(&x.contiguous()?.reshape(&[x.numel()])?, offset, 0, 1)
}

/// `[…, c·r², h, w]` to `[…, c, h·r, w·r]`
pub fn pixel_shuffle(x: &Tensor, factor: i64) -> Result<Tensor> {
    let (batch, [c, h, w]) = two_sides("pixel_shuffle", x)?;
    let square = factor.checked_mul(factor).unwrap_or(0);
    if factor <= 0 || square == 0 {
        let message = format!("pixel_shuffle expects a positive upscale_factor, but got {factor}");
        return Err(Error::custom("pixel_shuffle", message));
    }
    let (r, square) = (factor as usize, square as usize);
    if c % square != 0 {
        let message = format!(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but \
             input.size(-3)={c} is not divisible by {square}"
        );
        return Err(Error::custom("pixel_shuffle", message));
    }
    let with = |tail: &[usize]| [batch, tail].concat();
    let cut = x.reshape(&with(&[c / square, r, r, h, w]))?;
    permute_tail(&cut, batch.len(), &[0, 3, 1, 4, 2])?.reshape(&with(&[c / square, h * r, w * r]))
}

/// `[…, c, h·r, w·r]` to `[…, c·r², h, w]`
pub fn pixel_unshuffle(x: &Tensor, factor: i64) -> Result<Tensor> {
    let (batch, [c, h, w]) = two_sides("pixel_unshuffle", x)?;
    if factor <= 0 {
        let message = format!("pixel_unshuffle expects a positive downscale_factor, but got {factor}");
        return Err(Error::custom("pixel_unshuffle", message));
    }
    let r = factor as usize;
    for (what, n) in [("height", h), ("width", w)] {
        if n % r != 0 {
            let message = format!(
                "pixel_unshuffle expects {what} to be divisible by downscale_factor, but {n} is not divisible by {r}"
            );
            return Err(Error::custom("pixel_unshuffle", message));
        }
    }
    let with = |tail: &[usize]| [batch, tail].concat();
    let cut = x.reshape(&with(&[c, h / r, r, w / r, r]))?;
    permute_tail(&cut, batch.len(), &[0, 2, 4, 1, 3])?.reshape(&with(&[c * r * r, h / r, w / r]))
}

/// Channels dealt out anew: `[n, g·k, …]` seen as `[n, g, k, …]`, the two exchanged.
pub fn channel_shuffle(x: &Tensor, groups: i64) -> Result<Tensor> {
    if x.ndim() <= 2 {
        let message = format!("channel_shuffle expects input with > 2 dims, but got input with sizes {:?}", x.shape());
        return Err(Error::custom("channel_shuffle", message));
    }
    let channels = x.shape()[1];
    if groups <= 0 {
        let message = format!("Number of groups to divide channels in must be positive. Value of groups:{groups}");
        return Err(Error::custom("channel_shuffle", message));
    }
    if !channels.is_multiple_of(groups as usize) {
        let message =
            format!("Number of channels must be divisible by groups. Got {channels} channels and {groups} groups.");
        return Err(Error::custom("channel_shuffle", message));
    }
    let mut shape = Shape::from_slice(x.shape());
    shape[1] = groups as usize;
    shape.insert(2, channels / groups as usize);
    x.reshape(&shape)?.transpose(1, 2)?.contiguous()?.reshape(x.shape())
}

fn permute_tail(x: &Tensor, batch: usize, tail: &[usize]) -> Result<Tensor> {
    apply(super::Permute { dims: (0..batch).chain(tail.iter().map(|d| d + batch)).collect() }, [x])
}
