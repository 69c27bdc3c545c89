//! One tensor as several views of it. They share one node in the graph, so that the gradient is put together once.

use super::{Select, Slice, own_dim};
use crate::autograd::{self, Ctx, Modes, view};
use crate::error::{Error, Result};
use crate::graph::capture;
use crate::layout::Shape;
use crate::op::{Grads, Inputs, Meta, Metas, Op};
use crate::ops::join;
use crate::storage::{filled, room};
use crate::tensor::Tensor;
use smallvec::smallvec;
use std::sync::Arc;

/// Pieces of these sizes, one after another along `dim`; a piece that is only one element thick loses the dimension if `thin`.
#[derive(Debug)]
struct Split {
    dim: usize,
    sizes: Shape,
    thin: bool,
}

impl Op for Split {
    fn name(&self) -> &'static str {
        if self.thin { "unbind" } else { "split" }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let mut start = 0;
        let piece = |&len: &usize| {
            let window = self.window(start, len);
            start += len;
            Ok(window.meta(inputs)?.swap_remove(0))
        };
        self.sizes.iter().map(piece).collect()
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let grads: Vec<Tensor> = (0..self.sizes.len()).map(|i| ctx.grad(i)).collect::<Result<_>>()?;
        let whole = if self.thin { join::stack(&grads, self.dim as i64) } else { join::cat(&grads, self.dim as i64) };
        Ok(smallvec![Some(whole?)])
    }
}

impl Split {
    fn window(&self, start: usize, len: usize) -> Arc<dyn Op> {
        if self.thin {
            Arc::new(Select { dim: self.dim, index: start })
        } else {
            Arc::new(Slice { dim: self.dim, start, len, step: 1 })
        }
    }

    /// Each piece is a view with a path of its own; all of them come from one node.
    fn cut(self, x: &Tensor) -> Result<Vec<Tensor>> {
        let (modes, inputs) = (Modes::current(), [Some(x)]);
        let (mut pieces, mut start) = (room(self.name(), self.sizes.len())?, 0);
        for &len in &self.sizes {
            let window = self.window(start, len);
            start += len;
            let Meta::View(dtype, layout) = window.meta(Inputs(&inputs))?.swap_remove(0) else {
                return Err(Error::custom(self.name(), "a window makes a view"));
            };
            let piece = view::look(&window, x, dtype, layout, modes);
            if modes.capture {
                capture::record(&window, Inputs(&inputs), std::slice::from_ref(&piece), modes.grad)?;
            }
            pieces.push(piece);
        }
        if modes.grad && x.requires_grad() && !pieces.is_empty() {
            autograd::record(Arc::new(self), Inputs(&inputs), &pieces)?;
        }
        Ok(pieces)
    }
}

fn splittable(op: &'static str, x: &Tensor, dim: i64) -> Result<usize> {
    if x.ndim() == 0 {
        return Err(Error::custom(op, format!("{op} expects at least a 1-dimensional tensor")));
    }
    own_dim(op, dim, x)
}

/// Pieces of `size`; the last one may be smaller.
pub fn split(x: &Tensor, size: i64, dim: i64) -> Result<Vec<Tensor>> {
    let dim = splittable("split", x, dim)?;
    let whole = x.shape()[dim];
    if size < 0 {
        let message = format!("split expects split_size be non-negative, but got split_size={size}");
        return Err(Error::custom("split", message));
    }
    if size == 0 && whole != 0 {
        let message = format!("split_size can only be 0 if dimension size is 0, but got dimension size of {whole}");
        return Err(Error::custom("split", message));
    }
    let size = size as usize;
    let count = if size == 0 { 1 } else { whole.div_ceil(size).max(1) };
    let sizes = (0..count).map(|i| size.min(whole - i * size)).collect();
    Split { dim, sizes, thin: false }.cut(x)
}

/// Pieces of these sizes, which make up the whole.
pub fn split_with_sizes(x: &Tensor, sizes: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    let dim = splittable("split_with_sizes", x, dim)?;
    let whole = x.shape()[dim];
    if sizes.iter().any(|&n| n < 0) {
        let message = format!(
            "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes:?}"
        );
        return Err(Error::custom("split_with_sizes", message));
    }
    if sizes.iter().try_fold(0i64, |sum, &n| sum.checked_add(n)) != Some(whole as i64) {
        let message = format!(
            "split_with_sizes expects split_sizes to sum exactly to {whole} (input tensor's size at dimension {dim}), but got \
             split_sizes={sizes:?}"
        );
        return Err(Error::custom("split_with_sizes", message));
    }
    Split { dim, sizes: sizes.iter().map(|&n| n as usize).collect(), thin: false }.cut(x)
}

