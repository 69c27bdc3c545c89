//! Numbers whose distribution stands in tensors: coins, counts, categories.

use super::{Dist, chosen, draw, in_order, not_in, order, tiles, zero_gradients};
use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::random as kernel;
use crate::layout::{Shape, broadcast};
use crate::op::{Grads, Inputs, Metas, Op, apply_all, apply_in_place, new};
use crate::random::Generator;
use crate::tensor::Tensor;

crate::entries!(OPS: BernoulliBy, Poisson, Binomial, Multinomial);

/// The elements of a dense tensor.
///
/// # Safety
/// The tensor must be contiguous and hold elements like T; it must outlive the slice.
pub(super) unsafe fn elements<T>(x: &Tensor) -> &[T] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(x.ptr().cast(), x.numel()) }
}

/// All of a tensor as doubles, in row-major order.
pub(super) fn doubles(x: &Tensor) -> Result<Vec<f64>> {
    x.to_cpu()?.detach().to(DType::F64)?.to_vec::<f64>()
}

/// 1 with the probability that input 0 has at its place, else 0; in place, input 0 is the target and input 1 the probability.
#[derive(Debug)]
pub struct BernoulliBy {
    pub generator: Generator,
}

impl Op for BernoulliBy {
    fn name(&self) -> &'static str {
        "bernoulli"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (p, target) = match inputs.get(1) {
            Some(p) => (p, Some(&inputs[0])),
            None => (&inputs[0], None),
        };
        if !p.dtype().is_float() {
            return Err(Error::NotImplemented { op: "bernoulli", what: "a probability that is no float" });
        }
        if let Some(x) = target.filter(|x| x.dtype().is_complex()) {
            return Err(Error::NotImplemented { op: "bernoulli", what: not_in(x.dtype()) });
        }
        if doubles(p)?.iter().any(|p| !(0.0..=1.0).contains(p)) {
            let message =
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false: some probability is outside of [0, 1]";
            return Err(Error::custom("bernoulli", message));
        }
        let out = target.unwrap_or(p);
        new(out.dtype(), out.shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (p, out) = (inputs.get(1).unwrap_or(&inputs[0]), &outputs[0]);
        // The probabilities in the order in which the result lies in memory.
        let p = p.detach().expand(out.shape())?;
        let p = match order(out.layout()) {
            None => p,
            Some(dims) => {
                let ones = (0..out.ndim()).filter(|d| !dims.contains(d));
                let dims: Vec<i64> = ones.chain(dims.iter().copied()).map(|d| d as i64).collect();
                crate::ops::shape::permute(&p, &dims)?
            }
        };
        let double = p.dtype() == DType::F64;
        let p = if double { p.contiguous()? } else { p.to(DType::F32)?.contiguous()? };
        let mut engine = self.generator.lock();
        let mut at = 0;
        in_order(out, out.layout(), |to, _| {
            // SAFETY: the memory that `in_order` gives us, and dense probabilities of that many elements.
            unsafe {
                tiles(to.ptr(), out.dtype(), out.numel(), DType::Bool, |coins| {
                    let here = at..at + coins.len();
                    at = here.end;
                    match double {
                        true => kernel::bernoulli_f64(&mut engine.mt, coins, &elements(&p)[here]),
                        false => kernel::bernoulli_f32(&mut engine.mt, coins, &elements(&p)[here]),
                    }
                })
            }
        })
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let p = inputs.get(1).unwrap_or(&inputs[0]).detach().expand(outputs[0].shape())?;
        crate::ops::gpu::random::bernoulli(gpu, &p, &outputs[0], &self.generator)
    }
    fn updates(&self) -> bool {
        true
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        zero_gradients(ctx, ctx.inputs())
    }
    crate::attributes!(generator);
}

/// Coins that come up with the probabilities of `p`.
pub fn bernoulli(p: &Tensor, generator: Option<Generator>) -> Result<Tensor> {
    Ok(apply_all(BernoulliBy { generator: chosen(generator) }, Inputs(&[Some(p)]))?.swap_remove(0))
}
/// The same over the value of `x`.
pub fn bernoulli_(x: &Tensor, p: &Tensor, generator: Option<Generator>) -> Result<Tensor> {
    apply_in_place(BernoulliBy { generator: chosen(generator) }, Inputs(&[Some(x), Some(p)]), x)?;
    Ok(x.clone())
}

