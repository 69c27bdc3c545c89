//! Random numbers: tensors filled from a distribution ([`Draw`], a new tensor or in place), `sample.rs` for numbers whose
//! distribution tensors describe, `dropout.rs` for what networks do with them.
//!
//! The streams are PyTorch's. A tensor is filled in the order of its memory, whatever its dimensions are called, and a dense
//! one may take other numbers than a strided one (see [`Dist::Normal`]).

pub(crate) mod dropout;
pub(crate) mod gamma;
pub(crate) mod sample;

pub use dropout::*;
pub use gamma::*;
pub use sample::*;

use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::convert;
use crate::kernels::iter::{self, Operand, Run};
use crate::kernels::random as kernel;
use crate::layout::{Layout, Shape};
use crate::op::{Grads, Inputs, Metas, Op, apply_all, apply_in_place, new};
use crate::random::{Engine, Generator, default_generator};
use crate::tensor::Tensor;
use half::{bf16, f16};
use smallvec::SmallVec;

crate::entries!(OPS: Draw, NormalBy);

/// What one number is drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dist {
    /// Evenly from [from, to).
    Uniform {
        from: f64,
        to: f64,
    },
    /// In blocks of 16 for a dense tensor of at least so many elements, one by one otherwise.
    Normal {
        mean: f64,
        std: f64,
    },
    /// 1 with probability p, else 0.
    Bernoulli {
        p: f64,
    },
    /// Whole numbers in [base, base + range).
    Integer {
        base: i64,
        range: u64,
    },
    /// All 64 bits.
    Bits,
    /// Every whole number that the dtype holds exactly, from 0 on.
    Any,
    /// Waiting times at rate lambda.
    Exponential {
        lambda: f64,
    },
    /// Trials until the first success.
    Geometric {
        p: f64,
    },
    Cauchy {
        median: f64,
        sigma: f64,
    },
    /// The exponential of normal numbers.
    LogNormal {
        mean: f64,
        std: f64,
    },
    /// 0 … n − 1 in random order.
    Permutation,
}
use Dist::*;

crate::saved_variants! {
    Dist {
        Uniform { from: from, to: to }, Normal { mean: mean, std: std }, Bernoulli { p: p },
        Integer { base: base, range: range }, Bits {}, Any {}, Exponential { lambda: lambda }, Geometric { p: p },
        Cauchy { median: median, sigma: sigma }, LogNormal { mean: mean, std: std }, Permutation {},
    }; dist if !matches!(dist, Dist::Integer { range: 0, .. })
}

impl Dist {
    fn name(self) -> &'static str {
        match self {
            Uniform { .. } => "uniform_",
            Normal { .. } => "normal_",
            Bernoulli { .. } => "bernoulli_",
            Integer { .. } | Bits | Any => "random_",
            Exponential { .. } => "exponential_",
            Geometric { .. } => "geometric_",
            Cauchy { .. } => "cauchy_",
            LogNormal { .. } => "log_normal_",
            Permutation => "randperm",
        }
    }

    /// Whether the parameters are ones that the distribution has, and the dtype one that it comes in.
    fn check(self, dtype: DType) -> Result<()> {
        let op = self.name();
        let fail = |message: String| Err(Error::custom(op, message));
        let dtypes = match self {
            Uniform { .. } | Normal { .. } => dtype.is_float() || dtype.is_complex(),
            Exponential { .. } | Cauchy { .. } | LogNormal { .. } => dtype.is_float(),
            Geometric { .. } => !dtype.is_complex() && dtype != DType::Bool,
            _ => !dtype.is_complex(),
        };
        match self {
            Normal { std, .. } if !(std >= 0.0) => fail(format!("normal expects std >= 0.0, but found std {std}")),
            Bernoulli { p } if !(0.0..=1.0).contains(&p) => {
                fail(format!("bernoulli_ expects p to be in [0, 1], but got p={p}"))
            }
            Exponential { lambda } if !(lambda > 0.0) => {
                fail(format!("exponential_ expects lambda > 0.0, but found lambda={lambda}"))
            }
            Geometric { p } if !(p > 0.0 && p < 1.0) => {
                fail(format!("geometric_ expects p to be in (0, 1), but got p={p}"))
            }
            Cauchy { sigma, .. } if !(sigma > 0.0) => {
                fail(format!("cauchy_ expects sigma > 0.0, but found sigma={sigma}"))
            }
            LogNormal { std, .. } if !(std > 0.0) => {
                fail(format!("log_normal_ expects std > 0.0, but found std={std}"))
            }
            _ if !dtypes => match self {
                Exponential { .. } | Cauchy { .. } => {
                    fail(format!("{op}: a continuous distribution; expected a floating point dtype, got {dtype}"))
                }
                _ => Err(Error::NotImplemented { op, what: not_in(dtype) }),
            },
            Uniform { from, to } => check_range(from, to, dtype.to_real()),
            _ => Ok(()),
        }
    }
}