/// At most `chunks` pieces of one size; the last one may be smaller.
pub fn chunk(x: &Tensor, chunks: i64, dim: i64) -> Result<Vec<Tensor>> {
    if x.ndim() == 0 {
        return Err(Error::custom("chunk", "chunk expects at least a 1-dimensional tensor"));
    }
    if chunks <= 0 {
        let message = format!("chunk expects `chunks` to be greater than 0, got: {chunks}");
        return Err(Error::custom("chunk", message));
    }
    let d = own_dim("chunk", dim, x)?;
    let whole = x.shape()[d];
    let size = whole.div_ceil(chunks as usize);
    if size == 0 {
        let sizes = filled("chunk", 0, chunks as usize)?.into();
        return Split { dim: d, sizes, thin: false }.cut(x);
    }
    split(x, size as i64, dim)
}

/// One view for each element of `dim`, without that dimension.
pub fn unbind(x: &Tensor, dim: i64) -> Result<Vec<Tensor>> {
    let dim = own_dim("unbind", dim, x)?;
    Split { dim, sizes: smallvec![1; x.shape()[dim]], thin: true }.cut(x)
}

/// `sections` pieces whose sizes differ by one at most.
pub fn tensor_split(x: &Tensor, sections: i64, dim: i64) -> Result<Vec<Tensor>> {
    let dim = splittable("tensor_split", x, dim)?;
    if sections <= 0 {
        let message = format!("number of sections must be larger than 0, got {sections}");
        return Err(Error::custom("tensor_split", message));
    }
    let (whole, n) = (x.shape()[dim], sections as usize);
    let mut sizes = room("tensor_split", n)?;
    sizes.extend((0..n).map(|i| whole / n + (i < whole % n) as usize));
    Split { dim, sizes: sizes.into(), thin: false }.cut(x)
}

/// Pieces between these places; with Python's rules for places outside.
pub fn tensor_split_at(x: &Tensor, places: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    splittable("tensor_split", x, dim)?;
    let starts = std::iter::once(None).chain(places.iter().copied().map(Some));
    let ends = places.iter().copied().map(Some).chain(std::iter::once(None));
    starts.zip(ends).map(|(start, end)| super::slice(x, dim, start, end, 1)).collect()
}

/// The same, with a tensor of places or the number of pieces.
pub fn tensor_split_by(x: &Tensor, by: &Tensor, dim: i64) -> Result<Vec<Tensor>> {
    if by.dtype() != crate::DType::I64 || by.ndim() > 1 {
        let message = "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor of int64";
        return Err(Error::custom("tensor_split", message));
    }
    let places = by.to_vec::<i64>()?;
    if by.ndim() == 0 { tensor_split(x, places[0], dim) } else { tensor_split_at(x, &places, dim) }
}

/// What `hsplit`, `vsplit` and `dsplit` have in common.
fn dim_split(op: &'static str, x: &Tensor, least: usize, dim: usize, sections: i64) -> Result<Vec<Tensor>> {
    if x.ndim() < least {
        let message = format!(
            "{op} requires a tensor with at least {least} dimension, but got a tensor with {} dimensions!",
            x.ndim()
        );
        return Err(Error::custom(op, message));
    }
    if sections <= 0 || x.shape()[dim] as i64 % sections != 0 {
        let message = format!(
            "{op} attempted to split along dimension {dim}, but the size of the dimension {} is not divisible by the \
             split_size {sections}!",
            x.shape()[dim]
        );
        return Err(Error::custom(op, message));
    }
    tensor_split(x, sections, dim as i64)
}

/// Columns.
pub fn hsplit(x: &Tensor, sections: i64) -> Result<Vec<Tensor>> {
    dim_split("hsplit", x, 1, (x.ndim() != 1) as usize, sections)
}
pub fn hsplit_at(x: &Tensor, places: &[i64]) -> Result<Vec<Tensor>> {
    if x.ndim() < 1 {
        return Err(Error::custom(
            "hsplit",
            "torch.hsplit requires a tensor with at least 1 dimension, but got a tensor with 0 dimensions!",
        ));
    }
    tensor_split_at(x, places, (x.ndim() != 1) as i64)
}

/// Rows.
pub fn vsplit(x: &Tensor, sections: i64) -> Result<Vec<Tensor>> {
    dim_split("vsplit", x, 2, 0, sections)
}
pub fn vsplit_at(x: &Tensor, places: &[i64]) -> Result<Vec<Tensor>> {
    if x.ndim() < 2 {
        let message = format!(
            "torch.vsplit requires a tensor with at least 2 dimension, but got a tensor with {} dimensions!",
            x.ndim()
        );
        return Err(Error::custom("vsplit", message));
    }
    tensor_split_at(x, places, 0)
}

/// Along the third dimension.
pub fn dsplit(x: &Tensor, sections: i64) -> Result<Vec<Tensor>> {
    dim_split("dsplit", x, 3, 2, sections)
}
pub fn dsplit_at(x: &Tensor, places: &[i64]) -> Result<Vec<Tensor>> {
    if x.ndim() < 3 {
        let message = format!(
            "torch.dsplit requires a tensor with at least 3 dimension, but got a tensor with {} dimensions!",
            x.ndim()
        );
        return Err(Error::custom("dsplit", message));
    }
    tensor_split_at(x, places, 2)
}
