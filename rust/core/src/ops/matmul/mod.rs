//! Products of matrices and vectors: three ops, and the functions that are made of them.
//!
//! [`MatMul`] is `torch.matmul` with all its shapes, [`AddMm`] adds to a product in the same pass, [`Linear`] multiplies by a
//! weight that lies transposed. `products` has the functions that PyTorch names, `einsum` contracts by a formula, `distance`
//! measures between rows.

pub(crate) mod distance;
mod einsum;
mod products;

pub use distance::*;
pub use einsum::*;
pub use products::*;

use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dispatch;
use crate::dtype::{DType, Element, Scalar};
use crate::error::{Error, Result};
use crate::kernels::iter::Operand;
use crate::kernels::matmul;
use crate::layout::{Layout, Shape, broadcast};
use crate::op::{Grads, Inputs, Keep, Metas, Op, apply, new};
use crate::ops::gpu::gemm::{self, Scales};
use crate::tensor::Tensor;

crate::entries!(OPS: MatMul, AddMm, Linear);

/// `[…, m, k] × […, k, n]`; a vector on the left is a row, on the right a column, which the result does without.
/// Gradients: `g·bᴴ` and `aᴴ·g`.
#[derive(Debug)]
pub struct MatMul {}

/// `alpha·a·b + beta·input`; a and b as for [`MatMul`]. Inputs: input, a, b.
#[derive(Debug)]
pub struct AddMm {
    pub alpha: Scalar,
    pub beta: Scalar,
}

/// `x·weightᵀ + bias`: x `[…, in]`, weight `[out, in]`, bias `[out]` or absent.
#[derive(Debug)]
pub struct Linear {}

/// All dtypes that have products.
fn check_dtype(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    if a.dtype() != b.dtype() {
        let (a, b) = (a.dtype().name(), b.dtype().name());
        return Err(Error::custom(op, format!("expected operands to have the same dtype, but got: {a} != {b}")));
    }
    if a.dtype() == DType::Bool {
        return Err(Error::NotImplemented { op, what: "a product of Bool tensors (convert them, say to int64)" });
    }
    Ok(())
}

/// What two shapes multiply to.
fn product_shape(a: &[usize], b: &[usize]) -> Result<Shape> {
    let fail = |text: String| Err(Error::custom("matmul", text));
    let (batch_a, rows, k) = match a {
        [] => return fail(needs_dims(a, b)),
        [k] => (&[][..], None, *k),
        [batch @ .., m, k] => (batch, Some(*m), *k),
    };
    let (batch_b, columns, l) = match b {
        [] => return fail(needs_dims(a, b)),
        [k] => (&[][..], None, *k),
        [batch @ .., k, n] => (batch, Some(*n), *k),
    };
    if k != l {
        return fail(match (a.len(), b.len()) {
            (1, 1) => {
                let of =
                    format!("inconsistent tensor size, expected tensor [{k}] and src [{l}] to have the same number of");
                format!("{of} elements, but got {k} and {l} elements respectively")
            }
            (2.., 1) => {
                format!("size mismatch, got input ({}), mat ({}x{k}), vec ({l})", rows.unwrap_or(1), rows.unwrap_or(1))
            }
            (_, 2) => {
                let m: usize = a[..a.len() - 1].iter().product();
                format!("mat1 and mat2 shapes cannot be multiplied ({m}x{k} and {l}x{})", columns.unwrap_or(1))
            }
            _ => {
                let batch: usize = broadcast("matmul", batch_a, batch_b)?.iter().product();
                format!(
                    "Expected size for first two dimensions of batch2 tensor to be: [{batch}, {k}] but got: [{batch}, {l}]; shapes {a:?} and {b:?}"
                )
            }
        });
    }
    let mut shape = broadcast("matmul", batch_a, batch_b)?;
    shape.extend(rows);
    shape.extend(columns);
    Ok(shape)
}

fn needs_dims(a: &[usize], b: &[usize]) -> String {
    format!("both arguments to matmul need to be at least 1D, but they are {}D and {}D", a.len(), b.len())
}

