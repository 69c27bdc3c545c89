//! Random numbers: one op whose distribution is a constant of it, and permutations. Draws follow PyTorch's CPU streams (see
//! `kernels::random`): numbers come in the order of dense memory.

use crate::autograd::Ctx;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::random as draw;
use crate::layout::Shape;
use crate::op::{Grads, Inputs, Metas, Op, Out, apply_all, deliver, new};
use crate::random::{Engine, Generator, default_generator};
use crate::tensor::Tensor;
use smallvec::smallvec;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// On [from, to).
    Uniform {
        from: f64,
        to: f64,
    },
    Normal {
        mean: f64,
        std: f64,
    },
    /// Whole numbers in [low, low + range).
    Integers {
        low: i64,
        range: u64,
    },
    /// 0 or 1.
    Bernoulli {
        p: f64,
    },
    Exponential {
        lambda: f64,
    },
    Geometric {
        p: f64,
    },
    Cauchy {
        median: f64,
        sigma: f64,
    },
    LogNormal {
        mean: f64,
        std: f64,
    },
}

use Distribution::*;

impl Distribution {
    fn name(self) -> &'static str {
        match self {
            Uniform { .. } => "uniform_",
            Normal { .. } => "normal_",
            Integers { .. } => "random_",
            Bernoulli { .. } => "bernoulli_",
            Exponential { .. } => "exponential_",
            Geometric { .. } => "geometric_",
            Cauchy { .. } => "cauchy_",
            LogNormal { .. } => "log_normal_",
        }
    }

    fn check(self, dtype: DType) -> Result<()> {
        let say = |message: String| Err(Error::custom(self.name(), message));
        let float = |ok: bool| if ok { Ok(()) } else { say(format!("expected a floating point dtype, got {dtype}")) };
        match self {
            Uniform { from, to } => {
                float(dtype.is_float())?;
                if from > to || from.is_nan() || to.is_nan() {
                    return say(format!("expects to return a [from, to) range, but found from={from} > to={to}"));
                }
            }
            Normal { std, .. } | LogNormal { std, .. } => {
                float(dtype.is_float())?;
                if std < 0.0 || std.is_nan() {
                    return say(format!("expects std >= 0.0, but found std {std}"));
                }
            }
            Bernoulli { p } if !(0.0..=1.0).contains(&p) => {
                return say(format!("expects p to be in [0, 1], but got p={p}"));
            }
            Geometric { p } if !(p > 0.0 && p < 1.0) => {
                return say(format!("expects p to be in (0, 1), but got p={p}"));
            }
            Exponential { lambda } if lambda <= 0.0 => {
                return say(format!("expects lambda > 0.0, but found lambda={lambda}"));
            }
            Exponential { .. } | Cauchy { .. } => float(dtype.is_float())?,
            _ => {}
        }
        Ok(())
    }
}

/// Fills a tensor; its old values matter to nobody, so its gradient is zero.
#[derive(Debug)]
pub struct Random {
    pub distribution: Distribution,
    pub shape: Shape,
    pub dtype: DType,
    pub generator: Generator,
}

impl Op for Random {
    fn name(&self) -> &'static str {
        self.distribution.name()
    }
    fn meta(&self, _: Inputs) -> Result<Metas> {
        self.distribution.check(self.dtype)?;
        new(self.dtype, &self.shape[..])
    }
    fn cpu(&self, _: Inputs, outputs: &[Tensor]) -> Result<()> {
        let out = &outputs[0];
        let engine = &mut *self.generator.lock();
        let n = out.numel();
        // SAFETY: a fresh dense output of this dtype.
        let f32s = || unsafe { std::slice::from_raw_parts_mut(out.ptr().cast::<f32>(), n) };
        // SAFETY: as above.
        let f64s = || unsafe { std::slice::from_raw_parts_mut(out.ptr().cast::<f64>(), n) };
        match (self.distribution, self.dtype) {
            (Uniform { from, to }, DType::F32) => draw::uniform_f32(&mut engine.mt, f32s(), from as f32, to as f32),
            (Uniform { from, to }, DType::F64) => draw::uniform_f64(&mut engine.mt, f64s(), from, to),
            (Uniform { from, to }, _) => {
                let mut wide = vec![0f32; n];
                draw::uniform_f32(&mut engine.mt, &mut wide, from as f32, to as f32);
                store(out, &wide)?;
            }
            (Normal { mean, std }, DType::F32) if n >= draw::NORMAL_BLOCK => {
                draw::normal_f32(&mut engine.mt, f32s(), mean as f32, std as f32, false);
            }
            (Normal { mean, std }, DType::F64) if n >= draw::NORMAL_BLOCK => {
                draw::normal_f64(&mut engine.mt, f64s(), mean, std)
            }
            (Normal { mean, std }, _) if n >= draw::NORMAL_BLOCK => {
                let mut wide = vec![0f32; n];
                draw::normal_f32(&mut engine.mt, &mut wide, mean as f32, std as f32, true);
                store(out, &wide)?;
            }
            (Integers { low, range }, _) => {
                let mut whole = vec![0i64; n];
                draw::integers(&mut engine.mt, &mut whole, range, low);
                store(out, &whole)?;
            }
            (Bernoulli { p }, _) => {
                let mut hits = vec![false; n];
                draw::bernoulli(&mut engine.mt, &mut hits, p);
                store(out, &hits)?;
            }
            (other, dtype) => {
                let mut wide = vec![0f64; n];
                one_by_one(other, engine, &mut wide, dtype);
                store(out, &wide)?;
            }
        }
        Ok(())
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(Tensor::zeros(ctx.shape(0), ctx.dtype(0))?)])
    }
}

