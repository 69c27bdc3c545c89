//! Variance, standard deviation, and the logarithm of a sum of exponentials.

use super::{all_or, count, kept, kept_layout, kept_operand, reduced, spread};
use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::reduce::moments;
use crate::layout::Shape;
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, Out, apply, apply_all, new};
use crate::ops::gpu::reduce::{Fold, reduce};
use crate::ops::{Term, index};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: Var, LogSumExp);

/// Variance over `dims` (or its root), divided by count − correction; a second output is the mean, if it is wanted.
#[derive(Clone, Debug)]
pub struct Var {
    pub dims: Shape,
    pub correction: f64,
    pub keepdim: bool,
    pub root: bool,
    pub mean: bool,
}

impl Op for Var {
    fn name(&self) -> &'static str {
        match (self.root, self.mean) {
            (false, false) => "var",
            (true, false) => "std",
            (false, true) => "var_mean",
            (true, true) => "std_mean",
        }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let dtype = inputs[0].dtype();
        if !dtype.is_float() {
            let message = format!("{}: only support floating point and complex dtypes, got {dtype}", self.name());
            return Err(Error::custom(self.name(), message));
        }
        let shape = reduced(inputs[0].shape(), &self.dims, self.keepdim);
        let one = || Meta::New(dtype, shape.clone());
        Ok(if self.mean { smallvec![one(), one()] } else { smallvec![one()] })
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let x = &inputs[0];
        let layouts: Vec<_> = outputs.iter().map(|out| kept_layout(out, x.shape(), &self.dims)).collect();
        let operands: Vec<_> = outputs.iter().zip(&layouts).map(|(out, layout)| kept_operand(out, layout)).collect();
        let to = [0, 1].map(|i| operands.get(i).map(|o| (outputs[i].dtype(), o)));
        let from = x.operand();
        // SAFETY: operands of live tensors; the outputs have an element for each that is kept.
        let ran = unsafe { moments::var(self.root, self.correction, (x.dtype(), &from), &self.dims, to) };
        debug_assert!(ran);
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let root = if self.root { "sqrt" } else { "" };
        let mean = if self.mean { " mean_set(row, select(s.y, nan(), n == 0.0));" } else { "" };
        let fold = Fold {
            name: self.name().to_string(),
            state: "vec3<f32>",
            words: 3,
            start: "S(0.0, 0.0, 0.0)",
            take: "let d = v - s.y; let m = s.y + d / (s.x + 1.0); return S(s.x + 1.0, m, s.z + d * (v - m));",
            join: "let n = s.x + t.x; if (t.x == 0.0) { return s; } let d = t.y - s.y;
    return S(n, s.y + d * (t.x / n), s.z + t.z + d * d * (s.x * (t.x / n)));",
            give: &format!("out_set(row, {root}(s.z / max(n - p(0u), 0.0)));{mean}"),
            parameters: &[self.correction],
        };
        let names = [("out", &outputs[0]), ("mean", outputs.last().unwrap_or(&outputs[0]))];
        reduce(gpu, &fold, &inputs[0], &self.dims, &names[..outputs.len()])
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).and(Keep::NOTHING.output(0).only_if(self.root))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let shape = ctx.shape(0);
        let n = count(shape, &self.dims) as f64;
        let mut grad = None;
        if let Some(g) = ctx.some_grad(0) {
            let x = Term::from(ctx.input(0)?);
            let dims: Vec<i64> = self.dims.iter().map(|&d| d as i64).collect();
            let mean = if dims.is_empty() { x.clone() } else { x.mean_keep(&dims) };
            let mut g = Term::from(g);
            if self.root {
                let y = Term::from(ctx.output(0)?);
                let zero = y.then(|y| y.eq(0i64));
                g = (g / (y * 2.0)).then(|g| index::masked_fill_scalar(g, zero.get()?, Scalar::Float(0.0), Out::New));
            }
            let free = n - self.correction;
            let g = g * (2.0 / free.max(0.0));
            grad = Some(g.then(|g| spread(g, shape, &self.dims)) * (x - mean));
        }
        if let Some(g) = ctx.grad_of_mean(self.mean) {
            let part = Term(spread(&g, shape, &self.dims)) / n;
            grad = Some(match grad {
                Some(grad) => grad + part,
                None => part,
            });
        }
        Ok(smallvec![grad.map(|g| g.0).transpose()?])
    }
    crate::attributes!(dims, correction, keepdim, root, mean);
}

impl Ctx<'_> {
    /// The gradient of the second output, where there is one.
    fn grad_of_mean(&self, mean: bool) -> Option<Tensor> {
        if mean { self.some_grad(1) } else { None }
    }
}