/// A layout as the kernel wants it: of matrices.
struct Matrices(Layout);

impl Matrices {
    /// Operands as matrices: a vector on the left is a row, on the right a column; the result has both dimensions again.
    fn of(a: &Layout, b: &Layout, others: [&Layout; 2]) -> [Matrices; 4] {
        let (row, column) = (a.ndim() == 1, b.ndim() == 1);
        let whole = |layout: &Layout| {
            let mut layout = layout.clone();
            if column {
                layout = layout.insert(layout.ndim());
            }
            if row {
                layout = layout.insert(layout.ndim() - 1);
            }
            Matrices(layout)
        };
        let left = if row { a.insert(0) } else { a.clone() };
        let right = if column { b.insert(1) } else { b.clone() };
        [whole(others[0]), Matrices(left), Matrices(right), whole(others[1])]
    }

    fn operand(&self, tensor: &Tensor) -> Operand<'_> {
        let (shape, strides) = (self.0.shape(), self.0.strides());
        Operand { ptr: tensor.ptr(), size: tensor.dtype().size(), shape, strides, dense: false }
    }
}

/// The gradients of `alpha·a·b`, which came back as `g`, for those that are wanted: `g·bᴴ` and `aᴴ·g`. Where only one side
/// has a batch, the sum over it is part of the product.
fn product_grads(
    g: &Tensor,
    shapes: [&[usize]; 2],
    [a, b]: [Option<Tensor>; 2],
    alpha: Scalar,
) -> Result<[Option<Tensor>; 2]> {
    let [shape_a, shape_b] = shapes;
    let g = if alpha.is_one() { g.clone() } else { g.mul(conjugate(alpha))? };
    // As matrices.
    let g = if shape_b.len() == 1 { super::shape::unsqueeze(&g, -1)? } else { g };
    let g = if shape_a.len() == 1 { super::shape::unsqueeze(&g, -2)? } else { g };
    let grad_a = b.map(|b| -> Result<Tensor> {
        let b = if shape_b.len() == 1 { super::shape::unsqueeze(&b, -1)? } else { b };
        let b = b.conj()?;
        let grad = if shape_a.len() <= 2 && b.ndim() > 2 {
            // The sum over the batch of g·bᵀ is one product along batch and columns.
            let (g, b) = (g.t()?, b.t()?);
            rows(&g)?.t()?.matmul(&rows(&b)?)?
        } else {
            g.matmul(&b.t()?)?
        };
        if shape_a.len() == 1 { flat_end(&grad, -2) } else { Ok(grad) }
    });
    let grad_b = a.map(|a| -> Result<Tensor> {
        let a = if shape_a.len() == 1 { super::shape::unsqueeze(&a, 0)? } else { a };
        let a = a.conj()?;
        let grad =
            if shape_b.len() <= 2 && a.ndim() > 2 { rows(&a)?.t()?.matmul(&rows(&g)?)? } else { a.t()?.matmul(&g)? };
        if shape_b.len() == 1 { flat_end(&grad, -1) } else { Ok(grad) }
    });
    Ok([grad_a.transpose()?, grad_b.transpose()?])
}

/// All rows of a batch of matrices below each other.
fn rows(x: &Tensor) -> Result<Tensor> {
    let columns = x.shape().last().copied().unwrap_or(1);
    let count: usize = x.shape()[..x.ndim() - 1].iter().product();
    x.reshape(&[count, columns])
}

/// Without a dimension of size 1.
fn flat_end(x: &Tensor, dim: i64) -> Result<Tensor> {
    super::shape::squeeze(x, Some(&[dim]))
}

fn conjugate(x: Scalar) -> Scalar {
    match x {
        Scalar::Complex(re, im) => Scalar::Complex(re, -im),
        real => real,
    }
}

