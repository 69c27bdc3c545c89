//! Complex numbers: as pairs of floats and back, from parts, from polar coordinates.

use crate::autograd::Ctx;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::{Layout, Shape, Strides};
use crate::op::{Grads, Inputs, Meta, Metas, Op, apply};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: ViewAsReal, ViewAsComplex);

/// Complex numbers as pairs of floats, in a new last dimension. Gradient: the pairs of the cotangent as complex numbers.
#[derive(Debug)]
pub struct ViewAsReal {}
impl Op for ViewAsReal {
    fn name(&self) -> &'static str {
        "view_as_real"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (dtype, layout) = (inputs[0].dtype(), inputs[0].layout());
        if !dtype.is_complex() {
            return Err(Error::custom("view_as_real", "view_as_real is only supported for complex tensors"));
        }
        let (mut shape, mut strides) = (Shape::from_slice(layout.shape()), Strides::from_slice(layout.strides()));
        strides.iter_mut().for_each(|s| *s *= 2);
        shape.push(2);
        strides.push(1);
        Ok(smallvec![Meta::View(dtype.to_real(), Layout::strided(shape, strides, layout.offset() * 2))])
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(apply(ViewAsComplex {}, [&ctx.grad(0)?.contiguous()?])?)])
    }
    crate::attributes!();
}

/// Pairs of floats in the last dimension as complex numbers.
#[derive(Debug)]
pub struct ViewAsComplex {}
impl Op for ViewAsComplex {
    fn name(&self) -> &'static str {
        "view_as_complex"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (dtype, layout) = (inputs[0].dtype(), inputs[0].layout());
        if !matches!(dtype, DType::F32 | DType::F64) {
            let message = format!(
                "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {}",
                dtype.scalar_name()
            );
            return Err(Error::custom("view_as_complex", message));
        }
        let ([shape @ .., 2], [strides @ .., last]) = (layout.shape(), layout.strides()) else {
            return Err(Error::shape("view_as_complex", "Tensor must have a last dimension of size 2", layout.shape()));
        };
        if *last != 1 || layout.offset() % 2 != 0 || strides.iter().any(|s| s % 2 != 0) {
            let message = "Tensor must have a last dimension with stride 1 and pairs that begin at even offsets; call contiguous()";
            return Err(Error::custom("view_as_complex", message));
        }
        let layout = Layout::strided(shape.into(), strides.iter().map(|s| s / 2).collect(), layout.offset() / 2);
        Ok(smallvec![Meta::View(dtype.to_complex(), layout)])
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(apply(ViewAsReal {}, [&ctx.grad(0)?])?)])
    }
    crate::attributes!();
}

impl Tensor {
    pub fn view_as_real(&self) -> Result<Tensor> {
        apply(ViewAsReal {}, [self])
    }
    pub fn view_as_complex(&self) -> Result<Tensor> {
        apply(ViewAsComplex {}, [self])
    }
    /// The real parts, as a view; a real tensor is its own.
    pub fn real(&self) -> Result<Tensor> {
        if self.dtype().is_complex() { self.view_as_real()?.select(-1, 0) } else { Ok(self.clone()) }
    }
    /// The imaginary parts of a complex tensor, as a view.
    pub fn imag(&self) -> Result<Tensor> {
        if !self.dtype().is_complex() {
            return Err(Error::custom("imag", "imag is not implemented for tensors with non-complex dtypes."));
        }
        self.view_as_real()?.select(-1, 1)
    }
}

/// Both of one float dtype, else an error of `op`.
fn parts(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    if !matches!(a.dtype(), DType::F16 | DType::F32 | DType::F64) || !b.dtype().is_float() {
        let (a, b) = (a.dtype().scalar_name(), b.dtype().scalar_name());
        let message = format!("Expected both inputs to be Half, Float or Double tensors but got {a} and {b}");
        return Err(Error::custom(op, message));
    }
    if a.dtype() != b.dtype() {
        let (a, b) = (a.dtype().scalar_name(), b.dtype().scalar_name());
        return Err(Error::custom(
            op,
            format!("Expected object of scalar type {a} but got scalar type {b} for second argument"),
        ));
    }
    if a.dtype() == DType::F16 {
        return Err(Error::NotImplemented { op, what: "complex32 (use float32 parts)" });
    }
    Ok(())
}

/// `real + i·imag`
pub fn complex(real: &Tensor, imag: &Tensor) -> Result<Tensor> {
    parts("complex", real, imag)?;
    let shape = crate::layout::broadcast("complex", real.shape(), imag.shape())?;
    let pair = [real.expand(&shape)?, imag.expand(&shape)?];
    super::join::stack(&pair, -1)?.view_as_complex()
}

/// `abs · (cos angle + i·sin angle)`
pub fn polar(abs: &Tensor, angle: &Tensor) -> Result<Tensor> {
    parts("polar", abs, angle)?;
    complex(&abs.mul(&angle.cos()?)?, &abs.mul(&angle.sin()?)?)
}
