//! Gamma and Dirichlet numbers, which can be differentiated: how the number moves with its parameter if the uniform numbers
//! behind it stay as they are.

use super::sample::doubles;
use super::{chosen, not_in};
use crate::autograd::Ctx;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::math::gamma::digamma;
use crate::kernels::random as kernel;
use crate::op::{Grads, Inputs, Keep, Metas, Op, apply_all, new};
use crate::random::Generator;
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: StandardGamma, SampleDirichlet);

fn single_or_double(op: &'static str, x: &Tensor) -> Result<Metas> {
    match x.dtype() {
        DType::F32 | DType::F64 => new(x.dtype(), x.shape()),
        DType::F16 | DType::BF16 => Err(Error::NotImplemented { op, what: "the draw in half precision" }),
        dtype => Err(Error::NotImplemented { op, what: not_in(dtype) }),
    }
}

/// Gamma numbers of these shapes and scale 1.
#[derive(Debug)]
pub struct StandardGamma {
    pub generator: Generator,
}

impl Op for StandardGamma {
    fn name(&self) -> &'static str {
        "_standard_gamma"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        single_or_double(self.name(), &inputs[0])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let out = &outputs[0];
        let single = out.dtype() == DType::F32;
        let least = if single { f32::MIN_POSITIVE as f64 } else { f64::MIN_POSITIVE };
        let alphas = doubles(&inputs[0])?;
        let mut engine = self.generator.lock();
        let drawn: Vec<f64> = alphas.iter().map(|&a| kernel::gamma(&mut engine, a, single).max(least)).collect();
        out.copy_(&Tensor::from_slice(&drawn, out.shape())?)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).output(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let slope = standard_gamma_grad(&ctx.input(0)?, &ctx.output(0)?)?;
        Ok(smallvec![Some(ctx.grad(0)?.mul(&slope)?)])
    }
    crate::attributes!(generator);
}

pub fn standard_gamma(alpha: &Tensor, generator: Option<Generator>) -> Result<Tensor> {
    Ok(apply_all(StandardGamma { generator: chosen(generator) }, Inputs(&[Some(alpha)]))?.swap_remove(0))
}

/// Numbers in the last dimension that are positive and sum to one.
#[derive(Debug)]
pub struct SampleDirichlet {
    pub generator: Generator,
}

impl Op for SampleDirichlet {
    fn name(&self) -> &'static str {
        "_sample_dirichlet"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        if inputs[0].ndim() == 0 {
            return Err(Error::shape(self.name(), "at least one dimension", inputs[0].shape()));
        }
        single_or_double(self.name(), &inputs[0])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let out = &outputs[0];
        let (least, most) = match out.dtype() {
            DType::F32 => (f32::MIN_POSITIVE as f64, (1.0 - f32::EPSILON / 2.0) as f64),
            _ => (f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0),
        };
        let mut all = doubles(&inputs[0])?;
        let mut engine = self.generator.lock();
        all.iter_mut().for_each(|a| *a = kernel::gamma(&mut engine, *a, false));
        for row in all.chunks_mut(out.shape()[out.ndim() - 1].max(1)) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|x| *x = (*x / sum).clamp(least, most));
        }
        out.copy_(&Tensor::from_slice(&all, out.shape())?)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).output(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (alpha, x, grad) = (ctx.input(0)?, ctx.output(0)?, ctx.grad(0)?);
        let total = alpha.sum(&[-1], true)?.expand(alpha.shape())?;
        let slope = dirichlet_grad(&x, &alpha, &total)?;
        let mean = grad.mul(&x)?.sum(&[-1], true)?;
        Ok(smallvec![Some(slope.mul(&grad.sub(&mean)?)?)])
    }
    crate::attributes!(generator);
}

pub fn sample_dirichlet(alpha: &Tensor, generator: Option<Generator>) -> Result<Tensor> {
    Ok(apply_all(SampleDirichlet { generator: chosen(generator) }, Inputs(&[Some(alpha)]))?.swap_remove(0))
}