impl Op for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let shape = product_shape(inputs[0].shape(), inputs[1].shape())?;
        check_dtype("matmul", &inputs[0], &inputs[1])?;
        new(inputs[0].dtype(), shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, b, c) = (&inputs[0], &inputs[1], &outputs[0]);
        if a.ndim() > 1 && b.ndim() > 1 {
            let operands = [c.operand(), a.operand(), b.operand()];
            // SAFETY: operands of live tensors, shapes checked by `meta`; the output is ours.
            return dispatch!("matmul", a.dtype(), T in numbers => unsafe { matmul::batched::<T>(&operands) });
        }
        let [whole, left, right, _] = Matrices::of(a.layout(), b.layout(), [c.layout(), c.layout()]);
        let operands = [whole.operand(c), left.operand(a), right.operand(b)];
        // SAFETY: as above.
        dispatch!("matmul", a.dtype(), T in numbers => unsafe { matmul::batched::<T>(&operands) })
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let (a, b, c) = (&inputs[0], &inputs[1], &outputs[0]);
        let [whole, left, right, _] = Matrices::of(a.layout(), b.layout(), [c.layout(), c.layout()]);
        gemm::matmul(gpu, (c, &whole.0), (a, &left.0), (b, &right.0), None)
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input(1).only_if(needs[0]).and(Keep::NOTHING.input(0).only_if(needs[1]))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let mut grads = ctx.grads();
        let a = if ctx.needs(1) { Some(ctx.input(0)?) } else { None };
        let b = if ctx.needs(0) { Some(ctx.input(1)?) } else { None };
        let [grad_a, grad_b] = product_grads(&ctx.grad(0)?, [ctx.shape(0), ctx.shape(1)], [a, b], Scalar::Int(1))?;
        (grads[0], grads[1]) = (grad_a, grad_b);
        Ok(grads)
    }
    crate::attributes!();
}

impl Op for AddMm {
    fn name(&self) -> &'static str {
        "addmm"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (input, a, b) = (&inputs[0], &inputs[1], &inputs[2]);
        let shape = product_shape(a.shape(), b.shape())?;
        check_dtype("addmm", a, b)?;
        check_dtype("addmm", input, a)?;
        for (name, factor) in [("beta", self.beta), ("alpha", self.alpha)] {
            if matches!(factor, Scalar::Complex(..)) && !a.dtype().is_complex() {
                let dtype = a.dtype().name();
                return Err(Error::custom(
                    "addmm",
                    format!("{name} is complex, and cannot be converted to {dtype} without overflow"),
                ));
            }
        }
        let fits = input.ndim() <= shape.len() && broadcast("addmm", input.shape(), &shape).is_ok_and(|s| s == shape);
        if !fits {
            let given = input.shape();
            let text = format!(
                "The expanded size of the tensor must match: input of shape {given:?} does not expand to {shape:?}"
            );
            return Err(Error::custom("addmm", text));
        }
        new(a.dtype(), shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (input, a, b, c) = (&inputs[0], &inputs[1], &inputs[2], &outputs[0]);
        let add = input.layout().expand("addmm", c.shape())?;
        let [whole, left, right, add] = Matrices::of(a.layout(), b.layout(), [c.layout(), &add]);
        let operands = [whole.operand(c), left.operand(a), right.operand(b)];
        // SAFETY: operands of live tensors, shapes checked by `meta`; the output is ours.
        dispatch!("addmm", a.dtype(), T in numbers => unsafe {
            let (alpha, beta) = (self.alpha.to::<<T as Element>::Wide>(), self.beta.to::<<T as Element>::Wide>());
            matmul::fused::<T>(&operands, alpha, beta, &add.operand(input))
        })
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let (input, a, b, c) = (&inputs[0], &inputs[1], &inputs[2], &outputs[0]);
        let add = input.layout().expand("addmm", c.shape())?;
        let [whole, left, right, add] = Matrices::of(a.layout(), b.layout(), [c.layout(), &add]);
        let scales = Scales { alpha: self.alpha, beta: self.beta };
        gemm::matmul(gpu, (c, &whole.0), (a, &left.0), (b, &right.0), Some((input, &add.0, scales)))
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input(2).only_if(needs[1]).and(Keep::NOTHING.input(1).only_if(needs[2]))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (mut grads, g) = (ctx.grads(), ctx.grad(0)?);
        if ctx.needs(0) {
            grads[0] = Some(if self.beta.is_one() { g.clone() } else { g.mul(conjugate(self.beta))? });
        }
        let a = if ctx.needs(2) { Some(ctx.input(1)?) } else { None };
        let b = if ctx.needs(1) { Some(ctx.input(2)?) } else { None };
        let [grad_a, grad_b] = product_grads(&g, [ctx.shape(1), ctx.shape(2)], [a, b], self.alpha)?;
        (grads[1], grads[2]) = (grad_a, grad_b);
        Ok(grads)
    }
    crate::attributes!(alpha, beta);
}

