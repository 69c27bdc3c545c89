//! Dropout: numbers set to zero at random, the others made larger so that the mean stays.

use super::{Dist, chosen, draw_like, in_order};
use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::isa::Isa;
use crate::kernels::iter;
use crate::kernels::map::{self, Dense, Function, Pointwise};
use crate::kernels::random as kernel;
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, apply_all};
use crate::random::Generator;
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: Dropout);

/// x · mask · scale in one pass.
struct Thin {
    scale: f64,
}

impl<I: Isa> Function<I, f32, f32, 2> for Thin {
    #[inline(always)]
    fn eval(&self, [x, mask]: [f32; 2]) -> f32 {
        x * (mask * self.scale as f32)
    }
}
impl<I: Isa> Function<I, f64, f64, 2> for Thin {
    #[inline(always)]
    fn eval(&self, [x, mask]: [f64; 2]) -> f64 {
        x * (mask * self.scale)
    }
}
impl Pointwise for Thin {
    fn types(&self, dtypes: &[DType]) -> (DType, DType) {
        (dtypes[0].compute(), dtypes[0].compute())
    }
    unsafe fn dense(&self, compute: DType, dense: Dense) {
        // SAFETY: the caller's promise.
        unsafe {
            match compute {
                DType::F32 => map::map::<f32, f32, _, 2>(self, dense),
                _ => map::map::<f64, f64, _, 2>(self, dense),
            }
        }
    }
    fn wgsl(&self, _: crate::device::Wide) -> &'static str {
        "a * (b * {scale})"
    }
}

/// x with elements dropped at random, and the mask (bool) of those that were kept.
#[derive(Debug)]
pub struct Dropout {
    pub p: f64,
    pub generator: Generator,
}