/// A function of several numbers, element by element, without a derivative of its own.
#[derive(Debug)]
struct Slope<const N: usize> {
    name: &'static str,
    of: fn([f64; N]) -> f64,
}

impl<const N: usize> Op for Slope<N> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let first = &inputs[0];
        for x in inputs.iter() {
            if x.shape() != first.shape() || x.dtype() != first.dtype() {
                let expected = format!("shape {:?} and dtype {} as the first", first.shape(), first.dtype());
                return Err(Error::argument(
                    self.name,
                    expected,
                    format!("shape {:?} and dtype {}", x.shape(), x.dtype()),
                ));
            }
        }
        single_or_double(self.name, first)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let all: Vec<Vec<f64>> = inputs.iter().map(doubles).collect::<Result<_>>()?;
        let out: Vec<f64> = (0..outputs[0].numel()).map(|i| (self.of)(std::array::from_fn(|k| all[k][i]))).collect();
        outputs[0].copy_(&Tensor::from_slice(&out, outputs[0].shape())?)
    }
}

/// How a gamma number moves with its shape: −∂F(α, x)/∂α over the density.
pub fn standard_gamma_grad(alpha: &Tensor, x: &Tensor) -> Result<Tensor> {
    let op = Slope { name: "_standard_gamma_grad", of: |[alpha, x]| gamma_slope(alpha, x) };
    Ok(apply_all(op, Inputs(&[Some(alpha), Some(x)]))?.swap_remove(0))
}
/// How a Dirichlet number moves with its parameter, up to what all of a row have in common.
pub fn dirichlet_grad(x: &Tensor, alpha: &Tensor, total: &Tensor) -> Result<Tensor> {
    let op = Slope { name: "_dirichlet_grad", of: |[x, alpha, total]| dirichlet_slope(x, alpha, total - alpha) };
    Ok(apply_all(op, Inputs(&[Some(x), Some(alpha), Some(total)]))?.swap_remove(0))
}

/// Σ tₙ (l + sₙ) with t₀ = 1, s₀ = 0, where `step(n)` gives tₙ₊₁ / tₙ and sₙ₊₁ − sₙ.
fn series(l: f64, step: impl Fn(f64) -> (f64, f64)) -> f64 {
    let (mut sum, mut t, mut s) = (0.0, 1.0, 0.0);
    for n in 0..1_000_000 {
        let term = t * (l + s);
        sum += term;
        let (ratio, more) = step(n as f64);
        if ratio < 1.0 && t * (l.abs() + f64::abs(s) + 1.0) < 1e-17 * f64::abs(sum) * (1.0 - ratio) {
            break;
        }
        t *= ratio;
        s += more;
        if !t.is_finite() {
            return f64::NAN;
        }
    }
    sum
}

/// The regularised gamma function is xᵅ e⁻ˣ / Γ(α + 1) · Σ xⁿ / ((α + 1) … (α + n)); its derivative term by term. Far in the
/// tail the sum overflows, and the derivative is that of the asymptotic quantile, √(x/α).
fn gamma_slope(alpha: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x - alpha > 40.0 + 8.0 * alpha.sqrt() || x > 600.0 && x > 2.0 * alpha {
        return (x / alpha).sqrt();
    }
    let l = x.ln() - digamma(alpha + 1.0);
    -x / alpha * series(l, |n| (x / (alpha + 1.0 + n), -1.0 / (alpha + 1.0 + n)))
}

/// The same for the regularised beta function I(x; α, β), by its series at the nearer end.
fn dirichlet_slope(x: f64, alpha: f64, beta: f64) -> f64 {
    let total = alpha + beta;
    let l = x.ln() - digamma(alpha) + digamma(total);
    if x * total <= alpha {
        let of = |n: f64| (x * (total + n) / (alpha + 1.0 + n), 1.0 / (total + n) - 1.0 / (alpha + 1.0 + n));
        -x / alpha * series(l - 1.0 / alpha, of)
    } else {
        x / beta * series(l, |n| ((1.0 - x) * (total + n) / (beta + 1.0 + n), 1.0 / (total + n)))
    }
}