/// How often something happens whose mean is given.
#[derive(Debug)]
pub struct Poisson {
    pub generator: Generator,
}

impl Op for Poisson {
    fn name(&self) -> &'static str {
        "poisson"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let x = &inputs[0];
        if !x.dtype().is_float() {
            return Err(Error::NotImplemented { op: "poisson", what: not_in(x.dtype()) });
        }
        if doubles(x)?.iter().any(|rate| !(*rate >= 0.0)) {
            return Err(Error::custom("poisson", "invalid Poisson rate, expected rate to be non-negative"));
        }
        new(x.dtype(), x.shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let mut engine = self.generator.lock();
        let counts: Vec<f64> = doubles(&inputs[0])?.iter().map(|&rate| kernel::poisson(&mut engine.mt, rate)).collect();
        outputs[0].copy_(&Tensor::from_slice(&counts, outputs[0].shape())?)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        zero_gradients(ctx, 1)
    }
    crate::attributes!(generator);
}

pub fn poisson(rate: &Tensor, generator: Option<Generator>) -> Result<Tensor> {
    Ok(apply_all(Poisson { generator: chosen(generator) }, Inputs(&[Some(rate)]))?.swap_remove(0))
}

/// How many of `count` (input 0) trials of probability `prob` (input 1) succeed.
#[derive(Debug)]
pub struct Binomial {
    pub generator: Generator,
}

impl Op for Binomial {
    fn name(&self) -> &'static str {
        "binomial"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (count, prob) = (&inputs[0], &inputs[1]);
        if !count.dtype().is_float() || count.dtype() != prob.dtype() {
            let given = format!("{} and {}", count.dtype(), prob.dtype());
            let expected = "count and prob of the same floating point dtype";
            return Err(Error::argument("binomial", expected, given));
        }
        new(count.dtype(), broadcast("binomial", count.shape(), prob.shape())?)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let out = &outputs[0];
        let [count, prob] = [0, 1].map(|i| doubles(&inputs[i].detach().expand(out.shape())?));
        let mut engine = self.generator.lock();
        let pairs = count?.into_iter().zip(prob?);
        let drawn: Vec<f64> = pairs.map(|(n, p)| kernel::binomial(&mut engine.mt, n, p)).collect();
        out.copy_(&Tensor::from_slice(&drawn, out.shape())?)
    }
    crate::attributes!(generator);
}

pub fn binomial(count: &Tensor, prob: &Tensor, generator: Option<Generator>) -> Result<Tensor> {
    Ok(apply_all(Binomial { generator: chosen(generator) }, Inputs(&[Some(count), Some(prob)]))?.swap_remove(0))
}

/// Indices of categories, drawn by the weights in the last dimension (there are one or two).
#[derive(Debug)]
pub struct Multinomial {
    pub samples: usize,
    pub replacement: bool,
    pub generator: Generator,
}