impl Dropout {
    /// What the kept elements are multiplied by, rounded to the dtype as PyTorch rounds it.
    fn scale(&self, dtype: DType) -> f64 {
        match dtype {
            _ if self.p == 1.0 => 0.0,
            DType::F16 => half::f16::from_f32(1.0 / (1.0 - self.p) as f32).to_f64(),
            DType::BF16 => half::bf16::from_f32(1.0 / (1.0 - self.p) as f32).to_f64(),
            _ => 1.0 / (1.0 - self.p),
        }
    }
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let x = &inputs[0];
        if !x.dtype().is_float() {
            let message =
                format!("result type Float can't be cast to the desired output type {}", x.dtype().scalar_name());
            return Err(Error::custom("dropout", message));
        }
        Ok(smallvec![Meta::New(x.dtype(), x.shape().into()), Meta::New(DType::Bool, x.shape().into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, out, mask) = (&inputs[0], &outputs[0], &outputs[1]);
        let mut engine = self.generator.lock();
        in_order(mask, x.layout(), |to, _| {
            // SAFETY: dense bool memory of that many elements.
            let coins = unsafe { std::slice::from_raw_parts_mut(to.ptr().cast::<bool>(), to.numel()) };
            kernel::bernoulli(&mut engine.mt, coins, 1.0 - self.p);
        })?;
        drop(engine);
        let thin = Thin { scale: self.scale(x.dtype()) };
        let dtypes = [x.dtype(), x.dtype(), DType::Bool];
        // SAFETY: operands of live tensors of these dtypes; the output is ours.
        iter::for_each(out.shape(), &[out.operand(), x.operand(), mask.operand()], &|run| unsafe {
            map::run(&thin, &dtypes, run)
        });
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let x = &inputs[0];
        let scale = self.scale(x.dtype());
        crate::ops::gpu::random::dropout(gpu, self.p, scale, x, &outputs[0], &outputs[1], &self.generator)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (grad, mask) = (ctx.grad(0)?, ctx.output(1)?);
        let scale = self.scale(grad.dtype());
        Ok(smallvec![Some(grad.mul(&mask.to(grad.dtype())?.mul(scale)?)?)])
    }
    crate::attributes!(p, generator);
}

fn check(p: f64) -> Result<()> {
    if (0.0..=1.0).contains(&p) {
        return Ok(());
    }
    Err(Error::custom("dropout", format!("dropout probability has to be between 0 and 1, but got {p}")))
}

/// `x` with each element dropped with probability p, the others divided by 1 − p; outside of training, `x` itself.
pub fn dropout(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    check(p)?;
    if p == 0.0 || !train || x.numel() == 0 {
        return Ok(x.clone());
    }
    if p == 1.0 {
        return x.mul(0.0);
    }
    if x.dtype().is_complex() {
        return x.mul(&noise(x, x.shape(), p)?);
    }
    Ok(apply_all(Dropout { p, generator: chosen(None) }, Inputs(&[Some(x)]))?.swap_remove(0))
}

/// Dropout in place.
pub fn dropout_(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    check(p)?;
    if p > 0.0 && train && x.numel() > 0 {
        x.mul_(&noise(x, x.shape(), p)?)?;
    }
    Ok(x.clone())
}

/// Dropout with the mask of what was kept. `train` counts as true if it is absent.
pub fn native_dropout(x: &Tensor, p: f64, train: Option<bool>) -> Result<(Tensor, Tensor)> {
    check(p)?;
    if train == Some(false) || x.numel() == 0 {
        return Ok((x.mul(1.0)?, Tensor::ones(x.shape(), DType::Bool)?));
    }
    let mut both = apply_all(Dropout { p, generator: chosen(None) }, Inputs(&[Some(x)]))?;
    let mask = both.swap_remove(1);
    Ok((both.swap_remove(0), mask))
}

/// 1 / (1 − p) or 0, in a shape, for tensors like `x`. If all are dropped, nothing is drawn.
fn noise(x: &Tensor, shape: &[usize], p: f64) -> Result<Tensor> {
    if p == 1.0 {
        return Tensor::zeros(&[], x.dtype());
    }
    crate::autograd::no_grad(|| {
        let coins = coins(x, shape, p)?;
        coins.div_(1.0 - p)?;
        Ok(coins)
    })
}
fn coins(x: &Tensor, shape: &[usize], p: f64) -> Result<Tensor> {
    let dist = Dist::Bernoulli { p: 1.0 - p };
    let dtype = x.dtype().to_real();
    match shape == x.shape() {
        true => draw_like(dist, x, dtype, None),
        false => super::draw(dist, shape, dtype, None),
    }
}

/// The shape in which whole features are dropped: one coin for each of the first two dimensions.
fn features(x: &Tensor) -> Result<Vec<usize>> {
    if x.ndim() < 2 {
        return Err(Error::custom("feature_dropout", "Feature dropout requires at least 2 dimensions in the input"));
    }
    Ok(x.shape().iter().enumerate().map(|(d, &n)| if d < 2 { n } else { 1 }).collect())
}

pub fn feature_dropout(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    check(p)?;
    if p == 0.0 || !train || x.numel() == 0 { Ok(x.clone()) } else { x.mul(&noise(x, &features(x)?, p)?) }
}
pub fn feature_dropout_(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    check(p)?;
    if p > 0.0 && train && x.numel() > 0 {
        x.mul_(&noise(x, &features(x)?, p)?)?;
    }
    Ok(x.clone())
}

/// What dropped elements become in a network of SELUs: −scale · alpha of that function.
const ALPHA: f64 = 1.758_099_340_847_376_6;

/// Factor and summand that drop elements to −α and keep mean and variance.
fn alpha_noise(x: &Tensor, shape: &[usize], p: f64) -> Result<(Tensor, Tensor)> {
    crate::autograd::no_grad(|| {
        let kept = coins(x, shape, p)?;
        let a = 1.0 / ((ALPHA * ALPHA * p + 1.0) * (1.0 - p)).sqrt();
        let shift = kept.add(-1.0)?;
        shift.mul_(ALPHA * a)?;
        // A bare number is rounded to the dtype before it is added, as in PyTorch; before a product it is not.
        shift.add_(&Tensor::scalar((ALPHA * a * p).into(), shift.dtype())?)?;
        kept.mul_(a)?;
        Ok((kept, shift))
    })
}

fn alpha(x: &Tensor, p: f64, train: bool, whole: bool, in_place: bool) -> Result<Tensor> {
    check(p)?;
    if p == 0.0 || !train || x.numel() == 0 {
        return Ok(x.clone());
    }
    if p == 1.0 {
        return if in_place { x.mul_(0.0).map(|()| x.clone()) } else { x.mul(0.0) };
    }
    let shape = if whole { features(x)? } else { x.shape().to_vec() };
    let (factor, shift) = alpha_noise(x, &shape, p)?;
    if !in_place {
        return x.mul(&factor)?.add(&shift);
    }
    x.mul_(&factor)?;
    x.add_(&shift)?;
    Ok(x.clone())
}

/// Dropout for SELUs: what is dropped takes their lower limit, and mean and variance stay.
pub fn alpha_dropout(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    alpha(x, p, train, false, false)
}
pub fn alpha_dropout_(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    alpha(x, p, train, false, true)
}
/// The same for whole features.
pub fn feature_alpha_dropout(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    alpha(x, p, train, true, false)
}
pub fn feature_alpha_dropout_(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    alpha(x, p, train, true, true)
}