impl Op for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, weight) = (&inputs[0], &inputs[1]);
        let ([batch @ .., k], [n, l]) = (x.shape(), weight.shape()) else {
            let (x, weight) = (x.shape(), weight.shape());
            let text =
                format!("expected an input of at least one dimension and a weight of two, got {x:?} and {weight:?}");
            return Err(Error::custom("linear", text));
        };
        if k != l {
            let m: usize = batch.iter().product();
            let what = format!("an input of shape {:?} and a weight of shape {:?}", x.shape(), weight.shape());
            let text = format!(
                "mat1 and mat2 shapes cannot be multiplied ({m}x{k} and {l}x{n}): expected the last dimension of the input to be {l}, got {what}"
            );
            return Err(Error::custom("linear", text));
        }
        check_dtype("linear", x, weight)?;
        let mut shape = Shape::from_slice(batch);
        shape.push(*n);
        if let Some(bias) = inputs.get(2) {
            check_dtype("linear", bias, weight)?;
            let broadcasts = broadcast("linear", bias.shape(), &shape).is_ok_and(|s| s == shape);
            if bias.ndim() > shape.len() || !broadcasts {
                let text = format!("expected a bias that expands to {shape:?}, got shape {:?}", bias.shape());
                return Err(Error::custom("linear", text));
            }
        }
        new(x.dtype(), shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, weight, c) = (&inputs[0], &inputs[1], &outputs[0]);
        let turned = weight.layout().transpose(0, 1);
        let bias = inputs.get(2);
        let add = bias.unwrap_or(c).layout().expand("linear", c.shape())?;
        let [whole, left, right, add] = Matrices::of(x.layout(), &turned, [c.layout(), &add]);
        let operands = [whole.operand(c), left.operand(x), right.operand(weight)];
        // SAFETY: operands of live tensors, shapes checked by `meta`; the output is ours.
        dispatch!("linear", x.dtype(), T in numbers => unsafe {
            match bias {
                None => matmul::batched::<T>(&operands),
                Some(bias) => {
                    let one = Scalar::Int(1).to::<<T as Element>::Wide>();
                    matmul::fused::<T>(&operands, one, one, &add.operand(bias))
                }
            }
        })
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let (x, weight, c, bias) = (&inputs[0], &inputs[1], &outputs[0], inputs.get(2));
        let turned = weight.layout().transpose(0, 1);
        let add = bias.unwrap_or(c).layout().expand("linear", c.shape())?;
        let [whole, left, right, add] = Matrices::of(x.layout(), &turned, [c.layout(), &add]);
        let scales = Scales { alpha: Scalar::Int(1), beta: Scalar::Int(1) };
        let add = bias.map(|bias| (bias, &add.0, scales));
        gemm::matmul(gpu, (c, &whole.0), (x, &left.0), (weight, &right.0), add)
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input(1).only_if(needs[0]).and(Keep::NOTHING.input(0).only_if(needs[1]))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (mut grads, g) = (ctx.grads(), ctx.grad(0)?);
        if ctx.needs(0) {
            grads[0] = Some(g.matmul(&ctx.input(1)?.conj()?)?);
        }
        if ctx.needs(1) {
            let x = ctx.input(0)?.conj()?;
            grads[1] = Some(rows(&g)?.t()?.matmul(&rows(&x)?)?);
        }
        if ctx.needs(2) {
            grads[2] = Some(g);
        }
        Ok(grads)
    }
    crate::attributes!();
}

impl Tensor {
    /// The product of matrices, vectors, or batches of matrices.
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        apply(MatMul {}, [self, other])
    }
}