/// For messages of NotImplementedError.
fn not_in(dtype: DType) -> &'static str {
    if dtype.is_complex() { "the draw in a complex dtype" } else { "the draw in an integer dtype" }
}

/// The greatest number of a float dtype.
fn greatest(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => f16::MAX.to_f64(),
        DType::BF16 => bf16::MAX.to_f64(),
        DType::F32 => f32::MAX as f64,
        _ => f64::MAX,
    }
}

fn check_range(from: f64, to: f64, dtype: DType) -> Result<()> {
    let most = greatest(dtype);
    for (name, x) in [("from", from), ("to", to)] {
        if !(-most..=most).contains(&x) {
            return Err(Error::custom("uniform_", format!("{name} is out of bounds for {dtype}: {x}")));
        }
    }
    if from > to {
        let message = format!("uniform_ expects to return a [from, to) range, but found from={from} > to={to}");
        return Err(Error::custom("uniform_", message));
    }
    if to - from > most {
        let message =
            format!("uniform_ expects to-from <= {most:e}, the greatest {dtype}, but found to={to} and from={from}");
        return Err(Error::custom("uniform_", message));
    }
    Ok(())
}

/// A tensor of numbers from one distribution: new, or input 0 filled anew.
#[derive(Debug)]
pub struct Draw {
    pub dist: Dist,
    pub shape: Shape,
    pub dtype: DType,
    /// Strides to follow in the order of drawing, if the result is to be like a tensor that is not row-major.
    pub like: Option<Layout>,
    pub generator: Generator,
}

impl Op for Draw {
    fn name(&self) -> &'static str {
        self.dist.name()
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (dtype, shape) = inputs.get(0).map_or((self.dtype, &self.shape[..]), |x| (x.dtype(), x.shape()));
        self.dist.check(dtype)?;
        new(dtype, shape)
    }
    fn cpu(&self, _: Inputs, outputs: &[Tensor]) -> Result<()> {
        let out = &outputs[0];
        let layout = self.like.as_ref().unwrap_or(out.layout());
        let mut engine = self.generator.lock();
        let (dist, engine) = (self.dist, &mut *engine);
        // SAFETY: the output's memory, or fresh memory of its dtype.
        let fill = |to: &Tensor, dense: bool| unsafe { fill(to.ptr(), out.dtype(), out.numel(), dist, engine, dense) };
        in_order(out, layout, fill)
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        if crate::ops::gpu::random::draw(gpu, self.dist, &outputs[0], &self.generator)? {
            return Ok(true);
        }
        // A permutation is drawn here and sent there.
        let here = Tensor::empty(outputs[0].shape(), outputs[0].dtype())?;
        self.cpu(inputs, std::slice::from_ref(&here))?;
        gpu.copy(&crate::device::upload(&here, gpu.driver)?, &outputs[0]).map(|_| true)
    }
    fn updates(&self) -> bool {
        true
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        zero_gradients(ctx, 1)
    }
    crate::attributes!(dist, shape, dtype, like, generator; op if op.like.as_ref().is_none_or(|l| l.shape() == &op.shape[..] && !l.overlaps_itself() && l.reach("draw").is_ok_and(|r| r == l.numel())));
}