/// Variance and mean, of complex numbers too.
fn spread_of(
    x: &Tensor,
    dims: &[i64],
    correction: f64,
    keepdim: bool,
    root: bool,
    mean: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    let op = Var { dims: Shape::new(), correction, keepdim, root, mean };
    let wrapped = all_or(op.name(), dims, x)?;
    if x.dtype().is_complex() {
        let part =
            |part: &Tensor| apply(Var { dims: wrapped.clone(), correction, keepdim, root: false, mean: false }, [part]);
        let var = part(&x.real()?)?.add(&part(&x.imag()?)?)?;
        let mean = if mean { Some(super::mean(x, dims, keepdim, None, Out::New)?) } else { None };
        return Ok((if root { var.sqrt()? } else { var }, mean));
    }
    let mut all = apply_all(Var { dims: wrapped, ..op }, Inputs(&[Some(x)]))?;
    let mean = if mean { all.pop() } else { None };
    Ok((all.swap_remove(0), mean))
}

/// The variance over `dims`, over all for none.
pub fn var(x: &Tensor, dims: &[i64], correction: f64, keepdim: bool) -> Result<Tensor> {
    Ok(spread_of(x, dims, correction, keepdim, false, false)?.0)
}

/// The standard deviation over `dims`, over all for none.
pub fn std_of(x: &Tensor, dims: &[i64], correction: f64, keepdim: bool) -> Result<Tensor> {
    Ok(spread_of(x, dims, correction, keepdim, true, false)?.0)
}

fn pair((spread, mean): (Tensor, Option<Tensor>)) -> Result<(Tensor, Tensor)> {
    let mean = mean.ok_or_else(|| Error::custom("var_mean", "the mean is missing"))?;
    Ok((spread, mean))
}

/// Variance and mean at once.
pub fn var_mean(x: &Tensor, dims: &[i64], correction: f64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    pair(spread_of(x, dims, correction, keepdim, false, true)?)
}

/// Standard deviation and mean at once.
pub fn std_mean(x: &Tensor, dims: &[i64], correction: f64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    pair(spread_of(x, dims, correction, keepdim, true, true)?)
}

/// `log Σ exp x` over `dims`, without overflow.
#[derive(Clone, Debug)]
pub struct LogSumExp {
    pub dims: Shape,
    pub keepdim: bool,
}

impl Op for LogSumExp {
    fn name(&self) -> &'static str {
        "logsumexp"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let dtype = inputs[0].dtype();
        if !dtype.is_float() {
            return Err(Error::DType { op: "logsumexp", expected: "a floating point dtype", given: dtype });
        }
        new(dtype, reduced(inputs[0].shape(), &self.dims, self.keepdim))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, out) = (&inputs[0], &outputs[0]);
        let layout = kept_layout(out, x.shape(), &self.dims);
        let (from, to) = (x.operand(), kept_operand(out, &layout));
        // SAFETY: operands of live tensors; the output has an element for each that is kept.
        let ran = unsafe { moments::logsumexp((x.dtype(), &from), &self.dims, (out.dtype(), &to)) };
        debug_assert!(ran);
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let fold = Fold {
            name: "logsumexp".to_string(),
            state: "vec2<f32>",
            words: 2,
            start: "S(-infinity(), 0.0)",
            take: "return join(s, S(v, 1.0));",
            join: "let m = greatest(s.x, t.x); if (!is_finite(m)) { return S(m, 1.0); }
    return S(m, s.y * exp(s.x - m) + t.y * exp(t.x - m));",
            give: "if (is_finite(s.x)) { out_set(row, s.x + log_of(s.y)); } else { out_set(row, s.x); }",
            parameters: &[],
        };
        reduce(gpu, &fold, &inputs[0], &self.dims, &[("out", &outputs[0])])
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).output(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let shape = ctx.shape(0);
        let y = Term(ctx.output(0)?.reshape(&kept(shape, &self.dims)));
        // Infinite results: their exponents would be ∞ − ∞.
        let infinite = y.then(crate::ops::unary::isinf);
        let y = y.then(|y| index::masked_fill_scalar(y, infinite.get()?, Scalar::Float(0.0), Out::New));
        let share = (Term::from(ctx.input(0)?) - y).exp();
        Ok(smallvec![Some((Term(spread(&ctx.grad(0)?, shape, &self.dims)) * share).0?)])
    }
    crate::attributes!(dims, keepdim);
}

/// `log Σ exp x` over `dims`; integers become floats.
pub fn logsumexp(x: &Tensor, dims: &[i64], keepdim: bool) -> Result<Tensor> {
    let x = x.to(x.dtype().to_float())?;
    let wrapped = all_or("logsumexp", dims, &x)?;
    if x.dtype().is_complex() {
        // The greatest real part is taken out; it is a constant to autograd.
        let max = super::amax(&x.detach().real()?.contiguous()?, dims, true, Out::New)?;
        let max = index::masked_fill_scalar(&max, &crate::ops::unary::isinf(&max)?, Scalar::Float(0.0), Out::New)?;
        let sum = x.sub(&max)?.exp()?.sum(dims, keepdim)?.log()?;
        return sum.add(&max.reshape(&reduced(x.shape(), &wrapped, keepdim))?);
    }
    debug_assert_ne!(x.dtype(), DType::Bool);
    apply(LogSumExp { dims: wrapped, keepdim }, [&x])
}