fn one_by_one(distribution: Distribution, engine: &mut Engine, out: &mut [f64], dtype: DType) {
    match distribution {
        Normal { mean, std } => draw::normal_serial(engine, out, mean, std),
        Exponential { lambda } => draw::exponential(&mut engine.mt, out, lambda, dtype == DType::F32),
        Geometric { p } => draw::geometric(&mut engine.mt, out, p),
        Cauchy { median, sigma } => draw::cauchy(&mut engine.mt, out, median, sigma),
        LogNormal { mean, std } => draw::log_normal(engine, out, mean, std),
        Uniform { from, to } => draw::uniform_f64(&mut engine.mt, out, from, to),
        Integers { .. } | Bernoulli { .. } => {}
    }
}

/// Brings what was drawn to the output's dtype.
fn store<T: crate::dtype::Element>(out: &Tensor, values: &[T]) -> Result<()> {
    super::shape::convert(out, &Tensor::from_slice(values, out.shape())?);
    Ok(())
}

fn or_default(generator: Option<Generator>) -> Generator {
    generator.unwrap_or_else(|| default_generator().clone())
}

/// A new tensor of random numbers.
pub fn random(
    distribution: Distribution,
    shape: &[usize],
    dtype: DType,
    generator: Option<Generator>,
) -> Result<Tensor> {
    let op = Random { distribution, shape: Shape::from_slice(shape), dtype, generator: or_default(generator) };
    Ok(apply_all(op, Inputs(&[]))?.swap_remove(0))
}

/// Random numbers in place of the tensor's values.
pub fn fill(x: &Tensor, distribution: Distribution, generator: Option<Generator>) -> Result<Tensor> {
    let (shape, dtype) = (Shape::from_slice(x.shape()), x.dtype());
    let op = Random { distribution, shape, dtype, generator: or_default(generator) };
    deliver(op, Inputs(&[Some(x)]), Out::InPlace(x))
}

/// Whole numbers in [low, high) in place of the tensor's values.
pub fn fill_integers(x: &Tensor, low: i64, high: Option<i64>, generator: Option<Generator>) -> Result<Tensor> {
    let high = high.unwrap_or(match x.dtype() {
        DType::Bool => 2,
        DType::U8 => 1 << 8,
        DType::I8 => 1 << 7,
        DType::I16 => 1 << 15,
        DType::I32 => 1 << 31,
        DType::I64 => i64::MAX,
        DType::F16 => (1 << 11) + 1,
        DType::BF16 => (1 << 8) + 1,
        DType::F32 => (1 << 24) + 1,
        _ => (1 << 53) + 1,
    });
    fill(x, Integers { low, range: range("random_", low, high)? }, generator)
}

fn range(op: &'static str, low: i64, high: i64) -> Result<u64> {
    if low >= high {
        return Err(Error::custom(op, format!("expects 'from' to be less than 'to', but got from={low} >= to={high}")));
    }
    Ok(high.wrapping_sub(low) as u64)
}

/// Whole numbers in [low, high).
pub fn randint(low: i64, high: i64, shape: &[usize], dtype: DType, generator: Option<Generator>) -> Result<Tensor> {
    random(Integers { low, range: range("randint", low, high)? }, shape, dtype, generator)
}

/// A permutation of 0 … n − 1.
pub fn randperm(n: i64, dtype: DType, generator: Option<Generator>) -> Result<Tensor> {
    let Ok(n) = usize::try_from(n) else {
        return Err(Error::custom("randperm", format!("n must be non-negative, got {n}")));
    };
    let out = Tensor::empty(&[n], DType::I64)?;
    // SAFETY: a fresh dense tensor of this dtype.
    let slice = unsafe { std::slice::from_raw_parts_mut(out.ptr().cast::<i64>(), n) };
    draw::permutation(&mut or_default(generator).lock().mt, slice);
    out.to(dtype)
}

/// True with the probability that `p` gives, element by element; in the dtype of `p`.
pub fn bernoulli(p: &Tensor, generator: Option<Generator>) -> Result<Tensor> {
    let dtype = p.dtype();
    if !dtype.is_float() {
        return Err(Error::custom(
            "bernoulli",
            format!("expected probabilities of a floating point dtype, got {dtype}"),
        ));
    }
    let generator = or_default(generator);
    let mut hits = vec![false; p.numel()];
    if dtype == DType::F64 {
        draw::bernoulli_f64(&mut generator.lock().mt, &mut hits, &p.detach().to_vec::<f64>()?);
    } else {
        draw::bernoulli_f32(&mut generator.lock().mt, &mut hits, &p.detach().to(DType::F32)?.to_vec::<f32>()?);
    }
    Tensor::from_slice(&hits, p.shape())?.to(dtype)
}

/// Zeros elements with probability p and scales the others by 1 / (1 − p), while training.
pub fn dropout(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::custom("dropout", format!("dropout probability has to be between 0 and 1, but got {p}")));
    }
    if !train || p == 0.0 || x.numel() == 0 {
        return Ok(x.clone());
    }
    if p == 1.0 {
        return x.mul(0.0);
    }
    let kept = random(Bernoulli { p: 1.0 - p }, x.shape(), x.dtype(), None)?;
    x.mul(&kept.mul(1.0 / (1.0 - p))?)
}