impl Op for Multinomial {
    fn name(&self) -> &'static str {
        "multinomial"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let weights = &inputs[0];
        let fail = |message: &str| Err(Error::custom("multinomial", message.to_string()));
        if !matches!(weights.ndim(), 1 | 2) {
            return fail(&format!("prob_dist must be 1 or 2 dim, got {} dims", weights.ndim()));
        }
        if !weights.dtype().is_float() {
            let message =
                format!("multinomial only supports floating-point dtypes for input, got: {}", weights.dtype());
            return fail(&message);
        }
        let categories = weights.shape()[weights.ndim() - 1];
        if self.samples == 0 {
            return fail("cannot sample n_sample <= 0 samples");
        }
        if !self.replacement && self.samples > categories {
            return fail(&format!(
                "cannot sample n_sample > prob_dist.size(-1) samples without replacement: {} of {categories}",
                self.samples
            ));
        }
        if categories == 0 && weights.numel() == 0 && weights.shape()[0] != 0 {
            return fail("invalid multinomial distribution (no categories)");
        }
        for row in doubles(weights)?.chunks(categories.max(1)) {
            if row.iter().any(|w| !(*w >= 0.0 && w.is_finite())) {
                return fail("probability tensor contains either `inf`, `nan` or element < 0");
            }
            if !(row.iter().sum::<f64>() > 0.0) {
                return fail("invalid multinomial distribution (sum of probabilities <= 0)");
            }
        }
        let mut shape = Shape::from_slice(weights.shape());
        let last = shape.len() - 1;
        shape[last] = self.samples;
        new(DType::I64, shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let weights = inputs[0].detach().contiguous()?;
        let categories = weights.shape()[weights.ndim() - 1];
        // SAFETY: a new output of this dtype.
        let out = unsafe { std::slice::from_raw_parts_mut(outputs[0].ptr().cast::<i64>(), outputs[0].numel()) };
        if self.replacement && self.samples > 1 {
            let mut engine = self.generator.lock();
            macro_rules! by_sums {
                ($t:ty, $dtype:ident) => {{
                    let all = weights.to(DType::$dtype)?.to_vec::<$t>()?;
                    for (out, row) in out.chunks_mut(self.samples).zip(all.chunks(categories)) {
                        let mut sum: $t = 0.0;
                        let mut sums: Vec<$t> = row
                            .iter()
                            .map(|w| {
                                sum += w;
                                sum
                            })
                            .collect();
                        sums.iter_mut().for_each(|s| *s /= sum);
                        sums[categories - 1] = 1.0;
                        kernel::categories(&mut engine.mt, out, &sums);
                    }
                }};
            }
            match weights.dtype() {
                DType::F64 => by_sums!(f64, F64),
                _ => by_sums!(f32, F32),
            }
            return Ok(());
        }
        // The first of races whose times are exponential with these rates.
        let waits =
            draw(Dist::Exponential { lambda: 1.0 }, weights.shape(), weights.dtype(), Some(self.generator.clone()))?;
        let scores = doubles(&crate::autograd::no_grad(|| weights.div(&waits))?)?;
        let mut order: Vec<u32> = Vec::with_capacity(categories);
        for (out, row) in out.chunks_mut(self.samples).zip(scores.chunks(categories)) {
            order.clear();
            order.extend(0..categories as u32);
            let better = |a: &u32, b: &u32| row[*b as usize].total_cmp(&row[*a as usize]).then(a.cmp(b));
            if self.samples < categories {
                order.select_nth_unstable_by(self.samples - 1, better);
            }
            let first = &mut order[..self.samples];
            first.sort_unstable_by(better);
            out.iter_mut().zip(first).for_each(|(to, i)| *to = *i as i64);
        }
        Ok(())
    }
    crate::attributes!(samples, replacement, generator);
}

pub fn multinomial(weights: &Tensor, samples: i64, replacement: bool, generator: Option<Generator>) -> Result<Tensor> {
    let samples = usize::try_from(samples).unwrap_or(0);
    let op = Multinomial { samples, replacement, generator: chosen(generator) };
    Ok(apply_all(op, Inputs(&[Some(&weights.detach())]))?.swap_remove(0))
}

/// x where it is positive; elsewhere times a number drawn evenly from [lower, upper), or times their mean unless it is trained.
pub fn rrelu(x: &Tensor, lower: f64, upper: f64, train: bool, generator: Option<Generator>) -> Result<Tensor> {
    if lower.is_nan() || upper.is_nan() || lower > upper {
        let text = format!("Lower bound should be less than or equal to the upper bound, got {lower} and {upper}");
        return Err(Error::custom("rrelu", text));
    }
    if !train {
        return crate::ops::activation::leaky_relu(x, (lower + upper) / 2.0, crate::op::Out::New);
    }
    // Only what is not positive draws, in the order of the elements.
    let noise = crate::autograd::no_grad(|| {
        let below = x.detach().le(0.0)?;
        let count = below.sum(&[], false)?.item()?.to_i64() as usize;
        let drawn = draw(Dist::Uniform { from: lower, to: upper }, &[count], DType::F64, generator)?.to(x.dtype())?;
        let ones = Tensor::ones(x.shape(), x.dtype())?;
        crate::ops::index::masked_scatter(&ones, &below, &drawn, crate::op::Out::New)
    })?;
    x.mul(&noise)
}