/// What was drawn does not depend on what stood there before, nor smoothly on its parameters.
fn zero_gradients(ctx: &Ctx, inputs: usize) -> Result<Grads> {
    let grad = ctx.grad(0)?;
    let zero = Tensor::zeros(grad.shape(), grad.dtype())?;
    Ok((0..inputs).map(|i| ctx.needs(i).then(|| zero.clone())).collect())
}

/// Dimensions from the widest stride to the narrowest; equal ones stay in order. None if that is how they stand.
fn order(layout: &Layout) -> Option<SmallVec<[usize; 5]>> {
    if layout.is_contiguous() {
        return None;
    }
    let mut dims: SmallVec<[usize; 5]> = (0..layout.ndim()).collect();
    let step = |d: usize| if layout.shape()[d] == 1 { None } else { Some(layout.strides()[d].unsigned_abs()) };
    // Dimensions of size 1 are left out: they have no order.
    dims.retain(|d| step(*d).is_some());
    dims.sort_by_key(|&d| std::cmp::Reverse(step(d)));
    Some(dims)
}

/// Has `fill` write the numbers of `out` in the order of `layout`'s memory: directly, or into dense memory that is then
/// moved. `fill` is told whether PyTorch would see dense memory.
fn in_order(out: &Tensor, layout: &Layout, fill: impl FnOnce(&Tensor, bool)) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    let order = order(layout);
    if order.is_none() && out.is_contiguous() {
        fill(out, true);
        return Ok(());
    }
    let dims = order.unwrap_or_else(|| (0..out.ndim()).collect());
    let shape: Shape = dims.iter().map(|&d| out.shape()[d]).collect();
    let strides: SmallVec<[isize; 5]> = dims.iter().map(|&d| out.layout().strides()[d]).collect();
    let dense = Tensor::empty(&shape, out.dtype())?;
    fill(&dense, layout.is_contiguous());
    let size = out.dtype().size();
    let to = Operand { ptr: out.ptr(), size, shape: &shape, strides: &strides, dense: false };
    // SAFETY: the output's own elements, in another order, and a dense tensor of that shape.
    iter::for_each(&shape, &[to, dense.operand()], &|run| unsafe { convert::run(out.dtype(), out.dtype(), run) });
    Ok(())
}

/// Elements that are drawn in another type before they are converted.
const TILE: usize = 512;

/// Fills `n` elements of `dtype` by way of tiles of T, which is the element of `from`.
///
/// # Safety
/// `to` must be valid for them.
unsafe fn tiles<T: Copy + Default>(to: *mut u8, dtype: DType, n: usize, from: DType, mut draw: impl FnMut(&mut [T])) {
    if dtype == from {
        // SAFETY: the caller's promise; T is the element of this dtype.
        return draw(unsafe { std::slice::from_raw_parts_mut(to.cast(), n) });
    }
    let mut tile = [T::default(); TILE];
    for start in (0..n).step_by(TILE) {
        let len = TILE.min(n - start);
        draw(&mut tile[..len]);
        let ptrs = [to.wrapping_add(start * dtype.size()), tile.as_mut_ptr().cast()];
        let strides = [dtype.size() as isize, size_of::<T>() as isize];
        // SAFETY: the caller's promise, and our own tile.
        unsafe { convert::run(dtype, from, Run { len, ptrs: &ptrs, strides: &strides }) };
    }
}

