//! Copies with a margin.

use super::convert;
use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::layout::Shape;
use crate::op::{Grads, Inputs, Metas, Op, apply, new};
use crate::tensor::Tensor;
use smallvec::{SmallVec, smallvec};

crate::entries!(OPS: ConstantPad);

/// `before` and `after` elements of one value added to each dimension; negative numbers cut off.
#[derive(Debug)]
pub struct ConstantPad {
    /// (before, after), for each dimension.
    pub margins: SmallVec<[(i64, i64); 5]>,
    pub value: Scalar,
}
impl ConstantPad {
    fn widens(&self) -> bool {
        self.margins.iter().any(|&(before, after)| before > 0 || after > 0)
    }
    /// What is copied: the inside of the output, and the part of the input that is not cut off.
    fn inside(&self, to: &Tensor, from: &Tensor) -> (Tensor, Tensor) {
        let (mut into, mut part) = (to.layout().clone(), from.layout().clone());
        for (d, &(before, after)) in self.margins.iter().enumerate() {
            let len = (part.shape()[d] as i64 + before.min(0) + after.min(0)).max(0) as usize;
            part = part.slice(d, (-before).max(0) as usize, len, 1);
            into = into.slice(d, before.max(0) as usize, len, 1);
        }
        let seen = |t: &Tensor, layout| Tensor::build(t.storage().clone(), layout, t.dtype(), None);
        (seen(to, into), seen(from, part))
    }
}
impl Op for ConstantPad {
    fn name(&self) -> &'static str {
        "constant_pad_nd"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        if self.margins.len() != inputs[0].ndim() {
            return Err(Error::shape(self.name(), format!("{} dimensions", self.margins.len()), inputs[0].shape()));
        }
        let mut shape = Shape::new();
        for (&size, &(before, after)) in inputs[0].shape().iter().zip(&self.margins) {
            let padded = size as i128 + before as i128 + after as i128;
            // Nor may one side cut off more than there is.
            if padded < 0 || size as i128 + before.min(0) as i128 + (after.min(0) as i128) < 0 {
                let message = format!(
                    "The input size {size}, plus negative padding {before} and {after} resulted in a negative output size, which \
                     is invalid. Check dimension {} of your input.",
                    shape.len()
                );
                return Err(Error::custom(self.name(), message));
            }
            shape.push(usize::try_from(padded).unwrap_or(usize::MAX));
        }
        new(inputs[0].dtype(), shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        if self.widens() {
            crate::autograd::no_grad(|| outputs[0].fill_(self.value))?;
        }
        let (to, from) = self.inside(&outputs[0], &inputs[0]);
        convert(&to, &from);
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        if self.widens() {
            gpu.fill(&outputs[0], self.value)?;
        }
        let (to, from) = self.inside(&outputs[0], &inputs[0]);
        gpu.copy(&from, &to).map(|()| true)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let margins = self.margins.iter().map(|&(before, after)| (-before, -after)).collect();
        Ok(smallvec![Some(apply(ConstantPad { margins, value: Scalar::Int(0) }, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(margins, value);
}

/// `pad` is (before, after) for the last dimension, then for the one before it, and so on.
pub fn constant_pad_nd(x: &Tensor, pad: &[i64], value: Scalar) -> Result<Tensor> {
    if !pad.len().is_multiple_of(2) {
        return Err(Error::custom(
            "constant_pad_nd",
            format!("Length of pad must be even but instead it equals {}", pad.len()),
        ));
    }
    if pad.len() / 2 > x.ndim() {
        let message = format!(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is {} while the input \
             has {} dimensions.",
            pad.len(),
            x.ndim()
        );
        return Err(Error::custom("constant_pad_nd", message));
    }
    if x.dtype() == DType::Bool && value.dtype() != DType::Bool && !matches!(value, Scalar::Int(_) | Scalar::Float(_)) {
        return Err(Error::custom("constant_pad_nd", "value cannot be complex for a bool input"));
    }
    let mut margins: SmallVec<[(i64, i64); 5]> = smallvec![(0, 0); x.ndim()];
    for (margin, pair) in margins.iter_mut().rev().zip(pad.chunks_exact(2)) {
        *margin = (pair[0], pair[1]);
    }
    apply(ConstantPad { margins, value }, [x])
}

/// Where the elements of a margin come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Margin {
    /// Mirrored at the edge, which is not repeated.
    Reflect,
    /// The edge, repeated.
    Replicate,
    /// From the other end.
    Circular,
}

impl Margin {
    fn name(self) -> &'static str {
        match self {
            Margin::Reflect => "reflection_pad",
            Margin::Replicate => "replication_pad",
            Margin::Circular => "circular_pad",
        }
    }
}

/// A margin of the last dimensions; the input has `dims` of them and one or two in front.
pub fn margin_pad(x: &Tensor, pad: &[i64], margin: Margin, dims: usize) -> Result<Tensor> {
    let op = margin.name();
    if pad.len() != 2 * dims {
        return Err(Error::custom(op, format!("padding size is expected to be {}, but got: {}", 2 * dims, pad.len())));
    }
    let (n, shape) = (x.ndim(), x.shape());
    let batch = n == dims + 2;
    let empty = shape.iter().skip(batch as usize).any(|&size| size == 0);
    if !(n == dims + 1 || batch) || empty {
        let message = format!(
            "Expected {}D or {}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {shape:?}",
            dims + 1,
            dims + 2
        );
        return Err(Error::custom(op, message));
    }
    for (k, pair) in pad.chunks_exact(2).enumerate() {
        let (d, (before, after)) = (n - 1 - k, (pair[0], pair[1]));
        let size = shape[d] as i64;
        let too_much = match margin {
            Margin::Reflect => before >= size || after >= size,
            Margin::Circular => before > size || after > size,
            Margin::Replicate => false,
        };
        if too_much {
            let message = match margin {
                Margin::Circular => "Padding value causes wrapping around more than once.".to_string(),
                _ => format!(
                    "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding ({before}, \
                     {after}) at dimension {d} of input {shape:?}"
                ),
            };
            return Err(Error::custom(op, message));
        }
        if size + before + after < 1 {
            let message = match margin {
                Margin::Circular if size + before + after == 0 => None,
                Margin::Circular => Some("Negative padding value is resulting in an empty dimension".to_string()),
                _ => Some(format!("input (size {size} at dimension {d}) is too small for padding ({before}, {after})")),
            };
            if let Some(message) = message {
                return Err(Error::custom(op, message));
            }
        }
    }
    let mut padded = x.clone();
    for (k, pair) in pad.chunks_exact(2).enumerate() {
        let (before, after) = (pair[0], pair[1]);
        if (before, after) == (0, 0) {
            continue;
        }
        let (d, size) = (n - 1 - k, shape[n - 1 - k] as i64);
        // What goes around is what has not been cut off.
        let (first, around) = ((-before).max(0), size + before.min(0) + after.min(0));
        let from = |i: i64| match margin {
            Margin::Replicate => i.clamp(0, size - 1),
            Margin::Circular => first + (i - first).rem_euclid(around.max(1)),
            Margin::Reflect if i < 0 => -i,
            Margin::Reflect if i >= size => 2 * (size - 1) - i,
            Margin::Reflect => i,
        };
        let index: Vec<i64> = (-before..size + after).map(from).collect();
        padded = padded.index_select(d as i64, &Tensor::from_slice(&index, &[index.len()])?)?;
    }
    if padded.same(x) { x.copy() } else { Ok(padded) }
}

/// `torch.nn.functional.pad`
pub fn pad(x: &Tensor, pad: &[i64], mode: &str, value: Option<Scalar>) -> Result<Tensor> {
    if !pad.len().is_multiple_of(2) {
        return Err(Error::custom("pad", "Padding length must be divisible by 2"));
    }
    if pad.len() > 2 * x.ndim() {
        let message = format!(
            "Padding length should be less than or equal to two times the input dimension but got padding length {} and input of \
             dimension {}",
            pad.len(),
            x.ndim()
        );
        return Err(Error::custom("pad", message));
    }
    if mode == "constant" {
        return constant_pad_nd(x, pad, value.unwrap_or(Scalar::Float(0.0)));
    }
    if value.is_some_and(|v| !v.is_zero()) {
        let message = format!("Padding mode \"{mode}\" doesn't take in value argument");
        return Err(Error::custom("pad", message));
    }
    let margin = match mode {
        "reflect" => Margin::Reflect,
        "replicate" => Margin::Replicate,
        "circular" => Margin::Circular,
        _ => return Err(Error::custom("pad", format!("Unrecognised padding mode {mode}"))),
    };
    let dims = pad.len() / 2;
    if (1..=3).contains(&dims) && (x.ndim() == dims + 1 || x.ndim() == dims + 2) {
        return margin_pad(x, pad, margin, dims);
    }
    Err(Error::NotImplemented {
        op: "pad",
        what: "padding with a mode other than constant is for the last 1, 2 or 3 of 2 to 5 dimensions; anything else",
    })
}
