//! Views, and the copies that go with them.
//!
//! `views` has other shapes of the same elements, `windows` what sees only some of them, `split` several windows at once, `copy`
//! copies and conversions, `arrange` copies in another order, `pad` copies with a margin,
//! `derived` functions made of these. Methods of `Tensor` take sizes that are
//! known to be right; the functions take what a program gives (negative dims, −1 sizes) and check it.

pub(crate) mod arrange;
pub(crate) mod copy;
mod derived;
pub(crate) mod pad;
mod split;
pub(crate) mod views;
pub(crate) mod windows;

pub use arrange::*;
pub use copy::*;
pub use derived::*;
pub use pad::*;
pub use split::*;
pub use views::*;
pub use windows::*;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::{Layout, Shape};
use crate::op::{Inputs, Meta, Metas, apply, apply_in_place};
use crate::tensor::Tensor;
use smallvec::smallvec;

/// The one output of a view op that keeps the dtype.
pub(crate) fn looks(input: &Tensor, layout: Layout) -> Result<Metas> {
    layout.countable("view")?;
    Ok(smallvec![Meta::View(input.dtype(), layout)])
}

impl Tensor {
    /// A view if the memory allows it, else a copy.
    pub fn reshape(&self, shape: &[usize]) -> Result<Tensor> {
        if shape == self.shape() {
            return Ok(self.clone());
        }
        let shape = Shape::from_slice(shape);
        match self.layout().reshape(&shape) {
            Some(_) => apply(Reshape { shape }, [self]),
            None => apply(Reshape { shape }, [&self.contiguous()?]),
        }
    }
    pub fn transpose(&self, a: i64, b: i64) -> Result<Tensor> {
        let (a, b) = (self.layout().dim("transpose", a)?, self.layout().dim("transpose", b)?);
        apply(Transpose { a, b }, [self])
    }
    pub fn t(&self) -> Result<Tensor> {
        self.transpose(-2, -1)
    }
    pub fn slice(&self, dim: i64, start: usize, len: usize, step: usize) -> Result<Tensor> {
        apply(Slice { dim: self.layout().dim("slice", dim)?, start, len, step }, [self])
    }
    pub fn narrow(&self, dim: i64, start: usize, len: usize) -> Result<Tensor> {
        self.slice(dim, start, len, 1)
    }
    pub fn select(&self, dim: i64, index: usize) -> Result<Tensor> {
        apply(Select { dim: self.layout().dim("select", dim)?, index }, [self])
    }
    pub fn expand(&self, shape: &[usize]) -> Result<Tensor> {
        apply(Expand { shape: Shape::from_slice(shape) }, [self])
    }
    pub fn to(&self, dtype: DType) -> Result<Tensor> {
        if dtype == self.dtype() { Ok(self.clone()) } else { apply(To { dtype }, [self]) }
    }
    pub fn copy(&self) -> Result<Tensor> {
        apply(To { dtype: self.dtype() }, [self])
    }
    pub fn contiguous(&self) -> Result<Tensor> {
        if self.is_contiguous() { Ok(self.clone()) } else { self.copy() }
    }
    pub fn copy_(&self, source: &Tensor) -> Result<()> {
        let (here, there) = (self.driver(), source.driver());
        if here.is_none() && there.is_none() {
            return apply_in_place(Copy {}, Inputs(&[Some(self), Some(source)]), self);
        }
        // From one device to another the values go in a dtype that both have.
        let source = if here.is_some() && there.is_none() { source.to(self.dtype())? } else { source.clone() };
        let source = crate::device::transfer(&source, here)?;
        apply_in_place(Copy {}, Inputs(&[Some(self), Some(&source)]), self)
    }
}

/// The last three sizes and those before them, for ops on images.
fn two_sides<'a>(op: &'static str, x: &'a Tensor) -> Result<(&'a [usize], [usize; 3])> {
    match x.shape() {
        [batch @ .., c, h, w] => Ok((batch, [*c, *h, *w])),
        shape => {
            let message = format!(
                "{op} expects input to have at least 3 dimensions, but got input with {} dimension(s)",
                shape.len()
            );
            Err(Error::custom(op, message))
        }
    }
}