/// Draws `n` numbers into dense memory. `dense` says whether PyTorch would see it as dense.
///
/// # Safety
/// `to` must be valid for `n` elements of `dtype`.
unsafe fn fill(to: *mut u8, dtype: DType, n: usize, dist: Dist, engine: &mut Engine, dense: bool) {
    if dtype.is_complex() {
        // Two reals, which share the variance.
        let dist = match dist {
            Normal { mean, std } => Normal { mean, std: std / std::f64::consts::SQRT_2 },
            other => other,
        };
        // SAFETY: a complex element is two reals.
        return unsafe { fill(to, dtype.to_real(), 2 * n, dist, engine, dense) };
    }
    // SAFETY: the caller's promise, throughout.
    unsafe {
        match dist {
            Uniform { from, to: end } if dtype == DType::F64 => {
                tiles(to, dtype, n, DType::F64, |x| kernel::uniform_f64(&mut engine.mt, x, from, end))
            }
            Uniform { from, to: end } if dtype == DType::F32 => {
                tiles(to, dtype, n, DType::F32, |x| kernel::uniform_f32(&mut engine.mt, x, from as f32, end as f32))
            }
            Uniform { from, to: end } => {
                let (from, end) = (from as f32, end as f32);
                let round: fn(f32) -> f32 = match dtype {
                    DType::F16 => |x| f16::from_f32(x).to_f32(),
                    _ => |x| bf16::from_f32(x).to_f32(),
                };
                let limit = round(end);
                tiles(to, dtype, n, DType::F32, |x: &mut [f32]| {
                    kernel::uniform_f32(&mut engine.mt, x, from, end);
                    // Rounding may reach the end, which is not part of the range.
                    x.iter_mut().filter(|x| round(**x) >= limit).for_each(|x| *x = from);
                })
            }
            Normal { mean, std } if n >= kernel::NORMAL_BLOCK && dense => {
                normal_blocks(to, dtype, n, mean, std, engine)
            }
            Normal { mean, std } => tiles(to, dtype, n, DType::F64, |x| kernel::normal_serial(engine, x, mean, std)),
            Bernoulli { p } => tiles(to, dtype, n, DType::Bool, |x| kernel::bernoulli(&mut engine.mt, x, p)),
            Integer { base, range } => {
                tiles(to, dtype, n, DType::I64, |x| kernel::integers(&mut engine.mt, x, range, base))
            }
            Bits => tiles(to, dtype, n, DType::I64, |x| kernel::full_integers(&mut engine.mt, x)),
            Any => {
                let range = exact_integers(dtype);
                tiles(to, dtype, n, DType::I64, |x| match dtype {
                    DType::I64 | DType::F64 => kernel::integers64(&mut engine.mt, x, range),
                    _ => kernel::integers32(&mut engine.mt, x, range),
                })
            }
            Exponential { lambda } => {
                let fast = dtype != DType::F64;
                tiles(to, dtype, n, DType::F64, |x| kernel::exponential(&mut engine.mt, x, lambda, fast))
            }
            Geometric { p } => tiles(to, dtype, n, DType::F64, |x| kernel::geometric(&mut engine.mt, x, p)),
            Cauchy { median, sigma } => {
                tiles(to, dtype, n, DType::F64, |x| kernel::cauchy(&mut engine.mt, x, median, sigma))
            }
            LogNormal { mean, std } => tiles(to, dtype, n, DType::F64, |x| kernel::log_normal(engine, x, mean, std)),
            Permutation if dtype == DType::I64 => {
                kernel::permutation(&mut engine.mt, std::slice::from_raw_parts_mut(to.cast(), n))
            }
            Permutation => {
                let mut all = vec![0i64; n];
                kernel::permutation(&mut engine.mt, &mut all);
                let ptrs = [to, all.as_mut_ptr().cast()];
                convert::run(dtype, DType::I64, Run { len: n, ptrs: &ptrs, strides: &[dtype.size() as isize, 8] });
            }
        }
    }
}

/// Normal numbers in blocks of 16.
///
/// # Safety
/// `to` must be valid for `n` ≥ 16 elements of `dtype`.
unsafe fn normal_blocks(to: *mut u8, dtype: DType, n: usize, mean: f64, std: f64, engine: &mut Engine) {
    let mt = &mut engine.mt;
    // SAFETY: the caller's promise.
    unsafe {
        match dtype {
            DType::F64 => kernel::normal_f64(mt, std::slice::from_raw_parts_mut(to.cast(), n), mean, std),
            DType::F32 => {
                let out = std::slice::from_raw_parts_mut(to.cast(), n);
                kernel::normal_f32(mt, out, mean as f32, std as f32, false)
            }
            _ => {
                let mut all = vec![0f32; n];
                kernel::normal_f32(mt, &mut all, mean as f32, std as f32, true);
                let ptrs = [to, all.as_mut_ptr().cast()];
                convert::run(dtype, DType::F32, Run { len: n, ptrs: &ptrs, strides: &[dtype.size() as isize, 4] });
            }
        }
    }
}

/// How many whole numbers from 0 on a dtype holds without a gap.
fn exact_integers(dtype: DType) -> u64 {
    match dtype {
        DType::Bool => 2,
        DType::F16 => (1 << 11) + 1,
        DType::BF16 => (1 << 8) + 1,
        DType::F32 => (1 << 24) + 1,
        DType::F64 => (1 << 53) + 1,
        _ => bounds(dtype).1 as u64 + 1,
    }
}

/// The least and the greatest whole number that a dtype stands for, within those of 64 bits.
fn bounds(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::Bool => (0, 1),
        DType::U8 => (0, u8::MAX as i64),
        DType::I8 => (i8::MIN as i64, i8::MAX as i64),
        DType::I16 => (i16::MIN as i64, i16::MAX as i64),
        DType::I32 => (i32::MIN as i64, i32::MAX as i64),
        DType::F16 => (-65_504, 65_504),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Bits of precision of a float dtype.
fn digits(dtype: DType) -> u32 {
    match dtype {
        DType::F16 => 11,
        DType::BF16 => 8,
        DType::F32 => 24,
        _ => 53,
    }
}

/// A whole number as a float dtype has it.
fn rounded(x: i64, dtype: DType) -> i64 {
    match dtype {
        DType::F16 => f16::from_f32(x as f32).to_f32() as i64,
        DType::BF16 => bf16::from_f32(x as f32).to_f32() as i64,
        DType::F32 => x as f32 as i64,
        _ => x as f64 as i64,
    }
}

/// The distribution of `random_(from, to)` in a dtype. Without `to`, up to the greatest number that the dtype holds exactly.
fn integer_range(op: &'static str, from: i64, to: Option<i64>, dtype: DType) -> Result<Dist> {
    let (low, high) = bounds(dtype);
    let outside = |name: &str| Err(Error::custom(op, format!("{name} is out of bounds for {dtype}")));
    let order = |from: i64, to: i64, when: &str| {
        let message = format!("random_ expects 'from' to be less than 'to'{when}, but got from={from} >= to={to}");
        if from < to { Ok(()) } else { Err(Error::custom(op, message)) }
    };
    if dtype.is_complex() {
        return Err(Error::NotImplemented { op, what: not_in(dtype) });
    }
    // Floats have gaps: bounds that would round out of the range are moved into it.
    let gap = |x: i64| 1i64 << (63 - (x.unsigned_abs() | 1).leading_zeros().min(63)).saturating_sub(digits(dtype) - 1);
    let up = |from: i64| match rounded(from.saturating_add(1), dtype) {
        next if dtype.is_float() && next < from => next + gap(from.saturating_add(1)),
        _ => from,
    };
    let Some(to) = to else {
        if from == i64::MIN {
            return Ok(Bits);
        }
        let last = if dtype.is_float() { high.min(1 << digits(dtype)) } else { high };
        let from = up(from);
        if from < low || from > high {
            return outside("from");
        }
        if from > last || dtype.is_float() && from == last {
            order(from, last, "")?;
        }
        return Ok(Integer { base: from, range: last.wrapping_sub(from) as u64 + 1 });
    };
    order(from, to, "")?;
    let (from, to) = (
        up(from),
        match rounded(to - 1, dtype) {
            last if dtype.is_float() && last >= to => last - gap(to - 1),
            _ => to,
        },
    );
    order(from, to, " after casting to the dtype")?;
    if from < low || from > high {
        return outside("from");
    }
    if to - 1 < low || to - 1 > high {
        return outside("to - 1");
    }
    Ok(Integer { base: from, range: to.wrapping_sub(from) as u64 })
}

fn chosen(generator: Option<Generator>) -> Generator {
    generator.unwrap_or_else(|| default_generator().clone())
}

/// A new tensor from a distribution.
pub fn draw(dist: Dist, shape: &[usize], dtype: DType, generator: Option<Generator>) -> Result<Tensor> {
    let op = Draw { dist, shape: shape.into(), dtype, like: None, generator: chosen(generator) };
    Ok(apply_all(op, Inputs(&[]))?.swap_remove(0))
}

/// The same in the shape of a tensor, drawn in the order of its memory.
pub fn draw_like(dist: Dist, x: &Tensor, dtype: DType, generator: Option<Generator>) -> Result<Tensor> {
    let like = (!x.is_contiguous()).then(|| x.layout().clone());
    let op = Draw { dist, shape: x.shape().into(), dtype, like, generator: chosen(generator) };
    Ok(apply_all(op, Inputs(&[]))?.swap_remove(0))
}

/// Overwrites a tensor with numbers from a distribution.
pub fn draw_(x: &Tensor, dist: Dist, generator: Option<Generator>) -> Result<Tensor> {
    let op = Draw { dist, shape: x.shape().into(), dtype: x.dtype(), like: None, generator: chosen(generator) };
    apply_in_place(op, Inputs(&[Some(x)]), x)?;
    Ok(x.clone())
}

/// Whole numbers in [low, high).
pub fn randint(low: i64, high: i64, shape: &[usize], dtype: DType, generator: Option<Generator>) -> Result<Tensor> {
    draw(integer_range("randint", low, Some(high), dtype)?, shape, dtype, generator)
}
pub fn randint_like(low: i64, high: i64, x: &Tensor, dtype: DType, generator: Option<Generator>) -> Result<Tensor> {
    draw_like(integer_range("randint_like", low, Some(high), dtype)?, x, dtype, generator)
}

/// `random_()`: any number that the dtype holds exactly.
pub fn random_(x: &Tensor, generator: Option<Generator>) -> Result<Tensor> {
    draw_(x, Any, generator)
}
/// `random_(from, to)`; without `to`, up to the greatest number that the dtype holds exactly.
pub fn random_between_(x: &Tensor, from: i64, to: Option<i64>, generator: Option<Generator>) -> Result<Tensor> {
    draw_(x, integer_range("random_", from, to, x.dtype())?, generator)
}

/// 0 … n − 1 in random order.
pub fn randperm(n: i64, dtype: DType, generator: Option<Generator>) -> Result<Tensor> {
    let Ok(count) = usize::try_from(n) else {
        return Err(Error::custom("randperm", format!("Trying to create tensor with negative dimension {n}: [{n}]")));
    };
    if dtype == DType::Bool || dtype.is_complex() {
        return Err(Error::NotImplemented {
            op: "randperm",
            what: if dtype.is_complex() { not_in(dtype) } else { "bool" },
        });
    }
    let most = if dtype.is_float() { (1 << digits(dtype)) + 1 } else { bounds(dtype).1 };
    if n > most {
        return Err(Error::custom("randperm", format!("n cannot be greater than {most} for dtype {dtype}, got {n}")));
    }
    draw(Permutation, &[count], dtype, generator)
}

/// Normal numbers with means or standard deviations (or both) of tensors. Gradients are zero, as in PyTorch.
#[derive(Debug)]
pub struct NormalBy {
    /// Stands for an input that is absent: of means (input 0), of standard deviations (input 1).
    pub mean: f64,
    pub std: f64,
    pub generator: Generator,
}

impl Op for NormalBy {
    fn name(&self) -> &'static str {
        "normal"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (mean, std) = (inputs.get(0), inputs.get(1));
        let wrong =
            |std: String| Err(Error::custom("normal", format!("normal expects std >= 0.0, but found std {std}")));
        match std {
            Some(std) if std.dtype().is_complex() => {
                return Err(Error::custom("normal", "normal expects standard deviation to be non-complex"));
            }
            Some(std) if std.numel() > 0 && std.detach().lt(0.0)?.any_all()?.item()?.to_f64() != 0.0 => {
                return Err(Error::custom("normal", "normal expects all elements of std >= 0.0"));
            }
            None if !(self.std >= 0.0) => return wrong(self.std.to_string()),
            _ => {}
        }
        let dtype = mean.or(std).map_or(DType::F32, Tensor::dtype);
        if !dtype.is_float() && !dtype.is_complex() {
            return Err(Error::NotImplemented { op: "normal", what: not_in(dtype) });
        }
        let shape = match (mean, std) {
            (Some(mean), Some(std)) => crate::layout::broadcast("normal", mean.shape(), std.shape())?,
            _ => mean.or(std).map_or(Shape::new(), |x| x.shape().into()),
        };
        new(dtype, shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let out = &outputs[0];
        let std = if inputs.get(1).is_some() { 1.0 } else { self.std };
        let z = draw(Normal { mean: 0.0, std }, out.shape(), out.dtype(), Some(self.generator.clone()))?;
        crate::autograd::no_grad(|| {
            if let Some(std) = inputs.get(1) {
                z.mul_(std)?;
            }
            match inputs.get(0) {
                Some(mean) => z.add_(mean)?,
                // Rounded to the dtype before it is added, as in PyTorch.
                None => z.add_(&Tensor::scalar(self.mean.into(), z.dtype())?)?,
            }
            out.copy_(&z)
        })
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let defaults = if inputs.get(1).is_some() { (self.mean, 1.0) } else { (self.mean, self.std) };
        let wide = |i: usize| inputs.get(i).map(|t| t.detach().expand(outputs[0].shape())).transpose();
        let (mean, std) = (wide(0)?, wide(1)?);
        crate::ops::gpu::random::normal_by(gpu, mean.as_ref(), std.as_ref(), defaults, &outputs[0], &self.generator)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        zero_gradients(ctx, 2)
    }
    crate::attributes!(mean, std, generator);
}

/// Normal numbers around `mean`.
pub fn normal_mean(mean: &Tensor, std: f64, generator: Option<Generator>) -> Result<Tensor> {
    let op = NormalBy { mean: 0.0, std, generator: chosen(generator) };
    Ok(apply_all(op, Inputs(&[Some(mean), None]))?.swap_remove(0))
}
/// Normal numbers of spread `std`.
pub fn normal_std(mean: f64, std: &Tensor, generator: Option<Generator>) -> Result<Tensor> {
    let op = NormalBy { mean, std: 1.0, generator: chosen(generator) };
    Ok(apply_all(op, Inputs(&[None, Some(std)]))?.swap_remove(0))
}
pub fn normal_both(mean: &Tensor, std: &Tensor, generator: Option<Generator>) -> Result<Tensor> {
    let op = NormalBy { mean: 0.0, std: 1.0, generator: chosen(generator) };
    Ok(apply_all(op, Inputs(&[Some(mean), Some(std)]))?.swap_remove(0))
}
